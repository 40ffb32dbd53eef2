"""Faults of meaning: a file that is sound, and gives images or columns the answers of others."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from submission.faults.fault import MEANING, Change, Fault, Table
from submission.faults.orders import ROW_ORDERS
from submission.faults.sheet import if_sound, place_of
from submission.kinds import Column, FlagKind, LabelKind, ProbabilityKind
from submission.task import Task

if TYPE_CHECKING:
    import numpy as np


def faults_of_meaning(task: Task) -> list[Fault]:
    """Return the faults that leave a sound file; in a ranked list there are none of rows."""
    changes: list[tuple[str, Change]] = []
    if not any(subtask.kind == "rank" for subtask in task.subtasks):
        changes += ROW_ORDERS
    for one, other in pairwise(task.columns):
        if one.kind == other.kind:
            changes.append((f"{one.heading} and {other.heading} exchanged", _exchanged(task, one, other)))
    for column in task.columns:
        if isinstance(column.kind, FlagKind | ProbabilityKind):
            changes.append((f"{column.heading} inverted", _changed(task, column, _inverted)))
        elif isinstance(column.kind, LabelKind) and len(column.kind.labels) > 1:
            first, last = column.kind.labels[0], column.kind.labels[-1]
            swapped = {first: last, last: first}
            changes.append(
                (
                    f"{first} and {last} exchanged in {column.heading}",
                    _changed(task, column, lambda cell, swapped=swapped: swapped.get(cell, cell)),  # type: ignore[misc]
                )
            )
    return [Fault(name, MEANING, if_sound(task, change), task) for name, change in changes]


def _exchanged(task: Task, one: Column, other: Column) -> Change:
    def change(table: Table, rng: np.random.Generator) -> Table:
        first, second = place_of(table, task, one.heading), place_of(table, task, other.heading)
        for cells in table[1:]:
            cells[first], cells[second] = cells[second], cells[first]
        return table

    return change


def _changed(task: Task, column: Column, value: Callable[[str], str]) -> Change:
    def change(table: Table, rng: np.random.Generator) -> Table:
        place = place_of(table, task, column.heading)
        for cells in table[1:]:
            cells[place] = value(cells[place])
        return table

    return change


def _inverted(cell: str) -> str:
    return f"{1 - float(cell):.10g}"
