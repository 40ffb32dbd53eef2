"""What a run will score on the very test images that it was predicted for, before anybody knows their labels.

The out-of-fold score of the dev images is moved by what calibrated probabilities say about the test images: they tell
which score the given answers would have, on average, if each label were true with its probability. That expected score
of the test images is compared with the one of the dev images, whose real score is known (a control variate). How much
of a difference to believe, and how much of the spread it explains, is estimated by resampling groups of dev images.

The rest is the `new_set` interval of `submission.intervals`: on the scale arcsin √F1, for other images of other groups.

n images, N labels.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from submission.intervals import TRAINED, spread, sums_by_group
from submission.metrics.decisions import counts, weighted_of_counts

LEVEL, Z = 0.9, 1.645  # of the interval, two-sided
RESAMPLES = 1000


@dataclass(frozen=True)
class Forecast:
    """A score to expect and the interval that holds it with the probability `level`; all 0..1.

    slope      how much of a difference of expected scores is believed
    explained  the share of the spread between sets of images that expected scores explain
    widened    the factor by which the interval was widened, at least 1
    """

    f1: float
    low: float
    high: float
    slope: float = 0.0
    explained: float = 0.0
    widened: float = 1.0
    level: float = LEVEL


def forecast(
    truth: np.ndarray,
    decided: np.ndarray,
    calibrated: np.ndarray,
    groups: Sequence[Hashable],
    new_decided: np.ndarray,
    new_calibrated: np.ndarray,
    *,
    widened: float = 1.0,
    seed: int = 0,
) -> Forecast:
    """Return the weighted F1 to expect of the answers for new images.

    truth, decided   of the dev images, out of fold, 0/1 (n, N)
    calibrated       their probabilities, 0..1 (n, N), calibrated on other folds
    groups           of each dev image; images of a group resemble each other
    new_decided      of the new images, 0/1 (m, N), and `new_calibrated`, their probabilities, 0..1 (m, N)
    widened          factor of the interval's width, on its scale
    """
    assert np.asarray(truth).any(), "some label is true"
    cells, expected = counts(truth, decided).astype(float), _expected(calibrated, decided)
    slope, explained = _control(sums_by_group(cells, groups), sums_by_group(expected, groups), seed)
    difference = _scaled(_expected(new_calibrated, new_decided).sum(axis=0)) - _scaled(expected.sum(axis=0))
    _, variance = spread(truth, decided, groups, seed=seed)
    centre = _scaled(cells.sum(axis=0)) + slope * difference
    share = 1 + TRAINED + len(truth) / len(new_decided) * (1 - explained)
    half = Z * np.sqrt(variance * share) * widened
    low, f1, high = np.sin(np.clip([centre - half, centre, centre + half], 0, np.pi / 2)) ** 2
    return Forecast(float(f1), float(low), float(high), slope, explained, widened)


def _expected(P: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Return expected true positives, false positives and false negatives of each label, (n, 3 N)."""
    decided = np.asarray(decided, dtype=float)
    return np.hstack([P * decided, (1 - P) * decided, P * (1 - decided)])


def _scaled(sums: np.ndarray) -> np.ndarray:
    """Return arcsin √F1, in radians, of sums of cells, (…, 3 N)."""
    scaled: np.ndarray = np.arcsin(np.sqrt(np.clip(weighted_of_counts(*np.split(sums, 3, axis=-1)), 0, 1)))
    return scaled


def _control(cells: np.ndarray, expected: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the slope of scores on expected scores over samples of groups, 0..1, and the share that it explains."""
    n_groups = len(cells)
    draws = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=RESAMPLES)
    with np.errstate(invalid="ignore", divide="ignore"):
        real, told = _scaled(draws @ cells), _scaled(draws @ expected)
    there = np.isfinite(real) & np.isfinite(told)
    real, told = real[there], told[there]
    if len(real) < 2 or told.std() < 1e-9 or real.std() < 1e-9:
        return 0.0, 0.0
    together = float(np.cov(real, told)[0, 1])
    slope = min(max(together / float(told.var(ddof=1)), 0.0), 1.0)
    left = real - slope * told
    return slope, max(0.0, 1 - float(left.var()) / float(real.var()))
