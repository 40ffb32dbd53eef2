"""The JSON Schema that editors use: current, and as strict as the check where a schema can be."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from submission.taskfile import task_names, task_path
from submission.taskfile.schema import as_text, schema

FILE = Path(__file__).parents[3] / "docs" / "task.schema.json"


def test_the_file_is_current():
    assert FILE.read_text(encoding="utf-8") == as_text(), (
        "write it: python -m submission.taskfile.schema > docs/task.schema.json"
    )


@pytest.mark.parametrize("name", task_names())
def test_shipped_files_fit(name):
    assert list(wrong(tomllib.loads(task_path(name).read_text(encoding="utf-8")), schema())) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('name = "a b"', ".name: pattern"),
        ("x = 1", ": required name"),
        ('name = "a"\nx = 1', ".x: unknown"),
        ('name = "a"\n[[columns]]\nheading = "a"\ntype = "flg"', ".columns.0.type: enum"),
        ('name = "a"\n[[columns]]\nheading = "a"\ntype = "flag"\nlow = 1', ".columns.0.low: unknown"),
        ('name = "a"\n[[rules]]\nrule = "sum"\ncolumns = ["a", "b"]', ".rules.0: required total"),
    ],
)
def test_what_an_editor_marks(text, problem):
    assert problem in list(wrong(tomllib.loads(text), schema()))


def wrong(value: Any, rule: Any, place: str = ""):
    """Yield what a value has against a schema: the few words of JSON Schema that ours uses."""
    import re

    if rule is False:
        yield f"{place}: unknown"
        return
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    if "type" in rule and not isinstance(value, kinds[rule["type"]]):
        yield f"{place}: type"
        return
    if "enum" in rule and value not in rule["enum"]:
        yield f"{place}: enum"
    if "const" in rule and value != rule["const"]:
        yield f"{place}: const"
    if "pattern" in rule and not re.search(rule["pattern"], value):
        yield f"{place}: pattern"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from wrong(item, rule.get("items", {}), f"{place}.{number}")
    if isinstance(value, dict):
        yield from (f"{place}: required {key}" for key in rule.get("required", ()) if key not in value)
        for key, inner in value.items():
            known = rule.get("properties", {})
            if key in known:
                yield from wrong(inner, known[key], f"{place}.{key}")
            elif rule.get("additionalProperties", True) is False:
                yield f"{place}.{key}: unknown"
    for one in rule.get("allOf", ()):
        if not list(wrong(value, one["if"], place)):
            yield from wrong(value, one["then"], place)
