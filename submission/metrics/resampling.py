"""What a value is worth: 95 % intervals, and whether two runs differ by more than noise, for every metric.

Bootstrap (intervals) and permutation (p-values) draw images, or the queries of ranked lists; of several runs they are
paired, the same images for all. A resample is how often each image counts, so that thousands are computed at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from submission.metrics.evaluation import value_of

if TYPE_CHECKING:
    import numpy as np

    from submission.metrics.definition import Metric
    from submission.metrics.sample import Sample

_CHUNK = 2000  # resamples drawn at once
_DRAWN = 20_000_000  # numbers drawn at once, at most
_AT_ONCE = 1_000_000  # numbers worked on at once, at most: what fits into a processor's cache is fastest


@dataclass(frozen=True)
class Gap:
    """Two runs: `gap` is the metric of the first minus that of the second, with its 95 % interval.

    p_bootstrap    twice the share of resamples in which the gap has the other sign
    p_permutation  how often exchanging the answers image by image at random gives a gap as large
    """

    first: str
    second: str
    gap: float
    interval: tuple[float, float]
    p_bootstrap: float
    p_permutation: float


def interval(metric: Metric, sample: Sample, *, seed: int = 0, resamples: int = 1000) -> tuple[float, float]:
    """Return the interval that 95 % of the bootstrap samples over images fall in.

    Resamples in which the metric is not defined are left out: those with one class alone, for AUC.
    """
    import numpy as np

    where, times = _patterns(sample.keys)
    if not len(where):
        return metric.lowest, metric.lowest
    patterns = sample.take(where)
    rng = np.random.default_rng(seed)
    values = [
        resampled(patterns, rng.multinomial(sample.n, times / sample.n, size=number))
        for number in _chunks(resamples, len(where))
    ]
    return _middle(np.concatenate(values), metric.lowest)


def compared(
    metric: Metric,
    samples: Mapping[str, Sample],
    *,
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 10_000,
) -> list[Gap]:
    """Return every pair of runs, whose samples are of the same images in the same order.

    `groups`: one per image, of images that resemble each other, which are drawn and exchanged together; None: none do.
    """
    import numpy as np

    runs = list(samples.items())
    n = runs[0][1].n
    assert n and all(sample.n == n for _, sample in runs), "samples are of the same images, at least one"
    place = None if groups is None else group_places(groups)
    units = n if place is None else int(place.max()) + 1
    drawn = []
    for number in _chunks(resamples, units):
        weights = draw_counts(units, number, rng)
        weights = weights if place is None else weights[:, place]
        drawn.append(np.stack([resampled(sample, weights) for _, sample in runs], axis=1))
    values = np.concatenate(drawn)  # (resamples, n_runs)
    found = [value_of(metric, sample) for _, sample in runs]
    gaps = []
    for a, b in combinations(range(len(runs)), 2):
        of_pair = _minus(values[:, a], values[:, b])
        of_pair = of_pair[~np.isnan(of_pair)]
        gap = float(_minus(np.array(found[a]), np.array(found[b])))
        sides = ((of_pair <= 0).mean(), (of_pair >= 0).mean()) if len(of_pair) else (1.0, 1.0)
        joined = runs[a][1].joined(runs[b][1])
        p_permutation = _permutation(joined, gap, place, units, rng, resamples)
        p_bootstrap = float(min(2 * min(sides), 1))
        gaps.append(Gap(runs[a][0], runs[b][0], gap, _middle(of_pair, gap), p_bootstrap, p_permutation))
    return gaps


def resampled(sample: Sample, weights: np.ndarray) -> np.ndarray:
    """Return the metric, (n_resamples,), when images count `weights` times, (n_resamples, n), in pieces that fit."""
    import numpy as np

    step = max(_AT_ONCE // max(sample.size, 1), 1)
    return np.concatenate([sample.values(weights[start : start + step]) for start in range(0, len(weights), step)])


def draw_counts(n: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each of n images is drawn in each resample with replacement, float32 (resamples, n)."""
    import numpy as np

    drawn = rng.integers(0, n, (resamples, n), dtype=np.int32)
    drawn += (np.arange(resamples, dtype=np.int32) * n)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float32)


def group_places(groups: Sequence[Hashable]) -> np.ndarray:
    """Return the number of each image's group, (n_images,): 0 for the first one that occurs."""
    import numpy as np

    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(group, len(places)) for group in groups], dtype=np.intp)


def _permutation(
    joined: Sample, gap: float, place: np.ndarray | None, units: int, rng: np.random.Generator, resamples: int
) -> float:
    """Return the share of random exchanges with a gap at least as large (the one found included).

    `joined`: the images with the answers of one run, then with those of the other.
    """
    import numpy as np

    hits = 0
    for number in _chunks(resamples, units):
        swapped = rng.integers(0, 2, (number, units), dtype=np.int8).astype(np.float32)
        swapped = swapped if place is None else swapped[:, place]
        kept = 1 - swapped
        one, other = (resampled(joined, np.hstack(pair)) for pair in ((kept, swapped), (swapped, kept)))
        hits += int((np.abs(_minus(one, other)) >= abs(gap) - 1e-12).sum())
    return (hits + 1) / (resamples + 1)


def _patterns(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each different row of keys occurs first in sorted order, and how often it occurs.

    Images with the same truth and the same answer are interchangeable: how often each such pattern is drawn is
    multinomial, which gives the bootstrap over images at the cost of one over patterns.
    """
    import numpy as np

    order = np.lexsort(keys.T)
    ordered = keys[order]
    new = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))[: len(keys)]
    starts = np.flatnonzero(new)
    return order[starts], np.diff(np.append(starts, len(keys)))


def _chunks(resamples: int, units: int) -> Iterator[int]:
    """Yield how many resamples to draw at once, until they are all drawn."""
    chunk = min(_CHUNK, max(_DRAWN // units, 1))
    yield from (min(chunk, resamples - start) for start in range(0, resamples, chunk))


def _middle(values: np.ndarray, otherwise: float) -> tuple[float, float]:
    """Return the quantiles that 95 % of the values lie between; `otherwise` twice where none is defined."""
    import numpy as np

    values = values[~np.isnan(values)]
    if not len(values):
        return otherwise, otherwise
    # between an infinite error and any other there is no number
    method: Literal["linear", "nearest"] = "linear" if np.isfinite(values).all() else "nearest"
    low, high = np.quantile(values, (0.025, 0.975), method=method)
    return float(low), float(high)


def _minus(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return differences; two infinite errors do not differ."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        difference: np.ndarray = np.where(one == other, 0.0, one - other)
    return difference
