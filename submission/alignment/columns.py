"""Whether the columns of a run file hold the labels that their headings name, judged without test labels.

The file as it is competes with rival orders of its columns, usual mistakes and the best assignment of all, by
likelihood ratio (headings.py), in one family with the rivals of rows: each kind has its prior probability (budget.py),
which its arrangements share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from submission.alignment.assignment import best_assignment
from submission.alignment.budget import ENOUGH, PRIORS
from submission.alignment.expectation import LabelColumn
from submission.alignment.headings import Headings
from submission.task import Subtask

if TYPE_CHECKING:
    import numpy as np

# A poor model mixes up labels in ways that no likelihood foresees: the columns of a rival correlate better by at least
# this share of the skill of their labels. Rivals of sound files had .33 at most, those of faults .84 at least
# (OASIS, COCO and drawn). Of labels of little skill, 3 of 272 poor models had more: there the mean skill counts.
_LEAST_CHANGE = 0.6
_ALL_ORDERS = 4  # of up to so many classes every order is a rival; of more, two swapped and all shifted
# Share of swaps that are of columns beside each other, of others in one subtask, and of two subtasks' columns.
_SWAPS = {"neighbours": 0.8, "swapped": 0.15, "across": 0.05}
_MOST_SWAPS = 200  # of more pairs of columns, only neighbours and so many of the most promising others are swapped


@dataclass(frozen=True)
class ColumnRival:
    """An arrangement of columns that is more probable than the file as it is.

    kind      `inverted`, `swapped`, `shifted`, `exchanged`, `classes`, `sorted`, `assigned`
    evidence  log of its likelihood times its prior, over the likelihood of the file as it is
    moves     (column of the file, label whose answers it holds), for each column that is not in place
    """

    kind: str
    evidence: float
    moves: tuple[tuple[LabelColumn, LabelColumn], ...]


@dataclass(frozen=True)
class ColumnPair:
    """Two columns in each other's place, or classes in another order, and whether that would have been noticed."""

    subtask: str  # of the first
    noticed: bool


@dataclass(frozen=True)
class _Arrangement:
    kind: str
    prior: float  # log, of this one among all of its kind
    order: tuple[int, ...]  # for each column of the file the label whose answers it holds
    inverted: frozenset[int] = frozenset()


def find_column_rival(
    headings: Headings, columns: Sequence[LabelColumn], fits: np.ndarray, skill: np.ndarray
) -> tuple[ColumnRival | None, tuple[ColumnPair, ...]]:
    """Return the most probable rival order, None if the file as it is is more probable; and what could be told apart.

    `fits`: (labels, columns of the file), correlations of what the images lead to expect with the labels of their rows;
    `skill`: (n_labels,), those of good predictions.

    Were a pair of columns swapped in the file, it would be the rival, and the file as it is its correction: the same
    two likelihoods say whether that would have been noticed.
    """
    import numpy as np

    def likelihood(arrangement: _Arrangement) -> float:
        signs = np.array([-1.0 if k in arrangement.inverted else 1.0 for k in range(len(columns))])
        return headings.log_likelihood(np.array(arrangement.order), signs)

    identity = tuple(range(len(columns)))
    base = likelihood(_Arrangement("", 0.0, identity))
    fit = _fits(headings)
    change = {1: fits.T - np.diag(fits)[:, None], -1: -2 * fits.T}  # of the correlation, if column m holds label l
    best: ColumnRival | None = None
    pairs = []
    for rival in (*_named(columns, fit), *_inversions(columns, fit), *_assigned(columns, fit)):
        gain, prior = likelihood(rival) - base, rival.prior + math.log(PRIORS[rival.kind])
        moved = [k for k in identity if rival.order[k] != k or k in rival.inverted]
        labels = [rival.order[k] for k in moved]
        better = float(change[-1 if rival.inverted else 1][moved, labels].sum())
        clear = _LEAST_CHANGE * max(float(skill[labels].sum()), len(moved) * float(skill.mean()))
        if gain + prior > (best.evidence if best else ENOUGH) and better > clear:
            best = ColumnRival(rival.kind, gain + prior, tuple((columns[k], columns[rival.order[k]]) for k in moved))
        if rival.kind in ("swapped", "classes"):
            pairs.append(ColumnPair(columns[moved[0]].subtask.name, prior - gain > ENOUGH and -better > clear))
    return best, tuple(pairs)


def _fits(headings: Headings) -> np.ndarray:
    """Return how well each column of the file fits each label by itself, (columns of the file, labels)."""
    import numpy as np

    n = np.diag(headings.among)[:, None]
    square = (headings.effects**2).sum(axis=1)
    fits: np.ndarray = headings.sd[:, None] * (headings.between @ headings.effects.T)
    fits -= 0.5 * n * headings.sd[:, None] ** 2 * square
    return fits


def _inversions(columns: Sequence[LabelColumn], fit: np.ndarray) -> Iterator[_Arrangement]:
    """Yield each subtask inverted, all of them, and the columns that contradict their images.

    The classes of a single-label subtask cannot be inverted.
    """
    several = [k for k, column in enumerate(columns) if column.subtask.multi_label]
    blocks = list(_places_by_subtask(columns, several).values())
    blocks += [several] if len(blocks) > 1 else []
    identity = tuple(range(len(columns)))
    for block in blocks:
        yield _Arrangement("inverted", -math.log(2 * len(blocks)), identity, frozenset(block))
    if against := [k for k in several if fit[k, k] < 0]:
        yield _Arrangement(
            "inverted", -math.log(2) - _of_some(len(several), len(against)), identity, frozenset(against)
        )


def _assigned(columns: Sequence[LabelColumn], fit: np.ndarray) -> Iterator[_Arrangement]:
    """Yield the order in which each column is under the label that it fits best, each label once.

    The classes of a single-label subtask are assigned among themselves, all other labels together.
    """
    import numpy as np

    group = np.array(["" if column.subtask.multi_label else column.subtask.name for column in columns])
    order = best_assignment(np.where(group[:, None] == group[None, :], fit, -1e9).tolist())
    if moved := sum(place != label for place, label in enumerate(order)):
        yield _Arrangement("assigned", -_of_some(len(columns), moved) - math.lgamma(moved + 1), tuple(order))


def _of_some(n: int, k: int) -> float:
    """Return the log of the number of choices of k among n, where every k is as probable as another."""
    return math.log(n) + math.log(math.comb(n, k))


def _named(columns: Sequence[LabelColumn], fit: np.ndarray) -> list[_Arrangement]:
    """Return the usual mistakes. All of a kind are equally probable, except swaps."""
    identity = list(range(len(columns)))
    found: dict[str, dict[tuple[int, ...], None]] = {}

    def add(kind: str, at: Sequence[int], holds: Sequence[int]) -> None:
        order = identity.copy()
        for place, label in zip(at, holds, strict=True):
            order[place] = label
        if order != identity:
            found.setdefault(kind, {})[tuple(order)] = None

    single = [k for k, column in enumerate(columns) if not column.subtask.multi_label]
    for classes in _places_by_subtask(columns, single).values():
        for arrangement in _class_orders(classes):
            add("classes", classes, arrangement)
    several = [k for k, column in enumerate(columns) if column.subtask.multi_label]
    for one, other in combinations(several, 2):
        together = columns[one].subtask == columns[other].subtask
        kind = "neighbours" if together and other == one + 1 else "swapped" if together else "across"
        add(kind, (one, other), (other, one))
    blocks = list(_places_by_subtask(columns, several).values())
    starts = {block[0] - several[0] for block in blocks[1:]}  # of all subtasks but the first, among `several`
    for block in [*blocks, several] if len(blocks) > 1 else blocks:
        for lag in range(1, len(block)):
            # a later subtask before the first, and the other way about, shift all columns by whole subtasks
            exchanged = block is several and (lag in starts or len(several) - lag in starts)
            add("exchanged" if exchanged else "shifted", block, [*block[lag:], *block[:lag]])
        add("sorted", block, block[::-1])
        add("sorted", block, sorted(block, key=lambda place: _short(columns[place]).lower()))
        add("sorted", block, sorted(block, key=lambda place: columns[place].label))
        add("sorted", block, sorted(block, key=lambda place: str(place - block[0] + 1)))  # 10 before 2
    arrangements = []
    for kind, orders in found.items():
        tried = list(orders)
        if kind in ("swapped", "across") and len(tried) > _MOST_SWAPS:
            tried = sorted(tried, key=lambda order: -float(fit[identity, order].sum()))[:_MOST_SWAPS]
        prior = math.log(_SWAPS.get(kind, 1.0) / len(orders))
        arrangements += [_Arrangement("swapped" if kind in _SWAPS else kind, prior, order) for order in tried]
    return arrangements


def _class_orders(classes: Sequence[int]) -> list[Sequence[int]]:
    """Return the orders in which classes get mixed up: all of a few, of many those of two swapped and of a shift."""
    if len(classes) <= _ALL_ORDERS:
        return list(permutations(classes))
    orders: list[Sequence[int]] = [[*classes[lag:], *classes[:lag]] for lag in range(1, len(classes))]
    orders.append(classes[::-1])
    for one, other in combinations(range(len(classes)), 2):
        swapped = list(classes)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        orders.append(swapped)
    return orders


def _places_by_subtask(columns: Sequence[LabelColumn], places: Sequence[int]) -> dict[Subtask, list[int]]:
    """Return the places, of those given, of each subtask's columns."""
    found: dict[Subtask, list[int]] = {}
    for place in places:
        found.setdefault(columns[place].subtask, []).append(place)
    return found


def _short(column: LabelColumn) -> str:
    return column.subtask.short(column.label)
