"""A task, from what a task file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from submission.task import Subtask, Task
from submission.taskfile.columns import Columns, heading_pattern, read_columns
from submission.taskfile.layout import read_layout, read_runs
from submission.taskfile.problems import Problems
from submission.taskfile.rules import read_rules
from submission.taskfile.sections import Section, sections_of
from submission.taskfile.subtasks import read_subtasks
from submission.wording import quoted


def build_task(tree: Mapping[str, Any], problems: Problems) -> Task | None:
    """Return the task that a tree of TOML describes; None, with everything that is wrong, where it describes none."""
    top = sections_of(tree, problems)
    columns = read_columns(top, problems)
    rules = read_rules(top, columns, problems)
    layout = read_layout(top, columns, problems)
    runs = read_runs(top, problems)
    subtasks = read_subtasks(top, columns, rules, problems)
    (ids,), (scoring,), (selftest,) = (top.tables[name] for name in ("id", "scoring", "selftest"))
    variants = _variants(selftest, columns, problems)
    confusable = _confusable(selftest, subtasks, columns, problems)
    if problems:
        return None
    return Task(
        top.get("name"),
        subtasks,
        ids.get("column", "id"),
        tuple(alias.lower() for alias in ids.get("aliases", ())),
        heading_pattern(top, problems),
        variants,
        confusable,
        layout,
        tuple(one.column for one in columns),
        rules,
        runs,
        scoring.get("rule", "lenient"),
        top.get("title", ""),
        top.get("source", ""),
    )


def _variants(selftest: Section, columns: Columns, problems: Problems) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(pair) for pair in selftest.get("heading_variants", ())]
    for heading, _ in pairs:
        if heading not in columns.names and columns.complete:
            problem = f"got {quoted(heading)}; expected the heading of a column first."
            problems.add(selftest.at("heading_variants"), problem, heading, columns.names)
    return tuple((first, second) for first, second in pairs)


def _confusable(
    selftest: Section, subtasks: tuple[Subtask, ...], columns: Columns, problems: Problems
) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(pair) for pair in selftest.get("confusable_labels", ())]
    labels = [set(subtask.labels) for subtask in subtasks]
    for pair in pairs:
        if columns.complete and not any(set(pair) <= own for own in labels):
            problem = f"got {quoted(list(pair))}; expected two labels of one subtask."
            problems.add(selftest.at("confusable_labels"), problem)
    return tuple((first, second) for first, second in pairs)
