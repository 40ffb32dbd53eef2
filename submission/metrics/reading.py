"""Tables of a task file → metrics. What is not given follows from the columns; what contradicts them is a problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from submission.kinds import Column
from submission.metrics.definition import Metric
from submission.metrics.table import MetricTable

if TYPE_CHECKING:
    from submission.task import Subtask

_DEFAULTS = {"label": "f1", "flag": "f1", "set": "f1", "document": "mrr", "score": "spearman", "probability": "auc"}


@dataclass(frozen=True)
class MetricProblem:
    """What is wrong with one table: its place among the tables, the key, and a sentence for people."""

    table: int
    key: str
    message: str


def read_metrics(
    tables: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, short: str = ""
) -> tuple[tuple[Metric, ...], list[MetricProblem]]:
    """Return the metrics that the [[subtasks.metrics]] tables of one subtask define, and all problems.

    columns  of the subtask
    short    its columns in one word, for signatures of metrics that read all of one type

    A table with a problem gives no metric. Without tables there is one metric, the usual one of the columns.
    """
    if not tables:
        types = {column.kind.type for column in columns}
        tables = [{"metric": metric} for type_, metric in _DEFAULTS.items() if type_ in types][:1]
    metrics, problems = [], []
    seen: dict[str, Metric] = {}
    for place, table in enumerate(tables):
        reading = MetricTable(table, columns, short)
        metric = reading.metric()
        problems += [MetricProblem(place, key, message) for key, message in reading.problems]
        if metric is None:
            continue
        if other := seen.get(metric.key):
            same = "the same metric twice" if other == metric else f"two metrics with the name {metric.key}"
            message = f"got {same}; expected one name for each. Remove one, or give it a name of its own: name = …"
            problems.append(MetricProblem(place, "name" if "name" in table else "metric", message))
        seen[metric.key] = metric
        metrics.append(metric)
    return tuple(metrics), problems


def metrics_of(subtask: Subtask) -> tuple[Metric, ...]:
    """Return the metrics by which a subtask is scored, the first of which ranks: its own, or the usual one."""
    return subtask.metrics or read_metrics([], subtask.columns, short=subtask.column)[0]
