"""Everything that is wrong with a run file, reported at once.

    problems = find_problems(Path("run.csv"), read_ids(Path("testset.csv"), task), task.header)

The work is done in the order of the file: its bytes (text.py), its header (columns.py), its cells (cells.py), its ids
(ids.py).
"""

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import contains
from pathlib import Path
from typing import Any

from submission.check.cells import cell_rules, check_cells, domain, pattern
from submission.check.columns import Columns, names_columns, read_header, report_trailing_delimiter
from submission.check.ids import check_ids, report_comment
from submission.check.text import Lines, read_bytes, read_lines
from submission.problems import Findings, Problem, describe
from submission.task import Header
from submission.wording import both, counted, printable, quoted

# What follows the ids of wrong lines is gathered, so that each distinct rest is looked at once. A file of probabilities
# has another on every line; the gathered rests are checked whenever there are this many.
_GATHERED = 100_000
_MOST_COLUMNS = 200  # of which a regular expression is made: that takes longer than to read them


@dataclass(frozen=True)
class CheckReport:
    """A run file checked: `rows` is the number of its lines with an answer, `subtasks` those of its header.

    `inner`: where the file is an archive, the name of the run file in it.
    """

    file: Path
    rows: int
    subtasks: tuple[str, ...]
    problems: tuple[Problem, ...]
    inner: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the run can be sent: warnings may remain."""
        return not any(problem.severity == "error" for problem in self.problems)

    def text(self) -> str:
        """Return a line for each problem, and a summary, for people."""
        lines = [describe(problem, self._place(problem)) for problem in self.problems]
        subtasks = both(self.subtasks) or "no subtask"
        lines.append(f"{printable(str(self.file))}: {counted(self.rows, 'row{s}')} of {subtasks}, {self._summary()}")
        return "\n".join(lines)

    def errors(self) -> list[str]:
        """Return a line for each problem for which the run cannot be sent."""
        return [describe(problem, self._place(problem)) for problem in self.problems if problem.severity == "error"]

    def to_dict(self) -> dict[str, Any]:
        """Return the report for `json.dumps`."""
        return {
            "file": str(self.file),
            **({} if self.inner is None else {"inner": self.inner}),
            "ok": self.ok,
            "rows": self.rows,
            "subtasks": list(self.subtasks),
            "problems": [problem.to_dict() for problem in self.problems],
        }

    def _place(self, problem: Problem) -> Path:
        of_archive = problem.code.startswith("zip-") or problem.code == "file-name"
        return self.file if self.inner is None or of_archive else self.file / self.inner

    def _summary(self) -> str:
        warnings = sum(problem.severity == "warning" for problem in self.problems)
        errors = len(self.problems) - warnings
        if not self.problems:
            return "no problems"
        parts = [counted(errors, "problem{s}") if errors else "no errors"]
        if warnings:
            parts.append(counted(warnings, "warning{s}"))
        return ", ".join(parts)


def check_file(path: Path, ids: Sequence[str] | None, header: Header, *, partial: bool = False) -> CheckReport:
    """Check a run file; arguments as for `find_problems`. A file that cannot be read is a problem, not an error.

    Where the task says how run files are called and in which archives they are sent, that is checked as well.
    """
    if header.task.runs:
        from submission.check.sent import check_sent

        return check_sent(Path(path), ids, header, partial=partial)
    found = Findings()
    body = check_body(Path(path), ids, header, partial, found)
    return report_of(Path(path), body, found)


def report_of(path: Path, body: "Body | None", found: Findings) -> CheckReport:
    """Return the report of a file whose lines were checked; None where they cannot be read."""
    rows, subtasks = (body.rows, body.columns.subtasks) if body else (0, ())
    return CheckReport(path, rows, subtasks, tuple(found.problems()))


def find_problems(
    source: Path | bytes, ids: Sequence[str] | None, header: Header, *, partial: bool = False
) -> list[Problem]:
    """Return all problems of a run file, or of its bytes; an empty list for a sound one.

    `ids` are those of the test list, each once; None compares no ids. `header` is the header of a run of the whole
    task: `task.header`, or the user's own dev set's where it differs (`Header.complete`). With `partial` a run may
    leave out whole subtasks.
    """
    found = Findings()
    check_body(source, ids, header, partial, found)
    return found.problems()


def check_body(
    source: Path | bytes, ids: Sequence[str] | None, header: Header, partial: bool, found: Findings
) -> "Body | None":
    """Report all problems; return the lines after the header as they were understood, None where there are none."""
    layout = header.task.layout
    data = read_bytes(source, found, layout.largest)
    if data is None:
        return None
    expected = frozenset(ids or ())
    if layout.is_table:
        body = _read_table(data, header, partial, expected, found)
    else:
        from submission.check.json_body import read_json

        body = read_json(data, header, partial, expected, found)
    if body is None:
        return None
    if not body.rows:
        remedy = "Check that the run was written in full."
        actual = "a header and no rows" if layout.is_table else "no answers"
        found.add("no-rows", actual, "a line for each image", remedy)
    elif body.columns.id_position is not None and body.complete:
        check_ids(body.ids, body.numbers, ids, found)
    return body


def _read_table(data: bytes, header: Header, partial: bool, expected: frozenset[str], found: Findings) -> "Body | None":
    """Return the lines after the header as they were understood, and report what is wrong with them and the header."""
    lines = read_lines(data, found, lambda cells: names_columns(cells, header.task))
    if lines is None:
        return None
    columns = read_header(lines.header_cells, lines.header + 1, header, partial, expected, found)
    body = Body(lines, columns, header, expected, found)
    body.read()
    return body


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

    def read(self) -> None:
        """Read every line: keep its id, check what follows it."""
        for number, line in enumerate(self.lines.lines[: self.lines.header], 1):
            self._report_odd_line(number, "", line.split(self.lines.delimiter))
        if self.columns.id_position == 0 and not self.lines.quoted:
            self._read_plain()
        else:
            self._read_cells()
        self._check_gathered()
        self.rows = len(self.ids)

    def cells(self) -> Iterator[tuple[int, str, Sequence[str]]]:
        """Yield the line, the id and the other cells of each row that was read, as they are in the file."""
        if self.columns.id_position == 0 and not self.lines.quoted:
            for number, image_id in zip(self.numbers, self.ids, strict=True):
                yield number, image_id, self.lines.lines[number - 1].split(self.lines.delimiter)[1:]
            return
        numbers = set(self.numbers)
        position = self.columns.id_position
        for number, cells in self.lines.rows(self.start):
            if number in numbers:
                image_id = "" if position is None or position >= len(cells) else cells.pop(position)
                yield number, image_id, cells

    def _read_plain(self) -> None:
        """Read lines that begin with their id and hold no quotes: a sound one is not split further than its id."""
        delimiter, gathered, ids = self.lines.delimiter, self.gathered, self.ids  # local names are faster
        sound = self._sound()
        skipped = array("Q")  # numbers of lines that are no rows
        blank, short = _Lines(), _Lines()
        for number, line in enumerate(self.lines.lines[self.start :], self.start + 1):
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
            elif not sound(rest):
                if rest in gathered:
                    gathered[rest][1] += 1
                elif self._report_odd_line(number, image_id, rest.split(delimiter)):
                    skipped.append(number)
                    continue
                else:
                    self._gather(rest, number)
            ids.append(image_id)
        if blank.times:
            self._report_blank(blank.first, blank.times)
        if short.times:
            self._report_width(0, short.first, short.times)
        numbers = range(self.start + 1, len(self.lines.lines) + 1)
        if skipped:
            self.numbers = array("Q", _without(numbers, skipped))
        else:
            self.numbers = numbers

    def _sound(self) -> Callable[[str], object]:
        """Return what tells whether all that follows an id is allowed; with too many columns, it never says so."""
        if len(self.rules) > _MOST_COLUMNS:
            return lambda rest: None
        return re.compile(re.escape(self.lines.delimiter).join(map(pattern, self.rules))).fullmatch

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
            self.ids.append(image_id)
            numbers.append(number)
        self.numbers = numbers

    def _gather(self, rest: str | tuple[str, ...], number: int) -> None:
        if len(self.gathered) >= _GATHERED:
            self._check_gathered()
        self.gathered[rest] = [number, 1]

    def _check_gathered(self) -> None:
        """Check the distinct rests gathered, and forget them."""
        width = len(self.rules)
        for rest, (line, times) in self.gathered.items():
            cells: Sequence[str] = rest.split(self.lines.delimiter) if isinstance(rest, str) else rest
            if len(cells) > width and not any(cells[width:]):
                report_trailing_delimiter(self.found, line, times)
                cells = cells[:width]
            if len(cells) == width:
                if not all(map(contains, self.domains, cells)):
                    check_cells(cells, self.rules, self.columns.names, line, times, self.found)
            else:
                self._report_width(len(cells), line, times)
        self.gathered.clear()

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
