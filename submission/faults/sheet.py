"""The run file of any task as a table of cells: read, written as its layout says, and whether it is still sound.

This is not the code by which runs are written and checked: the two cannot share a mistake.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from submission.faults.fault import Change, Table
from submission.kinds import ConstantKind, DocumentKind, FlagKind, Kind, LabelKind, RankKind, ScoreKind, SetKind
from submission.task import Task

if TYPE_CHECKING:
    import numpy as np

_LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "any": "\n"}


class Raw(str):
    """A cell that is written into JSON as it is, rather than as a value of its column."""

    __slots__ = ()


def read_sheet(data: bytes, task: Task) -> Table:
    """Return the headings and the cells of a sound run file; the headings are there in a file without header as well.

    Objects in JSON have their keys in the order of the columns.
    """
    layout, headings = task.layout, [task.id_column, *(column.heading for column in task.columns)]
    text = data.decode()
    if layout.is_table:
        lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
        table = [line.split(layout.separator) for line in lines]
        return table if layout.header else [headings[: len(table[0])], *table]
    if layout.container == "jsonl":
        rows = [json.loads(line, parse_float=str, parse_int=str) for line in text.splitlines()]
    else:
        answers = json.loads(text, parse_float=str, parse_int=str)
        single = len(task.columns) == 1
        rows = [
            {task.id_column: name, **({headings[1]: answer} if single else answer)} for name, answer in answers.items()
        ]
    present = [heading for heading in headings if heading in rows[0]]
    return [present, *([_cell(row[heading], task.kind_of.get(heading)) for heading in present] for row in rows)]


def write_sheet(
    table: Table, task: Task, *, header: bool | None = None, separator: str | None = None, quote: str = ""
) -> str:
    """Return the text of a file; `header`, `separator` and `quote` in place of those of the layout."""
    layout = task.layout
    if layout.is_table:
        between = layout.separator if separator is None else separator
        lines = table if (layout.header if header is None else header) else table[1:]
        end = _LINE_ENDS[layout.line_end]
        return "".join(between.join(f"{quote}{cell}{quote}" for cell in cells) + end for cells in lines)
    rows = [of_row(cells, table[0], task) for cells in table[1:]]
    if layout.container == "jsonl":
        return "".join("{" + ", ".join(f"{key}: {value}" for key, value in row) + "}\n" for row in rows)
    entries = []
    for (_, name), *answer in rows:
        inside = ", ".join(f"{key}: {value}" for key, value in answer)
        entries.append(f"{name}: {answer[0][1] if len(task.columns) == 1 and answer else '{' + inside + '}'}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def of_row(cells: list[str], headings: list[str], task: Task) -> list[tuple[str, str]]:
    """Return the key and the value of each cell, as JSON has them."""
    return [
        (json.dumps(heading), json_value(cell, task.kind_of.get(task.official_heading(heading) or "")))
        for heading, cell in zip(headings, cells, strict=False)
    ]


def json_value(cell: str, kind: Kind | None) -> str:
    """Return a cell as JSON has it."""
    while isinstance(kind, ConstantKind):
        kind = kind.kind
    if isinstance(cell, Raw):
        return cell
    if isinstance(kind, SetKind):
        return json.dumps(cell.split(kind.separator) if cell else [])
    numbers = isinstance(kind, LabelKind) and all(
        label.isdecimal() and str(int(label)) == label for label in kind.labels
    )
    if (numbers or isinstance(kind, FlagKind | ScoreKind | RankKind)) and is_json_number(cell):
        return cell
    return json.dumps(cell)


def is_json_number(cell: str) -> bool:
    """Return whether a cell can be written as a number of JSON."""
    try:
        return type(json.loads(cell)) in (int, float) and cell == cell.strip()
    except ValueError:
        return False


def is_sound(table: Table, task: Task) -> bool:
    """Return whether each cell, each row and each ranked list is as the task wants it; ids are not looked at."""
    kinds = [task.kind_of[task.official_heading(heading) or ""] for heading in table[0][1:]]
    lists: dict[str, list[dict[str, object]]] = {}
    for name, *cells in table[1:]:
        if len(cells) != len(kinds):
            return False
        try:
            values = [kind.read(cell) for kind, cell in zip(kinds, cells, strict=True)]
        except ValueError:
            return False
        row: dict[str, object] = dict(zip(table[0][1:], values, strict=True))
        if any(rule.problem(row) for rule in task.rules):
            return False
        lists.setdefault(name, []).append(row)
    for place, kind in enumerate(kinds, 1):
        if isinstance(kind, ConstantKind) and len({cells[place] for cells in table[1:]}) > 1:
            return False
    return all(_is_ranked(rows, kinds, table[0][1:]) for rows in lists.values())


def _is_ranked(rows: list[dict[str, object]], kinds: list[Kind], headings: list[str]) -> bool:
    of = {type(kind): heading for kind, heading in zip(kinds, headings, strict=True)}
    ranks = next((kind for kind in kinds if isinstance(kind, RankKind)), None)
    if ranks is None:
        return True
    rows = sorted(rows, key=lambda row: str(row[of[RankKind]]).zfill(9))
    if [row[of[RankKind]] for row in rows] != list(range(ranks.first, ranks.first + len(rows))):
        return False
    scores = [float(str(row[of[ScoreKind]])) for row in rows] if ScoreKind in of else []
    documents = {row[of[DocumentKind]] for row in rows}
    return len(documents) == len(rows) and scores == sorted(scores, reverse=True)


def if_unsound(task: Task, change: Change) -> Change:
    """Return a change that is no occasion where the table is still sound, or the same."""

    def only(table: Table, rng: np.random.Generator) -> Table | str | bytes:
        before = [list(cells) for cells in table]
        after = change(table, rng)
        if isinstance(after, list) and (after == before or is_sound(after, task)):
            raise LookupError("the file is still sound")
        return after

    return only


def if_sound(task: Task, change: Change) -> Change:
    """Return a change that is no occasion where the table is no longer sound."""

    def only(table: Table, rng: np.random.Generator) -> Table | str | bytes:
        after = change(table, rng)
        if isinstance(after, list) and not is_sound(after, task):
            raise LookupError("the file is no longer sound")
        return after

    return only


def place_of(table: Table, task: Task, heading: str) -> int:
    """Return where a column is. Raises LookupError for a run that lacks it."""
    for place, cell in enumerate(table[0]):
        if place and task.official_heading(cell) == heading:
            return place
    raise LookupError(heading)


def _cell(value: object, kind: Kind | None) -> str:
    if isinstance(value, list):
        assert isinstance(kind, SetKind), "another kind than a set is a list"
        return kind.separator.join(value)
    return str(value)
