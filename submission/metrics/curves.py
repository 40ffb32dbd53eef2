"""AUC, AP and EER: of scores, the higher the more likely a 1. Scores that are equal are told apart by nothing.

With one class alone in the truth none of them is defined: `Sample.values` gives nan, `evaluate` the worst value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from submission.metrics.definition import Metric


@dataclass(frozen=True)
class Curves:
    """A metric of curves: truth 0/1 and scores, both (n_images, n_columns); infinite scores are allowed."""

    metric: Metric
    truth: np.ndarray
    scores: np.ndarray

    @property
    def n(self) -> int:
        return len(self.truth)

    @property
    def keys(self) -> np.ndarray:
        import numpy as np

        return np.hstack([self.truth, self.scores])

    @property
    def size(self) -> int:
        return self.truth.size

    def take(self, where: np.ndarray) -> Curves:
        return Curves(self.metric, self.truth[where], self.scores[where])

    def joined(self, other: Curves) -> Curves:
        import numpy as np

        truth = np.concatenate([self.truth, other.truth])
        return Curves(self.metric, truth, np.concatenate([self.scores, other.scores]))

    @cached_property
    def _columns(self) -> list[_Column]:
        if self.metric.average == "micro":
            return [_Column(self.truth.ravel(), self.scores.ravel(), self.truth.shape[1])]
        return [_Column(*column) for column in zip(self.truth.T, self.scores.T, strict=True)]

    def values(self, weights: np.ndarray) -> np.ndarray:
        import numpy as np

        of_curve = {"auc": _auc, "ap": _ap, "eer": _eer}[self.metric.metric]
        with np.errstate(invalid="ignore", divide="ignore"):
            cumulated = [column.cumulated(weights) for column in self._columns]
            values = np.stack([of_curve(*pair) for pair in cumulated])  # (n_columns, n_resamples)
            if self.metric.average != "weighted":
                mean: np.ndarray = values.mean(axis=0)
                return mean
            support = np.stack([positive[:, -1] for positive, _ in cumulated])
            # a column without a 1 has no weight, and need not be defined
            weighted: np.ndarray = np.where(support > 0, values * support, 0).sum(axis=0) / support.sum(axis=0)
            return weighted


class _Column:
    """Truth and scores of one column, from the highest score down."""

    def __init__(self, truth: np.ndarray, scores: np.ndarray, repeats: int = 1) -> None:
        """Sort; each image has `repeats` consecutive cells."""
        import numpy as np

        order = np.argsort(-scores, kind="stable")
        self.images = order // repeats
        self.positive = truth[order].astype(np.float64)
        ordered = scores[order]
        self.ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # the last cell of each score

    def cumulated(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how many 1 and how many 0 have at least each score, (n_resamples, n_scores) each."""
        import numpy as np

        drawn = weights[:, self.images].astype(np.float64, copy=False)
        positive = np.cumsum(drawn * self.positive, axis=1)[:, self.ends]
        return positive, np.cumsum(drawn, axis=1)[:, self.ends] - positive


def _auc(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    import numpy as np

    steps = np.diff(negative, axis=1, prepend=0)
    heights = positive - np.diff(positive, axis=1, prepend=0) / 2
    return _ratio((steps * heights).sum(axis=1), positive[:, -1] * negative[:, -1])


def _ap(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    import numpy as np

    found = positive + negative
    precision = positive / np.where(found > 0, found, 1)
    return _ratio((np.diff(positive, axis=1, prepend=0) * precision).sum(axis=1), positive[:, -1])


def _eer(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    import numpy as np

    origin = np.zeros((len(positive), 1))
    right = np.hstack([origin, positive / positive[:, -1:]])
    wrong = np.hstack([origin, negative / negative[:, -1:]])
    # the false negative rate is 1 - right: both rates are equal where right + wrong, which only grows, is 1
    after = np.maximum((right + wrong < 1).sum(axis=1), 1)
    rows = np.arange(len(after))
    x0, y0, x1, y1 = wrong[rows, after - 1], right[rows, after - 1], wrong[rows, after], right[rows, after]
    eer: np.ndarray = x0 + (x1 - x0) * (1 - x0 - y0) / (x1 + y1 - x0 - y0)
    return eer


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    import numpy as np

    ratio: np.ndarray = np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)
    return ratio
