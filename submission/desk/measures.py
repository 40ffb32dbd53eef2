"""The metrics of a task as the desk uses them: of answers some of which are absent, each of which counts as wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from submission.check.answers import Cells
from submission.desk.forms import Column, answer_columns, known_rows, metric_forms, ranked_forms, truth_columns
from submission.desk.noise import contributions
from submission.labels import LabelTable
from submission.metrics.definition import Metric
from submission.metrics.evaluation import prepare, value_of
from submission.metrics.reading import metrics_of
from submission.metrics.resampling import interval
from submission.metrics.sample import Sample
from submission.task import Subtask, Task

if TYPE_CHECKING:
    import numpy as np

Lists = Mapping[str, Sequence[Cells]]
NO_LISTS: Lists = MappingProxyType({})


@dataclass(frozen=True)
class Score:
    """A value of one measure.

    interval  95 %, from bootstrap samples over the images
    shares    what each image, or group of images, contributes to it (n_groups,): see `noise.contributions`
    """

    value: float
    interval: tuple[float, float]
    shares: np.ndarray


@dataclass(frozen=True, eq=False)
class Measure:
    """A metric of a subtask on a truth.

    key    in JSON and leaderboards
    truth  heading → the true values, in the order of the truth; empty for ranked lists
    lists  query → judgements, see `relevance.read_relevance`; empty for other answers
    """

    key: str
    task: Task
    subtask: Subtask
    metric: Metric
    truth: Mapping[str, Column]
    lists: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.metric.title

    @property
    def signature(self) -> str:
        """Everything that its values depend on."""
        return self.metric.signature

    @property
    def lowest(self) -> float:
        """The worst value; of an error without bounds, that of answers as far from the truth as any of it."""
        if self.metric.lowest not in (float("inf"), float("-inf")):
            return self.metric.lowest
        return self.value([None] * len(next(iter(self.truth.values()))))  # ranked lists have no errors

    @property
    def greater_is_better(self) -> bool:
        """Whether a higher value is a better one."""
        return self.metric.greater_is_better

    def sample(self, rows: Sequence[Cells | None], lists: Lists = NO_LISTS) -> Sample:
        """Return what the metric is computed from; `rows`: a value per column of the task for each image.

        `lists`: of ranked lists, query → these values of each of its rows, some of which may not be known.
        """
        if self.subtask.kind == "rank":
            return prepare(self.metric, *ranked_forms(self.lists, known_rows(self.task, self.subtask, lists)))
        answers = answer_columns(self.task, self.subtask, rows)
        return prepare(self.metric, *metric_forms(self.metric, self.subtask, self.truth, answers))

    def value(self, rows: Sequence[Cells | None], lists: Lists = NO_LISTS) -> float:
        """Return the metric of some answers."""
        return value_of(self.metric, self.sample(rows, lists))

    def score(self, rows: Sequence[Cells | None], lists: Lists = NO_LISTS) -> Score:
        """Return the metric of some answers, with what tells how sure it is."""
        sample = self.sample(rows, lists)
        return Score(
            value_of(self.metric, sample), interval(self.metric, sample), contributions(sample.values, sample.n)
        )


def measures_of(task: Task, truth: LabelTable) -> tuple[Measure, ...]:
    """Return the measures of the subtasks that a truth has, in order; the first one of each subtask ranks."""
    found = []
    for subtask in task.subtasks:
        if subtask.name not in truth.labels:
            continue
        ranked = subtask.kind == "rank"
        columns = {} if ranked else truth_columns(subtask, truth)
        lists = truth.labels[subtask.name] if ranked else {}
        for metric in metrics_of(subtask):
            key = metric.key if len(task.subtasks) == 1 else f"{subtask.name}_{metric.key}"
            found.append(Measure(key, task, subtask, metric, columns, lists))
    return tuple(found)
