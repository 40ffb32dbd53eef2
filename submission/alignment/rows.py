"""Whether the rows of a run file belong to the images, judged without test labels.

The file as it is competes with rival arrangements of its rows (slips, batches, workers, known orders) by likelihood
ratio (likelihood.py), in one family with the rivals of columns: each has its prior probability (budget.py), which
its subtasks, parts of the file and qualities share. The file as it is counts at the likeliest quality of run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from submission.alignment.batches import MAX_ROWS, reordered_batches, shuffled_batches
from submission.alignment.budget import ENOUGH, PRIORS
from submission.alignment.likelihood import RIVAL_QUALITIES, Affinity, Likelihood, Quality
from submission.alignment.orders import interleavings
from submission.alignment.slips import MAX_FULL, Segment, slipped_parts, unrelated_part

if TYPE_CHECKING:
    import numpy as np

_SAYS_NOTHING = 0.05  # share of runs that say nothing of one subtask
_OF_BATCHES = RIVAL_QUALITIES[1:3]  # at which batches are put in order, which takes longest
SEED = 0  # of the rows drawn from a long file

Orders = Mapping[str, "np.ndarray"]  # name → order: row i holds the labels of the image of row order[i]


@dataclass(frozen=True)
class Rival:
    """An arrangement that is more probable than the file as it is.

    kind      a key of `PRIORS`
    evidence  log of its likelihood times its prior, over the likelihood of the file as it is
    subtasks  those whose labels it moves
    name      the order's
    parts     where labels belong, or, of unrelated ones, where they are (lag 0)
    size      rows in a batch
    """

    kind: str
    evidence: float
    subtasks: tuple[str, ...]
    name: str = ""
    parts: tuple[Segment, ...] = ()
    size: int = 0


def find_rival(likelihood: Likelihood, subtasks: Mapping[str, np.ndarray], orders: Orders) -> Rival | None:
    """Return the most probable rival arrangement, None if the file as it is is more probable.

    `subtasks`: name → which columns are its (n_columns,), boolean.
    """
    base = as_it_is(likelihood, subtasks)
    everything = tuple(subtasks)
    best = max(_rivals(likelihood, subtasks, orders, base), key=lambda rival: rival.evidence)
    least = max(best.evidence, ENOUGH)
    for quality in _OF_BATCHES if len(likelihood.labels) <= MAX_ROWS else ():
        affinity = likelihood.at(quality)
        change = float(affinity.own.sum()) - base - _of_choice(len(subtasks)) + math.log(PRIORS["batches"])
        evidence, size, order = reordered_batches(affinity, least - change)
        if evidence + change > least:
            least = evidence + change
            best = Rival("batches", least, everything, parts=_moved_batches(order, size), size=size)
    return best if best.evidence > ENOUGH else None


def as_it_is(likelihood: Likelihood, subtasks: Mapping[str, np.ndarray]) -> float:
    """Return the log-likelihood ratio of the file as it is, at the likeliest quality.

    A poor run may say something of one subtask and nothing of another, or what contradicts it: then any other rows
    would do as well for the labels of that subtask, and none is believed. Few runs are like that.
    """
    import numpy as np

    poor = [some for count in range(1, len(subtasks)) for some in combinations(subtasks.values(), count)]
    without = [likelihood.without(np.any(some, axis=0)).best() + math.log(_SAYS_NOTHING) for some in poor]
    return max(likelihood.best(), *without, 0.0)


def _rivals(likelihood: Likelihood, subtasks: Mapping[str, np.ndarray], orders: Orders, base: float) -> Iterator[Rival]:
    """Yield the best rival of each kind but batches in another order, for all subtasks together and for each alone."""
    n = len(likelihood.labels)
    everything = tuple(subtasks)
    choices: list[tuple[tuple[str, ...], np.ndarray | None]] = [(everything, None)]
    if len(subtasks) > 1:
        choices += [((name,), columns) for name, columns in subtasks.items()]
    workers = interleavings(n) if n <= MAX_ROWS else {}
    for quality in _rival_qualities(likelihood):
        fit = float(likelihood.at(quality).own.sum())
        for moved, columns in choices:
            affinity = likelihood.at(quality, columns)
            own = affinity.own
            change = fit - base - _of_choice(len(subtasks), one=columns is not None)
            for kind, of_kind in (("order", orders), ("workers", workers)):
                if of_kind:
                    evidence, name = _best_order(affinity, own, of_kind)
                    yield Rival(kind, evidence + change + math.log(PRIORS[kind]), moved, name)
            evidence, parts = slipped_parts(affinity, near_only=n > MAX_FULL and columns is not None)
            yield Rival("slip", evidence + change + math.log(PRIORS["slip"]), moved, parts=parts)
            evidence, first, last = unrelated_part(own)
            parts = (Segment(first, last, 0),)
            yield Rival("unrelated", evidence + change + math.log(PRIORS["unrelated"]), moved, parts=parts)
    evidence, size = shuffled_batches(likelihood, base)
    yield Rival("shuffled", evidence + math.log(PRIORS["shuffled"]), everything, size=size)


def _of_choice(n_subtasks: int, *, one: bool = False) -> float:
    """Return what having a choice of qualities and subtasks costs: all subtasks are as probable as all single ones."""
    of_subtasks = math.log(2) + (math.log(n_subtasks) if one else 0.0) if n_subtasks > 1 else 0.0
    return math.log(len(RIVAL_QUALITIES)) + of_subtasks


def _rival_qualities(likelihood: Likelihood) -> Sequence[Quality]:
    """Return the qualities to try: of a long file only the likeliest, so that it takes no longer than it must."""
    if len(likelihood.labels) <= MAX_FULL:
        return RIVAL_QUALITIES
    return [max(RIVAL_QUALITIES, key=lambda quality: float(likelihood.at(quality).own.sum()))]


def _best_order(affinity: Affinity, own: np.ndarray, orders: Orders) -> tuple[float, str]:
    """Return the order that fits best: (log-likelihood ratio times its prior, name); of a long file by some rows."""
    import numpy as np

    n = len(own)
    rows = np.arange(n) if n <= MAX_FULL else np.random.default_rng(SEED).choice(n, MAX_FULL, replace=False)
    part = Affinity(affinity.a, affinity.b[rows], affinity.stray)
    own = own[rows]
    return max(
        (float((part.of(order[rows]) - own).sum()) - math.log(len(orders)), name) for name, order in orders.items()
    )


def _moved_batches(order: Sequence[int], size: int) -> tuple[Segment, ...]:
    """Return the batches that are not in their place."""
    return tuple(
        Segment(batch * size, (batch + 1) * size - 1, (image - batch) * size)
        for batch, image in enumerate(order)
        if batch != image
    )
