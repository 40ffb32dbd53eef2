"""Faults of ids: written otherwise, left out, doubled, unknown, in another order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from submission.faults.fault import FORM, Change, Fault, Table
from submission.kinds import RankKind
from submission.task import Task

if TYPE_CHECKING:
    import numpy as np


def faults_of_ids(task: Task) -> list[Fault]:
    """Return the faults of ids that the task does not allow; of a ranked list the ids are the queries."""
    layout = task.layout
    ranked = any(isinstance(column.kind, RankKind) for column in task.columns)

    def form(name: str, change: Change) -> Fault:
        return Fault(name, FORM, change, task)

    faults = [
        form("folder before ids", _each(lambda name: f"images/{name}")),
        form("ids in the other case", _each(lambda name: name.swapcase())),
        form("blank behind ids", _each(lambda name: f"{name} ")),
        form("quotes around ids", _each(lambda name: f"'{name}'")),
        form("long numeric ids as floats", _each(_as_float)),
        form("numeric ids with a point", _each(_with_point)),
        form("ids without leading zeros", _each(_without_zeros)),
        form("a mark that does not show behind ids", _each(lambda name: f"{name}\u200b")),
        form("an empty id", _last(lambda name: "")),
        form("ids cut short", _each(lambda name: name[:-1] or "x")),
    ]
    if layout.extension:
        faults.append(form("ids without extension", _each(lambda name: name.rpartition(".")[0] or name)))
        faults.append(form("another extension on ids", _each(lambda name: f"{name.rpartition('.')[0]}.webp")))
    else:
        faults.append(form("extensions on ids", _each(lambda name: f"{name}.jpg")))
    if layout.coverage != "subset":
        faults.append(form("an id left out", _without_last))
        faults.append(form("half of the ids left out", _without_half))
    if layout.coverage != "extra":
        faults.append(form("an unknown id", _with_unknown))
    if not ranked or layout.container == "json":
        faults.append(form("an id twice", lambda table, rng: [*table, table[1]]))
    if layout.order != "any" and layout.container != "json":
        faults.append(form("rows in another order", _reversed))
    return faults


def _each(value: Callable[[str], str]) -> Change:
    def change(table: Table, rng: np.random.Generator) -> Table:
        return [table[0], *([value(name), *cells] for name, *cells in table[1:])]

    return change


def _last(value: Callable[[str], str]) -> Change:
    return lambda table, rng: [*table[:-1], [value(table[-1][0]), *table[-1][1:]]]


def _as_float(name: str) -> str:
    """Return an id of 16 digits or more as programs write a number of which they keep 15 to 17 digits."""
    return repr(float(name)) if name.isdecimal() and len(name) > 15 else name


def _with_point(name: str) -> str:
    return f"{name}.0" if name.isdecimal() else name


def _without_zeros(name: str) -> str:
    return str(int(name)) if name.isdecimal() else name


def _without_last(table: Table, rng: np.random.Generator) -> Table:
    return [table[0], *(cells for cells in table[1:] if cells[0] != table[-1][0])]


def _without_half(table: Table, rng: np.random.Generator) -> Table:
    kept = set(list(dict.fromkeys(cells[0] for cells in table[1:]))[::2])
    return [table[0], *(cells for cells in table[1:] if cells[0] in kept)]


def _with_unknown(table: Table, rng: np.random.Generator) -> Table:
    name = table[1][0]
    of_first = [cells for cells in table[1:] if cells[0] == name]
    return [*table, *([_unknown(name), *cells[1:]] for cells in of_first)]


def _unknown(name: str) -> str:
    """Return an id that looks like another one."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem or suffix}7{dot}{suffix}" if dot else f"{name}7"


def _reversed(table: Table, rng: np.random.Generator) -> Table:
    names = list(dict.fromkeys(cells[0] for cells in table[1:]))[::-1]
    of_names: dict[str, list[list[str]]] = {name: [] for name in names}
    for cells in table[1:]:
        of_names[cells[0]].append(cells)
    return [table[0], *(cells for name in names for cells in of_names[name])]
