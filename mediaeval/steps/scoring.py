"""How good answers are, by the first metric of their subtask: on validation images, out of fold, and of several runs.

A subtask of class names or flags whose first metric is the weighted F1 of all its labels has the scores that it always
had, `SubtaskScore`; any other one a `MetricScore` with the signature of its metric.

truth, outputs, decisions   (n_images, n_labels), columns in the order of `subtask.labels`: what is true, what a model
                            puts out, and what this leads to (see `mediaeval.answers.decisions`)
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mediaeval.answers.learned import is_numeric
from mediaeval.answers.targets import probabilities_of, target_matrix
from mediaeval.answers.written import columns_of
from mediaeval.records import MetricScore
from submission.compare import Comparison, compare, compare_samples
from submission.desk.forms import metric_forms
from submission.intervals import Intervals, intervals, metric_intervals
from submission.metrics import Metric
from submission.metrics.evaluation import prepare, value_of
from submission.metrics.reading import metrics_of
from submission.metrics.resampling import interval
from submission.metrics.sample import Sample
from submission.score import WEIGHTED_F1, LabelScore, SubtaskScore, score_decisions
from submission.task import Label, Subtask


class Answered(NamedTuple):
    """What a model puts out for some images, and what this leads to; both (n_images, n_labels)."""

    outputs: np.ndarray
    decisions: np.ndarray


def read_back(subtask: Subtask, labels: Mapping[str, Label], ids: Sequence[str]) -> Answered:
    """Return the answers of a run file as they are scored; decisions without their probabilities are 0 and 1."""
    if subtask.kind != "probability":
        decisions = target_matrix(subtask, labels, ids)
        return Answered(decisions.astype(np.float64), decisions)
    outputs = probabilities_of(subtask, labels, ids)
    return Answered(outputs, outputs if is_numeric(subtask) else target_matrix(subtask, labels, ids))


def own_metric(subtask: Subtask) -> Metric | None:
    """Return the first metric of a subtask; None where it is the weighted F1 of all labels, `SubtaskScore`."""
    metric = metrics_of(subtask)[0]
    plain = replace(metric, columns=(), short="", name="", bounds=())
    if subtask.plain and plain == Metric("f1", average="weighted") and metric.columns == subtask.headings:
        return None
    return metric


def score(subtask: Subtask, truth: np.ndarray, answered: Answered) -> SubtaskScore | MetricScore:
    """Return the score of answers, with its 95 % interval."""
    metric = own_metric(subtask)
    if metric is None:
        return score_decisions(subtask, truth, answered.decisions)
    sample = _sample(subtask, metric, truth, answered)
    return MetricScore(
        subtask=subtask.name,
        metric=metric.title,
        signature=metric.signature,
        value=value_of(metric, sample),
        interval=interval(metric, sample),
        per_label=tuple(per_label(subtask, truth, answered)),
        per_column=per_column(subtask, truth, answered),
        n_images=len(truth),
    )


def value(subtask: Subtask, truth: np.ndarray, answered: Answered) -> float:
    """Return the score of answers alone."""
    metric = own_metric(subtask)
    if metric is None:
        return score_decisions(subtask, truth, answered.decisions, resamples=1).weighted_f1
    return value_of(metric, _sample(subtask, metric, truth, answered))


def per_label(subtask: Subtask, truth: np.ndarray, answered: Answered) -> list[LabelScore]:
    """Return the F1 of each label; none of a subtask whose answers are numbers."""
    if is_numeric(subtask):
        return []
    return score_decisions(subtask, truth, answered.decisions, resamples=1).per_label


def per_column(subtask: Subtask, truth: np.ndarray, answered: Answered) -> dict[str, float]:
    """Return heading → the first metric of that column alone; empty unless answers are numbers in several columns."""
    metric = own_metric(subtask)
    if metric is None or not is_numeric(subtask) or len(metric.columns) < 2 or metric.truth:
        return {}
    bounds = dict(zip(metric.columns, metric.bounds or ((None, None),) * len(metric.columns), strict=True))
    own = {heading: replace(metric, columns=(heading,), bounds=(bounds[heading],)) for heading in metric.columns}
    return {heading: value_of(one, _sample(subtask, one, truth, answered)) for heading, one in own.items()}


def score_intervals(
    subtask: Subtask, truth: np.ndarray, answered: Answered, groups: Sequence[Hashable], *, n_new: int
) -> Intervals:
    """Return an out-of-fold score with its two intervals; see `submission.intervals`."""
    metric = own_metric(subtask)
    if metric is None:
        return intervals(truth, answered.decisions, groups, n_new=n_new)
    return metric_intervals(metric, _sample(subtask, metric, truth, answered), groups, n_new=n_new)


def compare_answers(
    subtask: Subtask,
    truth: np.ndarray,
    runs: Mapping[str, Answered],
    *,
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
) -> Comparison:
    """Compare runs on the same images, pair by pair; see `submission.compare.compare`."""
    metric = own_metric(subtask)
    if metric is None:
        return compare(subtask, truth, {name: one.decisions for name, one in runs.items()}, rng=rng, groups=groups)
    samples = {name: _sample(subtask, metric, truth, one) for name, one in runs.items()}
    return compare_samples(subtask, metric, samples, rng=rng, groups=groups)


def metric_sample(subtask: Subtask, truth: np.ndarray, answered: Answered) -> tuple[Metric, Sample]:
    """Return the metric that ranks a subtask, and answers in the form in which it computes."""
    metric = own_metric(subtask)
    if metric is None:
        return WEIGHTED_F1, prepare(WEIGHTED_F1, truth, answered.decisions)
    return metric, _sample(subtask, metric, truth, answered)


def _sample(subtask: Subtask, metric: Metric, truth: np.ndarray, answered: Answered) -> Sample:
    thresholds = [0.5] * len(subtask.labels)  # of the column that holds it, which no metric reads
    true = columns_of(subtask, truth.astype(np.float64), truth, thresholds)
    given = columns_of(subtask, answered.outputs, answered.decisions, thresholds)
    return prepare(metric, *metric_forms(metric, subtask, true, given))
