"""Whether the rows of a run file belong to the images, judged without test labels.

Let a(j) be what image j leads to expect and b(i) the labels of row i, both standardised over the images and weighted
by how well each label can be predicted at all. The affinity of labels i to image j is s(i, j) = a(j) · b(i). In a sound
file Σ s(i, i) is large; in one whose labels belong to other images another arrangement of rows has a larger sum. A
rival arrangement is accepted when it wins by more than it would by chance if the labels were unrelated to the images,
all rivals together. A poor run gives weak evidence and is never mistaken for a broken one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ALPHA = 1e-3  # chance of a false alarm, for each kind of rival
_MAX_FULL = 3000  # rows up to which every lag is tried; beyond, those up to _NEAR and the best by correlation
_NEAR = 64
_USUAL = 5  # slips by at most this many rows are the usual ones, and get half of ALPHA
_CHUNK = 1_000_000  # rows × lags at once in a long file
_PREVALENCE_FLOOR = 0.02  # so that the few rows of a rare label do not decide alone


@dataclass(frozen=True)
class Segment:
    """Rows `first` to `last` (from 0, both included) hold the labels of the images `lag` rows further down."""

    first: int
    last: int
    lag: int
    gain: float  # how much better they fit there, Σ s


@dataclass(frozen=True)
class RowEvidence:
    """The evidence on the rows of a file.

    z              Σ s(i, i) in standard deviations over random arrangements of the rows
    z_sound        what z is for labels as good as the expectation itself
    segments       parts of the file that fit other rows' images better, strongest first
    order          name of the best rival order that is accepted, or None; `order_gain` is Σ s gained by it
    unrelated      first and last row of a part whose labels are unrelated to its images, while the others' are not
    smallest_slip  the least number of rows whose slip by a few places would be noticed; None if no slip would be
    """

    z: float
    z_sound: float
    n_rows: int
    segments: tuple[Segment, ...]
    order: str | None
    order_gain: float
    unrelated: tuple[int, int] | None
    smallest_slip: int | None


def affinity_parts(expected: np.ndarray, skill: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b, float32 (n_rows, n_columns) each, so that s(i, j) = b[i] · a[j]."""
    import numpy as np

    weights = skill / (1 - skill**2)
    share = labels.mean(axis=0)
    scale = np.sqrt(share * (1 - share) + _PREVALENCE_FLOOR)
    b = (labels - share) / scale
    return (expected * weights).astype(np.float32), b.astype(np.float32)


def judge_rows(
    expected: np.ndarray, skill: np.ndarray, labels: np.ndarray, orders: Mapping[str, np.ndarray]
) -> RowEvidence:
    """Return the evidence on the rows of a file.

    expected, labels  (n_rows, n_columns), row i of both for the id in row i of the file
    orders            rival arrangements by name: row i holds the labels of the image of row order[i]
    """
    import numpy as np

    a, b = affinity_parts(expected, skill, labels)
    n = len(a)
    own = np.einsum("ij,ij->i", a, b).astype(np.float64)
    sd = float(np.sqrt(np.sum((a.T @ a).astype(np.float64) * (b.T @ b)) / max(n - 1, 1)))
    if sd < 1e-9:
        return RowEvidence(0.0, 0.0, n, (), None, 0.0, None, None)
    sound = float(n * np.sum(skill**2 / (1 - skill**2) * b.std(axis=0)))
    z = float(own.sum() / sd)
    # labels that contradict their images (inverted ones) are not a reason to prefer every other arrangement
    rated = own - min(own.mean(), 0.0)
    # m slipped rows gain m/n of Σ s(i, i), in a walk of σ√n = √2 sd
    slip = threshold(4 * _USUAL) * np.sqrt(2) * n / z if z > 0 else np.inf
    order, gain = _best_order(a, b, rated, orders)
    return RowEvidence(
        z,
        sound / sd,
        n,
        _segments(a, b, rated),
        order,
        gain,
        _unrelated(own),
        int(np.ceil(slip)) if slip <= n else None,
    )


def threshold(n_lags: int) -> float:
    """Return what the strongest of `n_lags` lags exceeds by chance with probability ALPHA.

    The largest gain of consecutive rows is the maximal rise of a random walk; of a walk without drift it is distributed
    as max |W| on [0, 1] times σ√n (Lévy), and P(max |W| > x) ≈ 4 (1 − Φ(x)).
    """
    return _normal_quantile(1 - ALPHA / (4 * max(n_lags, 1)))


def _segments(a: np.ndarray, b: np.ndarray, own: np.ndarray, most: int = 8) -> tuple[Segment, ...]:
    """Return parts of the file that belong to other rows: greedily, the strongest first, each row in one part."""
    import numpy as np

    n = len(a)
    lags = _lags(a, b)
    usual = np.minimum(lags, n - lags) <= _USUAL
    limits = np.where(usual, threshold(2 * int(usual.sum())), threshold(2 * len(lags)))
    affinities = _at_lags(a, b, lags)
    free = np.ones(n, bool)
    found = []
    for _ in range(most):
        best = None
        for chunk, affinity in affinities():
            gain = (affinity - own) * free
            walk = np.cumsum(gain, axis=1, dtype=np.float64)  # (n_lags, n)
            before = np.concatenate([np.zeros((len(gain), 1)), walk[:, :-1]], axis=1)
            rise = walk - np.minimum.accumulate(before, axis=1)
            sigma = np.sqrt((gain**2).sum(axis=1))  # σ√n
            strength = np.divide(rise.max(axis=1), sigma, out=np.zeros(len(gain)), where=sigma > 0) / limits[chunk]
            k = int(strength.argmax())
            if best is None or strength[k] > best[0]:
                last = int(rise[k].argmax())
                best = (float(strength[k]), chunk.start + k, int(before[k, : last + 1].argmin()), last, rise[k, last])
        if best is None or best[0] <= 1:
            break
        _, k, first, last, gain = best
        lag = int(lags[k])
        found.append(Segment(first, last, lag if lag <= n // 2 else lag - n, float(gain)))
        free[first : last + 1] = False
    return tuple(found)


def _at_lags(a: np.ndarray, b: np.ndarray, lags: np.ndarray) -> Callable[[], Iterator[tuple[slice, np.ndarray]]]:
    """Return an iterator of (slice of the lags, s(i, i + lag) for them: (n_lags_in_slice, n_rows)).

    Rows beyond the end of the file continue at its beginning.
    """
    import numpy as np

    n = len(a)
    if n <= _MAX_FULL:
        table = a @ b.T  # (images, rows): s of every row with every image
        twice = np.concatenate([table, table])
        down, right = twice.strides
        diagonals = np.lib.stride_tricks.as_strided(twice[1:], (n - 1, n), (down, down + right), writeable=False)
        return lambda: iter([(slice(0, n - 1), diagonals)])

    def chunks() -> Iterator[tuple[slice, np.ndarray]]:
        step = max(_CHUNK // n, 1)
        for start in range(0, len(lags), step):
            rows = (np.arange(n) + lags[start : start + step, None]) % n
            yield slice(start, start + len(rows)), np.einsum("kil,il->ki", a[rows], b)

    return chunks


def _lags(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the lags to try, each 1 … n − 1: all of them, or in a long file the small ones and the likeliest."""
    import numpy as np

    n = len(a)
    if n <= _MAX_FULL:
        return np.arange(1, n)
    size = 1 << (2 * n - 1).bit_length()
    total = np.zeros(size)
    for k in range(a.shape[1]):
        total += np.fft.irfft(np.fft.rfft(a[:, k], size) * np.conj(np.fft.rfft(b[:, k], size)), size)
    circular = total[:n] + np.concatenate([[0.0], total[size - n + 1 :]])
    best = np.argsort(circular)[::-1][:64]
    near = np.concatenate([np.arange(1, _NEAR + 1), n - np.arange(1, _NEAR + 1)])
    return np.unique(np.concatenate([near, best[best > 0]]))


def _best_order(
    a: np.ndarray, b: np.ndarray, own: np.ndarray, orders: Mapping[str, np.ndarray]
) -> tuple[str | None, float]:
    """Return the accepted order that gains most, and how much; (None, 0) when none is accepted."""
    import numpy as np

    limit = _normal_quantile(1 - ALPHA / max(len(orders), 1))
    best, most = None, 0.0
    for name, order in orders.items():
        gain = np.einsum("ij,ij->i", a[order], b) - own
        norm = float(np.sqrt((gain.astype(np.float64) ** 2).sum()))
        if gain.sum() > max(most, limit * norm):
            best, most = name, float(gain.sum())
    return best, most


def _unrelated(own: np.ndarray) -> tuple[int, int] | None:
    """Return the first and last of consecutive rows that are unrelated to their images while the others are not.

    The mean affinity of such a part is clearly below half of that of the others, and nearly zero. None without one.
    """
    import numpy as np

    n, mean = len(own), own.mean()
    if mean <= 0:
        return None
    walk = np.cumsum(mean / 2 - own)
    before = np.concatenate([[0.0], walk[:-1]])
    last = int((walk - np.minimum.accumulate(before)).argmax())
    first = int(before[: last + 1].argmin())
    part, others = own[first : last + 1], np.concatenate([own[:first], own[last + 1 :]])
    if len(part) < 20 or len(others) < 20:
        return None
    error = float(np.hypot(part.std() / np.sqrt(len(part)), others.std() / np.sqrt(len(others)) / 2))
    # the part was chosen among n² / 2 for being low: the threshold is that of as many independent ones
    clear = (others.mean() / 2 - part.mean()) / max(error, 1e-12) > _normal_quantile(1 - ALPHA / (n * n / 2))
    return (first, last) if clear and part.mean() < others.mean() / 4 else None


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)
