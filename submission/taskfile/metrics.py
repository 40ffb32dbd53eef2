"""The metrics of a task file: the tables are read by `submission.metrics`, here their problems get their places."""

from __future__ import annotations

from collections.abc import Sequence

from submission.kinds import Column
from submission.metrics import Metric
from submission.metrics.reading import read_metrics as read_tables
from submission.taskfile.problems import Problems
from submission.taskfile.sections import Section


def read_metrics(
    sections: Sequence[Section], columns: Sequence[Column], short: str, problems: Problems
) -> tuple[Metric, ...]:
    """Return the metrics of a subtask, the usual one where it has no tables; add everything that is wrong with them.

    columns  of the subtask
    short    its columns in one word, for signatures
    """
    right = [section for section in sections if not section.wrong]  # what is wrong by itself has been told
    metrics, found = read_tables([section.values for section in right], columns, short=short)
    for problem in found if right or not sections else ():
        section = right[problem.table] if right else Section(())
        problems.add(section.at(problem.key), problem.message)
    return metrics
