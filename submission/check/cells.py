"""The cells of a run file: what a wrong one is, and what to do about it."""

import math
from collections.abc import Container, Sequence
from functools import lru_cache

from submission.problems import Findings
from submission.tasks import TASKS

CLASSES = TASKS["subtask1"].labels

_ALLOWED_OF_T1 = frozenset(CLASSES)
_ALLOWED = frozenset(("0", "1"))
_MISSING = frozenset(("nan", "na", "n/a", "#n/a", "null", "none", "<na>"))
_BOOLEAN = frozenset(("true", "false", "yes", "no", "t", "f", "y", "n"))

_WANTED = "0 or 1"
_WANTED_OF_T1 = "negative, neutral or positive"

_REMEDIES = {
    "cell-empty": "Every image needs an answer in every column: write the decision.",
    "cell-nan": "A value is missing, often after a join that met no row: look up why, and write the decision.",
    "cell-blanks": "Write the value without blanks around it.",
    "cell-case": "Write the label in lower case.",
    "cell-float": "Write integers (pandas: astype(int) before to_csv).",
    "cell-boolean": "Write integers (pandas: astype(int) before to_csv).",
    "cell-probability": "Write the decision, not the probability: apply the threshold first.",
    "cell-number": "Write 1 where the label applies and 0 where it does not.",
    "cell-word": "Write one of the values wanted.",
    "label-in-number-column": "Labels of T1 stand in a column of 0 and 1: see whether the columns have slipped.",
    "number-in-label-column": "Write the label itself, not its number; see whether the columns have slipped.",
}


def check_cells(
    cells: Sequence[str], meanings: Sequence[str | None], names: dict[str, str], line: int, times: int, found: Findings
) -> None:
    """Tell the cells outside their domain; the same cells come `times` times, on `line` first."""
    for cell, meaning in zip(cells, meanings, strict=True):
        if meaning is None or cell in domain(meaning):
            continue
        is_label = meaning == "T1"
        code = cell_code(cell, is_label)
        wanted = _WANTED_OF_T1 if is_label else _WANTED
        found.count(code, line, cell, wanted, _REMEDIES[code], column=names[meaning], times=times)


class _Anything:
    def __contains__(self, cell: object) -> bool:
        return True


def domain(meaning: str | None) -> Container[str]:
    """The cells allowed under a heading; anything in a column that is not of the task."""
    if meaning is None:
        return _Anything()
    return _ALLOWED_OF_T1 if meaning == "T1" else _ALLOWED


def pattern(meaning: str | None) -> str:
    """The same as a regular expression: what `domain` allows, without a delimiter."""
    return "[^,;\\t|]*" if meaning is None else "(?:" + "|".join(sorted(domain(meaning))) + ")"


@lru_cache(maxsize=10_000)  # a million wrong cells are a few distinct ones, unless they are probabilities
def cell_code(cell: str, is_label: bool) -> str:
    """The code of a cell outside its domain: of T1 where `is_label`, of a 0/1 column otherwise."""
    value = cell.strip()
    if not value:
        return "cell-empty"
    if value in (_ALLOWED_OF_T1 if is_label else _ALLOWED):
        return "cell-blanks"
    word = value.lower()
    if word in _MISSING:
        return "cell-nan"
    number = _number(value)
    if is_label:
        if word in CLASSES:
            return "cell-case"
        return "cell-word" if number is None else "number-in-label-column"
    if word in _BOOLEAN:
        return "cell-boolean"
    if word in CLASSES:
        return "label-in-number-column"
    if number is None:
        return "cell-word"
    if number in (0, 1):
        return "cell-float"
    return "cell-probability" if 0 < number < 1 else "cell-number"


def is_value(cell: str) -> bool:
    """Whether the cell looks like an answer, right or wrong, rather than like a heading."""
    value = cell.strip().lower()
    return value in CLASSES or value in _BOOLEAN or value in _MISSING or _number(value) is not None


def _number(value: str) -> float | None:
    try:
        number = float(value.replace(",", "."))  # 0,73 is how some locales write it
    except ValueError:
        return None
    return number if math.isfinite(number) else None
