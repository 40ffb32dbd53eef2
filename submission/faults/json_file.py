"""Faults of JSON: its form, its keys, and the types of its values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from submission.faults.fault import FORM, Change, Fault, Table
from submission.faults.sheet import Raw, json_value, of_row, write_sheet
from submission.task import Task

if TYPE_CHECKING:
    import numpy as np


def faults_of_json(task: Task) -> list[Fault]:
    """Return the faults of a file in JSON that are of no single kind of column."""
    text = partial(write_sheet, task=task)
    by_id = task.layout.container == "json"

    def form(name: str, change: Change) -> Fault:
        return Fault(name, FORM, change, task)

    faults = [
        form("byte-order mark", lambda table, rng: "\ufeff" + text(table)),
        form("UTF-16", lambda table, rng: text(table).encode("utf-16")),
        form("empty file", lambda table, rng: ""),
        form("an empty object", lambda table, rng: "{}\n"),
        form("one list of objects", lambda table, rng: "[" + ",\n".join(_objects(table, task)) + "]\n"),
        form("a table in place of JSON", lambda table, rng: "".join(",".join(cells) + "\n" for cells in table)),
        form("single quotes", lambda table, rng: text(table).replace('"', "'")),
        form(
            "a comma behind the last value",
            lambda table, rng: re.sub(r"(?=\s*\}\s*\Z)", ",", text(table), count=1),
        ),
        form("cut short", lambda table, rng: text(table)[: -len(text(table)) // 3].rstrip("\n }") + "\n"),
        form("two files in one", lambda table, rng: text(table) + text(table)),
        form("values as text", _values(task, lambda raw: json.dumps(raw) if raw[:1] not in '"[' else raw)),
        form("a value null", _one_value(task, lambda raw: "null")),
        form("a value in a list", _one_value(task, lambda raw: f"[{raw}]")),
        form("a value in an object", _one_value(task, lambda raw: f'{{"value": {raw}}}')),
        form("text as numbers", _values(task, lambda raw: "1" if raw.startswith('"') else raw)),
        form(
            "lists as text",
            _values(task, lambda raw: json.dumps(";".join(json.loads(raw))) if raw.startswith("[") else raw),
        ),
    ]
    if by_id:
        faults.append(form("an object a line", lambda table, rng: "\n".join(_objects(table, task)) + "\n"))
    else:
        faults += [
            form("ids as numbers", _ids_as_numbers),
            form("a blank line", lambda table, rng: text(table) + "\n"),
            form("one object over all ids", lambda table, rng: _as_one_object(table, task)),
            form("objects over several lines", lambda table, rng: text(table).replace("{", "{\n")),
            form("an id null", lambda table, rng: [*table[:-1], [Raw("null"), *table[-1][1:]]]),
        ]
    if not by_id or len(task.columns) > 1:
        faults += [
            form("a key twice", _twice(task)),
            form("a key missing in one object", lambda table, rng: [*table[:-1], table[-1][:-1]]),
        ]
    return faults


def _objects(table: Table, task: Task) -> list[str]:
    rows = (of_row(cells, table[0], task) for cells in table[1:])
    return ["{" + ", ".join(f"{key}: {value}" for key, value in row) + "}" for row in rows]


def _as_one_object(table: Table, task: Task) -> str:
    entries = []
    for cells in table[1:]:
        (_, name), *answer = of_row(cells, table[0], task)
        entries.append(f"{name}: {{" + ", ".join(f"{key}: {value}" for key, value in answer) + "}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def _values(task: Task, value: Callable[[str], str]) -> Change:
    """Change the JSON of every value."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        kinds = [task.kind_of[task.official_heading(heading) or ""] for heading in table[0][1:]]
        return [
            table[0],
            *(
                [name, *(Raw(value(json_value(cell, kind))) for cell, kind in zip(cells, kinds, strict=True))]
                for name, *cells in table[1:]
            ),
        ]

    return change


def _one_value(task: Task, value: Callable[[str], str]) -> Change:
    """Change the JSON of one value, drawn at random."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        place = int(rng.integers(1, len(table[0])))
        cells = table[int(rng.integers(1, len(table)))]
        kind = task.kind_of[task.official_heading(table[0][place]) or ""]
        cells[place] = Raw(value(json_value(cells[place], kind)))
        return table

    return change


def _ids_as_numbers(table: Table, rng: np.random.Generator) -> Table:
    if not all(cells[0].isdecimal() and cells[0] == str(int(cells[0])) for cells in table[1:]):
        raise LookupError("the ids are no numbers")
    return [table[0], *([Raw(name), *cells] for name, *cells in table[1:])]


def _twice(task: Task) -> Change:
    def change(table: Table, rng: np.random.Generator) -> str:
        return write_sheet([[*cells, cells[-1]] for cells in table], task)

    return change
