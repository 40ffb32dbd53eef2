"""One reader for every table that somebody else made: dev sets, truths, test lists, groups, splits.

Lenient about how a table is written (byte-order mark, line ends, quotes, blanks around cells, other columns beside
those that are read), strict about what it is: a file of another kind, another delimiter, a line of another length are
problems, each with its line. Time and memory are linear in the size of the file, and messages are short whatever is in
it.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path

from submission.errors import LabelFileError
from submission.filekind import encoding_of, file_kind
from submission.names import visible
from submission.reading import read_regular
from submission.wording import both, counted, cut, either, quoted

LARGEST = 100_000_000  # bytes: a million rows take less, and reading takes up to forty times as much memory
MOST_LINES, MOST_COLUMNS = 5_000_000, 50_000  # of more, reading would take minutes and gigabytes to say the same
_SHOWN_PROBLEMS = 20  # more than these are counted, not listed
_DELIMITERS = ",;\t|"
BEGINNING = 10  # lines in which a header is looked for
_NOWHERE = 1 << 62  # a line that no file has
_EXCEL_SEPARATOR = re.compile(r'\s*"?sep=(.?)"?[\s,;|"]*', re.IGNORECASE)


class Problems:
    """What is wrong with a file: the first problems as sentences, the others counted."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._others = 0

    def append(self, problem: str) -> None:
        """Add one sentence."""
        if len(self._first) < _SHOWN_PROBLEMS:
            self._first.append(problem)
        else:
            self._others += 1

    def clear(self) -> None:
        """Forget all of them."""
        self._first, self._others = [], 0

    def __bool__(self) -> bool:
        return bool(self._first)

    def raise_any(self) -> None:
        """Raise LabelFileError with all problems, if there are any."""
        if self._first:
            raise LabelFileError(*self._first, *([f"… and {self._others} more"] if self._others else []))


class CsvFile:
    """A CSV whose header has been read.

    path         of the file
    line         of the header, from 1
    header       its cells, verbatim
    problems     what is wrong with it; `rows` adds to them
    id_position  where the column of ids is, from 0; None where there is none, which is a problem
    """

    def __init__(self, path: Path, id_columns: Sequence[str]):
        """Read a file whose column of ids has one of the headings `id_columns`, which are in lower case.

        Raises LabelFileError where nothing can be read: no file, a folder, a pipe, an archive, a workbook, a web page
        or another kind, not UTF-8, empty, cells that are not separated by commas.
        """
        self.path = Path(path)
        self.problems = Problems()
        self._text = read_text(self.path)
        begin = self._inspect_beginning(id_columns)
        self.line, self.header = self._read_header(begin)
        self.id_position = self._id_position(id_columns)

    @property
    def where(self) -> str:
        """The place of the header, for messages."""
        return f"{self.path}:{self.line}"

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield line number and cells, verbatim, of every row below the header; each has as many cells as the header.

        Rows of blanks alone are skipped. A row of another length is a problem and left out; where only a comma at the
        end is too many, it is a problem and read.
        """
        width = len(self.header)
        blank_headings = len(list(takewhile(lambda cell: not cell.strip(), reversed(self.header))))
        ends_in_comma: list[int] = []  # first line, how many lines
        ends_before: list[int] = []
        repeated: list[int] = []
        comments: list[int] = []
        other: dict[int, list[int]] = {}  # number of cells → the same
        separator = ""  # of the first line that is one cell
        for line, cells in self._cells():
            if line <= self.line:
                continue
            first = cells[0]
            if (not first or first.isspace()) and not any(map(str.strip, cells)):
                continue
            if len(cells) == width:
                if cells == self.header:
                    _count(repeated, line)
                    continue
                yield line, cells
            elif len(cells) > width and not any(map(str.strip, cells[width:])):
                _count(ends_in_comma, line)
                yield line, cells[:width]
            elif blank_headings and len(cells) == width - blank_headings:
                _count(ends_before, line)
                yield line, cells + [""] * blank_headings
            elif first.lstrip().startswith("#"):
                _count(comments, line)
            else:
                _count(other.setdefault(len(cells), []), line)
                if len(cells) == 1 and width > 1 and line == other[1][0]:
                    separator = next((one for one in _DELIMITERS if len(first.split(one)) == width), "")
        if repeated:
            line, times = repeated
            self.problems.append(
                f"{self.path}:{line}: got the header again{_others(times)}; expected it once. Remove the line, and "
                "check whether two files were put together."
            )
        if comments:
            line, times = comments
            self.problems.append(
                f"{self.path}:{line}: got a line that begins with '#'{_others(times)}; expected a row. Remove the line."
            )
        for actual, (line, times) in other.items():
            remedy = "Correct each line" if times > 1 else "Correct the line"
            remedy += ", and look for an extra or a missing comma."
            if actual == 1 and separator:
                remedy = f"The cells seem to be separated by {separator!r}: save the file with commas."
            self.problems.append(
                f"{self.path}:{line}: got {counted(actual, 'cell{s}')}{_others(times)}; expected {width}, as in the "
                f"header. {remedy}"
            )
        if ends_in_comma:
            line, times = ends_in_comma
            self.problems.append(
                f"{self.path}:{line}: got a comma behind the last cell{_others(times)}; expected "
                f"{counted(width, 'cell{s}')}, as in the header. Remove the comma at the end of each line."
            )
        if ends_before:
            self.problems.append(
                f"{self.where}: got a comma behind the last heading, which {counted(ends_before[1], 'row{s}')} lack, "
                f"the first on line {ends_before[0]}; expected as many cells in every line. Remove it from the header."
            )

    def _cells(self) -> Iterator[tuple[int, list[str]]]:
        """Yield line number and cells of every line that is not empty; quotes that cannot be read are a problem."""
        if '"' not in self._text:  # then lines are split several times as fast, and cells may have any length
            text = self._text
            if "\r" in text:
                text = text.replace("\r\n", "\n").replace("\r", "\n")
            yield from ((n, line.split(",")) for n, line in enumerate(text.split("\n"), 1) if line)
            return
        reader = csv.reader(io.StringIO(self._text, newline=""), strict=True)
        start = 1
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
                start = reader.line_num + 1
        except csv.Error as error:
            reason = "one is opened and not closed" if "unexpected end" in str(error) else str(error)
            self.problems.append(
                f"{self.path}:{start}: the quotes cannot be read ({reason}). Write the file again without quotes."
            )

    def _inspect_beginning(self, id_columns: Sequence[str]) -> int:
        """Return on which line the header begins: behind a line for Excel, titles or comments, which are a problem.

        Raises LabelFileError where the column of ids is only there if another delimiter than the comma is meant.
        """
        text = io.StringIO(self._text, newline=None)
        lines = list(islice(((number, line) for number, line in enumerate(text, 1) if line.strip()), BEGINNING))
        if lines and (separator := excel_separator(lines[0][1])) is not None:
            self.problems.append(
                f"{self.path}:{lines[0][0]}: got {quoted('sep=' + separator)}, a line for Excel; expected the header. "
                "Remove this line."
            )
            del lines[0]
        if not lines:
            return _NOWHERE
        named = [
            (place, delimiter) for place, (_, line) in enumerate(lines) if (delimiter := _delimiter(line, id_columns))
        ]
        place, delimiter = named[0] if named else (0, ",")
        cells = filled_cells(lines[place][1], delimiter)
        if not all(line.startswith("#") or filled_cells(line, delimiter) < cells for _, line in lines[:place]):
            place, delimiter = 0, ","  # what is above it is more than a title
        number, line = lines[place]
        if place:
            self.problems.append(
                f"{self.path}:{lines[0][0]}: got {quoted(lines[0][1].strip())}; expected the header, which is on line "
                f"{number}. Remove what is above it."
            )
        if delimiter != ",":
            self.problems.append(
                f"{self.path}:{number}: got no column {_either(id_columns)} (found {_found([line.strip()])}); expected "
                f"one of image ids. The cells seem to be separated by {delimiter!r}: save the file with commas."
            )
            self.problems.raise_any()
        return number

    def _read_header(self, begin: int) -> tuple[int, list[str]]:
        for line, cells in self._cells():
            if line >= begin:
                return line, cells
        if not self.problems:
            self.problems.append(
                f"{self.path}: got an empty file; expected a CSV with a header. Check that it was saved in full."
            )
        self.problems.raise_any()
        raise AssertionError("a file without a header passed")

    def _id_position(self, id_columns: Sequence[str]) -> int | None:
        positions = [place for place, cell in enumerate(self.header) if _names_ids(cell, id_columns)]
        if len(positions) == 1:
            return positions[0]
        if positions:
            names = both([quoted(self.header[place]) for place in positions[:5]])
            self.problems.append(
                f"{self.where}: got {len(positions)} columns of ids ({names}); expected one. Rename the others."
            )
            return None
        remedy = f"Rename the column of image ids to {id_columns[0]!r}, or write a header above if this is a row."
        if len(self.header) == 1 and _delimiter(self.header[0], id_columns):
            remedy = "Each line is one cell in quotes: write the file again without quotes."
        self.problems.append(
            f"{self.where}: got no column {_either(id_columns)} (found {_found(self.header)}); expected one of image "
            f"ids. {remedy}"
        )
        return None


def excel_separator(line: str) -> str | None:
    """Return the delimiter in a line such as `sep=,`, which Excel alone understands; None for any other line."""
    found = _EXCEL_SEPARATOR.fullmatch(line)
    return found[1] if found else None


def read_text(path: Path, may_be_json: bool = False) -> str:
    """Return the text of a file. Raises LabelFileError where it cannot be read, is no UTF-8 or is too long."""
    try:
        data = read_regular(path, LARGEST)
    except FileNotFoundError:
        raise LabelFileError(f"{path}: no such file; expected a CSV of image ids. Check the path.") from None
    except IsADirectoryError:
        raise LabelFileError(f"{path}: got a folder; expected a CSV. Give the path of the CSV itself.") from None
    except OSError as error:
        raise LabelFileError(
            f"{path}: cannot be read ({error.strerror}). Check the file and its permissions."
        ) from None
    if (kind := file_kind(data)) and not (may_be_json and kind.name == "JSON"):
        raise LabelFileError(f"{path}: got {kind.name}; expected a CSV. {kind.remedy}")
    encoding = encoding_of(data) or ("UTF-16" if data[:4096].count(0) > 0.3 * len(data[:4096]) else None)
    if encoding:
        raise LabelFileError(f"{path}: got {encoding}; expected UTF-8. Save the file as 'CSV UTF-8'.")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(0)) + 1
        raise LabelFileError(
            f"{path}:{line}: got {counted(data.count(0), 'byte{s}')} with the value 0; expected none. The file is "
            "damaged, as after a crash while it was written: save it again."
        )
    if excess := too_much(data):
        raise LabelFileError(f"{path}: got {excess[0]}; expected {excess[1]}. Check that it is the file that is meant.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelFileError(
            f"{path}:{line}: got byte 0x{data[error.start]:02x}; expected UTF-8. Save the file as 'CSV UTF-8'."
        ) from None


def too_much(data: bytes) -> tuple[str, str] | None:
    """Return how many lines, or columns in the first lines, a file has, and how many it may have; None for no more."""
    if (lines := max(data.count(b"\n"), data.count(b"\r"))) > MOST_LINES:
        return f"{lines:,} lines", f"no more than {MOST_LINES:,}"
    for line in re.split(rb"[\r\n]+", data, maxsplit=BEGINNING)[:BEGINNING]:
        if (columns := 1 + max(line.count(one.encode()) for one in _DELIMITERS)) > MOST_COLUMNS:
            return f"{columns:,} columns", f"no more than {MOST_COLUMNS:,}"
    return None


def _delimiter(line: str, id_columns: Sequence[str]) -> str | None:
    """Return by what a line is separated that names a column of ids; None where it names none."""
    meant = (one for one in _DELIMITERS if one == "," or one in line)
    return next((one for one in meant if any(_names_ids(cell, id_columns) for cell in line.split(one))), None)


def filled_cells(line: str, delimiter: str) -> int:
    """Return how many cells of a line are not blank."""
    return sum(bool(cell.strip()) for cell in line.split(delimiter))


def _names_ids(cell: str, id_columns: Sequence[str]) -> bool:
    return visible(visible(cell).strip('"')).lower() in id_columns


def _either(id_columns: Sequence[str]) -> str:
    return either([repr(name) for name in id_columns])


def _found(header: Sequence[str]) -> str:
    """Return the first few headings, each short and without control characters."""
    return ", ".join(cut(cell) for cell in header[:5]) + (", …" if len(header) > 5 else "")


def _count(lines: list[int], line: int) -> None:
    """Count a line: `lines` is empty, or the first line and how many there are."""
    if lines:
        lines[1] += 1
    else:
        lines += [line, 1]


def _others(times: int) -> str:
    return f", as in {counted(times - 1, 'other line{s}')}" if times > 1 else ""
