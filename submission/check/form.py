"""Everything that is wrong with a run file, told at once.

    problems = find_problems(Path("run.csv"), read_ids(Path("testset.csv")))

The work is done in the order of the file: its bytes (text.py), its header (columns.py), its cells (cells.py), its ids
(ids.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import contains
from pathlib import Path

from submission.check.cells import check_cells, domain, pattern
from submission.check.columns import Columns, read_header
from submission.check.ids import COMMENT, check_ids
from submission.check.text import Lines, read_bytes, read_lines
from submission.problems import Findings, Problem, as_json, describe
from submission.tasks import OFFICIAL_HEADER

# What stands behind the ids of wrong lines is gathered, so that each distinct one is looked at once. A file of
# probabilities has another on every line, and is settled whenever this many have come.
_GATHERED = 100_000


@dataclass(frozen=True)
class Report:
    """A run file checked: `rows` is the number of its lines with an answer, `subtasks` those of its header."""

    file: Path
    rows: int
    subtasks: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the run can be sent: warnings may remain."""
        return not any(problem.severity == "error" for problem in self.problems)

    def text(self) -> str:
        """For people: a line for each problem, and one that sums up."""
        numbers = " ".join(name.removeprefix("subtask") for name in self.subtasks) or "none"
        lines = [describe(problem, self.file) for problem in self.problems]
        lines.append(f"{self.file}: {self.rows} rows, subtasks {numbers}, {self._sum()}")
        return "\n".join(lines)

    def as_json(self) -> dict:
        """For programs: file, ok, rows, subtasks, problems."""
        return {
            "file": str(self.file),
            "ok": self.ok,
            "rows": self.rows,
            "subtasks": list(self.subtasks),
            "problems": [as_json(problem) for problem in self.problems],
        }

    def _sum(self) -> str:
        warnings = sum(problem.severity == "warning" for problem in self.problems)
        errors = len(self.problems) - warnings
        if not self.problems:
            return "no problems"
        told = f"{errors} problem{'s' if errors != 1 else ''}" if errors else "no errors"
        return told + (f", {warnings} warning{'s' if warnings != 1 else ''}" if warnings else "")


def check_file(
    path: Path, ids: Sequence[str] | None, *, header: Sequence[str] = OFFICIAL_HEADER, partial: bool = False
) -> Report:
    """Check a run file; arguments as for `find_problems`. A file that cannot be read is a problem, not an error."""
    found = Findings()
    rows, subtasks = _check(Path(path), ids, header, partial, found)
    return Report(Path(path), rows, subtasks, tuple(found.problems()))


def find_problems(
    source: Path | bytes,
    ids: Sequence[str] | None,
    *,
    header: Sequence[str] = OFFICIAL_HEADER,
    partial: bool = False,
) -> list[Problem]:
    """All problems of a run file, or of its bytes; an empty list for a sound one.

    `ids` are those of the test list, each once; None compares no ids. `header` is the whole header wanted, the user's
    own dev set's where it differs from the official one. With `partial` a run may leave out whole subtasks.
    """
    found = Findings()
    _check(source, ids, header, partial, found)
    return found.problems()


def _check(
    source: Path | bytes, ids: Sequence[str] | None, header: Sequence[str], partial: bool, found: Findings
) -> tuple[int, tuple[str, ...]]:
    """Tell all problems; return the number of rows and the subtasks of the header."""
    data = read_bytes(source, found)
    lines = None if data is None else read_lines(data, found)
    if lines is None:
        return 0, ()
    expected = frozenset(ids or ())
    columns = read_header(lines.header_cells, lines.header + 1, header, partial, expected, found)
    body = _Body(lines, columns, expected, found)
    body.read()
    if not body.rows:
        found.add("no-rows", "a header and no rows", "a line for each image", "Check that the run was written in full.")
    elif columns.id_position is not None:
        check_ids(body.ids, body.numbers, ids, found)
    return body.rows, columns.subtasks


class _Body:
    """The lines behind the header. `ids` and `numbers` are the ids that came and their lines, an entry a row."""

    def __init__(self, lines: Lines, columns: Columns, expected: frozenset[str], found: Findings):
        self.lines = lines
        self.columns = columns
        self.expected = expected
        self.found = found
        self.start = lines.header + columns.has_header
        self.ids: list[str] = []
        self.numbers: Sequence[int] = ()
        self.gathered: dict[str | tuple[str, ...], list[int]] = {}  # cells behind the id → first line, how many lines
        self.rows = 0
        self._find_index_column()
        position = columns.id_position
        self.meanings = [meaning for place, meaning in enumerate(columns.meanings) if place != position]
        self.domains = [domain(meaning) for meaning in self.meanings]

    def read(self) -> None:
        """Read every line: keep its id, check what stands behind it."""
        for number, line in enumerate(self.lines.lines[: self.lines.header], 1):
            self._tell_strange(number, "", line.split(self.lines.delimiter))
        if self.columns.id_position == 0 and not self.lines.quoted:
            self._read_plain()
        else:
            self._read_cells()
        self._settle()
        self.rows = len(self.ids)

    def _read_plain(self) -> None:
        """Lines that begin with their id and hold no quotes: a sound one is not taken apart further than its id."""
        delimiter, gathered, ids = (
            self.lines.delimiter,
            self.gathered,
            self.ids,
        )  # a million lines: local names are faster
        sound = re.compile(re.escape(delimiter).join(map(pattern, self.meanings))).fullmatch
        skipped = set()
        for number, line in enumerate(self.lines.lines[self.start :], self.start + 1):
            image_id, separator, rest = line.partition(delimiter)
            if not sound(rest):
                if rest in gathered:
                    gathered[rest][1] += 1
                elif self._tell_strange(number, image_id, rest.split(delimiter) if separator else ()):
                    skipped.add(number)
                    continue
                elif separator:
                    self._gather(rest, number)
                else:
                    self._tell_width(0, number, 1)
            ids.append(image_id)
        numbers = range(self.start + 1, len(self.lines.lines) + 1)
        self.numbers = [number for number in numbers if number not in skipped] if skipped else numbers

    def _read_cells(self) -> None:
        """Lines of any other layout, taken apart cell by cell."""
        position = self.columns.id_position
        self.numbers = []
        for number, cells in self.lines.rows(self.start):
            image_id = "" if position is None or position >= len(cells) else cells.pop(position)
            if self._tell_strange(number, image_id, cells):
                continue
            rest = tuple(cells)
            if rest in self.gathered:
                self.gathered[rest][1] += 1
            else:
                self._gather(rest, number)
            self.ids.append(image_id)
            self.numbers.append(number)

    def _gather(self, rest: str | tuple[str, ...], number: int) -> None:
        if len(self.gathered) >= _GATHERED:
            self._settle()
        self.gathered[rest] = [number, 1]

    def _settle(self) -> None:
        """Check the distinct rests gathered, and forget them."""
        width = len(self.meanings)
        for rest, (line, times) in self.gathered.items():
            cells = rest.split(self.lines.delimiter) if isinstance(rest, str) else rest
            if len(cells) > width and not any(cells[width:]):
                wanted, remedy = "a line that ends in its last cell", "Write no delimiter behind the last cell."
                self.found.count("trailing-delimiter", line, None, wanted, remedy, times=times, unit="line")
                cells = cells[:width]
            if len(cells) == width:
                if not all(map(contains, self.domains, cells)):
                    check_cells(cells, self.meanings, self.columns.names, line, times, self.found)
            else:
                self._tell_width(len(cells), line, times)
        self.gathered.clear()

    def _tell_width(self, came: int, line: int, times: int) -> None:
        of_id = self.columns.id_position is not None
        wanted = f"{len(self.meanings) + of_id} cells, as the header has"
        remedy = (
            "Look for a delimiter too many or too few, and for a line cut short; the line's cells were not checked."
        )
        self.found.count("cell-count", line, came + of_id, wanted, remedy, times=times, unit="line")

    def _tell_strange(self, number: int, image_id: str, cells: Sequence[str]) -> bool:
        """Whether the line is no row but blank, a comment, or the header again, which is told."""
        count = self.found.count
        if not image_id.strip() and not any(map(str.strip, cells)):
            count("blank-line", number, None, "a row on every line", "Remove the blank lines.", unit="line")
            return True
        first = image_id or next(iter(cells), "")
        # without a test list an id that begins so is believed where it has its answers
        is_row = first in self.expected or (not self.expected and len(cells) == len(self.meanings))
        if first.lstrip().startswith("#") and not is_row:
            count("comment-line", number, first, *COMMENT, unit="line")
            return True
        position = self.columns.id_position
        header = self.lines.header_cells
        if (
            self.columns.has_header
            and position is not None
            and [*cells[:position], image_id, *cells[position:]] == header
        ):
            remedy = "Remove it; look whether two files were put together, and both parts are meant."
            count("header-repeated", number, None, "the header once", remedy, unit="line")
            return True
        return False

    def _find_index_column(self) -> None:
        """Where rows have a cell before the id that the header lacks, say so and read one column further right."""
        width = len(self.columns.meanings)
        if self.columns.id_position != 0 or not self.expected:
            return
        cells = next((cells for _, cells in self.lines.rows(self.start) if any(map(str.strip, cells))), [])
        if len(cells) == width + 1 and cells[0] not in self.expected and cells[1] in self.expected:
            remedy = "Write the run without row numbers (pandas: to_csv(index=False))."
            came = f"{cells[0]!r} before the id {cells[1]!r}, without a heading"
            self.found.add("index-column", came, "the ids first", remedy, line=self.start + 1)
            self.columns.meanings.insert(0, None)
