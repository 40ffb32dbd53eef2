"""Thresholds that are best by the metric of the task, on probabilities of images that the models had not seen."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mediaeval.answers.decisions import decided
from mediaeval.classifiers.thresholds import tune_thresholds
from mediaeval.steps.scoring import Answered, own_metric, value
from submission.metrics import Metric
from submission.task import Subtask

CANDIDATES = 40  # of a threshold that all labels share: quantiles of the probabilities


def tuned(task: Subtask, probabilities: pd.DataFrame, truth: pd.DataFrame) -> list[float]:
    """Return a threshold per label, 0..1, tuned on these images; rows of both in one order.

    Each label's own with the highest F1 (with label-macro, the mean of its F1 as 1 and as 0), which is also best for
    averages over labels. Where the metric averages over images or cells, one threshold for all labels is tried as well,
    and the better of the two is taken; so for accuracy.
    """
    Y, P = truth.to_numpy(), probabilities[list(task.labels)].to_numpy(dtype=float)
    metric = own_metric(task)
    of_each = [float(t) for t in tune_thresholds(Y, P, both_sides=metric is not None and _is_two_sided(task, metric))]
    if metric is None or metric.metric not in ("f1", "accuracy") or metric.average in _OVER_LABELS:
        return of_each
    shared = [[float(t)] * len(task.labels) for t in _candidates(P)]
    scores = [_value(task, Y, P, thresholds) for thresholds in [*shared, of_each]]
    if not metric.greater_is_better:
        scores = [-score for score in scores]
    return [*shared, of_each][int(np.argmax(scores))]  # the first of equals: one for all


_OVER_LABELS = ("positive", "weighted", "macro", "label-macro")


def _is_two_sided(task: Subtask, metric: Metric) -> bool:
    """Whether a label's own share of a metric counts its 0 as much as its 1."""
    return metric.average == "label-macro" or (metric.average == "macro" and len(task.labels) == 1)


def _candidates(P: np.ndarray) -> np.ndarray:
    return np.unique(np.append(np.quantile(P, np.linspace(0, 1, CANDIDATES + 2)[1:-1]), 0.5))


def _value(task: Subtask, Y: np.ndarray, P: np.ndarray, thresholds: Sequence[float]) -> float:
    return value(task, Y, Answered(P, decided(task, P, thresholds)))
