"""The ways a run file goes wrong, to be tried on a sound one: does the check catch each?

    for fault in FAULTS:
        spoilt = spoil(fault, data, rng)   # None where the file gives no occasion for it

A fault of form breaks the file's letters; a fault of meaning leaves a well-formed file that says of images what was
predicted for others, or of labels what was meant for others. Only the images can tell the latter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.tasks import TASKS, official_heading

if TYPE_CHECKING:
    import numpy as np

Table = list[list[str]]  # the header's cells, then each row's
FORM, MEANING = "form", "meaning"


@dataclass(frozen=True)
class Fault:
    """One way to spoil a file. `spoil` changes a table (cells), or the text of the whole file."""

    name: str
    kind: str
    spoil: Callable[[Table, np.random.Generator], Table | str | bytes]


def spoil(fault: Fault, data: bytes, rng: np.random.Generator) -> bytes | None:
    """Return a sound run file's bytes, spoilt; None where the fault changes nothing or needs what the file lacks."""
    table = [line.split(",") for line in data.decode().removesuffix("\n").split("\n")]
    try:
        result = fault.spoil([list(cells) for cells in table], rng)
    except LookupError:  # a column or a value that this run does not have
        return None
    if isinstance(result, list):
        result = "\n".join(",".join(cells) for cells in result) + "\n"
    result = result.encode() if isinstance(result, str) else result
    return None if result == data else result


def _text(table: Table) -> str:
    return "\n".join(",".join(cells) for cells in table) + "\n"


def _place(table: Table, heading: str) -> int:
    """Where a column stands; LookupError when the run has no such column."""
    headings = [official_heading(cell) for cell in table[0]]
    return headings.index(heading) if heading in headings else _lacks(heading)


def _lacks(what: str) -> int:
    raise LookupError(what)


def _block(table: Table, subtask: str) -> list[int]:
    """Where a subtask's columns stand; LookupError when the run leaves it out."""
    return [_place(table, heading) for heading in TASKS[subtask].headings]


def _numbers(table: Table) -> list[int]:
    """Where columns of 0 and 1 stand; LookupError when the run has none."""
    places = [k for k, cell in enumerate(table[0]) if (official_heading(cell) or "T1") != "T1"]
    return places or [_lacks("T2, T3")]


def _heading(old: str, new: str):
    def change(table: Table, rng) -> Table:
        table[0][_place(table, old)] = new
        return table

    return change


def _cells(places: Callable[[Table], list[int]], value: Callable[[str], str], share: float = 1.0):
    """Change the cells of some columns, in a share of the rows."""

    def change(table: Table, rng) -> Table:
        chosen = places(table)
        for cells in table[1:]:
            if rng.random() < share:
                for place in chosen:
                    cells[place] = value(cells[place])
        return table

    return change


def _one_cell(places: Callable[[Table], list[int]], value: str):
    def change(table: Table, rng) -> Table:
        table[int(rng.integers(1, len(table)))][int(rng.choice(places(table)))] = value
        return table

    return change


def _t1(table: Table) -> list[int]:
    return [_place(table, "T1")]


def _ids(value: Callable[[str], str]):
    return _cells(lambda table: [0], value)


def _rows(change: Callable[[Table, np.random.Generator], Table]):
    """Change the rows below the header."""
    return lambda table, rng: [table[0], *change(table[1:], rng)]


def _labels(order: Callable[[int, np.random.Generator], list[int]]):
    """Leave the ids and give row i the labels of row order[i]."""

    def change(table: Table, rng) -> Table:
        rows = table[1:]
        taken = order(len(rows), rng)
        return [table[0], *([cells[0], *rows[k][1:]] for cells, k in zip(rows, taken, strict=True))]

    return change


def _slip(first: float, lag: int):
    """Order of labels that slip by `lag` rows from a random row on, in the part of the file before `first` of it."""

    def order(n: int, rng) -> list[int]:
        start = int(rng.integers(0, max(int(first * n), 1)))
        part = list(range(start, n))
        return [*range(start), *(part[lag:] + part[:lag])]

    return order


def _exchange(n: int, rng) -> list[int]:
    quarter = n // 4
    return [*range(2 * quarter, 3 * quarter), *range(quarter, 2 * quarter), *range(quarter), *range(3 * quarter, n)]


def _columns(subtask: str, order: Callable[[int], list[int]]):
    """Give column k of a subtask the answers of its column order[k]."""

    def change(table: Table, rng) -> Table:
        places = _block(table, subtask)
        taken = [places[k] for k in order(len(places))]
        for cells in table[1:]:
            answers = [cells[place] for place in taken]
            for place, answer in zip(places, answers, strict=True):
                cells[place] = answer
        return table

    return change


def _swap(one: str, other: str):
    def change(table: Table, rng) -> Table:
        a, b = _place(table, one), _place(table, other)
        for cells in table[1:]:
            cells[a], cells[b] = cells[b], cells[a]
        return table

    return change


def _exchange_subtasks(table: Table, rng) -> Table:
    """T3's answers before T2's, under the headings as they were."""
    places = [*_block(table, "subtask2"), *_block(table, "subtask3")]
    taken = [*places[7:], *places[:7]]
    for cells in table[1:]:
        answers = [cells[place] for place in taken]
        for place, answer in zip(places, answers, strict=True):
            cells[place] = answer
    return table


def _rename_classes(names: dict[str, str]):
    return _cells(_t1, lambda cell: names[cell])


def _by_id(table: Table, rng) -> Table:
    """Labels in the order of their ids sorted, beside the ids as they stand."""
    rows = table[1:]
    taken = sorted(range(len(rows)), key=lambda k: rows[k][0])
    return [table[0], *([cells[0], *rows[k][1:]] for cells, k in zip(rows, taken, strict=True))]


def _flip(cell: str) -> str:
    return "1" if cell == "0" else "0"


# One row a fault, form first.
# fmt: off
FAULTS: tuple[Fault, ...] = (
    Fault("byte-order mark", FORM, lambda t, r: "\ufeff" + _text(t)),
    Fault("UTF-16", FORM, lambda t, r: _text(t).encode("utf-16")),
    Fault("CR LF line ends", FORM, lambda t, r: _text(t).replace("\n", "\r\n")),
    Fault("CR line ends", FORM, lambda t, r: _text(t).replace("\n", "\r")),
    Fault("no last line end", FORM, lambda t, r: _text(t).rstrip("\n")),
    Fault("semicolons", FORM, lambda t, r: _text(t).replace(",", ";")),
    Fault("tabs", FORM, lambda t, r: _text(t).replace(",", "\t")),
    Fault("everything quoted", FORM, lambda t, r: [[f'"{cell}"' for cell in cells] for cells in t]),
    Fault("empty file", FORM, lambda t, r: ""),
    Fault("header only", FORM, lambda t, r: t[:1]),
    Fault("no header", FORM, lambda t, r: t[1:]),
    Fault("header twice", FORM, lambda t, r: [*t, t[0]]),
    Fault("comment line", FORM, lambda t, r: "# run 1\n" + _text(t)),
    Fault("blank line", FORM, lambda t, r: _text(t) + "\n"),
    Fault("Empathetic pain", FORM, _heading("T3.4: Emphatic pain", "T3.4: Empathetic pain")),
    Fault("T3.10 tidied", FORM, _heading("T3.10:surprise", "T3.10: Surprise")),
    Fault("id column renamed", FORM, lambda t, r: [["image", *t[0][1:]], *t[1:]]),
    Fault("row numbers before the ids", FORM, lambda t, r: [[str(k - 1) if k else "", *c] for k, c in enumerate(t)]),
    Fault("column missing", FORM, lambda t, r: [cells[:-1] for cells in t]),
    Fault("column twice", FORM, lambda t, r: [[*cells, cells[-1]] for cells in t]),
    Fault("columns with headings reordered", FORM, lambda t, r: [[c[0], *c[:0:-1]] for c in t] if len(t[0]) > 2 else t),
    Fault("line cut short", FORM, lambda t, r: _text(t)[:-4] + "\n"),
    Fault("comma at the end of lines", FORM, lambda t, r: [[*cells, ""] for cells in t]),
    Fault("floats 1.0", FORM, _cells(_numbers, lambda cell: f"{cell}.0")),
    Fault("True and False", FORM, _cells(_numbers, lambda cell: str(cell == "1"))),
    Fault("one probability", FORM, _one_cell(_numbers, "0.73")),
    Fault("one empty cell", FORM, _one_cell(_numbers, "")),
    Fault("one nan", FORM, _one_cell(_numbers, "nan")),
    Fault("one 2", FORM, _one_cell(_numbers, "2")),
    Fault("Negative with a capital", FORM, _cells(_t1, str.capitalize)),
    Fault("class numbers in T1", FORM, _cells(_t1, lambda c: str(TASKS["subtask1"].labels.index(c)))),
    Fault("blanks around cells", FORM, _cells(_t1, lambda cell: f" {cell}")),
    Fault("extensions on ids", FORM, _ids(lambda i: f"{i}.jpg")),
    Fault("folder before ids", FORM, _ids(lambda i: f"images/{i}")),
    Fault("ids in capitals", FORM, _ids(lambda i: i.upper() if i != i.upper() else i.lower())),
    Fault("blank behind ids", FORM, _ids(lambda i: f"{i} ")),
    Fault("an id left out", FORM, _rows(lambda rows, r: rows[:-1])),
    Fault("an id twice", FORM, _rows(lambda rows, r: [*rows, rows[0]])),
    Fault("an unknown id", FORM, _rows(lambda rows, r: [*rows, ["unknown-image", *rows[0][1:]]])),
    Fault("subtask 1 alone", FORM, lambda t, r: [[c[0], c[_place(t, "T1")]] for c in t]),
    Fault("labels slipped by one row", MEANING, _labels(_slip(0, 1))),
    Fault("labels slipped the other way", MEANING, _labels(_slip(0, -1))),
    Fault("labels slipped by ten rows", MEANING, _labels(_slip(0, 10))),
    Fault("slip from a row in the first half on", MEANING, _labels(_slip(0.5, 1))),
    Fault("slip of three from a row in the first half on", MEANING, _labels(_slip(0.5, -3))),
    Fault("halves exchanged", MEANING, _labels(lambda n, r: [*range(n // 2, n), *range(n // 2)])),
    Fault("quarters exchanged", MEANING, _labels(_exchange)),
    Fault("labels backwards", MEANING, _labels(lambda n, r: list(range(n))[::-1])),
    Fault("labels in the order of sorted ids", MEANING, _by_id),
    Fault("labels shuffled", MEANING, _labels(lambda n, r: list(r.permutation(n)))),
    Fault("Sadness and Fear swapped in T2", MEANING, _swap("T2.2: Sadness", "T2.3: Fear")),
    Fault("Joy and Sadness swapped in T2", MEANING, _swap("T2.1: Joy", "T2.2: Sadness")),
    Fault("Anxiety and Joy swapped in T3", MEANING, _swap("T3.2: Anxiety", "T3.7: Joy")),
    Fault("T2 slipped by a column", MEANING, _columns("subtask2", lambda n: [*range(1, n), 0])),
    Fault("T3 slipped by a column", MEANING, _columns("subtask3", lambda n: [n - 1, *range(n - 1)])),
    Fault("T3.10 before T3.2", MEANING, _columns("subtask3", lambda n: [0, n - 1, *range(1, n - 1)])),
    Fault("T2 and T3 exchanged", MEANING, _exchange_subtasks),
    Fault("T2 inverted", MEANING, _cells(lambda t: _block(t, "subtask2"), _flip)),
    Fault("T3 inverted", MEANING, _cells(lambda t: _block(t, "subtask3"), _flip)),
    Fault("negative and positive exchanged", MEANING,
          _rename_classes({"negative": "positive", "neutral": "neutral", "positive": "negative"})),
    Fault("classes turned round", MEANING,
          _rename_classes({"negative": "neutral", "neutral": "positive", "positive": "negative"})),
)
# fmt: on
