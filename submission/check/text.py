"""From bytes to lines: how a run file is encoded, how its lines end, how its cells are separated and quoted.

Every fault is reported and then undone, so that the lines behind it are still checked.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from submission.check.ids import report_comment
from submission.csvfile import BEGINNING, LARGEST, excel_separator, filled_cells, too_much
from submission.filekind import encoding_of, file_kind
from submission.problems import Findings
from submission.reading import read_regular
from submission.wording import quoted

if TYPE_CHECKING:
    from _csv import Reader

_DELIMITERS = ",;\t|"
_ASCII = set(map(chr, range(128)))


@dataclass
class Lines:
    """The lines of a run file without their ends; `delimiter` separates the cells of those behind the header.

    `header` is the place of the first line that is neither blank nor a comment, from 0; `header_cells` are its cells.
    """

    lines: list[str]
    header: int
    header_cells: list[str]
    delimiter: str
    quoted: bool

    def rows(self, start: int) -> Iterator[tuple[int, list[str]]]:
        """Yield line number, from 1, and cells of every line from the place `start` on; a blank line has no cells.

        The first line with content has `header_cells`, whether or not it turned out to be a header: the delimiter of
        the others may be another.
        """
        if start == self.header:
            yield start + 1, list(self.header_cells)
            start += 1
        if not self.quoted:
            for number, line in enumerate(self.lines[start:], start + 1):
                yield number, line.split(self.delimiter)
            return
        reader = _reader(self.lines[start:], self.delimiter)
        for cells in reader:
            yield start + reader.line_num, cells


def read_bytes(source: Path | bytes, found: Findings, limit: int = LARGEST) -> bytes | None:
    """Return the bytes of the file, up to `limit`; None where it cannot be read, which is reported."""
    if isinstance(source, bytes):
        return source
    try:
        return read_regular(Path(source), limit)
    except FileNotFoundError:
        found.add("file-absent", "no file", "a run file", "Check the path.")
    except IsADirectoryError:
        found.add("file-unreadable", "a folder", "a run file", "Give the path of the CSV itself.")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        found.add("file-unreadable", f"an error ({reason})", "a readable file", "Check the file and its permissions.")
    return None


def read_lines(data: bytes, found: Findings, is_header: Callable[[Sequence[str]], bool]) -> Lines | None:
    """Return the lines of the file, and report faults of its bytes; None where it is empty or of another kind.

    `is_header` tells whether cells are certainly those of a header, so that titles above it are not taken for it.
    """
    if kind := file_kind(data):
        found.add("not-csv", kind.name, "a CSV", kind.remedy)
        return None
    if excess := too_much(data):
        found.add("file-unreadable", excess[0], excess[1], "Check that it is the run file.")
        return None
    text = decoded(data, found)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        remedy = "The file is damaged, or was saved in an encoding of two bytes per character: write it again as UTF-8."
        times, noun = text.count("\0"), "byte{s} with the value 0"
        found.count("nul-bytes", line, None, "none", remedy, times=times, noun=noun)
        text = text.replace("\0", "")
    text = _line_ends(text, found)
    if not text.strip():
        _report_empty("an empty file", found)
        return None
    if text.endswith("\n"):
        text = text[:-1]
    else:
        found.add("no-final-newline", "a last line without line end", r"\n after every line", r"Add a \n at the end.")
    lines = text.split("\n")
    header = _header_place(lines, found, is_header)
    if header is None:
        _report_empty("only blank lines and comments", found)
        return None
    words = lines[header].split()
    if len(words) > 1 and _delimiter(lines[header]) not in lines[header] and is_header(words):
        remedy = "Separate the cells by commas (pandas: sep=',')."  # headings hold blanks, so the rest cannot be read
        found.add("delimiter", "blanks between the cells", "commas", remedy, line=header + 1)
        return None
    return _lines(lines, header, found)


def _report_empty(actual: str, found: Findings) -> None:
    found.add("file-empty", actual, "a header and a line for each image", "Check that the run was written.")


def _header_place(lines: list[str], found: Findings, is_header: Callable[[Sequence[str]], bool]) -> int | None:
    """Return the place of the first line that is neither blank nor a comment, a line for Excel or a title, from 0."""
    places = list(islice((place for place, line in enumerate(lines) if _has_content(line)), BEGINNING))
    if places and excel_separator(lines[places[0]]) is not None:
        line = places.pop(0)
        remedy = "Remove this line: Excel alone takes it as the name of the delimiter."
        found.add("sep-line", quoted(lines[line]), "the header", remedy, line=line + 1)
    for above, place in enumerate(places):
        delimiter = _delimiter(lines[place])
        if not is_header([cell.strip('"') for cell in lines[place].split(delimiter)]):
            continue
        titles = places[:above]
        cells = filled_cells(lines[place], delimiter)
        if all(filled_cells(lines[title], delimiter) < cells for title in titles):
            for title in titles:
                report_comment(found, title + 1, lines[title])
            return place
        break  # rows above a header: reported where they are read
    return places[0] if places else None


def decoded(data: bytes, found: Findings) -> str:
    """Return the text of a file, and report in what it is no UTF-8 without mark."""
    if encoding := encoding_of(data):
        found.add("not-utf8", encoding, "UTF-8", "Save the file as 'CSV UTF-8', or write it with encoding='utf-8'.")
        return data.decode(encoding, errors="replace")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "Write the file with encoding='utf-8'."
        found.add("not-utf8", f"byte 0x{data[error.start]:02x}", "UTF-8", remedy, line=line)
        text = data.decode(errors="replace")
        if not (set(text) - {"\ufffd"}) - _ASCII:  # no letter beyond ASCII is UTF-8: as Western programs write it
            text = data.decode("cp1252", errors="replace")
    if text.startswith("\ufeff"):  # two of them where a file with one was written with one
        remedy = "Write with encoding='utf-8', not 'utf-8-sig'; readers may take the mark as part of the first heading."
        found.add("bom", "a byte-order mark", "UTF-8 without one", remedy, line=1)
        text = text.lstrip("\ufeff")
    return text


def _line_ends(text: str, found: Findings) -> str:
    if "\r" not in text:
        return text
    pairs = text.count("\r\n")
    lone = text.count("\r") - pairs
    remedy = r"Write with newline='\n' (pandas: lineterminator='\n')."
    if pairs:
        line = text.count("\n", 0, text.index("\r\n")) + 1
        found.count("line-ends-crlf", line, "\r\n", r"\n", remedy, times=pairs, noun="line{s}")
        text = text.replace("\r\n", "\n")
    if lone:
        line = text.count("\n", 0, text.index("\r")) + 1
        found.count("line-ends-cr", line, "\r", r"\n", remedy, times=lone, noun="line{s}")
        text = text.replace("\r", "\n")
    return text


def _lines(lines: list[str], header: int, found: Findings) -> Lines:
    body = next((place for place in range(header + 1, len(lines)) if _has_content(lines[place])), header)
    of_header = _delimiter(lines[header])
    # a header with commas over rows with semicolons happens when two programs wrote one file
    of_body = of_header if of_header in lines[body] else _delimiter(lines[body])
    quoted = _quotes(lines, header, of_header, of_body, found)
    header_cells = next(_reader(lines[header : header + 1], of_header)) if quoted else lines[header].split(of_header)
    if quoted and len(header_cells) == 1 and of_header in header_cells[0]:  # whole lines are in quotes
        lines[header:] = [_without_quotes(line) for line in lines[header:]]
        return _lines(lines, header, found)
    for place, delimiter in ((header, of_header), (body, of_body)):
        if delimiter != ",":
            remedy = "Separate the cells by commas (pandas: sep=',')."
            found.add("delimiter", repr(delimiter), "a comma", remedy, line=place + 1)
            break
    return Lines(lines, header, header_cells, of_body, quoted)


def _quotes(lines: list[str], header: int, of_header: str, of_body: str, found: Findings) -> bool:
    """Return whether the lines must be read with quotes; quotes that do not pair up are removed."""
    places = [place for place in range(header, len(lines)) if '"' in lines[place]]
    if not places:
        return False
    for start, end, delimiter in ((header, header + 1, of_header), (header + 1, len(lines), of_body)):
        reader = _reader(lines[start:end], delimiter)
        try:
            for _ in reader:
                pass
        except csv.Error as error:
            actual = f"a quote that does not enclose a cell ({error})"
            remedy = "Write the file again without quotes."
            line = start + reader.line_num
            found.add("quotes-unbalanced", actual, "cells without quotes", remedy, line=line)
            for place in places:
                lines[place] = lines[place].replace('"', "")
            return False
    remedy = "Neither ids, headings nor labels need quotes: write without (pandas: quoting=csv.QUOTE_NONE)."
    times, noun = len(places), "line{s} with quotes"
    found.count("quoted", places[0] + 1, None, "cells without quotes", remedy, times=times, noun=noun)
    return True


def _reader(lines: Iterable[str], delimiter: str) -> "Reader":
    # with their ends: a quoted cell that runs over several lines keeps its line ends
    return csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)


def _without_quotes(line: str) -> str:
    return line[1:-1].replace('""', '"') if len(line) > 1 and line[0] == line[-1] == '"' else line.replace('"', "")


def _has_content(line: str) -> bool:
    return bool(line.strip(" \t,;|")) and not line.lstrip().startswith("#")


def _delimiter(line: str) -> str:
    """Return the delimiter that occurs most often; a comma where none does, or as often as another."""
    return max(_DELIMITERS, key=line.count)
