"""The reference of task files as Markdown, made from the table of keys.

python -m submission.taskfile.reference    print it
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from submission.metrics.definition import MEASURES
from submission.taskfile.keys import COLUMN_TYPES, TABLES, TOP, Key, Table
from submission.taskfile.words import AVERAGES, METRICS


def to_markdown() -> str:
    """Return a heading and a table per table of a task file, then the types of columns and the metrics."""
    parts = [_of_table(table) for table in (TOP, *TABLES)]
    types = _rows(
        ["type", "a cell holds", "keys of its own"],
        ((f"`{name}`", text, _keys_of(name)) for name, text in COLUMN_TYPES.items()),
    )
    metrics = _rows(
        ["metric", "what it is", "columns that it reads", "averages, the default first"],
        ((f"`{name}`", METRICS[name], ", ".join(measure.types), _averages(name)) for name, measure in MEASURES.items()),
    )
    averages = _rows(["average", "what is averaged"], ((f"`{name}`", text) for name, text in AVERAGES.items()))
    return "\n".join([*parts, "### Types of columns\n", types, "### Metrics\n", metrics, averages])


def _of_table(table: Table) -> str:
    if not table.name:
        title = "Above all tables"
    elif table.name == "metrics":
        title = "`[[metrics]]`, or `[[subtasks.metrics]]` below a subtask"
    else:
        title = f"`[[{table.name}]]`, once for each" if table.several else f"`[{table.name}]`"
    return f"### {title}\n\n{table.meaning[0].upper()}{table.meaning[1:]}.\n\n" + _rows(
        ["key", "value", "default", "meaning"], map(_row, table.keys)
    )


def _row(key: Key) -> Sequence[str]:
    of = f"`{'`, `'.join(key.of)}` only: " if key.of else ""
    default = "**required**" if key.required else key.default or "not set"
    return f"`{key.name}`", key.type.words, default, f"{of}{key.meaning}"


def _keys_of(type_: str) -> str:
    (columns,) = (table for table in TABLES if table.name == "columns")
    return ", ".join(f"`{key.name}`" for key in columns.keys if type_ in key.of)


def _averages(metric: str) -> str:
    """Return the averages of a metric by what it reads: `one column: a, b; several: c`."""
    names = {"label": "labels", "set": "sets", "one": "one column", "several": "several"}
    by_columns: dict[tuple[str, ...], list[str]] = {}
    for columns, averages in MEASURES[metric].averages.items():
        by_columns.setdefault(averages, []).append(names[columns])
    if len(by_columns) == 1:
        return ", ".join(next(iter(by_columns)))
    return "; ".join(f"{' and '.join(columns)}: {', '.join(averages)}" for averages, columns in by_columns.items())


def _rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    print(to_markdown(), end="")
