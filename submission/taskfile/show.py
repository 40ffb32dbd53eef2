"""The format of a task's run files in words, as its organisers would write it, with an example."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from submission.kinds import SetKind
from submission.layout import RunKind
from submission.task import Task
from submission.taskfile.example import example_run
from submission.taskfile.words import metric_in_words, rule_in_words
from submission.wording import both, counted

_SIGNS = {",": "a comma", ";": "a semicolon", "\t": "a tab", " ": "a blank", ", ": "a comma and a blank"}
_CONTAINERS = {
    "jsonl": "JSON Lines: an object a line, such as the example's",
    "json": "one JSON object: id → answer",
}
_ENDS = {"lf": "\\n", "crlf": "\\r\\n", "any": "\\n or \\r\\n"}
_ORDERS = {"any": "in any order", "list": "in the order of the list", "sorted": "sorted by id"}
_COVERAGES = {
    "all": "every id of the list once",
    "subset": "ids of the list, each at most once; some may be missing",
    "extra": "every id of the list once; others may be there, too",
}
_SCORING = {
    "lenient": "An absent, unreadable or double answer is a wrong one; ids that are not in the list are ignored.",
    "strict": "A run with any error is not scored.",
}
_MOST_SHOWN = 5  # items of a set


def as_text(task: Task) -> str:
    """Return the format of a task's run files in words, with an example of three rows."""
    return "\n".join(_lines(task))


def to_dict(task: Task) -> dict[str, Any]:
    """Return the same as data."""
    layout = task.layout
    return {
        "task": task.name,
        "title": task.title,
        "source": task.source,
        "notes": _notes(task),
        "file": {
            "container": layout.container,
            "separator": layout.separator if layout.is_table else None,
            "header": list(task.header.cells) if layout.header else None,
            "line_end": layout.line_end,
        },
        "ids": {
            "heading": task.id_column,
            "extension": layout.extension,
            "pattern": layout.id_pattern.text if layout.id_pattern else None,
            "order": layout.order,
            "coverage": layout.coverage,
        },
        "columns": [
            {"heading": column.heading, "type": column.kind.type, "expected": column.kind.expected}
            for column in task.columns
        ],
        "rules": [rule_in_words(rule) for rule in task.rules],
        "runs": [
            {
                "kind": run.kind,
                **{name: getattr(run, name).text if getattr(run, name) else None for name in ("file", "zip", "inner")},
                "required": run.required,
                "most": run.most,
                "about": run.about,
            }
            for run in task.runs
        ],
        "subtasks": [
            {
                "subtask": subtask.name,
                "columns": list(subtask.headings),
                "runs": subtask.max_runs or None,
                "metrics": [
                    {"metric": metric.key, "about": metric_in_words(metric), "signature": metric.signature}
                    for metric in subtask.metrics
                ],
            }
            for subtask in task.subtasks
        ],
        "scoring": task.scoring,
        "example": example_run(task).decode(),
    }


def _lines(task: Task) -> Iterator[str]:
    layout = task.layout
    yield f"{task.title or task.name}"
    if task.source:
        yield task.source
    if notes := _notes(task):
        yield notes
    yield ""
    yield "File"
    if layout.is_table:
        name = "TSV" if layout.container == "tsv" else "CSV"
        yield f"  {name} in UTF-8 without byte-order mark, without quotes; lines end with {_ENDS[layout.line_end]}."
        yield f"  Between two cells: {_SIGNS[layout.separator]}."
    else:
        yield f"  {_CONTAINERS[layout.container]}, in UTF-8 without byte-order mark."
    if layout.is_table and layout.header:
        own = ", as your own dev set writes it" if layout.as_dev_set else ", exactly"
        yield f"  First line{own}:"
        yield f"    {layout.separator.join(task.header.cells)}"
    elif layout.is_table:
        yield "  No header: the first line is a row."
    rows = _COVERAGES[layout.coverage]
    if task.is_ranked:
        rows = rows.replace("every id of the list once", "each document once for every query of the list")
    yield f"  Rows: {rows}; {_ORDERS[layout.order]}."
    yield ""
    yield "Columns" if layout.is_table else "Keys"
    yield from _columns(task)
    if task.rules:
        yield ""
        yield "In each row"
        yield from (f"  {rule_in_words(rule)}" for rule in task.rules)
    if task.runs:
        yield ""
        yield "Runs"
        yield from (f"  {_run(run)}" for run in task.runs)
    yield ""
    several = any(len(subtask.metrics) > 1 for subtask in task.subtasks)
    yield "Scores, the first of which ranks" if several else "Scores"
    for subtask in task.subtasks:
        name = f"{subtask.name}: " if len(task.subtasks) > 1 else ""
        for metric in subtask.metrics:
            yield f"  {name}{metric_in_words(metric)}"
            yield f"    {metric.signature}"
    yield f"  {_SCORING[task.scoring]}"
    yield ""
    yield "Example"
    yield from (f"  {line}" for line in example_run(task).decode().splitlines())


def _notes(task: Task) -> str:
    """Return what the task file says of what is assumed, on one line."""
    return " ".join(str(tomllib.loads(task.text).get("notes", "")).split())


def _columns(task: Task) -> Iterator[str]:
    ids = "the image's file name, with extension" if task.layout.extension else "the id"
    like = f", like {task.layout.id_pattern.text}" if task.layout.id_pattern else ""
    rows = [(task.id_column, "id", f"{ids}{like}")]
    for column in task.columns:
        known = column.kind.items if isinstance(column.kind, SetKind) else ()
        items = f": {', '.join(known[:_MOST_SHOWN])}{', …' * (len(known) > _MOST_SHOWN)}" if known else ""
        rows.append((column.heading, column.kind.type, f"{column.kind.expected}{items}"))
    widths = [max(len(row[place]) for row in rows) for place in (0, 1)]
    for number, (heading, type_, expected) in enumerate(rows, 1):
        yield f"  {number:>{len(str(len(rows)))}}  {heading:{widths[0]}}  {type_:{widths[1]}}  {expected}"


def _run(run: RunKind) -> str:
    """Return a kind of run in words: `open (required): {team}_open.zip with *.csv in it`."""
    file = run.file.text if run.file else "any name"
    if run.zip:
        file = f"{run.zip.text} with {run.inner.text if run.inner else file} in it"
    limits = ["required"] if run.required else []
    limits += [f"at most {counted(run.most, 'run{s}')}"] if run.most else []
    about = f"; {run.about}" if run.about else ""
    return f"{run.kind}{f' ({both(limits)})' if limits else ''}: {file}{about}"
