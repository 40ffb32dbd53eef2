"""Whether the columns of a run file hold the labels that their headings name.

Column m of the file is compared with what the images lead to expect of label l. A rival arrangement of columns, taken
from a list of usual mistakes or found by the best assignment (Hungarian), is accepted when it fits the images better,
row by row, than chance allows; so a poor run, or labels that cannot be told apart, raise no alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from statistics import NormalDist
from typing import TYPE_CHECKING

from submission.alignment.assignment import best_assignment
from submission.alignment.expectation import LabelColumn, standardise
from submission.task import Subtask

if TYPE_CHECKING:
    import numpy as np

ALPHA = 1e-3
_ROWS = 100_000  # rows computed at once
# What separates a fault from a model that learned little (24 to 119 images) and mixes up labels, measured on 72 sound
# files of such models and as many swaps of 7 pairs (drawn sample, 1,199 rows):
_STRONG = 0.4  # after correction, columns correlate with the expectation by this share of its skill, on average
_STRONG_INVERSION = 0.6  # and inverted ones, with the opposite sign, by this
_BOTH = 0.1  # each of two swapped columns gains this much in correlation
_SHARES = {"swapped": 0.03, "classes": 0.05, "shifted": 0.05, "assigned": 0.25}  # least share of the fit to be gained
_MIN_POSITIVES = 5  # a column with fewer 1 than this, or fewer 0, is not judged
_ALL_ORDERS = 4  # of up to so many classes every order is a rival; of more, two swapped and all shifted


@dataclass(frozen=True)
class ColumnFault:
    """A rival arrangement that is accepted.

    kind      `inverted`, `swapped`, `shifted`, `exchanged`, `classes`, `sorted`, `assigned`
    moves     (column of the file, label whose answers it holds), for each column that is not in place
    gain      how much better it fits, Σ a b over rows and columns
    strength  the same in standard errors, row by row
    """

    kind: str
    moves: tuple[tuple[LabelColumn, LabelColumn], ...]
    gain: float
    strength: float


@dataclass(frozen=True)
class ColumnPair:
    """Two columns in each other's place, or classes in another order, and whether that would have been noticed."""

    subtask: str  # of the first
    noticed: bool


def judge_columns(
    expected: np.ndarray, skill: np.ndarray, labels: np.ndarray, columns: Sequence[LabelColumn]
) -> tuple[ColumnFault | None, tuple[ColumnPair, ...]]:
    """Return the best explanation of columns that are not in place, and which pairs can be told apart.

    The explanation is None if all columns are in place, or if the evidence is not sufficient.

    expected, labels  (n_rows, n_columns), rows in one order
    """
    import numpy as np

    ones = labels.sum(axis=0)
    judged = (ones >= _MIN_POSITIVES) & (len(labels) - ones >= _MIN_POSITIVES)
    b = (standardise(labels) * judged).astype(np.float32)
    a = (expected * skill).astype(np.float32)
    rivals = _rivals(columns)
    threshold = _quantile(1 - ALPHA / (2 * max(len(rivals), 1)))
    found = [ColumnFault(kind, _moves(order, columns), *_gain(a, b, order)) for kind, order in rivals]
    found = [fault for fault in found if fault.strength > threshold]
    found += [fault for fault in _inversions(a, b, columns) if fault.strength > threshold]
    order = _assign(a, b, columns)
    assigned = ColumnFault("assigned", _moves(order, columns), *_gain(a, b, order))
    if assigned.strength > threshold:
        found.append(assigned)
    fits = expected.T @ b / len(b)  # (labels, columns of the file): correlations
    total = float(np.einsum("ij,ij->", a, b, dtype=np.float64))
    found = [fault for fault in found if _clear(fault, fits, skill, total, columns)]
    named = max((fault for fault in found if fault is not assigned), key=lambda fault: fault.gain, default=None)
    # chosen among very many arrangements, it must be more than a refinement of a named one
    best = assigned if assigned in found and (named is None or assigned.gain > 1.2 * named.gain) else named
    pairs = [
        ColumnPair(_moves(order, columns)[0][0].subtask.name, _gain(a, b, order)[1] < -threshold)
        for kind, order in rivals
        if kind in ("swapped", "classes")
    ]
    return best, tuple(pairs)


def _clear(
    fault: ColumnFault, fits: np.ndarray, skill: np.ndarray, total: float, columns: Sequence[LabelColumn]
) -> bool:
    """Return whether a fault is large, and fits all columns that it moves.

    A poor model's columns may resemble those of other labels without any fault.

    `fits`: (labels, columns of the file), correlations; `total`: Σ a b of the file as it is.
    """
    place = {column: k for k, column in enumerate(columns)}
    moved = [(place[column], place[label]) for column, label in fault.moves]
    share = fault.gain / max(total + fault.gain, 1e-12)  # of the fit of the corrected file
    if fault.kind == "inverted":
        strong = [-fits[k, k] / skill[k] for k, _ in moved if skill[k] > 0]
        return bool(strong) and sum(strong) / len(strong) > _STRONG_INVERSION
    own, after = [fits[k, k] for k, _ in moved], [fits[label, k] for k, label in moved]
    most = sum(skill[label] for _, label in moved)
    if sum(after) < _STRONG * most or share < _SHARES.get(fault.kind, _SHARES["shifted"]):
        return False
    return fault.kind != "swapped" or min(then - now for then, now in zip(after, own, strict=True)) > _BOTH


def _inversions(a: np.ndarray, b: np.ndarray, columns: Sequence[LabelColumn]) -> list[ColumnFault]:
    """Return what inverting a subtask's columns, or every column that contradicts its images, would explain.

    The classes of a single-label subtask cannot be inverted.
    """
    limit = -_quantile(1 - ALPHA / (2 * len(columns)))
    several = [k for k, column in enumerate(columns) if column.subtask.multi_label]
    against = [k for k in several if _sum_up(a, b, [(k, k)], lambda now, then: now)[1] < limit]
    candidates = [*_places_by_subtask(columns, several).values(), several, against]
    found = []
    for places in candidates:
        if places:
            gained = _sum_up(a, b, [(k, k) for k in places], lambda now, then: -2 * now)
            found.append(ColumnFault("inverted", tuple((columns[k], columns[k]) for k in places), *gained))
    return found


def _gain(a: np.ndarray, b: np.ndarray, order: Sequence[int]) -> tuple[float, float]:
    """Return how much better the file fits when column m holds label order[m]: the gain, and in standard errors."""
    return _sum_up(a, b, [(m, label) for m, label in enumerate(order) if m != label], lambda now, then: then - now)


def _sum_up(
    a: np.ndarray,
    b: np.ndarray,
    moves: Sequence[tuple[int, int]],
    change: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[float, float]:
    """Return Σ over rows of the gain by `change` of the moved columns alone, and its ratio to √Σ gain²."""
    import numpy as np

    columns, labels = [m for m, _ in moves], [label for _, label in moves]
    total = squares = 0.0
    for start in range(0, len(a), _ROWS):  # so that a million rows are never copied at once
        part = a[start : start + _ROWS]
        gain = (change(part[:, columns], part[:, labels]) * b[start : start + _ROWS][:, columns]).sum(axis=1)
        total += float(gain.sum(dtype=np.float64))
        squares += float((gain.astype(np.float64) ** 2).sum())
    return total, total / squares**0.5 if squares > 0 else 0.0


def _assign(a: np.ndarray, b: np.ndarray, columns: Sequence[LabelColumn]) -> list[int]:
    """Return the label that each column of the file fits best, each label once.

    The classes of a single-label subtask are assigned among themselves, all other labels together.
    """
    import numpy as np

    fit = b.T @ a  # (columns of the file, labels)
    group = np.array(["" if column.subtask.multi_label else column.subtask.name for column in columns])
    fit[group[:, None] != group[None, :]] = -1e9
    return best_assignment(fit.tolist())


def _rivals(columns: Sequence[LabelColumn]) -> list[tuple[str, list[int]]]:
    """Return the usual mistakes: (kind, for each column of the file the label whose answers it would hold)."""
    identity = list(range(len(columns)))
    found: list[tuple[str, list[int]]] = []

    def add(kind: str, at: Sequence[int], holds: Sequence[int]) -> None:
        order = identity.copy()
        for place, label in zip(at, holds, strict=True):
            order[place] = label
        if order != identity:
            found.append((kind, order))

    single = [k for k, column in enumerate(columns) if not column.subtask.multi_label]
    for classes in _places_by_subtask(columns, single).values():
        for arrangement in _class_orders(classes):
            add("classes", classes, arrangement)
    several = [k for k, column in enumerate(columns) if column.subtask.multi_label]
    for one, other in combinations(several, 2):
        add("swapped", (one, other), (other, one))
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
    return found


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


def _moves(order: Sequence[int], columns: Sequence[LabelColumn]) -> tuple[tuple[LabelColumn, LabelColumn], ...]:
    return tuple((columns[place], columns[label]) for place, label in enumerate(order) if place != label)


def _quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)
