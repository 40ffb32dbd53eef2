"""The lines of a run file behind its header: cells that are not allowed, lines that are no rows, and the ids."""

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from operator import contains
from typing import cast

from submission.check.cells import cell_rules, check_cells, domain, pattern
from submission.check.columns import Columns, report_trailing_delimiter
from submission.check.ids import report_comment
from submission.check.rows import RowCheck
from submission.check.text import Lines, report_inexact
from submission.problems import Findings
from submission.task import Header
from submission.wording import counted, quoted

# What follows the ids of wrong lines is gathered, so that each distinct rest is looked at once. A file of probabilities
# has another on every line; the gathered rests are checked whenever there are this many.
_GATHERED = 100_000
_MOST_COLUMNS = 200  # of which a regular expression is made: that takes longer than to read them
_AT_ONCE = 50_000  # rows that are checked column by column


class Body:
    """The lines after the header. `ids` and `numbers` are the ids in the file and their lines, an entry per row.

    `complete`: whether all of the file could be read.
    """

    complete = True

    def __init__(self, lines: Lines, columns: Columns, header: Header, expected: frozenset[str], found: Findings):
        self.lines = lines
        self.columns = columns
        self.expected = expected
        self.found = found
        self.start = lines.header + columns.has_header
        self.ids: list[str] = []
        self.numbers: Sequence[int] = ()
        self.gathered: dict[str | tuple[str, ...], list[int]] = {}  # cells after the id → first line, how many lines
        self.rows = 0
        self._find_index_column()
        position, rules = columns.id_position, cell_rules(header.task)
        self.rules = [rules.get(meaning or "") for place, meaning in enumerate(columns.meanings) if place != position]
        self.domains = [domain(rule) for rule in self.rules]
        self.check = RowCheck(self.rules, columns.names, header.task, found)
        self.sound = _Rows()  # whose cells all look as they must
        self.others = _Rows()

    def read(self) -> None:
        """Read every line: keep its id, check what follows it."""
        for number, line in enumerate(self.lines.lines[: self.lines.header], 1):
            self._report_odd_line(number, "", line.split(self.lines.delimiter))
        if self.columns.id_position == 0 and not self.lines.quoted:
            self._read_plain()
        else:
            self._read_cells()
        self._check_gathered()
        self._check_rows()
        self.check.finish()
        self.rows = len(self.ids)

    def cells(self) -> Iterator[tuple[int, str, Sequence[str]]]:
        """Yield the line, the id and the other cells of each row that was read, as they are in the file."""
        if self.columns.id_position == 0 and not self.lines.quoted:
            for number, image_id in zip(self.numbers, self.ids, strict=True):
                yield number, image_id, self.lines.split(self.lines.lines[number - 1])[1:]
            return
        numbers = set(self.numbers)
        position = self.columns.id_position
        for number, cells in self.lines.rows(self.start):
            if number in numbers:
                image_id = "" if position is None or position >= len(cells) else cells.pop(position)
                yield number, image_id, cells

    def columns_of_cells(self) -> Sequence[Sequence[str]]:
        """Return the cells of each column but that of the ids, of a file without problems."""
        if self.columns.id_position != 0 or self.lines.quoted:
            return list(zip(*(cells for _, _, cells in self.cells()), strict=True))
        between, width = self.lines.delimiter + self.lines.padding, len(self.rules) + 1
        cells = between.join(self.lines.lines[self.start :]).split(between)
        return [cells[place::width] for place in range(1, width)]

    def _read_plain(self) -> None:
        """Read lines that begin with their id and hold no quotes."""
        skipped = array("Q")  # numbers of lines that are no rows
        blank, short = _Lines(), _Lines()
        last = len(self.lines.lines)
        if self.check.beyond_form:
            for start in range(self.start, last, _AT_ONCE):
                end = min(start + _AT_ONCE, last)
                if not self._take(start, end):
                    self._read_lines(start, end, skipped, blank, short)
        else:
            self._read_lines(self.start, last, skipped, blank, short)
        if blank.times:
            self._report_blank(blank.first, blank.times)
        if short.times:
            self._report_width(0, short.first, short.times)
        numbers = range(self.start + 1, last + 1)
        self.numbers = array("Q", _without(numbers, skipped)) if skipped else numbers

    def _take(self, start: int, end: int) -> bool:
        """Read the lines of these places column by column, and return True; do nothing if one is not sound."""
        between, width = self.lines.delimiter + self.lines.padding, len(self.rules) + 1
        cells = f"{between}\n{between}".join(self.lines.lines[start:end]).split(between)
        ends = cells[width :: width + 1]
        if len(cells) != (end - start) * (width + 1) - 1 or ends.count("\n") < len(ends):
            return False
        ids, *columns = (cells[place :: width + 1] for place in range(width))
        taken = self.check.take(range(start + 1, end + 1), ids, columns)
        if taken:
            self.ids += ids
        return taken

    def _read_lines(self, start: int, end: int, skipped: "array[int]", blank: "_Lines", short: "_Lines") -> None:
        """Read the lines of these places one by one: a sound one is not split further than its id."""
        delimiter, gathered, ids = self.lines.delimiter, self.gathered, self.ids  # local names are faster
        sound = self._sound
        keeps_sound, keeps_others = self.check.beyond_form, bool(self.check.needed)
        for number, line in enumerate(self.lines.lines[start:end], start + 1):
            image_id, separator, rest = line.partition(delimiter)
            if not separator:  # without a closer look: there may be millions
                if not line or line.isspace():
                    blank.count(number)
                    skipped.append(number)
                    continue
                if (not self.rules or "#" in line) and self._report_odd_line(number, image_id, ()):
                    skipped.append(number)
                    continue
                if self.rules:
                    short.count(number)
            elif sound(rest):
                if keeps_sound:
                    self._keep(self.sound, number, image_id, rest)
            else:
                if rest in gathered:
                    gathered[rest][1] += 1
                elif self._report_odd_line(number, image_id, rest.split(delimiter)):
                    skipped.append(number)
                    continue
                else:
                    self._gather(rest, number)
                if keeps_others:
                    self._keep(self.others, number, image_id, rest)
            ids.append(image_id)

    @cached_property
    def _sound(self) -> Callable[[str], object]:
        """Return what tells whether all that follows an id is allowed; with too many columns, it never says so."""
        if len(self.rules) > _MOST_COLUMNS:
            return lambda rest: None
        between = self.lines.delimiter + self.lines.padding
        cells = re.escape(between).join(pattern(rule, self.lines.delimiter) for rule in self.rules)
        return re.compile(re.escape(self.lines.padding) + cells).fullmatch

    def _read_cells(self) -> None:
        """Read lines of any other layout, cell by cell."""
        position = self.columns.id_position
        numbers = []
        for number, cells in self.lines.rows(self.start):
            image_id = "" if position is None or position >= len(cells) else cells.pop(position)
            if self._report_odd_line(number, image_id, cells):
                continue
            rest = tuple(cells)
            if rest in self.gathered:
                self.gathered[rest][1] += 1
            else:
                self._gather(rest, number)
            if not self.lines.quoted and not self.lines.is_exact(self.lines.lines[number - 1]):
                report_inexact(self.found, number, self.lines.separator)
            if self.check.needed:
                self._keep(self.others, number, image_id, rest)
            self.ids.append(image_id)
            numbers.append(number)
        self.numbers = numbers

    def _gather(self, rest: str | tuple[str, ...], number: int) -> None:
        if len(self.gathered) >= _GATHERED:
            self._check_gathered()
        self.gathered[rest] = [number, 1]

    def _check_gathered(self) -> None:
        """Check the distinct rests gathered, and forget them."""
        width, varies = len(self.rules), self.lines.delimiter == " " or bool(self.lines.padding)
        for rest, (line, times) in self.gathered.items():
            cells = self._cells(rest)
            if varies and isinstance(rest, str) and not self.lines.is_exact(self.lines.delimiter + rest):
                report_inexact(self.found, line, self.lines.separator, times)
            if len(cells) > width and not any(cells[width:]):
                report_trailing_delimiter(self.found, line, times)
                cells = cells[:width]
            if len(cells) == width:
                if not all(map(contains, self.domains, cells)):
                    check_cells(cells, self.rules, self.columns.names, line, times, self.found)
            else:
                self._report_width(len(cells), line, times)
        self.gathered.clear()

    def _cells(self, rest: str | Sequence[str]) -> Sequence[str]:
        return self.lines.split_behind(rest) if isinstance(rest, str) else rest

    def _keep(self, rows: "_Rows", number: int, image_id: str, rest: str | Sequence[str]) -> None:
        rows.numbers.append(number)
        rows.ids.append(image_id)
        rows.rests.append(rest)
        if len(rows.rests) >= _AT_ONCE:
            self._check_rows()

    def _check_rows(self) -> None:
        """Check what takes whole columns, or several cells of a row, and forget the rows."""
        if self.sound.rests:
            self.check.add(self.sound.numbers, self.sound.ids, self._columns_of_sound())
            self.sound.clear()
        if self.others.rests:
            width = len(self.rules)
            taken = [self._cells(rest) for rest in self.others.rests]
            whole = [cells[:width] if len(cells) >= width and not any(cells[width:]) else () for cells in taken]
            self.check.add_reported(self.others.numbers, self.others.ids, whole)
            self.others.clear()

    def _columns_of_sound(self) -> list[list[str]]:
        between, start, width = self.lines.delimiter + self.lines.padding, len(self.lines.padding), len(self.rules)
        rests = cast("list[str]", self.sound.rests)
        cells = between.join([rest[start:] for rest in rests] if start else rests).split(between)
        return [cells[place::width] for place in range(width)]

    def _report_width(self, actual: int, line: int, times: int) -> None:
        of_id = self.columns.id_position is not None
        expected = f"{counted(len(self.rules) + of_id, 'cell{s}')}, as in the header"
        remedy = "Look for an extra or a missing delimiter, and for a truncated line; its cells were not checked."
        self.found.count("cell-count", line, actual + of_id, expected, remedy, times=times, noun="line{s}")

    def _report_blank(self, line: int, times: int) -> None:
        expected, remedy = "a row on every line", "Remove the blank lines."
        self.found.count("blank-line", line, None, expected, remedy, times=times, noun="blank line{s}")

    def _report_odd_line(self, number: int, image_id: str, cells: Sequence[str]) -> bool:
        """Report a line that is not a row but blank, a comment, or the header again; return whether it is one."""
        if not image_id.strip() and not any(map(str.strip, cells)):
            self._report_blank(number, 1)
            return True
        first = image_id or next(iter(cells), "")
        # without a test list an id that begins with # is taken as one where it has its answers
        is_row = first in self.expected or (not self.expected and len(cells) == len(self.rules))
        if first.lstrip().startswith("#") and not is_row:
            report_comment(self.found, number, first)
            return True
        position = self.columns.id_position
        header = self.lines.header_cells
        if (
            self.columns.has_header
            and position is not None
            and [*cells[:position], image_id, *cells[position:]] == header
        ):
            remedy = "Remove it; check whether two files were put together, and whether both parts belong in the run."
            self.found.count("header-repeated", number, None, "one header", remedy, noun="repeated header{s}")
            return True
        return False

    def _find_index_column(self) -> None:
        """Report rows with a cell before the id that the header lacks, and read them one column further right."""
        width = len(self.columns.meanings)
        if self.columns.id_position != 0 or not self.expected:
            return
        cells: list[str] = next((cells for _, cells in self.lines.rows(self.start) if any(map(str.strip, cells))), [])
        if len(cells) == width + 1 and cells[0] not in self.expected and cells[1] in self.expected:
            remedy = "Write the run without row numbers (pandas: to_csv(index=False))."
            actual = f"{quoted(cells[0])} before the id {quoted(cells[1])}, without a heading"
            self.found.add("index-column", actual, "the ids first", remedy, line=self.start + 1)
            self.columns.meanings.insert(0, None)


class _Rows:
    """Some rows: their lines, their ids, and what follows these."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.numbers: list[int] = []
        self.ids: list[str] = []
        self.rests: list[str | Sequence[str]] = []


class _Lines:
    """How many lines there are of a kind, and the first of them."""

    def __init__(self) -> None:
        self.first = self.times = 0

    def count(self, number: int) -> None:
        self.first = self.first or number
        self.times += 1


def _without(numbers: Sequence[int], left_out: Sequence[int]) -> Iterator[int]:
    """Yield the numbers that are not among `left_out`; both are in ascending order."""
    others = iter(left_out)
    other = next(others, None)
    for number in numbers:
        if number == other:
            other = next(others, None)
        else:
            yield number
