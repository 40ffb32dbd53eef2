"""Rows that were taken apart into cells: each column by itself, and then what no cell shows alone (across.py).

Rows are checked some ten thousand at once, column by column: that is several times as fast as row by row.
"""

import re
from collections.abc import Sequence

from submission.check.across import Across
from submission.check.cells import CellRule, check_cells
from submission.kinds import LONGEST_NUMBER, NUMBER, FlagKind, RankKind, ScoreKind, SetKind, TextKind, Value
from submission.problems import Findings
from submission.task import Task

Values = Sequence[Value | None]  # of a column; None where a cell is not allowed

_MOST_ITEMS = 100_000  # distinct items of sets that are kept
_OF_NUMBERS = b"0123456789+-.\n"
_match_number = re.compile(NUMBER).fullmatch


class RowCheck:
    """Checks the rows of a run file.

    rules  of the columns of a row, without that of the ids; None for a column that is not part of the task
    names  official heading → expected cell of the header
    """

    def __init__(self, rules: Sequence[CellRule | None], names: dict[str, str], task: Task, found: Findings):
        self.names = names
        self.found = found
        self.across = Across([rule.heading for rule in rules if rule], names, task, found)
        self.columns = [_Column(place, rule) for place, rule in enumerate(rules) if rule]
        self.needed = [one for one in self.columns if one.rule.heading in self.across.headings]
        # whether there is more to check than a regular expression of a line can tell
        self.beyond_form = bool(self.needed) or any(not one.rule.values for one in self.columns)

    def take(self, numbers: Sequence[int], ids: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
        """Check rows, and return True, if all their cells are allowed; do nothing otherwise. Arguments as for `add`."""
        values: dict[str, Values] = {}
        for column in self.columns:
            read = column.read(columns[column.place])
            if read is None:
                return False
            values[column.rule.heading] = read
        if self.needed:
            self.across.add(numbers, ids, values)
        return True

    def add(self, numbers: Sequence[int], ids: Sequence[str], columns: Sequence[Sequence[str]]) -> None:
        """Check rows: their numbers, their ids, and the cells of each column."""
        values: dict[str, Values] = {}
        for column in self.columns:
            cells = columns[column.place]
            read = column.read(cells)
            values[column.rule.heading] = self._read_each(column, numbers, cells) if read is None else read
        if self.needed:
            self.across.add(numbers, ids, values)

    def add_reported(self, numbers: Sequence[int], ids: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Check what rows show whose cells were reported, some of them wrong; no cells where the row has too few."""
        values: dict[str, Values] = {}
        for column in self.needed:
            known: dict[str, Value | None] = {}
            read = []
            for cells in rows:
                cell = cells[column.place].strip() if cells else ""
                if cell not in known:
                    known[cell] = column.read_one(cell)
                read.append(known[cell])
            values[column.rule.heading] = read
        self.across.add(numbers, ids, values)

    def finish(self) -> None:
        """Report what only all rows together show."""
        self.across.finish()

    def _read_each(self, column: "_Column", numbers: Sequence[int], cells: Sequence[str]) -> Values:
        """Return the values of a column, and report its cells that are not allowed."""
        read: list[Value | None] = []
        rule = column.rule
        for number, cell in zip(numbers, cells, strict=True):
            read.append(value := column.read_one(cell))
            if value is None:
                check_cells([cell], [rule], self.names, number, 1, self.found)
        return read


class _Column:
    """A column: its place among the cells of a row, and its rule."""

    def __init__(self, place: int, rule: CellRule):
        self.place = place
        self.rule = rule
        self._items: set[str] = set()  # of sets: those that are known to be allowed

    def read_one(self, cell: str) -> Value | None:
        """Return the value of a cell; None where it is not allowed."""
        try:
            return self.rule.kind.read(cell)
        except ValueError:
            return None

    def read(self, cells: Sequence[str]) -> Values | None:
        """Return the values of some cells at once; None where one is not allowed."""
        kind = self.rule.kind
        if self.rule.values:
            if not self.rule.values.issuperset(cells):
                return None
            return list(map(int, cells)) if isinstance(kind, FlagKind) else cells
        if isinstance(kind, ScoreKind):
            return _numbers(cells, kind)
        if isinstance(kind, RankKind):
            return _ranks(cells, kind)
        if isinstance(kind, SetKind):
            return cells if self._are_sets(cells, kind) else None
        if isinstance(kind, TextKind):
            return cells if "" not in cells and list(map(str.strip, cells)) == cells else None
        raise AssertionError(f"{self.rule.heading}: a kind of column that nobody reads: {kind}")

    def _are_sets(self, cells: Sequence[str], kind: SetKind) -> bool:
        separator, most, allowed = kind.separator, kind.most, self._items
        for cell in cells:
            if not cell:
                if not kind.empty:
                    return False
                continue
            items = cell.split(separator)
            one_each = set(items)
            if len(one_each) < len(items) or (most is not None and len(items) > most):
                return False
            if not one_each <= allowed:
                new = one_each - allowed
                if not all(map(kind.allows_item, new)):
                    return False
                if len(allowed) < _MOST_ITEMS:
                    allowed |= new
        return True


def _numbers(cells: Sequence[str], kind: ScoreKind) -> list[float] | None:
    """Return numbers, each as `ScoreKind.read` does; None where it would refuse one."""
    written = "\n".join(cells).encode()
    # what float() reads beyond a number needs other characters than these
    if written.translate(None, _OF_NUMBERS) and not all(map(_match_number, cells)):
        return None
    try:
        numbers = list(map(float, cells))
    except ValueError:
        return None
    within = kind.allows(min(numbers)) and kind.allows(max(numbers))
    return numbers if within and len(max(cells, key=len)) <= LONGEST_NUMBER else None


def _ranks(cells: Sequence[str], kind: RankKind) -> list[int] | None:
    """Return ranks, each as `RankKind.read` does; None where it would refuse one."""
    try:
        ranks = list(map(int, cells))
    except ValueError:
        return None
    return ranks if min(ranks) >= kind.first and list(map(str, ranks)) == cells else None
