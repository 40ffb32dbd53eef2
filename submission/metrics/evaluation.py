"""The value of a metric, and what its resampling needs, from the truth and the answers of one run.

The form of both is that of what the metric reads:

    f1, accuracy            0/1 (n_images, n_labels), or a collection of items per image (a set)
    the same, `threshold`   truth 0/1 and answers float, both (n_images, n_columns)
    auc, ap, eer            truth 0/1 and scores float, both (n_images, n_columns)
    mae … pearson           float, (n_images,) or (n_images, n_columns)
    mrr, precision-at, ndcg query → document → relevance, and query → [(document, rank, score)]
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from submission.metrics.curves import Curves
from submission.metrics.decisions import decisions
from submission.metrics.rankings import rankings
from submission.metrics.sets import sets
from submission.metrics.values import Correlations, errors

if TYPE_CHECKING:
    import numpy as np

    from submission.metrics.definition import Metric
    from submission.metrics.sample import Sample


def evaluate(metric: Metric, truth: Any, answers: Any) -> float:
    """Return the metric of these answers; its worst value where it is not defined, as AUC with one class alone."""
    return value_of(metric, prepare(metric, truth, answers))


def value_of(metric: Metric, sample: Sample) -> float:
    """Return the metric of a sample whose units each count once."""
    import numpy as np

    if sample.n == 0:
        return metric.lowest
    value = float(sample.values(np.ones((1, sample.n)))[0])
    return metric.lowest if math.isnan(value) else value


def prepare(metric: Metric, truth: Any, answers: Any) -> Sample:
    """Return truth and answers in the form in which the metric can be computed again and again.

    Rows of both are of the same images; queries need not be in one order. Numbers are finite, or infinite where an
    answer is worse than any: never nan.
    """
    if metric.metric in ("mrr", "precision-at", "ndcg"):
        return rankings(metric, truth, answers)
    if metric.metric in ("f1", "accuracy"):
        if not hasattr(truth, "dtype") and _are_sets(truth) and _are_sets(answers):
            return sets(metric, truth, answers)
        if metric.threshold is not None:
            answers = _numbers(answers) >= metric.threshold
        return decisions(metric, truth, answers)
    true, given = _numbers(truth), _numbers(answers)
    assert true.shape == given.shape, f"truth {true.shape} and answers {given.shape} differ in shape"
    if metric.metric in ("mae", "rmse"):
        return errors(metric, true, given)
    if metric.metric in ("spearman", "pearson"):
        return Correlations(true, given, metric.metric == "spearman")
    assert ((true == 0) | (true == 1)).all(), "the truth of a curve is 0 or 1"
    return Curves(metric, true, given)


def _are_sets(rows: Any) -> bool:
    return all(not isinstance(row, str) and all(isinstance(item, str) for item in row) for row in rows)


def _numbers(values: Any) -> np.ndarray:
    """Return numbers as float64 (n_images, n_columns)."""
    import numpy as np

    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    assert table.ndim == 2, f"got shape {table.shape}; expected (n_images,) or (n_images, n_columns)"
    assert not np.isnan(table).any(), "got nan; expected numbers"
    return table
