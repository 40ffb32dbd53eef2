"""Faults of cells, by what a column holds: in one cell, and in all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from submission.faults.fault import FORM, Change, Fault, Table
from submission.faults.sheet import if_unsound, place_of
from submission.kinds import (
    ConstantKind,
    DocumentKind,
    FlagKind,
    Kind,
    LabelKind,
    RankKind,
    ScoreKind,
    SetKind,
    TextKind,
)
from submission.task import Task

if TYPE_CHECKING:
    import numpy as np

Values = list[tuple[str, Callable[[str], str]]]  # what is done to a cell, and how

_OF_ANY: Values = [
    ("empty", lambda cell: ""),
    ("nan", lambda cell: "nan"),
    ("a blank before", lambda cell: f" {cell}"),
    ("a blank behind", lambda cell: f"{cell} "),
    ("a blank that does not break", lambda cell: f"{cell}\u00a0"),
    ("a mark that does not show", lambda cell: f"{cell}\u200b"),
]
_WIDE = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
_OF_NUMBERS: Values = [
    ("a decimal comma", lambda cell: cell.replace(".", ",")),
    ("a percent sign", lambda cell: f"{cell}%"),
    ("infinity", lambda cell: "inf"),
    ("a word", lambda cell: "high"),
    ("a number of base 16", lambda cell: "0x1"),
    ("digits of another script", lambda cell: cell.translate(_WIDE)),
    ("a comma within thousands", lambda cell: "1,234.5"),
    ("an underscore within digits", lambda cell: f"{cell[:1]}_{cell[1:]}"),
    ("a bracket around", lambda cell: f"[{cell}]"),
]


def faults_of_cells(task: Task) -> list[Fault]:
    """Return the faults of the cells of each column; of columns that hold the same, those of the first."""
    first: dict[Kind, str] = {}
    for column in task.columns:
        first.setdefault(column.kind, column.heading)
    faults = []
    for kind, heading in first.items():
        for what, value in _values(kind):
            for where, change in (("in one cell", _one), ("in every cell", _all)):
                name = f"{heading}: {what}, {where}"
                faults.append(Fault(name, FORM, if_unsound(task, change(task, heading, value)), task))
    return faults


def _values(kind: Kind) -> Values:
    if isinstance(kind, ConstantKind):
        return [*_OF_ANY, ("another constant", lambda cell: _another(cell, kind))]
    if isinstance(kind, FlagKind):
        words = {"0": "False", "1": "True"}
        return [
            *_OF_ANY,
            ("a float", lambda cell: f"{cell}.0"),
            ("True or False", lambda cell: words[cell]),
            ("yes", lambda cell: "yes"),
            ("a probability", lambda cell: "0.73" if cell == "1" else "0.27"),
            ("2", lambda cell: "2"),
            ("-1", lambda cell: "-1"),
            ("a sign", lambda cell: f"+{cell}"),
            ("a leading zero", lambda cell: f"0{cell}"),
            ("an exponent", lambda cell: f"{cell}e0"),
            ("digits of another script", lambda cell: cell.translate(_WIDE)),
        ]
    if isinstance(kind, LabelKind):
        numbers = {label: str(number) for number, label in enumerate(kind.labels)}
        return [
            *_OF_ANY,
            ("capitals exchanged", str.swapcase),
            ("the number of the class", lambda cell: numbers[cell]),
            ("an unknown word", lambda cell: "unknown-word"),
            ("a probability", lambda cell: "0.73"),
        ]
    if isinstance(kind, ScoreKind):
        return [*_OF_ANY, *_OF_NUMBERS, *_beyond(kind), ("per cent", lambda cell: f"{100 * float(cell):.10g}")]
    if isinstance(kind, RankKind):
        return [
            *_OF_ANY,
            ("a float", lambda cell: f"{cell}.0"),
            ("a word", lambda cell: "first"),
            ("a leading zero", lambda cell: f"0{cell}"),
            ("-1", lambda cell: "-1"),
        ]
    if isinstance(kind, SetKind):
        return [*_OF_ANY, *_of_sets(kind)]
    assert isinstance(kind, TextKind | DocumentKind), f"a kind without faults: {kind}"
    return [_OF_ANY[0], *_OF_ANY[2:]]


def _beyond(kind: ScoreKind) -> Values:
    values: Values = []
    if kind.low is not None:
        values.append(("less than the least", lambda cell: f"{(kind.low or 0) - 0.5:g}"))
    if kind.high is not None:
        values.append(("more than the most", lambda cell: f"{(kind.high or 0) + 0.5:g}"))
    return values


def _of_sets(kind: SetKind) -> Values:
    def joined(items: list[str]) -> str:
        return kind.separator.join(items)

    def too_many(cell: str) -> str:
        if kind.most is None:
            raise LookupError("a set may hold any number of items")
        known = [*kind.items, *(f"{cell.split(kind.separator)[0]}{n}" for n in range(kind.most + 1))]
        return joined(known[: kind.most + 1])

    def separated(other: str) -> Callable[[str], str]:
        return lambda cell: cell.replace(kind.separator, other)

    others = [other for other in (";", "|", "/", " ", "+", ", ") if other != kind.separator]
    return [
        ("an item twice", lambda cell: joined([*cell.split(kind.separator), cell.split(kind.separator)[0]])),
        ("an unknown item", lambda cell: joined([*cell.split(kind.separator), "no such item"])),
        ("an item too many", too_many),
        ("a separator at the end", lambda cell: cell + kind.separator),
        ("blanks between items", lambda cell: f"{kind.separator} ".join(cell.split(kind.separator))),
        *((f"items separated by {other!r}", separated(other)) for other in others),
        ("a list of Python", lambda cell: str(cell.split(kind.separator))),
    ]


def _another(cell: str, kind: ConstantKind) -> str:
    """Return a cell that the column may hold, but for being another one than the others."""
    inner = kind.kind
    if inner.values:
        return next((value for value in inner.values if value != cell), cell)
    if isinstance(inner, ScoreKind):
        return next(text for text in ("0.5", "0.25", "1") if text != cell and inner.allows(float(text)))
    return f"{cell}x"


def _one(task: Task, heading: str, value: Callable[[str], str]) -> Change:
    """Change one cell of a column, drawn at random."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        cells = table[int(rng.integers(1, len(table)))]
        place = place_of(table, task, heading)
        cells[place] = value(cells[place])
        return table

    return change


def _all(task: Task, heading: str, value: Callable[[str], str]) -> Change:
    """Change every cell of a column."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        place = place_of(table, task, heading)
        for cells in table[1:]:
            cells[place] = value(cells[place])
        return table

    return change
