"""The JSON Schema of task files, for editors that check and complete TOML.

python -m submission.taskfile.schema    print it
"""

from __future__ import annotations

import json
from typing import Any

from submission.taskfile.keys import INNER, TABLES, TOP, Key, Table


def schema() -> dict[str, Any]:
    """Return the schema (draft 7, which editors know): of what a key may hold by itself, not of contradictions."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Task file of mediaeval",
        **_object(TOP, TABLES),
    }


def _object(table: Table, inner: tuple[Table, ...] = ()) -> dict[str, Any]:
    """Return the schema of a table."""
    keys = {key.name: {"description": _description(key), **key.type.schema} for key in table.keys}
    found: dict[str, Any] = {
        "type": "object",
        "properties": {**keys, **{one.name: _table(one) for one in inner}},
        "required": [key.name for key in table.keys if key.required and not key.of],
        "additionalProperties": False,
    }
    if table.by:
        by = table.key(table.by)
        assert by, f"{table.name} has no key {table.by}"
        found["allOf"] = [_only(table, value) for value in by.type.schema["enum"]]
    return found


def _table(table: Table) -> dict[str, Any]:
    found = _object(table, INNER.get(table.name, ()))
    if table.several:
        return {"description": table.meaning, "type": "array", "items": found, "minItems": 1}
    return {"description": table.meaning, **found}


def _only(table: Table, value: str) -> dict[str, Any]:
    """Return which keys a table has, and must have, where `table.by` has a value."""
    others = {key.name: False for key in table.keys if key.of and value not in key.of}
    required = [key.name for key in table.keys if key.required and value in key.of]
    then: dict[str, Any] = {"properties": others} if others else {}
    return {
        "if": {"properties": {table.by: {"const": value}}, "required": [table.by]},
        "then": {**then, **({"required": required} if required else {})},
    }


def _description(key: Key) -> str:
    default = f" Default: {key.default}." if key.default else ""
    return f"{key.meaning[0].upper()}{key.meaning[1:]}.{default}"


def as_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(as_text(), end="")
