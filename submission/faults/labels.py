"""The faults of class names and flags in a CSV with the header of a dev set, as in Visual Sentiment 2021."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from submission.faults.fault import FORM, MEANING, Change, Fault, Table
from submission.faults.orders import ROW_ORDERS, Places, reorder_rows, slip
from submission.task import Subtask, Task

if TYPE_CHECKING:
    import numpy as np


def faults_of_labels(task: Task) -> tuple[Fault, ...]:
    """Return the ways to spoil a run file of a task of class names and flags, faults of form first."""
    return (*_faults_of_form(task), *_faults_of_meaning(task))


def _faults_of_form(task: Task) -> list[Fault]:
    def form(name: str, change: Change) -> Fault:
        return Fault(name, FORM, change)

    faults = [
        form("byte-order mark", lambda table, rng: "\ufeff" + _text(table)),
        form("UTF-16", lambda table, rng: _text(table).encode("utf-16")),
        form("CR LF line ends", lambda table, rng: _text(table).replace("\n", "\r\n")),
        form("CR line ends", lambda table, rng: _text(table).replace("\n", "\r")),
        form("no last line end", lambda table, rng: _text(table).rstrip("\n")),
        form("semicolons", lambda table, rng: _text(table).replace(",", ";")),
        form("tabs", lambda table, rng: _text(table).replace(",", "\t")),
        form("everything quoted", lambda table, rng: [[f'"{cell}"' for cell in cells] for cells in table]),
        form("empty file", lambda table, rng: ""),
        form("header only", lambda table, rng: table[:1]),
        form("no header", lambda table, rng: table[1:]),
        form("header twice", lambda table, rng: [*table, table[0]]),
        form("comment line", lambda table, rng: "# run 1\n" + _text(table)),
        form("blank line", lambda table, rng: _text(table) + "\n"),
    ]
    for heading, variant in task.heading_variants:
        faults.append(form(f"heading {variant}", _rename_heading(task, heading, variant)))
    several = _places_of(task, [subtask for subtask in task.subtasks if subtask.multi_label])
    faults += [
        form("id column renamed", lambda table, rng: [["the image", *table[0][1:]], *table[1:]]),
        form("row numbers before the ids", _add_row_numbers),
        form("column missing", lambda table, rng: [cells[:-1] for cells in table]),
        form("column twice", lambda table, rng: [[*cells, cells[-1]] for cells in table]),
        form("columns with headings reordered", _reverse_columns),
        form("line cut short", lambda table, rng: _text(table)[:-4] + "\n"),
        form("comma at the end of lines", lambda table, rng: [[*cells, ""] for cells in table]),
        form("floats 1.0", _change_cells(several, lambda cell: f"{cell}.0")),
        form("True and False", _change_cells(several, lambda cell: str(cell == "1"))),
        form("one probability", _change_one_cell(several, "0.73")),
        form("one empty cell", _change_one_cell(several, "")),
        form("one nan", _change_one_cell(several, "nan")),
        form("one 2", _change_one_cell(several, "2")),
    ]
    for subtask in task.subtasks:
        if not subtask.multi_label:
            places, column = _places_of(task, [subtask]), subtask.column
            numbers = {label: str(number) for number, label in enumerate(subtask.labels)}
            faults += [
                form(f"{subtask.labels[0].capitalize()} with a capital", _change_cells(places, str.capitalize)),
                form(f"class numbers in {column}", _change_cells(places, numbers.__getitem__)),
                form(f"blanks around cells of {column}", _change_cells(places, lambda cell: f" {cell}")),
            ]
    faults += [
        form("extensions on ids", _change_cells(_ids, lambda name: f"{name}.jpg")),
        form("folder before ids", _change_cells(_ids, lambda name: f"images/{name}")),
        form("ids in capitals", _change_cells(_ids, _other_case)),
        form("blank behind ids", _change_cells(_ids, lambda name: f"{name} ")),
        form("an id left out", lambda table, rng: table[:-1]),
        form("an id twice", lambda table, rng: [*table, table[1]]),
        form("an unknown id", lambda table, rng: [*table, ["unknown-image", *table[1][1:]]]),
    ]
    first = task.subtasks[0]
    if len(task.subtasks) > 1:
        faults.append(form(f"{first.name} alone", _keep_columns(_places_of(task, [first]))))
    return faults


def _faults_of_meaning(task: Task) -> list[Fault]:
    def meaning(name: str, change: Change) -> Fault:
        return Fault(name, MEANING, change)

    faults = [meaning(name, change) for name, change in ROW_ORDERS]
    if len(task.subtasks) > 1:
        for subtask in task.subtasks:
            change = reorder_rows(slip(0, 1), _places_of(task, [subtask]))
            faults.append(meaning(f"labels of {subtask.name} alone slipped", change))
    several = [subtask for subtask in task.subtasks if subtask.multi_label]
    for subtask in several:
        pairs = [pair for pair in task.confusable_labels if set(pair) <= set(subtask.labels)]
        for one, other in pairs or pairwise(subtask.labels[:2]):
            name = f"{subtask.short(one)} and {subtask.short(other)} swapped in {subtask.column}"
            faults.append(meaning(name, _reorder_columns(task, [subtask], _swapped(subtask, one, other))))
    for k, subtask in enumerate(several):
        order = _shifted(len(subtask.labels), 1 if k % 2 == 0 else -1)
        faults.append(meaning(f"{subtask.column} slipped by a column", _reorder_columns(task, [subtask], order)))
    for subtask in several:
        order = sorted(range(len(subtask.labels)), key=lambda place: str(place + 1))
        if order != sorted(order):  # 10 before 2
            name = f"{subtask.column} in the order of its numbers as text"
            faults.append(meaning(name, _reorder_columns(task, [subtask], order)))
    for first, second in pairwise(several):
        order = _shifted(len(first.labels) + len(second.labels), len(first.labels))
        name = f"{first.column} and {second.column} exchanged"
        faults.append(meaning(name, _reorder_columns(task, [first, second], order)))
    for subtask in several:
        invert = _change_cells(_places_of(task, [subtask]), lambda cell: "1" if cell == "0" else "0")
        faults.append(meaning(f"{subtask.column} inverted", invert))
    for subtask in task.subtasks:
        if not subtask.multi_label and len(subtask.labels) > 1:
            places, (lowest, *middle, highest) = _places_of(task, [subtask]), subtask.labels
            swapped = dict(zip(subtask.labels, (highest, *middle, lowest), strict=True))
            faults.append(meaning(f"{lowest} and {highest} exchanged", _change_cells(places, swapped.__getitem__)))
            if middle:
                rotated = dict(zip(subtask.labels, (*middle, highest, lowest), strict=True))
                name = f"classes of {subtask.column} rotated"
                faults.append(meaning(name, _change_cells(places, rotated.__getitem__)))
    return faults


def _text(table: Table) -> str:
    return "\n".join(",".join(cells) for cells in table) + "\n"


def _places_of(task: Task, subtasks: Sequence[Subtask]) -> Places:
    """Return a function that finds the columns of some subtasks in a table, in the order of the file.

    It raises LookupError for a run without any of them.
    """
    headings = {heading for subtask in subtasks for heading in subtask.headings}

    def places(table: Table) -> list[int]:
        found = [k for k, cell in enumerate(table[0]) if k and task.official_heading(cell) in headings]
        if not found:
            raise LookupError("the run has none of these columns")
        return found

    return places


def _ids(table: Table) -> list[int]:
    return [0]


def _place(task: Task, table: Table, heading: str) -> int:
    """Return where a column is. Raises LookupError when the run has no such column."""
    headings = [task.official_heading(cell) for cell in table[0]]
    if heading not in headings:
        raise LookupError(heading)
    return headings.index(heading)


def _rename_heading(task: Task, heading: str, variant: str) -> Change:
    def change(table: Table, rng: np.random.Generator) -> Table:
        table[0][_place(task, table, heading)] = variant
        return table

    return change


def _add_row_numbers(table: Table, rng: np.random.Generator) -> Table:
    return [[str(number - 1) if number else "", *cells] for number, cells in enumerate(table)]


def _reverse_columns(table: Table, rng: np.random.Generator) -> Table:
    return [[cells[0], *cells[:0:-1]] for cells in table] if len(table[0]) > 2 else table


def _keep_columns(places: Places) -> Change:
    def change(table: Table, rng: np.random.Generator) -> Table:
        kept = places(table)
        return [[cells[0], *(cells[place] for place in kept)] for cells in table]

    return change


def _change_cells(places: Places, value: Callable[[str], str]) -> Change:
    """Change the cells of some columns, in every row."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        chosen = places(table)
        for cells in table[1:]:
            for place in chosen:
                cells[place] = value(cells[place])
        return table

    return change


def _change_one_cell(places: Places, value: str) -> Change:
    """Change one cell of some columns, drawn at random."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        table[int(rng.integers(1, len(table)))][int(rng.choice(places(table)))] = value
        return table

    return change


def _other_case(name: str) -> str:
    return name.upper() if name != name.upper() else name.lower()


def _reorder_columns(task: Task, subtasks: Sequence[Subtask], order: Sequence[int]) -> Change:
    """Give column k of some subtasks, taken together, the answers of column order[k]."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        places = [_place(task, table, heading) for subtask in subtasks for heading in subtask.headings]
        taken = [places[k] for k in order]
        for cells in table[1:]:
            answers = [cells[place] for place in taken]
            for place, answer in zip(places, answers, strict=True):
                cells[place] = answer
        return table

    return change


def _shifted(n: int, lag: int) -> list[int]:
    return [(place + lag) % n for place in range(n)]


def _swapped(subtask: Subtask, one: str, other: str) -> list[int]:
    order = list(range(len(subtask.labels)))
    a, b = subtask.labels.index(one), subtask.labels.index(other)
    order[a], order[b] = b, a
    return order
