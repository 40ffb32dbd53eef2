"""Which runs differ by more than the noise of their images, and the ranks that follow.

Tests are paired: two runs exchange their answers image by image at random. What an image contributes to a score is
found by leaving it out, so that one set of random exchanges serves all pairs of runs and every metric; of the mean over
images it is exact. Beyond a thousand images, these are put into as many groups, which are left out and exchanged whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from submission.compare import holm

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.05  # chance of telling any two equal runs apart, over all pairs
_GROUPS = 1000  # of images; fewer in a long list, where leaving one out takes longer
_CELLS = 50_000_000  # groups × images, at most, of one run
_AT_ONCE = 4_000_000  # groups × images
_EXCHANGES = 4000
_ENOUGH = 20  # exchanges with a gap as large, from which on their share is taken; else the normal distribution's tail

Values = Callable[["np.ndarray"], "np.ndarray"]  # how often each image counts (n_samples, n) → scores (n_samples,)


def contributions(values: Values, n: int, *, seed: int = 0) -> np.ndarray:
    """Return what each image, or group of images, contributes to a score, (n_groups,); they sum up to about the score.

    `values`: scores of samples of the images, in which each image counts as often as its weight says. The groups are
    the same for the same `n` and `seed`.
    """
    import numpy as np

    n_groups = min(n, _GROUPS, max(_CELLS // n, 50))
    group = np.arange(n) % n_groups
    if n_groups < n:
        group = np.random.default_rng(seed).permutation(group)
    whole = float(values(np.ones((1, n), np.float32))[0])
    step = max(_AT_ONCE // n, 1)
    without = np.concatenate(
        [
            values((group[None, :] != np.arange(start, min(start + step, n_groups))[:, None]).astype(np.float32))
            for start in range(0, n_groups, step)
        ]
    )
    without = np.where(np.isfinite(without), without, whole)  # undefined without them
    shares: np.ndarray = whole / n_groups + (n_groups - 1) / n_groups * (whole - without)
    return shares


def p_values(scores: Sequence[float], shares: np.ndarray, *, seed: int = 0) -> dict[tuple[int, int], float]:
    """Return pair of runs (first < second) → p of the hypothesis that they are equal, after Holm over all pairs.

    scores  of the runs
    shares  their `contributions`, (n_groups, n_runs)
    """
    import numpy as np

    n_groups, n_runs = shares.shape
    rng = np.random.default_rng(seed)
    signs = rng.integers(0, 2, (_EXCHANGES, n_groups), dtype=np.int8).astype(np.float32) * 2 - 1
    exchanged = signs @ (shares - shares.mean(axis=1, keepdims=True)).astype(np.float32)  # (n_exchanges, n_runs)
    pairs = list(combinations(range(n_runs), 2))
    raw = []
    for first, second in pairs:
        gap = abs(scores[first] - scores[second])
        found = np.abs(exchanged[:, first] - exchanged[:, second])
        change = shares[:, first] - shares[:, second]
        raw.append(_p(gap, found, float(np.sqrt((change**2).sum())), int((np.abs(change) > 1e-12).sum())))
    return dict(zip(pairs, holm(raw), strict=True))


def _p(gap: float, exchanged: np.ndarray, deviation: float, n_different: int) -> float:
    """Return the chance of a gap at least as large, of `exchanged` ones with this standard deviation."""
    hits = int((exchanged >= gap - 1e-7).sum())
    if gap < 1e-12 or not n_different or hits >= _ENOUGH:
        return 1.0 if gap < 1e-12 else (hits + 1) / (len(exchanged) + 1)
    from statistics import NormalDist

    # no exchange is rarer than one of all
    return max(2 * NormalDist().cdf(-gap / deviation), 2.0 ** (1 - n_different))


@dataclass(frozen=True)
class Rank:
    """A place, from 1; `shared` where other runs have the same since they do not differ beyond the noise."""

    place: int
    shared: bool = False

    def __str__(self) -> str:
        return f"{self.place}{'=' if self.shared else ''}"


def ranks(scores: Sequence[float | None], p: dict[tuple[int, int], float], *, greater_is_better: bool) -> list[Rank]:
    """Return the rank of each run: that of the best run from which it does not differ, else its own place.

    Runs without a score share the last one, which no noise explains. `p`: as `p_values` returns it for the runs that
    have one, in their order.
    """
    scored = [(k, score) for k, score in enumerate(scores) if score is not None]
    number = {k: position for position, (k, _) in enumerate(scored)}
    order = [k for k, _ in sorted(scored, key=lambda pair: -pair[1] if greater_is_better else pair[1])]
    places: dict[int, int] = {}
    best = -1
    for place, k in enumerate(order, 1):
        if best >= 0 and p[min(number[best], number[k]), max(number[best], number[k])] >= LEVEL:
            places[k] = places[best]
        else:
            best, places[k] = k, place
    held = list(places.values())
    last = Rank(len(order) + 1)
    return [Rank(places[k], held.count(places[k]) > 1) if k in places else last for k in range(len(scores))]
