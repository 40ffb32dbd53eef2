"""The scores of a subtask by its own metrics, whichever these are; score.py has the weighted F1 of 2021."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from submission.desk.forms import metric_forms, ranked_forms, table_columns
from submission.labels import LabelTable
from submission.metrics import Metric
from submission.metrics.evaluation import prepare, value_of
from submission.metrics.resampling import interval
from submission.metrics.sample import Sample
from submission.task import Subtask

if TYPE_CHECKING:
    from submission.score import LabelScore


@dataclass(frozen=True)
class MetricScore:
    """The value of one metric, and the interval that 95 % of the bootstrap samples over images fall in.

    per_column  heading → the metric of that column alone, of numbers in several columns
    """

    metric: Metric
    value: float
    interval: tuple[float, float]
    per_column: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the score for `json.dumps`."""
        return {
            "value": self.value,
            "interval": self.interval,
            **({"per_column": self.per_column} if self.per_column else {}),
            "title": self.metric.title,
            "greater_is_better": self.metric.greater_is_better,
            "signature": self.metric.signature,
        }


@dataclass(frozen=True)
class MetricScores:
    """One subtask by its metrics, the first of which ranks; images without an answer count as wrong.

    per_label  F1 of each label, where there are several
    """

    subtask: str
    metrics: tuple[MetricScore, ...]
    n_images: int
    per_label: tuple[LabelScore, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The value of the metric that ranks."""
        return self.metrics[0].value

    @property
    def interval(self) -> tuple[float, float]:
        """Its interval."""
        return self.metrics[0].interval

    @property
    def signature(self) -> str:
        """Everything that it depends on."""
        return self.metrics[0].metric.signature

    def to_dict(self) -> dict[str, Any]:
        """Return the scores for `json.dumps`; `absent` is left out where no image is without an answer."""
        return {
            "subtask": self.subtask,
            "metrics": {one.metric.key: one.to_dict() for one in self.metrics},
            **({"per_label": [label.to_dict() for label in self.per_label]} if self.per_label else {}),
            "n_images": self.n_images,
            **({"absent": list(self.absent)} if self.absent else {}),
            "signature": self.signature,
        }


def score_metrics(
    subtask: Subtask,
    metrics: Sequence[Metric],
    truth: LabelTable,
    run: LabelTable,
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> tuple[MetricScore, ...]:
    """Score a subtask that both tables have, on the images of the truth; the run may lack answers of some."""
    if subtask.kind == "rank":
        lists = ranked_forms(truth.labels[subtask.name], run.labels[subtask.name])
    else:
        true, answers = (table_columns(subtask, table, truth.ids) for table in (truth, run))

    def sample_of(metric: Metric) -> Sample:
        return prepare(metric, *(lists if subtask.kind == "rank" else metric_forms(metric, subtask, true, answers)))

    scores = []
    for metric in metrics:
        sample = sample_of(metric)
        of_columns = {one.columns[0]: value_of(one, sample_of(one)) for one in _of_columns(metric)}
        of_images = interval(metric, sample, seed=seed, resamples=resamples)
        scores.append(MetricScore(metric, value_of(metric, sample), of_images, of_columns))
    return tuple(scores)


def _of_columns(metric: Metric) -> list[Metric]:
    """Return the metric of each column alone, where its value is the mean of these."""
    if len(metric.columns) < 2 or metric.metric not in ("mae", "rmse", "spearman", "pearson"):
        return []
    pairs = zip(metric.columns, metric.bounds, strict=True)
    return [replace(metric, columns=(heading,), bounds=(bounds,), short="") for heading, bounds in pairs]


def metrics_as_text(scores: Mapping[str, MetricScores]) -> list[str]:
    """Return the scores as tab-separated lines with a header: a line per metric, then what it is of columns, labels."""
    lines = ["subtask\tmetric\tvalue\tlow\thigh\timages"]
    for name, of_subtask in scores.items():
        for one in of_subtask.metrics:
            low, high = one.interval
            key, images = one.metric.key, of_subtask.n_images
            lines.append(f"{name}\t{key}\t{one.value:.4f}\t{low:.4f}\t{high:.4f}\t{images}")
            lines += [f"{name}\t{key} {heading}\t{value:.4f}\t\t\t" for heading, value in one.per_column.items()]
        lines += [f"{name}\tf1 {one.label}\t{one.f1:.4f}\t\t\t{one.support}" for one in of_subtask.per_label]
    return lines
