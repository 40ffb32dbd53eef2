"""The cells of a run file: how a wrong one is classified, and what to do about it."""

import math
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache

from submission.problems import Findings
from submission.task import Task

_MISSING = frozenset(("nan", "na", "n/a", "#n/a", "null", "none", "<na>"))
_BOOLEAN = frozenset(("true", "false", "yes", "no", "t", "f", "y", "n"))

_LONG = 400  # characters: a longer cell is no number, and not kept in the cache

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
    "label-in-number-column": "Class names do not belong in a column of 0 and 1; check whether columns are shifted.",
    "number-in-label-column": "Write the class name, not its number; check whether columns are shifted.",
}


@dataclass(frozen=True, eq=False)  # compared by identity: it is a key of the cache of `cell_code`
class CellRule:
    """The values that the cells of one label column may have.

    heading   the official heading of the column
    values    the cells that are allowed
    expected  the same in words
    is_class  whether the cells name classes; they are 0 or 1 otherwise
    classes   the class names of all subtasks, in lower case
    """

    heading: str
    values: frozenset[str]
    expected: str
    is_class: bool
    classes: frozenset[str]


def cell_rules(task: Task) -> dict[str, CellRule]:
    """Return the rules of all label columns of a task, by official heading."""
    classes = class_names(task)
    return {
        heading: CellRule(heading, frozenset(subtask.values), subtask.expected, not subtask.multi_label, classes)
        for subtask in task.subtasks
        for heading in subtask.headings
    }


def class_names(task: Task) -> frozenset[str]:
    """Return the class names of all single-label subtasks, in lower case."""
    return frozenset(label.lower() for subtask in task.subtasks if not subtask.multi_label for label in subtask.labels)


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
        if rule is None or cell in rule.values:
            continue
        code = cell_code(cell, rule) if len(cell) <= _LONG else _code(cell, rule)
        found.count(code, line, cell, rule.expected, _REMEDIES[code], column=names[rule.heading], times=times)


class _Anything:
    def __contains__(self, cell: object) -> bool:
        return True


def domain(rule: CellRule | None) -> Container[str]:
    """Return the cells that a column allows: any, if it is not part of the task and so has no rule."""
    return _Anything() if rule is None else rule.values


def pattern(rule: CellRule | None) -> str:
    """Return a regular expression that matches what `domain` allows, without a delimiter."""
    return "[^,;\\t|]*" if rule is None else "(?:" + "|".join(map(re.escape, sorted(rule.values))) + ")"


@lru_cache(maxsize=10_000)  # a million wrong cells are a few distinct ones, unless they are probabilities
def cell_code(cell: str, rule: CellRule) -> str:
    """Return the code of a cell that its column does not allow."""
    return _code(cell, rule)


def _code(cell: str, rule: CellRule) -> str:
    value = cell.strip()
    if not value:
        return "cell-empty"
    if value in rule.values:
        return "cell-blanks"
    word = value.lower()
    if rule.is_class and word in {name.lower() for name in rule.values}:
        return "cell-case"
    if word in _MISSING:
        return "cell-nan"
    number = _number(value)
    if rule.is_class:
        return "cell-word" if number is None else "number-in-label-column"
    if word in _BOOLEAN:
        return "cell-boolean"
    if word in rule.classes:
        return "label-in-number-column"
    if number is None:
        return "cell-word"
    if number in (0, 1):
        return "cell-float"
    return "cell-probability" if 0 < number < 1 else "cell-number"


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
