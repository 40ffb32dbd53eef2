"""What the best of many trials is worth, for being the best of many it was chosen by chance as well.

Bootstrap bias corrected cross-validation (Tsamardinos, Greasidou & Borboudakis 2018, "Bootstrapping the out-of-sample
predictions for efficient and accurate cross-validation"): groups of images are drawn with replacement, the trial that
is best on them is chosen, and scored on the groups that were not drawn. Nothing is trained again.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from mediaeval.steps.scoring import Answered, metric_sample
from submission.metrics.resampling import group_places, resampled
from submission.task import Subtask

RESAMPLES = 500


@dataclass(frozen=True)
class Corrected:
    """The score to expect of the best trial, and what it gains on the first one, each with a 95 % interval."""

    score: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]


def corrected(
    subtask: Subtask,
    truth: np.ndarray,
    trials: Sequence[Answered],
    groups: Sequence[Hashable],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Corrected:
    """Return what choosing the best of these trials leads to on images that did not choose.

    truth   (n_images, n_labels), rows as in the answers of all trials; the first trial is what is compared with
    groups  one per image; drawn together
    """
    place = group_places(groups)
    n_groups = int(place.max()) + 1
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=resamples)
    inside, outside = draws[:, place].astype(np.float32), (draws == 0)[:, place].astype(np.float32)
    drawn, left = [], []
    sign = 1.0
    for answers in trials:
        metric, sample = metric_sample(subtask, truth, answers)
        sign = 1.0 if metric.greater_is_better else -1.0
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn.append(resampled(sample, inside))
            left.append(resampled(sample, outside))
    chosen = np.nanargmax(np.nan_to_num(sign * np.array(drawn), nan=-np.inf), axis=0)
    scores = np.array(left)
    own, first = scores[chosen, np.arange(resamples)], scores[0]
    there = np.isfinite(own) & np.isfinite(first)
    own, gains = own[there], sign * (own - first)[there]
    if not len(own):
        nan = float("nan")
        return Corrected(nan, (nan, nan), nan, (nan, nan))
    return Corrected(float(own.mean()), _middle(own), float(gains.mean()), _middle(gains))


def _middle(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    mean = float(values.mean())
    return min(float(low), mean), max(float(high), mean)
