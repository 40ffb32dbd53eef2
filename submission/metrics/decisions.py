"""F1 and accuracy of decisions, 0 or 1, from counts that are linear in the images.

F1 is 2 tp / (2 tp + fp + fn). The averages are those of scikit-learn's `f1_score`, whose `zero_division` is `absent`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from submission.metrics.sample import Sums, mean_of_counted

if TYPE_CHECKING:
    import numpy as np

    from submission.metrics.definition import Metric

_EXACT = 1 << 24  # whole numbers up to here are exact in 32 bits, which are twice as fast


def decisions(metric: Metric, truth: np.ndarray, answers: np.ndarray) -> Sums:
    """Prepare F1 or accuracy of decisions, both 0/1 (n_images, n_labels).

    A single-label subtask has a column per class and at most one 1 in a row. Average "positive" is of one column.
    """
    import numpy as np

    true, predicted = _decided(truth), _decided(answers)
    assert true.shape == predicted.shape, f"truth {true.shape} and answers {predicted.shape} differ in shape"
    keys = np.hstack([true, predicted])
    if metric.metric == "accuracy":
        right = true == predicted
        cells = np.ones_like(right[:, :1]) * right.shape[1]
        images = [right.all(axis=1)[:, None], cells > 0]
        of_cells = np.hstack(images if metric.average == "samples" else [_summed(right), cells])
        return Sums(keys, of_cells.astype(float), mean_of_counted)
    tp, fp, fn = cells_of(true, predicted)
    if metric.average == "samples":
        return Sums(keys, per_image(np.hstack([_summed(tp), _summed(fp), _summed(fn)]), metric.empty), mean_of_counted)
    if metric.average == "micro":
        tp, fp, fn = _summed(tp), _summed(fp), _summed(fn)
    kind = np.float32 if keys.size < _EXACT else np.float64
    rows = np.hstack([tp, fp, fn, np.ones((len(tp), 1))], dtype=kind, casting="unsafe")
    return Sums(keys, rows, partial(_f1_of_sums, average=metric.average, absent=metric.absent))


def cells_of(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true positives, false positives and false negatives, each bool of the shape of `true`, bool."""
    return true & predicted, ~true & predicted, true & ~predicted


def counts(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return true positives, false positives and false negatives side by side, bool (n_images, 3 n_labels)."""
    import numpy as np

    return np.hstack(cells_of(np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)))


def f1_of_counts(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, absent: float = 0.0) -> np.ndarray:
    """Return F1, elementwise; `absent` where a label is neither in the truth nor predicted."""
    import numpy as np

    cells = 2 * tp + fp + fn
    f1: np.ndarray = np.where(cells > 0, 2 * tp / np.where(cells > 0, cells, 1), absent)
    return f1


def weighted_of_counts(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """Return F1 averaged over the last axis, weighted by the support tp + fn; 0 where there is none."""
    return _weighted(f1_of_counts(tp, fp, fn), tp + fn)


def averaged(counts: np.ndarray, total: np.ndarray, average: str, absent: str) -> np.ndarray:
    """Return F1 averaged over labels, (n,), of counts as `counts` arranges them, (n, 3 n_labels), of `total` images."""
    import numpy as np

    tp, fp, fn = np.split(counts, 3, axis=1)
    value = {"zero": 0.0, "one": 1.0, "skip": np.nan}[absent]
    f1 = f1_of_counts(tp, fp, fn, value)
    if average in ("positive", "micro"):
        one: np.ndarray = np.nan_to_num(f1[:, 0])
        return one
    if average == "label-macro":
        tn = total[:, None] - tp - fp - fn
        f1 = _mean(np.stack([f1, f1_of_counts(tn, fn, fp, value)]), axis=0)
    if average == "macro":
        plain: np.ndarray = np.nan_to_num(_mean(f1, axis=1))
        return plain
    return _weighted(np.nan_to_num(f1), tp + fn)


def per_image(counts: np.ndarray, empty: str) -> np.ndarray:
    """Return each image's F1 and whether it counts, float64 (n_images, 2), of its counts tp, fp, fn (n_images, 3)."""
    import numpy as np

    tp, fp, fn = counts.T
    f1 = f1_of_counts(tp, fp, fn, 1.0 if empty == "one" else 0.0)
    counted = tp + fn > 0 if empty == "skip" else np.ones(len(tp), dtype=bool)
    return np.stack([f1 * counted, counted], axis=1)


def _f1_of_sums(sums: np.ndarray, average: str, absent: str) -> np.ndarray:
    return averaged(sums[:, :-1], sums[:, -1], average, absent)


def _weighted(f1: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis by support; the plain mean where there is none, as in scikit-learn."""
    import numpy as np

    total = support.sum(axis=-1)
    by_support = (f1 * support).sum(axis=-1) / np.where(total > 0, total, 1)
    mean: np.ndarray = np.where(total > 0, by_support, f1.mean(axis=-1))
    return mean


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of what is not nan; nan where nothing else is."""
    import numpy as np

    there = ~np.isnan(values)
    number = there.sum(axis=axis)
    mean: np.ndarray = np.where(number > 0, np.nan_to_num(values).sum(axis=axis) / np.maximum(number, 1), np.nan)
    return mean


def _summed(cells: np.ndarray) -> np.ndarray:
    summed: np.ndarray = cells.sum(axis=1, keepdims=True)
    return summed


def _decided(table: np.ndarray) -> np.ndarray:
    """Return decisions as bool (n_images, n_labels)."""
    import numpy as np

    table = np.asarray(table)
    assert table.ndim == 2, f"got shape {table.shape}; expected decisions (n_images, n_labels)"
    assert ((table == 0) | (table == 1)).all(), "decisions are 0 or 1"
    decided: np.ndarray = table.astype(bool)
    return decided
