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
from submission.layout import Layout
from submission.problems import Findings
from submission.reading import read_regular
from submission.separators import Separator
from submission.wording import quoted

if TYPE_CHECKING:
    from _csv import Reader

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
    separator: Separator

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
                yield number, self.split(line)
            return
        reader = _reader(self.lines[start:], self.delimiter, self.separator)
        for cells in reader:
            yield start + reader.line_num, cells

    @property
    def padding(self) -> str:
        """What follows each delimiter: a blank, or nothing."""
        return self.separator.padding if self.delimiter == self.separator.delimiter else ""

    def split(self, line: str) -> list[str]:
        """Return the cells of a line without quotes."""
        return self.separator.split(line, self.delimiter)

    def split_behind(self, others: str) -> list[str]:
        """Return the cells behind the first one and its delimiter, of a line without quotes."""
        return self.separator.split_behind(others, self.delimiter)

    def is_exact(self, line: str) -> bool:
        """Return whether a line without quotes is separated as the task has it, blanks as well."""
        return self.separator.is_exact(line, self.delimiter)


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


def read_lines(
    data: bytes, found: Findings, is_header: Callable[[Sequence[str]], bool], separator: Separator, layout: Layout
) -> Lines | None:
    """Return the lines of the file, and report faults of its bytes; None where it is empty or of another kind.

    `is_header` tells whether cells are certainly those of a header, so that titles above it are not taken for it.
    """
    if kind := file_kind(data):
        found.add("not-csv", kind.name, "a CSV", kind.remedy)
        return None
    if excess := too_much(data):
        found.add("file-unreadable", excess[0], excess[1], "Check that it is the run file.")
        return None
    text = read_text(data, found, layout)
    if text is None:
        return None
    lines = text.split("\n")
    header = _header_place(lines, found, is_header, separator)
    if header is None:
        _report_empty("only blank lines and comments", layout, found)
        return None
    words = lines[header].split()
    if len(words) > 1 and separator.found_in(lines[header]) not in lines[header] and is_header(words):
        # headings hold blanks, so the rest cannot be read
        found.add("delimiter", "blanks between the cells", separator.names, separator.remedy, line=header + 1)
        return None
    return _lines(lines, header, separator, found)


def read_text(data: bytes, found: Findings, layout: Layout) -> str | None:
    r"""Return text whose lines end in \n, without the last end; report faults of bytes. None for an empty file."""
    text = decoded(data, found)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        remedy = "The file is damaged, or was saved in an encoding of two bytes per character: write it again as UTF-8."
        times, noun = text.count("\0"), "byte{s} with the value 0"
        found.count("nul-bytes", line, None, "none", remedy, times=times, noun=noun)
        text = text.replace("\0", "")
    text = _line_ends(text, layout.line_end, found)
    if not text.strip():
        _report_empty("an empty file", layout, found)
        return None
    if text.endswith("\n"):
        return text[:-1]
    written = r"\r\n" if layout.line_end == "crlf" else r"\n"
    expected, remedy = f"{written} after every line", f"Add a {written} at the end."
    found.add("no-final-newline", "a last line without line end", expected, remedy)
    return text


def _report_empty(actual: str, layout: Layout, found: Findings) -> None:
    expected = "a header and a line for each image" if layout.header else "a line for each image"
    found.add("file-empty", actual, expected, "Check that the run was written.")


def _header_place(
    lines: list[str], found: Findings, is_header: Callable[[Sequence[str]], bool], separator: Separator
) -> int | None:
    """Return the place of the first line that is neither blank nor a comment, a line for Excel or a title, from 0."""
    places = list(islice((place for place, line in enumerate(lines) if _has_content(line)), BEGINNING))
    if places and excel_separator(lines[places[0]]) is not None:
        line = places.pop(0)
        remedy = "Remove this line: Excel alone takes it as the name of the delimiter."
        found.add("sep-line", quoted(lines[line]), "the header", remedy, line=line + 1)
    for above, place in enumerate(places):
        delimiter = separator.found_in(lines[place])
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


def _line_ends(text: str, line_end: str, found: Findings) -> str:
    r"""Return text whose lines end in \n, and report other ends than those of the task."""
    if "\r" not in text and line_end != "crlf":
        return text
    pairs = text.count("\r\n")
    lone, alone = text.count("\r") - pairs, text.count("\n") - pairs
    written = r"\r\n" if line_end == "crlf" else r"\n"
    remedy = f"Write with newline='{written}' (pandas: lineterminator='{written}')."
    if pairs and line_end == "lf":
        line = text.count("\n", 0, text.index("\r\n")) + 1
        found.count("line-ends-crlf", line, "\r\n", r"\n", remedy, times=pairs, noun="line{s}")
    if alone and line_end == "crlf":
        line = next(number for number, one in enumerate(text.split("\n"), 1) if not one.endswith("\r"))
        found.count("line-ends-lf", line, "\n", r"\r\n", remedy, times=alone, noun="line{s}")
    text = text.replace("\r\n", "\n")
    if lone:
        line = text.count("\n", 0, text.index("\r")) + 1
        found.count("line-ends-cr", line, "\r", written, remedy, times=lone, noun="line{s}")
        text = text.replace("\r", "\n")
    return text


def _lines(lines: list[str], header: int, separator: Separator, found: Findings) -> Lines:
    body = next((place for place in range(header + 1, len(lines)) if _has_content(lines[place])), header)
    of_header = separator.found_in(lines[header])
    # a header with commas over rows with semicolons happens when two programs wrote one file
    of_body = of_header if of_header in lines[body] else separator.found_in(lines[body])
    quoted = _quotes(lines, header, of_header, of_body, separator, found)
    header_cells = (
        next(_reader(lines[header : header + 1], of_header, separator))
        if quoted
        else separator.split(lines[header], of_header)
    )
    if quoted and len(header_cells) == 1 and of_header in header_cells[0]:  # whole lines are in quotes
        lines[header:] = [_without_quotes(line) for line in lines[header:]]
        return _lines(lines, header, separator, found)
    for place, delimiter in ((header, of_header), (body, of_body)):
        if delimiter != separator.delimiter:
            found.add("delimiter", repr(delimiter), separator.name, separator.remedy, line=place + 1)
            break
    if not quoted and not separator.is_exact(lines[header], of_header):
        report_inexact(found, header + 1, separator)
    return Lines(lines, header, header_cells, of_body, quoted, separator)


def report_inexact(found: Findings, line: int, separator: Separator, times: int = 1) -> None:
    """Report lines whose cells are separated by the task's separator, but for its blanks."""
    actual = separator.delimiter if separator.padding else "  "
    found.count("delimiter", line, actual, separator.name, separator.remedy, times=times, noun="line{s}")


def _quotes(lines: list[str], header: int, of_header: str, of_body: str, separator: Separator, found: Findings) -> bool:
    """Return whether the lines must be read with quotes; quotes that do not pair up are removed."""
    places = [place for place in range(header, len(lines)) if '"' in lines[place]]
    if not places:
        return False
    for start, end, delimiter in ((header, header + 1, of_header), (header + 1, len(lines), of_body)):
        reader = _reader(lines[start:end], delimiter, separator)
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


def _reader(lines: Iterable[str], delimiter: str, separator: Separator) -> "Reader":
    # with their ends: a quoted cell that runs over several lines keeps its line ends
    padded = bool(separator.padding)
    return csv.reader((line + "\n" for line in lines), delimiter=delimiter, skipinitialspace=padded, strict=True)


def _without_quotes(line: str) -> str:
    return line[1:-1].replace('""', '"') if len(line) > 1 and line[0] == line[-1] == '"' else line.replace('"', "")


def _has_content(line: str) -> bool:
    return bool(line.strip(" \t,;|")) and not line.lstrip().startswith("#")
