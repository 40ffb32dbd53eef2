"""Run files in JSON, written from cells.

The containers are described in `submission.check.json_rows`, which reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from submission.check.json_cells import json_type
from submission.jsonfile import Number
from submission.kinds import Kind, SetKind
from submission.task import Header

Row = tuple[str, Sequence[str]]  # id, the cells of the other columns


def format_json(header: Header, rows: Iterable[Row]) -> bytes:
    """Return the bytes of a run file in JSON: UTF-8, an id (`json`) or an object (`jsonl`) on each line.

    The cells of each row are in the order of `header.cells`, and allowed by their columns.
    """
    kinds = [header.task.kind_of[heading] for heading in header.headings if heading is not None]
    keys = [json.dumps(key, ensure_ascii=False) for key in header.cells]

    def of_row(image_id: str, cells: Sequence[str]) -> str:
        members = [f"{key}: {_value(kind, cell)}" for key, kind, cell in zip(keys[1:], kinds, cells, strict=True)]
        if header.task.layout.container == "jsonl":
            members.insert(0, f"{keys[0]}: {json.dumps(image_id, ensure_ascii=False)}")
        return "{" + ", ".join(members) + "}"

    if header.task.layout.container == "jsonl":
        return "".join(of_row(*row) + "\n" for row in rows).encode()
    if len(header.task.columns) == 1:
        of_ids = ((name, _value(kinds[0], cell)) for name, (cell,) in rows)
    else:
        of_ids = ((name, of_row(name, cells)) for name, cells in rows)
    entries = [f"{json.dumps(name, ensure_ascii=False)}: {answer}" for name, answer in of_ids]
    return ("{\n" + ",\n".join(entries) + "\n}\n").encode()


def _value(kind: Kind, cell: str) -> str:
    """Return a cell as JSON."""
    if isinstance(kind, SetKind):
        return json.dumps(list(kind.read(cell)), ensure_ascii=False)
    return cell if json_type(kind) is Number else json.dumps(cell, ensure_ascii=False)
