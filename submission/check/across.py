"""What no cell shows by itself: columns that are the same in every row, rules across columns, ranked lists."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from submission.check.ranked import RankedLists
from submission.kinds import ConstantKind, Value
from submission.problems import Findings
from submission.rules import Rule, SumRule
from submission.task import Task
from submission.wording import counted, quoted

Values = Mapping[str, Sequence[Value | None]]  # official heading → values of some rows; None where there is none

_MOST_VALUES = 1000  # distinct values of a column that are counted each for itself
_SHOWN = 5  # of them in a message


class _Check(Protocol):
    """Of some columns: it is given some rows at once, all of them in the end."""

    headings: tuple[str, ...]

    def add(self, numbers: Sequence[int], ids: Sequence[str], values: Values) -> None: ...

    def finish(self) -> None: ...


class Across:
    """Checks what takes several cells to see; `headings` are the columns of which it needs the values."""

    def __init__(self, present: Sequence[str], names: Mapping[str, str], task: Task, found: Findings):
        """Choose what can be checked where these columns are present; `names`: heading → how the file must write it."""
        kinds = {heading: task.kind_of[heading] for heading in present}
        varying = [heading for heading, kind in kinds.items() if isinstance(kind, ConstantKind) and kind.value is None]
        checks: list[_Check] = [_Constant(heading, names[heading], found) for heading in varying]
        checks += [_RuleCheck(rule, found) for rule in task.rules]
        checks += [RankedLists(subtask, found) for subtask in task.subtasks if subtask.kind == "rank"]
        self._checks = [check for check in checks if kinds.keys() >= set(check.headings)]
        self.headings = frozenset(heading for check in self._checks for heading in check.headings)

    def add(self, numbers: Sequence[int], ids: Sequence[str], values: Values) -> None:
        """Check rows: their numbers, their ids, the values of `headings`."""
        for check in self._checks:
            check.add(numbers, ids, values)

    def finish(self) -> None:
        """Report what only all rows together show."""
        for check in self._checks:
            check.finish()


class _Constant:
    """A column that has one value in all rows."""

    def __init__(self, heading: str, name: str, found: Findings):
        self.headings: tuple[str, ...] = (heading,)
        self.name = name
        self.found = found
        self.first: dict[Value, int] = {}  # value → its first row
        self.times: dict[Value, int] = {}
        self.more = 0  # rows with other values than these

    def add(self, numbers: Sequence[int], ids: Sequence[str], values: Values) -> None:
        column = values[self.headings[0]]
        if len(self.first) == 1 and {*column} == self.first.keys():
            self.times[column[0]] += len(column)  # type: ignore[index]
            return
        for number, value in zip(numbers, column, strict=True):
            if value is None:
                continue
            if value not in self.first and len(self.first) >= _MOST_VALUES:
                self.more += 1
                continue
            self.first[value] = min(number, self.first.get(value, number))
            self.times[value] = self.times.get(value, 0) + 1

    def finish(self) -> None:
        if len(self.first) < 2:
            return
        values = sorted(self.first, key=self.first.__getitem__)
        shown = ", ".join(
            f"{quoted(_written(value))} in {counted(self.times[value], 'cell{s}')}" for value in values[:_SHOWN]
        )
        self.found.add(
            "constant-varies",
            f"{len(values)} values{' and more' if self.more else ''}: {shown}{', …' if len(values) > _SHOWN else ''}",
            "the same value in every row",
            "Write one value in all rows; the organisers read it once for the whole run.",
            line=self.first[values[1]],
            column=self.name,
        )


class _RuleCheck:
    """A rule that the columns of each row obey."""

    def __init__(self, rule: Rule, found: Findings):
        self.rule = rule
        self.found = found
        self.headings = rule.columns if isinstance(rule, SumRule) else (rule.label, rule.probability, rule.threshold)

    def add(self, numbers: Sequence[int], ids: Sequence[str], values: Values) -> None:
        rule = self.rule
        columns = [values[heading] for heading in self.headings]
        if any(None in column for column in columns):
            rows = [(k, row) for k, row in enumerate(zip(*columns, strict=True)) if None not in row]
            numbers = [numbers[k] for k, _ in rows]
            columns = [list(column) for column in zip(*(row for _, row in rows), strict=True)]
            if not rows:
                return
        for k in _suspects(rule, columns):
            row = dict(zip(self.headings, (column[k] for column in columns), strict=True))
            problem = rule.problem(row)
            if problem is not None:
                self._report(numbers[k], problem)

    def finish(self) -> None:
        pass

    def _report(self, number: int, problem: str) -> None:
        if isinstance(self.rule, SumRule):
            code, remedy = "rule-sum", "Scale the numbers of each row, and write them with all their decimals."
        else:
            code, remedy = "rule-threshold", "Decide by the probability as it is written, and by the threshold."
        self.found.count(code, number, problem, self.rule.expected, remedy, noun="row{s}")


def _suspects(rule: Rule, columns: Sequence[Sequence[Value | None]]) -> list[int]:
    """Return where rows may break a rule, quickly: all that do are among them."""
    if isinstance(rule, SumRule):
        low, high = rule.total - rule.tolerance, rule.total + rule.tolerance
        return [k for k, total in enumerate(map(sum, zip(*columns, strict=True))) if not low <= total <= high]
    rows = enumerate(zip(*columns, strict=True))
    positive = rule.positive
    return [k for k, (label, prob, least) in rows if (label == positive) is not (prob >= least)]


def _written(value: Value) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
