"""What a cross-validated score is worth: a 95 % interval for the score itself, and one for the score on other images.

Both are centred on the out-of-fold weighted F1 and widened by the shares below. Images of one group resemble each
other, so groups are resampled, never images. All is computed on the scale arcsin √F1, on which the spread of a share
does not depend on the share, and which ends at 0 and 1. Other metrics are treated alike: `metric_intervals`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.metrics.decisions import counts, weighted_of_counts
from submission.metrics.evaluation import value_of
from submission.metrics.resampling import group_places, resampled

if TYPE_CHECKING:
    import numpy as np

    from submission.metrics.definition import Metric
    from submission.metrics.sample import Sample

Z = 1.96  # two-sided 95 % of a normal distribution
# What resampling the answers of one cross-validation cannot show, as shares of the variance that it does show. Nothing
# is trained again within `train`, so both were measured once, by `python -m benchmarks.coverage --shares` on random
# halves of photographs: the largest of OASIS and COCO, subtasks 2 and 3, 200 halves each (docs/benchmarks.md).
REPEATED = 0.8  # other folds, seeds and training images; .8, .4 and .3
TRAINED = 1.6  # the same, and the one model that meets the new images; 1.5, 1.6 and 1.1


@dataclass(frozen=True)
class Intervals:
    """An out-of-fold score with two 95 % intervals, all 0..1; `interval` lies within `new_set`."""

    f1: float
    interval: tuple[float, float]  # of the score that this way of training has on average
    new_set: tuple[float, float]  # of the score on new images of other groups

    def to_dict(self) -> dict[str, float | tuple[float, float]]:
        """Return the score and its intervals for `json.dumps`."""
        return {"f1": self.f1, "interval": self.interval, "new_set": self.new_set}


def intervals(
    true: np.ndarray,
    predicted: np.ndarray,
    groups: Sequence[Hashable],
    *,
    n_new: int,
    seed: int = 0,
    resamples: int = 1000,
) -> Intervals:
    """Return the weighted F1 of out-of-fold decisions with its intervals.

    true, predicted  0/1 (n_images, n_labels)
    groups           one per image; a fold never divides one
    n_new            images of the new set that `new_set` is for, at least 1; in groups of the sizes seen here

    The order of the images is irrelevant. Without any positive in `true` the score is 0 and both intervals are 0 to 1.
    """
    import numpy as np

    assert n_new >= 1, f"n_new is {n_new}; expected at least 1 image"
    f1 = float(weighted_of_counts(*np.split(counts(true, predicted).astype(np.int64).sum(axis=0), 3)))
    if not np.asarray(true).any():
        return Intervals(f1, (0.0, 1.0), (0.0, 1.0))
    centre, variance = spread(true, predicted, groups, seed=seed, resamples=resamples)

    def limits(share: float) -> tuple[float, float]:
        half = Z * np.sqrt(variance * share)
        low, high = np.sin(np.clip([centre - half, centre + half], 0, np.pi / 2)) ** 2
        return min(float(low), f1), max(float(high), f1)

    return Intervals(f1, limits(1 + REPEATED), limits(1 + TRAINED + len(groups) / n_new))


def spread(
    true: np.ndarray,
    predicted: np.ndarray,
    groups: Sequence[Hashable],
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> tuple[float, float]:
    """Return mean and variance of arcsin √F1, in radians, over samples of groups; the arguments are as for `intervals`.

    Some label of `true` must be 1.
    """
    import numpy as np

    cells = counts(true, predicted).astype(np.int64)
    assert len(cells) == len(groups) > 0, f"{len(cells)} images and {len(groups)} groups; expected as many, at least 1"
    samples = np.arcsin(np.sqrt(_bootstrap(sums_by_group(cells, groups), np.random.default_rng(seed), resamples)))
    return float(samples.mean()), float(samples.var())


def metric_intervals(
    metric: Metric, sample: Sample, groups: Sequence[Hashable], *, n_new: int, seed: int = 0, resamples: int = 1000
) -> Intervals:
    """Return the value of any metric, as `f1`, with its intervals; the arguments are those of `intervals`.

    A correlation is treated on the scale of its inverse hyperbolic tangent, an error in its own units. `REPEATED` and
    `TRAINED`, which were measured for F1, are taken for every metric. Resamples in which the metric is not defined are
    left out; where it never is, both intervals are all that it can be. As for F1, two groups are drawn beside those
    seen, but not for errors, of which the worst is too far from all that occur.
    """
    import numpy as np

    assert sample.n == len(groups) > 0, f"{sample.n} images and {len(groups)} groups; expected as many, at least 1"
    assert n_new >= 1, f"n_new is {n_new}; expected at least 1 image"
    value, place = value_of(metric, sample), group_places(groups)
    values = _values(metric, sample, place, np.random.default_rng(seed), resamples)
    if not len(values):
        ends = sorted((metric.lowest, metric.measure.highest))
        return Intervals(value, (ends[0], ends[1]), (ends[0], ends[1]))
    on_scale = _to_scale(metric, values, int(place.max()) + 1)
    centre, variance = on_scale.mean(), on_scale.var()

    def limits(share: float) -> tuple[float, float]:
        half = Z * np.sqrt(variance * share)
        low, high = _from_scale(metric, np.array([centre - half, centre + half]))
        return min(float(low), value), max(float(high), value)

    return Intervals(value, limits(1 + REPEATED), limits(1 + TRAINED + sample.n / n_new))


def _values(metric: Metric, sample: Sample, place: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Return the metric of samples drawn from the groups with replacement, without those where it is not defined.

    Beside the groups seen, one with the best value there is and one with the worst are drawn, each of which moves the
    value as if it were a mean over groups.
    """
    import numpy as np

    n_groups, imagined = int(place.max()) + 1, 0 if metric.measure.lowest is None else 2
    of_all = n_groups + imagined
    draws = rng.multinomial(of_all, np.full(of_all, 1 / of_all), size=resamples)
    seen = draws[:, :n_groups]
    with np.errstate(invalid="ignore", divide="ignore"):  # samples of imagined groups alone
        values = resampled(sample, seen[:, place].astype(np.float32))
    if metric.measure.lowest is not None:
        number = seen.sum(axis=1)
        ends = draws[:, n_groups] * metric.measure.highest + draws[:, n_groups + 1] * metric.measure.lowest
        values = (np.where(number > 0, values * number, 0) + ends) / of_all
    finite: np.ndarray = values[np.isfinite(values)]
    return finite


def _to_scale(metric: Metric, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return values of so many groups on a scale on which their spread depends little on them."""
    import numpy as np

    if metric.measure.lowest is None:
        return values
    if metric.measure.lowest < 0:
        most = 1 - 1 / (n_groups + 2)  # a perfect one, infinite on this scale, is known no better
        correlations: np.ndarray = np.arctanh(np.clip(values, -most, most))
        return correlations
    shares: np.ndarray = np.arcsin(np.sqrt(np.clip(values, 0, 1)))
    return shares


def _from_scale(metric: Metric, scaled: np.ndarray) -> np.ndarray:
    """Return what `_to_scale` made such, within the range of the metric."""
    import numpy as np

    if metric.measure.lowest is None:
        errors: np.ndarray = np.maximum(scaled, 0)
        return errors
    if metric.measure.lowest < 0:
        correlations: np.ndarray = np.tanh(scaled)
        return correlations
    shares: np.ndarray = np.sin(np.clip(scaled, 0, np.pi / 2)) ** 2
    return shares


def sums_by_group(cells: np.ndarray, groups: Sequence[Hashable]) -> np.ndarray:
    """Return the sums of rows over each group, of the same type, (n_groups, n_columns)."""
    import numpy as np

    place = group_places(groups)
    sums = np.zeros((place.max() + 1, cells.shape[1]), cells.dtype)
    np.add.at(sums, place, cells)
    return sums


def _bootstrap(sums: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Return weighted F1 of samples drawn from the groups with replacement, (resamples,).

    Two average groups are drawn beside those seen, one with every answer right and one with every answer wrong: a few
    groups, or a hundred without a fault, do not show that others cannot differ from them.
    """
    import numpy as np

    n_groups = len(sums)
    tp, _, fn = np.split(sums.sum(axis=0), 3)
    support, nought = tp + fn, np.zeros_like(tp)
    imagined = np.array([np.hstack([support, nought, nought]), np.hstack([nought, support, support])])
    # average groups have fractions of an image, so all are counted n_groups times: F1 is the same
    patterns, times = np.unique(np.vstack([sums * n_groups, imagined]), axis=0, return_counts=True)
    draws = rng.multinomial(n_groups + 2, times / (n_groups + 2), size=resamples)  # (resamples, n_patterns)
    f1: np.ndarray = weighted_of_counts(*np.split(draws @ patterns, 3, axis=1))
    return f1
