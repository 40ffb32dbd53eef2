"""The ways in which run files go wrong, tried on a sound one to see whether the check detects each.

    for fault in faults_of(task):
        spoilt = spoil(fault, data, rng)   # None where the file gives no occasion for it

A fault of form changes how the file is written; a fault of meaning leaves a well-formed file that gives images or
headings the labels of others, which only the images can reveal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from submission.task import Subtask, Task

if TYPE_CHECKING:
    import numpy as np

Table = list[list[str]]  # the header's cells, then each row's
Change = Callable[[Table, "np.random.Generator"], Table | str | bytes]
Places = Callable[[Table], list[int]]  # where some columns are
FORM, MEANING = "form", "meaning"


@dataclass(frozen=True)
class Fault:
    """One way to spoil a file. `change` takes the table of its cells, and gives another or the whole file's text."""

    name: str
    kind: str
    change: Change


def spoil(fault: Fault, data: bytes, rng: np.random.Generator) -> bytes | None:
    """Return the bytes of a sound run file with a fault; None if the fault changes nothing or is not possible in it."""
    table = [line.split(",") for line in data.decode().removesuffix("\n").split("\n")]
    try:
        result = fault.change([list(cells) for cells in table], rng)
    except LookupError:  # a column or a value that this run does not have
        return None
    if isinstance(result, list):
        result = _text(result)
    result = result.encode() if isinstance(result, str) else result
    return None if result == data else result


def faults_of(task: Task) -> tuple[Fault, ...]:
    """Return the ways to spoil a run file of a task, faults of form first."""
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

    faults = [
        meaning("labels slipped by one row", _reorder_labels(_slip(0, 1))),
        meaning("labels slipped the other way", _reorder_labels(_slip(0, -1))),
        meaning("labels slipped by ten rows", _reorder_labels(_slip(0, 10))),
        meaning("slip from a row in the first half on", _reorder_labels(_slip(0.5, 1))),
        meaning("slip of three from a row in the first half on", _reorder_labels(_slip(0.5, -3))),
        meaning("halves exchanged", _reorder_labels(lambda n, rng: [*range(n // 2, n), *range(n // 2)])),
        meaning("quarters exchanged", _reorder_labels(_exchange_quarters)),
        meaning("labels backwards", _reorder_labels(lambda n, rng: list(range(n))[::-1])),
        meaning("labels in the order of sorted ids", _sort_labels_by_id),
        meaning("labels shuffled", _reorder_labels(lambda n, rng: list(rng.permutation(n)))),
        meaning("labels shuffled inside batches", _reorder_labels(_shuffle_inside_batches)),
        meaning("batches of rows in another order", _reorder_labels(_reorder_batches)),
        meaning("labels of two workers one after another", _reorder_labels(_workers_in_turn(2))),
        meaning("labels of four workers one after another", _reorder_labels(_workers_in_turn(4))),
        meaning("labels of four workers in turn", _reorder_labels(_workers_one_by_one(4))),
        meaning("labels of a row dropped, the next ones moved up", _reorder_labels(_drop_row)),
        meaning("labels of a row doubled, the next ones moved down", _reorder_labels(_double_row)),
        meaning("one answer for all images", _reorder_labels(lambda n, rng: [int(rng.integers(n))] * n)),
    ]
    if len(task.subtasks) > 1:
        for subtask in task.subtasks:
            change = _reorder_labels(_slip(0, 1), _places_of(task, [subtask]))
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


def _reorder_labels(order: Callable[[int, np.random.Generator], list[int]], places: Places | None = None) -> Change:
    """Leave the ids and give row i the labels of row order[i]: all of them, or those of some columns."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        rows = table[1:]
        moved = set(range(1, len(table[0])) if places is None else places(table))
        if len(moved) == len(table[0]) - 1 and places is not None:
            raise LookupError("the run has no other columns")
        return [
            table[0],
            *(
                [rows[k][place] if place in moved else cell for place, cell in enumerate(cells)]
                for cells, k in zip(rows, order(len(rows), rng), strict=True)
            ),
        ]

    return change


def _slip(first: float, lag: int) -> Callable[[int, np.random.Generator], list[int]]:
    """Return an order of labels that slip by `lag` rows from a random row on, in the first `first` of the file."""

    def order(n: int, rng: np.random.Generator) -> list[int]:
        start = int(rng.integers(0, max(int(first * n), 1)))
        part = list(range(start, n))
        return [*range(start), *(part[lag:] + part[:lag])]

    return order


def _exchange_quarters(n: int, rng: np.random.Generator) -> list[int]:
    quarter = n // 4
    return [*range(2 * quarter, 3 * quarter), *range(quarter, 2 * quarter), *range(quarter), *range(3 * quarter, n)]


_BATCH = 32  # rows, or a quarter of a shorter file


def _batches_of(n: int) -> list[list[int]]:
    size = max(min(_BATCH, n // 4), 1)
    return [list(range(start, min(start + size, n))) for start in range(0, n, size)]


def _shuffle_inside_batches(n: int, rng: np.random.Generator) -> list[int]:
    return [int(k) for batch in _batches_of(n) for k in rng.permutation(batch)]


def _reorder_batches(n: int, rng: np.random.Generator) -> list[int]:
    import numpy as np

    batches = _batches_of(n)
    order = rng.permutation(len(batches))
    if (order == np.arange(len(batches))).all():
        order = order[::-1]
    return [k for place in order for k in batches[place]]


def _workers_in_turn(workers: int) -> Callable[[int, np.random.Generator], list[int]]:
    """Return an order of labels that each worker made of every so many images, written one worker after another."""
    return lambda n, rng: [k for worker in range(workers) for k in range(worker, n, workers)]


def _workers_one_by_one(workers: int) -> Callable[[int, np.random.Generator], list[int]]:
    """Return an order of labels that each worker made of a part of the file, written in turn."""

    def order(n: int, rng: np.random.Generator) -> list[int]:
        size = -(-n // workers)
        return [k for first in range(size) for k in range(first, n, size)]

    return order


def _drop_row(n: int, rng: np.random.Generator) -> list[int]:
    """Return an order without a row of the first half; the last row keeps its labels."""
    dropped = int(rng.integers(0, max(n // 2, 1)))
    return [*range(dropped), *range(dropped + 1, n), n - 1]


def _double_row(n: int, rng: np.random.Generator) -> list[int]:
    """Return an order with a row of the first half twice; the last row's labels are lost."""
    doubled = int(rng.integers(0, max(n // 2, 1)))
    return [*range(doubled + 1), *range(doubled, n - 1)]


def _sort_labels_by_id(table: Table, rng: np.random.Generator) -> Table:
    """Leave the ids and write the labels in the order of the sorted ids."""
    rows = table[1:]
    taken = sorted(range(len(rows)), key=lambda k: rows[k][0])
    return [table[0], *([cells[0], *rows[k][1:]] for cells, k in zip(rows, taken, strict=True))]


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
