"""Batches of rows that are in another order, or whose labels were shuffled inside: of an unknown size, 8 to 512."""

from __future__ import annotations

import math

from submission.alignment.assignment import best_assignment
from submission.alignment.likelihood import RIVAL_QUALITIES, Affinity, Likelihood

MAX_ROWS = 3000  # batches of a longer file are not put in order: it would take its square
_ROUND = {8, 10, 12, *range(16, 129, 8), *range(20, 201, 10), *range(25, 513, 25), *range(144, 513, 16)}
_ALL_SIZES = 600  # rows up to which every size to 64 is tried; in longer files the round ones are
_SHUFFLED_SIZES = (8, 10, 16, 20, 25, 32, 50, 64, 100, 128, 200, 256, 500, 512)
_MOST_BATCHES = 150


def sizes_of(n: int) -> list[int]:
    """Return the sizes of batches to try in a file of `n` rows."""
    sizes = sorted(_ROUND | (set(range(8, 65)) if n <= _ALL_SIZES else set()))
    return [size for size in sizes if 2 <= n // size <= _MOST_BATCHES]


def reordered_batches(affinity: Affinity, least: float) -> tuple[float, int, list[int]]:
    """Return the likeliest order of batches of one size: (evidence, size, batch whose images each one's labels fit).

    The evidence is the log-likelihood ratio to the file as it is, times the prior: every order of as many batches is
    as probable as another. -inf where none exceeds `least`. An incomplete last batch stays.
    """
    import numpy as np

    n = len(affinity.a)
    best: tuple[float, int, list[int]] = (-math.inf, 0, [])
    table = affinity.mixed(affinity.a @ affinity.b.T)  # (images, rows)
    sizes = sizes_of(n)
    found = []
    for size in sizes:
        count = n // size
        square = table[: count * size, : count * size].reshape(count, size, count, size)
        fit = np.einsum("pkqk->qp", square, dtype=np.float64)  # (batch of rows, batch of images)
        more = -float(np.trace(fit)) - math.lgamma(count + 1) - math.log(len(sizes))
        at_most = min(float(fit.max(axis=0).sum()), float(fit.max(axis=1).sum())) + more
        if at_most > least:
            found.append((at_most, size, fit, more))
    for at_most, size, fit, more in sorted(found, key=lambda one: one[0], reverse=True):
        if at_most <= max(best[0], least):
            break
        count, order = len(fit), best_assignment(fit)
        if len({(image - batch) % count for batch, image in enumerate(order)}) == 1:
            continue  # a slip
        evidence = float(fit[np.arange(count), order].sum()) + more
        if evidence > max(best[0], least):
            best = (evidence, size, order)
    return best


def shuffled_batches(likelihood: Likelihood, base: float) -> tuple[float, int]:
    """Return the likeliest size of batches inside which labels are shuffled: (evidence against `base`, size)."""
    n = len(likelihood.labels)
    sizes = [size for size in _SHUFFLED_SIZES if size <= n // 2]
    if not sizes:
        return -math.inf, 0
    found = [(likelihood.in_batches(quality, size), size) for size in sizes for quality in RIVAL_QUALITIES[:3]]
    most, size = max(found)
    return most - base - math.log(len(found)), size
