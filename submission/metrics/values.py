"""Errors and correlations of numbers, each the mean over the columns of the column's own.

A correlation with an answer, or a truth, that is the same everywhere is 0. Ranks of equal numbers are their average.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from submission.metrics.sample import Sums

if TYPE_CHECKING:
    import numpy as np

    from submission.metrics.definition import Metric

_CONSTANT = 1e-13  # a variance of this share of the mean square is rounding alone


def errors(metric: Metric, truth: np.ndarray, answers: np.ndarray) -> Sums:
    """Prepare the mean absolute error, or the root of the mean squared error, of numbers (n_images, n_columns).

    An infinite answer makes the error infinite.
    """
    import numpy as np

    away = np.abs(truth - answers)
    endless = np.isinf(away)
    size = np.where(endless, 0, away)
    rows = np.hstack([size if metric.metric == "mae" else size**2, endless, np.ones((len(size), 1))])
    return Sums(np.hstack([truth, answers]), rows, partial(_of_errors, root=metric.metric == "rmse"))


def _of_errors(sums: np.ndarray, root: bool) -> np.ndarray:
    import numpy as np

    width = sums.shape[1] // 2
    means = np.where(sums[:, width:-1] > 0, np.inf, sums[:, :width] / sums[:, -1:])
    mean: np.ndarray = (np.sqrt(means) if root else means).mean(axis=1)
    return mean


@dataclass(frozen=True)
class Correlations:
    """Pearson's correlation of numbers, both (n_images, n_columns), or Spearman's, which is that of their ranks."""

    truth: np.ndarray
    answers: np.ndarray
    ranked: bool

    @property
    def n(self) -> int:
        return len(self.truth)

    @property
    def keys(self) -> np.ndarray:
        import numpy as np

        return np.hstack([self.truth, self.answers])

    @property
    def size(self) -> int:
        return self.truth.size

    def take(self, where: np.ndarray) -> Correlations:
        return Correlations(self.truth[where], self.answers[where], self.ranked)

    def joined(self, other: Correlations) -> Correlations:
        import numpy as np

        truth = np.concatenate([self.truth, other.truth])
        return Correlations(truth, np.concatenate([self.answers, other.answers]), self.ranked)

    @cached_property
    def _ranks(self) -> list[tuple[_Ranks, _Ranks]]:
        return [(_Ranks(true), _Ranks(answer)) for true, answer in zip(self.truth.T, self.answers.T, strict=True)]

    @cached_property
    def _standardised(self) -> list[tuple[np.ndarray, np.ndarray]]:
        pairs = zip(self.truth.T, self.answers.T, strict=True)
        return [(_standardised(true), _standardised(answer)) for true, answer in pairs]

    def values(self, weights: np.ndarray) -> np.ndarray:
        import numpy as np

        weights = weights.astype(np.float64, copy=False)
        if self.ranked:
            of_columns = [_spearman(*pair, weights) for pair in self._ranks]
        else:
            of_columns = [_pearson(*pair, weights) for pair in self._standardised]
        mean: np.ndarray = np.stack(of_columns).mean(axis=0)
        return mean


def _standardised(values: np.ndarray) -> np.ndarray:
    """Return numbers with mean 0 and spread 1, which changes no correlation; noughts where all are equal."""
    import numpy as np

    if values.min() == values.max():
        return np.zeros(len(values))
    values = values / np.abs(values).max()  # so that no square overflows
    centred = values - values.mean()
    standardised: np.ndarray = centred / np.sqrt((centred**2).mean())
    return standardised


def _pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    import numpy as np

    sums = weights @ np.stack([x, y, x * x, y * y, x * y], axis=1) / weights.sum(axis=1, keepdims=True)
    mx, my, xx, yy, xy = sums.T
    return _correlation(xy - mx * my, xx - mx**2, yy - my**2, _CONSTANT * xx, _CONSTANT * yy)


class _Ranks:
    """Where each number of a column stands in order."""

    def __init__(self, values: np.ndarray) -> None:
        """Sort."""
        import numpy as np

        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        new = ordered[1:] != ordered[:-1]
        self.ends = np.flatnonzero(np.append(new, True))
        self.group = np.empty(len(values), dtype=np.intp)  # of each image: which of the different numbers it has
        self.group[self.order] = np.concatenate([[0], np.cumsum(new)])

    def of(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ranks of images that count `weights` times, less their mean, and the variance of the ranks.

        The first is (n_resamples, n_images), the second (n_resamples,), times the number of images.
        """
        import numpy as np

        upto = np.cumsum(weights[:, self.order], axis=1)[:, self.ends]
        number = np.diff(upto, axis=1, prepend=0)
        middle = upto - number / 2 - upto[:, -1:] / 2
        return middle[:, self.group], (number * middle**2).sum(axis=1)


def _spearman(x: _Ranks, y: _Ranks, weights: np.ndarray) -> np.ndarray:
    import numpy as np

    (rx, xx), (ry, yy) = x.of(weights), y.of(weights)
    least = _CONSTANT * weights.sum(axis=1) ** 3
    return _correlation(np.einsum("ri,ri,ri->r", weights, rx, ry), xx, yy, least, least)


def _correlation(
    xy: np.ndarray, xx: np.ndarray, yy: np.ndarray, least_x: np.ndarray, least_y: np.ndarray
) -> np.ndarray:
    """Return xy / √(xx yy), −1..1; 0 where a variance is at most its least."""
    import numpy as np

    varies = (xx > least_x) & (yy > least_y)
    found = xy / np.where(varies, np.sqrt(np.maximum(xx, 0)) * np.sqrt(np.maximum(yy, 0)), 1)
    correlation: np.ndarray = np.clip(np.where(varies, found, 0), -1, 1)
    return correlation
