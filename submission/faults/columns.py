"""Faults of whole columns: headings, columns that are absent, doubled or in another order."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from submission.faults.fault import FORM, Change, Fault, Table
from submission.faults.sheet import if_unsound
from submission.task import Task

if TYPE_CHECKING:
    import numpy as np


def faults_of_columns(task: Task) -> list[Fault]:
    """Return the faults of headings, as far as the file has them, and of columns."""
    layout = task.layout

    def form(name: str, change: Change) -> Fault:
        return Fault(name, FORM, change, task)

    faults = [form("column missing", lambda table, rng: [cells[:-1] for cells in table])]
    if layout.container != "json":
        faults.append(form("ids missing", lambda table, rng: [cells[1:] for cells in table]))
    if not layout.is_table or layout.header:
        faults += [
            form("a heading in capitals", _of_one_heading(str.upper)),
            form("a heading with a letter more", _of_one_heading(lambda heading: f"{heading}s")),
            form("a heading with a blank", _of_one_heading(lambda heading: f"{heading} ")),
            form("headings in another Unicode form", lambda table, rng: [[*map(_decomposed, table[0])], *table[1:]]),
        ]
    if layout.header and layout.container != "json":
        faults.append(form("id column renamed", lambda table, rng: [["the image", *table[0][1:]], *table[1:]]))
    faults.append(form("a column more", lambda table, rng: _with_more(table)))
    if layout.is_table:
        faults += [
            form("column twice", lambda table, rng: [[*cells, cells[-1]] for cells in table]),
            form("row numbers before the ids", _add_row_numbers),
        ]
        reverse = _reverse_columns if layout.header else if_unsound(task, _reverse_columns)
        faults.append(form("columns in another order", reverse))
    faults.append(form("cells of two columns exchanged", if_unsound(task, _exchange_columns)))
    faults.append(form("cells one column further on", if_unsound(task, _rotate_columns)))
    if len(task.subtasks) > 1:
        first = task.subtasks[0]
        kept = {*first.headings, *(column.heading for column in task.shared_columns)}
        faults.append(form(f"{first.name} alone", lambda table, rng: _only(table, kept)))
    return faults


def _of_one_heading(value: Callable[[str], str]) -> Change:
    """Change a heading, drawn at random."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        place = int(rng.integers(1, len(table[0])))
        table[0][place] = value(table[0][place])
        return table

    return change


def _decomposed(heading: str) -> str:
    return unicodedata.normalize("NFD", heading)


def _with_more(table: Table) -> Table:
    return [[*cells, "confidence" if place == 0 else "0.5"] for place, cells in enumerate(table)]


def _add_row_numbers(table: Table, rng: np.random.Generator) -> Table:
    return [[str(number - 1) if number else "", *cells] for number, cells in enumerate(table)]


def _reverse_columns(table: Table, rng: np.random.Generator) -> Table:
    return [[cells[0], *cells[:0:-1]] for cells in table]


def _exchange_columns(table: Table, rng: np.random.Generator) -> Table:
    """Exchange the cells of two columns that follow each other, and leave the headings."""
    if len(table[0]) < 3:
        raise LookupError("there is one column")
    place = int(rng.integers(1, len(table[0]) - 1))
    for cells in table[1:]:
        cells[place], cells[place + 1] = cells[place + 1], cells[place]
    return table


def _rotate_columns(table: Table, rng: np.random.Generator) -> Table:
    return [table[0], *([cells[0], cells[-1], *cells[1:-1]] for cells in table[1:])]


def _only(table: Table, headings: set[str]) -> Table:
    places = [0, *(place for place, heading in enumerate(table[0]) if heading in headings)]
    return [[cells[place] for place in places] for cells in table]
