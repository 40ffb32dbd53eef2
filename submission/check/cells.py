"""The cells of a run file: how a wrong one is classified, and what to do about it."""

import math
import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from submission.kinds import NUMBER, ConstantKind, FlagKind, Kind, LabelKind, RankKind, ScoreKind, SetKind, TextKind
from submission.problems import Findings
from submission.task import Task

_MISSING = frozenset(("nan", "na", "n/a", "#n/a", "null", "none", "<na>"))
_BOOLEAN = frozenset(("true", "false", "yes", "no", "t", "f", "y", "n"))

_LONG = 400  # characters: a longer cell is no number, and not kept
_KEPT = 1000  # wrong cells of a column: a million are a few distinct ones, unless they are probabilities
_NUMBER = re.compile(NUMBER)

_REMEDIES = {
    "cell-empty": "Every image needs an answer in every column: write the decision.",
    "cell-nan": "A value is missing, often after a join that matched no row: find out why, and write the decision.",
    "cell-blanks": "Write the value without blanks around it.",
    "cell-case": "Write the class name with the same upper and lower case letters.",
    "cell-float": "Write integers (pandas: astype(int) before to_csv).",
    "cell-boolean": "Write integers (pandas: astype(int) before to_csv).",
    "cell-probability": "Write the decision, not the probability: apply the threshold first.",
    "cell-number": "Write 1 where the label applies and 0 where it does not.",
    "cell-word": "Write one of the expected values.",
    "cell-not-number": "Write digits, with a point before the decimals: 0.73, not 0,73 and not 73 %.",
    "cell-range": "Write a number within the bounds; check its scale, such as per cent in place of 0 to 1.",
    "label-in-number-column": "Class names do not belong in a column of 0 and 1; check whether columns are shifted.",
    "number-in-label-column": "Write the class name, not its number; check whether columns are shifted.",
    "set-item": "Write each item as it is called, with the separator between items alone.",
    "set-repeated": "Write each item once.",
    "set-too-many": "Write the likeliest items alone.",
    "constant-wrong": "Write this value in every row.",
}
_OF_NUMBERS = {  # where another remedy fits a column of numbers
    "cell-empty": "Every image needs an answer in every column: write the number.",
    "cell-nan": "A value is missing, often after a join that matched no row: find out why, and write the number.",
    "cell-boolean": "Write a number.",
    "label-in-number-column": "Class names do not belong in a column of numbers; check whether columns are shifted.",
}
_OF_OTHERS = {  # … any other column but those of classes and of 0 and 1
    "cell-empty": "Write a value in every row.",
    "cell-nan": "A value is missing, often after a join that matched no row: find out why, and write the value.",
    "cell-number": "Write one of the expected values.",  # where these are numbers
}


Faults = tuple[tuple[str, str], ...]  # code, remedy


@dataclass(frozen=True)
class CellRule:
    """What the cells of one column may hold.

    heading   the official heading of the column
    kind      of the cells; a `ConstantKind` without a fixed value is what it may be, and a rank has no end: whether a
              column is constant, and how long a list is, is seen from several rows
    expected  what is allowed, in words
    classes   the class names of all columns of the task, in lower case
    known     wrong cells that were classified before
    """

    heading: str
    kind: Kind
    expected: str
    classes: frozenset[str]
    known: dict[str, "Faults"] = field(default_factory=dict)

    @cached_property
    def values(self) -> frozenset[str]:
        """All cells that are allowed, where these are known."""
        return frozenset(self.kind.values)

    @cached_property
    def domain(self) -> "Container[str]":
        """What tells of each cell whether it is allowed."""
        return self.values or self

    def allows(self, cell: str) -> bool:
        """Return whether the column may hold a cell."""
        if self.values:
            return cell in self.values
        try:
            self.kind.read(cell)
        except ValueError:
            return False
        return True

    def __contains__(self, cell: object) -> bool:
        return isinstance(cell, str) and self.allows(cell)

    @cached_property
    def faults(self) -> dict[str, "Faults"]:
        """Code → that code with what to do about it in this column."""
        remedies = _REMEDIES
        if isinstance(self.kind, ScoreKind | RankKind):
            remedies = _REMEDIES | _OF_NUMBERS
        elif not isinstance(self.kind, FlagKind) and not (
            isinstance(self.kind, LabelKind) and not _are_numbers(self.kind)
        ):
            remedies = _REMEDIES | _OF_OTHERS
        return {code: ((code, remedy),) for code, remedy in remedies.items()}

    @cached_property
    def code_of(self) -> "Callable[[str, CellRule], str]":
        """What tells the code of a value."""
        return _code_of_flag if isinstance(self.kind, FlagKind) else _code


def cell_rules(task: Task) -> dict[str, CellRule]:
    """Return the rules of all columns of a task but that of the ids, by official heading."""
    classes = class_names(task)
    return {
        column.heading: CellRule(column.heading, _of_one_cell(column.kind), column.kind.expected, classes)
        for column in task.columns
    }


def _of_one_cell(kind: Kind) -> Kind:
    if isinstance(kind, ConstantKind) and kind.value is None:
        return _of_one_cell(kind.kind)
    return replace(kind, most=None) if isinstance(kind, RankKind) else kind


def class_names(task: Task) -> frozenset[str]:
    """Return the class names of all columns, in lower case."""
    kinds = (column.kind for column in task.columns)
    return frozenset(label.lower() for kind in kinds if isinstance(kind, LabelKind) for label in kind.labels)


def check_cells(
    cells: Sequence[str],
    rules: Sequence[CellRule | None],
    names: dict[str, str],
    line: int,
    times: int,
    found: Findings,
) -> None:
    """Report the cells that their column does not allow; the same cells occur `times` times, on `line` first.

    `names` is official heading → expected cell of the header.
    """
    for cell, rule in zip(cells, rules, strict=True):
        if rule is None or cell in rule.domain:
            continue
        faults = rule.known.get(cell)
        if faults is None:
            faults = _faults(cell, rule)
            if len(rule.known) < _KEPT and len(cell) <= _LONG:
                rule.known[cell] = faults
        for code, remedy in faults:
            found.count(code, line, cell, rule.expected, remedy, column=names[rule.heading], times=times)


class _Anything:
    def __contains__(self, cell: object) -> bool:
        return True


def domain(rule: CellRule | None) -> Container[str]:
    """Return the cells that a column allows: any, if it is not part of the task and so has no rule."""
    return _Anything() if rule is None else rule.domain


def pattern(rule: CellRule | None, separator: str = ",") -> str:
    """Return a regular expression that matches what `domain` allows, without a delimiter."""
    others = re.escape(separator[:1])
    if rule is None:
        return f"[^,;\\t|{others}]*"
    if isinstance(rule.kind, SetKind):  # its items are checked one by one; here its end must be found
        return f'[^"{others}]*'
    return f'[^,;\\t|"{others}]+' if isinstance(rule.kind, TextKind) else rule.kind.pattern


def _faults(cell: str, rule: CellRule) -> Faults:
    """Return the code and the remedy of a cell that its column does not allow; several of a set."""
    value = cell.strip()
    if value != cell and rule.allows(value):
        return rule.faults["cell-blanks"]
    if not value:
        return rule.faults["cell-empty"]
    if isinstance(rule.kind, SetKind):
        return tuple(fault for code in _codes_of_set(value, rule.kind) for fault in rule.faults[code])
    return rule.faults[rule.code_of(value, rule)]


def _code(value: str, rule: CellRule) -> str:
    """Return the code of a value that is neither allowed nor empty, without blanks around it."""
    word, kind = value.lower(), rule.kind
    if isinstance(kind, LabelKind | ConstantKind) and word in {name.lower() for name in rule.values}:
        return "cell-case"
    if word in _MISSING:
        return "cell-nan"
    if isinstance(kind, ConstantKind):
        return "constant-wrong"
    number = _number(value)
    if isinstance(kind, LabelKind):
        if number is None:
            return "cell-word"
        if not _are_numbers(kind):
            return "number-in-label-column"
        return "cell-float" if number in map(_number, kind.labels) else "cell-number"
    if word in _BOOLEAN:
        return "cell-boolean"
    if word in rule.classes:
        return "label-in-number-column"
    if isinstance(kind, ScoreKind):
        return "cell-range" if number is not None and _NUMBER.fullmatch(value) else "cell-not-number"
    assert isinstance(kind, RankKind), f"{rule.heading}: a cell of a kind that allows any: {value!r}"
    if number is None or "," in value:
        return "cell-not-number"
    return "cell-range" if str(int(number)) == value else "cell-float"


def _code_of_flag(value: str, rule: CellRule) -> str:
    word = value.lower()
    if word in _MISSING:
        return "cell-nan"
    number = _number(value)
    if word in _BOOLEAN:
        return "cell-boolean"
    if word in rule.classes:
        return "label-in-number-column"
    if number is None:
        return "cell-word"
    if number in (0, 1):
        return "cell-float"
    return "cell-probability" if 0 < number < 1 else "cell-number"


def _codes_of_set(value: str, kind: SetKind) -> tuple[str, ...]:
    if value.lower() in _MISSING:
        return ("cell-nan",)
    items = value.split(kind.separator)
    bare = [item.strip() for item in items]
    faults = (
        ("cell-blanks", bare != items),
        ("set-repeated", len(set(bare)) < len(bare)),
        ("set-too-many", kind.most is not None and len(items) > kind.most),
        ("set-item", not all(map(kind.allows_item, bare))),
    )
    return tuple(code for code, occurs in faults if occurs)


def _are_numbers(kind: LabelKind) -> bool:
    return all(_number(label) is not None for label in kind.labels)


def is_answer(cell: str, classes: Container[str]) -> bool:
    """Return whether a cell looks like an answer, right or wrong, rather than like a heading."""
    value = cell.strip().lower()
    return value in classes or value in _BOOLEAN or value in _MISSING or _number(value) is not None


def _number(value: str) -> float | None:
    if len(value) > _LONG:
        return None
    try:
        number = float(value.replace(",", "."))  # 0,73 is how some locales write it
    except ValueError:
        return None
    return number if math.isfinite(number) else None
