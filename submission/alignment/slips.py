"""Parts of a file whose labels belong to the images some rows away: dropped, doubled and moved rows.

For each lag, the gain of consecutive rows is a rise of a walk; the greatest over all lags and parts counts, less what
having so many to choose from is worth: half of the prior for lags of a few rows, half for all others, and a third each
for a part that is the whole file, that ends with it, or any other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.alignment.likelihood import Affinity

if TYPE_CHECKING:
    import numpy as np

MAX_FULL = 3000  # rows up to which every lag is tried; beyond, those up to _NEAR and the best by correlation
USUAL = 5  # slips by at most this many rows are the usual ones
_NEAR = 64
_LIKELY = 64
_CHUNK = 1_000_000  # rows × lags at once
_MOST = 8  # parts
_FURTHER = 2.0  # evidence from which on a further part is added
_LEAST_UNRELATED = 20  # rows of an unrelated part, and of the others


@dataclass(frozen=True)
class Segment:
    """Rows `first` to `last` (from 0, both included) hold the labels of the images `lag` rows further down."""

    first: int
    last: int
    lag: int


@dataclass(frozen=True)
class _Part:
    evidence: float
    first: int
    last: int
    lag: int


def slipped_parts(affinity: Affinity, *, near_only: bool = False) -> tuple[float, tuple[Segment, ...]]:
    """Return parts that belong to other rows' images, the strongest first, and the evidence for all of them.

    The evidence is the log-likelihood ratio to the file as it is, times the prior of the parts. Each row and each
    image is in one part. `near_only`: usual lags alone are tried.
    """
    import numpy as np

    own = affinity.own
    n = len(own)
    lags = _lags(affinity, near_only)
    free, free_images = np.ones(n, bool), np.ones(n, bool)
    total = 0.0
    found: list[Segment] = []
    for _ in range(_MOST):
        best = _best_part(affinity, own, free, free_images, lags)
        if found and best.evidence < _FURTHER:
            break
        total += best.evidence
        found.append(Segment(best.first, best.last, best.lag if best.lag <= n // 2 else best.lag - n))
        free[best.first : best.last + 1] = False
        free_images[np.arange(best.first, best.last + 1) + best.lag - n] = False
        if total < 0 or not free.any():
            break
    return total, tuple(found)


def unrelated_part(own: np.ndarray) -> tuple[float, int, int]:
    """Return consecutive rows whose labels fit no image, while the others fit theirs: (evidence, first, last).

    `own`: s(i, i). The evidence is that of all parts if none is long enough, and else -inf.
    """
    import numpy as np

    n = len(own)
    walk = -np.cumsum(own)
    before = np.concatenate([[0.0], walk[:-1]])
    last = int((walk - np.minimum.accumulate(before)).argmax())
    first = int(before[: last + 1].argmin())
    if not _LEAST_UNRELATED <= last - first + 1 <= n - _LEAST_UNRELATED:
        return -math.inf, first, last
    choice = math.log(n) if last == n - 1 else math.log(n * n / 2)
    return float(walk[last] - before[first]) - choice - math.log(3), first, last


def prior_of_slip(n: int) -> float:
    """Return the log prior of a slip by a few rows from one row on to the end."""
    return -math.log(2 * 2 * USUAL) - math.log(3) - math.log(n)


def _best_part(
    affinity: Affinity, own: np.ndarray, free: np.ndarray, free_images: np.ndarray, lags: np.ndarray
) -> _Part:
    """Return the part of free rows and images, at any lag, for which the evidence is strongest.

    Row i goes to image i + lag, whose fit changes from its own row's to that of row i.
    """
    import numpy as np

    n = len(own)
    usual = np.minimum(lags, n - lags) <= USUAL
    prior = -np.log(2 * np.where(usual, usual.sum(), max((~usual).sum(), 1))) - math.log(3)
    best = _Part(-math.inf, 0, n - 1, 1)
    of_images = np.lib.stride_tricks.sliding_window_view(np.concatenate([own, own]), n)  # [lag, i]: own[i + lag]
    open_images = np.lib.stride_tricks.sliding_window_view(np.concatenate([free_images, free_images]), n)
    for places, products in _at_lags(affinity, lags):
        gain = affinity.mixed(products) - of_images[lags[places]]
        walk = np.cumsum(gain * (free & open_images[lags[places]]), axis=1, dtype=np.float64)  # (n_lags, n)
        before = np.concatenate([np.zeros((len(walk), 1)), walk[:, :-1]], axis=1)
        lowest = np.minimum.accumulate(before, axis=1)
        rise = walk - lowest
        ends = rise.argmax(axis=1)
        evidence = np.stack(
            [
                rise[np.arange(len(rise)), ends] - math.log(n * n / 2),
                rise[:, -1] - math.log(n),
                walk[:, -1],
            ]
        )
        evidence += prior[places]
        shape, k = np.unravel_index(int(evidence.argmax()), evidence.shape)
        if evidence[shape, k] > best.evidence:
            last = int(ends[k]) if shape == 0 else n - 1
            first = int(before[k, : last + 1].argmin()) if shape < 2 else 0
            best = _Part(float(evidence[shape, k]), first, last, int(lags[places][k]))
    return best


def _at_lags(affinity: Affinity, lags: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (slice of the lags, a[i + lag] · b[i] for them: (n_lags_in_slice, n_rows)).

    Rows beyond the end of the file continue at its beginning.
    """
    import numpy as np

    a, b = affinity.a, affinity.b
    n = len(a)
    step = max(_CHUNK // n, 1)
    if len(lags) == n - 1 and n <= MAX_FULL:
        table = a @ b.T  # (images, rows)
        twice = np.concatenate([table, table])
        down, right = twice.strides
        diagonals = np.lib.stride_tricks.as_strided(twice[1:], (n - 1, n), (down, down + right), writeable=False)
        for start in range(0, len(lags), step):
            yield slice(start, start + step), diagonals[start : start + step]
        return
    for start in range(0, len(lags), step):
        chunk = lags[start : start + step]
        products = np.empty((len(chunk), n), np.float32)
        for row, lag in zip(products, chunk, strict=True):
            row[: n - lag] = np.einsum("ij,ij->i", a[lag:], b[: n - lag])
            row[n - lag :] = np.einsum("ij,ij->i", a[:lag], b[n - lag :])
        yield slice(start, start + len(chunk)), products


def _lags(affinity: Affinity, near_only: bool) -> np.ndarray:
    """Return the lags to try, each 1 … n − 1: all of them, or in a long file the small ones and the likeliest."""
    import numpy as np

    n = len(affinity.a)
    if near_only:
        near = np.arange(1, min(USUAL, n - 1) + 1)
        return np.unique(np.concatenate([near, n - near]))
    if n <= MAX_FULL:
        return np.arange(1, n)
    size = 1 << (2 * n - 1).bit_length()
    total = np.zeros(size)
    for of_image, of_row in zip(affinity.a.T, affinity.b.T, strict=True):
        total += np.fft.irfft(np.fft.rfft(of_image, size) * np.conj(np.fft.rfft(of_row, size)), size)
    circular = total[:n] + np.concatenate([[0.0], total[size - n + 1 :]])
    best = np.argsort(circular)[::-1][:_LIKELY]
    near = np.concatenate([np.arange(1, _NEAR + 1), n - np.arange(1, _NEAR + 1)])
    return np.unique(np.concatenate([near, best[best > 0]]))
