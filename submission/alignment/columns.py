"""Whether the columns of a run file hold the labels that stand above them.

Column m of the file is compared with what the images lead to expect of label l. A rival arrangement of columns, taken
from a list of slips that happen or found by the best assignment (Hungarian), is believed when it fits the images
better, row by row, than chance allows; so a poor run, or labels that cannot be told apart, give no alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from submission.alignment.assignment import best_assignment
from submission.alignment.expectation import Column, standardise

if TYPE_CHECKING:
    import numpy as np

ALPHA = 1e-3
_ROWS = 100_000  # worked on at once
# What separates a fault from a model that learned little (24 to 119 images) and mixes up labels, measured on 72 sound
# files of such models and as many swaps of 7 pairs (drawn sample, 1,199 rows):
_STRONG = 0.4  # after mending, columns correlate with the expectation by this share of its skill, on average
_STRONG_INVERSION = 0.6  # and inverted ones, the other way, by this
_BOTH = 0.1  # each of two swapped columns gains so much in correlation
_SHARES = {"swapped": 0.03, "classes": 0.05, "shifted": 0.05, "assigned": 0.25}  # least share of the fit to be gained
_MIN_POSITIVES = 5  # a column that says yes, or no, less often is left alone


@dataclass(frozen=True)
class ColumnFault:
    """A rival arrangement that is believed.

    kind      `inverted`, `swapped`, `shifted`, `exchanged`, `classes`, `sorted`, `assigned`
    moves     (column of the file, label whose answers it holds), for each column that is not in place
    gain      how much better it fits, Σ a b over rows and columns
    strength  the same in standard errors, row by row
    """

    kind: str
    moves: tuple[tuple[Column, Column], ...]
    gain: float
    strength: float


def judge_columns(
    expected: np.ndarray, skill: np.ndarray, labels: np.ndarray, columns: Sequence[Column]
) -> tuple[ColumnFault | None, float]:
    """Return the best explanation of columns that are not in place (None when they are, or nothing can be told), and
    the share of pairs of labels that can be told apart: their swap would have been believed.

    expected, labels  (n_rows, n_columns), rows in one order
    """

    import numpy as np

    yes = labels.sum(axis=0)
    spoken = (yes >= _MIN_POSITIVES) & (len(labels) - yes >= _MIN_POSITIVES)
    b = (standardise(labels) * spoken).astype(np.float32)
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
    # chosen among very many arrangements, it must be no mere refinement of a named one
    best = assigned if assigned in found and (named is None or assigned.gain > 1.2 * named.gain) else named
    pairs = [_gain(a, b, order)[1] for kind, order in rivals if kind in ("swapped", "classes")]
    return best, sum(strength < -threshold for strength in pairs) / max(len(pairs), 1)


def _clear(fault: ColumnFault, fits: np.ndarray, skill: np.ndarray, total: float, columns: Sequence[Column]) -> bool:
    """Whether a fault is large, and fits all columns that it moves: a poor model's columns may lean to others' labels.

    `fits`: (labels, columns of the file), correlations; `total`: Σ a b of the file as it is.
    """
    place = {column: k for k, column in enumerate(columns)}
    moved = [(place[column], place[label]) for column, label in fault.moves]
    share = fault.gain / max(total + fault.gain, 1e-12)  # of what the mended file would fit
    if fault.kind == "inverted":
        strong = [-fits[k, k] / skill[k] for k, _ in moved if skill[k] > 0]
        return bool(strong) and sum(strong) / len(strong) > _STRONG_INVERSION
    own, after = [fits[k, k] for k, _ in moved], [fits[label, k] for k, label in moved]
    most = sum(skill[label] for _, label in moved)
    if sum(after) < _STRONG * most or share < _SHARES.get(fault.kind, _SHARES["shifted"]):
        return False
    return fault.kind != "swapped" or min(then - now for then, now in zip(after, own, strict=True)) > _BOTH


def _inversions(a: np.ndarray, b: np.ndarray, columns: Sequence[Column]) -> list[ColumnFault]:
    """Return what inverting a subtask's columns, or every column that goes against its images, would explain.

    T1's classes cannot be inverted.
    """
    import numpy as np

    t = np.array([_sum_up(a, b, [(k, k)], lambda now, then: now)[1] for k in range(len(columns))])
    subtask = np.array([column.subtask for column in columns])
    candidates = [subtask == "subtask2", subtask == "subtask3", subtask != "subtask1"]
    candidates.append((t < -_quantile(1 - ALPHA / (2 * len(columns)))) & (subtask != "subtask1"))
    found = []
    for hit in candidates:
        places = [k for k in range(len(columns)) if hit[k]]
        if places:
            gained = _sum_up(a, b, [(k, k) for k in places], lambda now, then: -2 * now)
            found.append(ColumnFault("inverted", tuple((columns[k], columns[k]) for k in places), *gained))
    return found


def _gain(a: np.ndarray, b: np.ndarray, order: Sequence[int]) -> tuple[float, float]:
    """Return how much better the file fits when column m holds label order[m]: the gain, and in standard errors."""
    return _sum_up(a, b, [(m, label) for m, label in enumerate(order) if m != label], lambda now, then: then - now)


def _sum_up(a: np.ndarray, b: np.ndarray, moves: Sequence[tuple[int, int]], change: Callable) -> tuple[float, float]:
    """Return Σ over rows of the gain by `change` of the moved columns alone, and its ratio to √Σ gain²."""
    import numpy as np

    columns, labels = [m for m, _ in moves], [label for _, label in moves]
    total = squares = 0.0
    for start in range(0, len(a), _ROWS):  # a million rows of 20 columns are never copied whole
        part = a[start : start + _ROWS]
        gain = (change(part[:, columns], part[:, labels]) * b[start : start + _ROWS][:, columns]).sum(axis=1)
        total += float(gain.sum(dtype=np.float64))
        squares += float((gain.astype(np.float64) ** 2).sum())
    return total, total / squares**0.5 if squares > 0 else 0.0


def _assign(a: np.ndarray, b: np.ndarray, columns: Sequence[Column]) -> list[int]:
    """Return the label that each column of the file fits best, each label once; T1's classes among themselves."""
    import numpy as np

    fit = b.T @ a  # (columns of the file, labels)
    of_t1 = np.array([c.subtask == "subtask1" for c in columns])
    fit[of_t1[:, None] != of_t1[None, :]] = -1e9
    return best_assignment(fit.tolist())


def _rivals(columns: Sequence[Column]) -> list[tuple[str, list[int]]]:
    """Return slips that happen: (kind, for each column of the file the label whose answers it would hold)."""
    from itertools import permutations

    identity = list(range(len(columns)))
    places: dict[str, list[int]] = {}
    for place, column in enumerate(columns):
        places.setdefault(column.subtask, []).append(place)
    found: list[tuple[str, list[int]]] = []

    def add(kind: str, at: Sequence[int], holds: Sequence[int]) -> None:
        order = identity.copy()
        for place, label in zip(at, holds, strict=True):
            order[place] = label
        if order != identity:
            found.append((kind, order))

    if classes := places.pop("subtask1", None):
        for arrangement in permutations(classes):
            add("classes", classes, arrangement)
    both = [place for of_task in places.values() for place in of_task]
    for k, one in enumerate(both):
        for other in both[k + 1 :]:
            add("swapped", (one, other), (other, one))
    for of_task in [*places.values(), both] if len(places) > 1 else places.values():
        for lag in range(1, len(of_task)):
            # T3 before T2, and the other way about, are shifts of both by the width of one
            exchanged = len(places) > 1 and of_task is both and lag in {len(block) for block in places.values()}
            add("exchanged" if exchanged else "shifted", of_task, [*of_task[lag:], *of_task[:lag]])
        add("sorted", of_task, of_task[::-1])
        add(
            "sorted", of_task, sorted(of_task, key=lambda place: columns[place].label.partition(":")[2].strip().lower())
        )
        add("sorted", of_task, sorted(of_task, key=lambda place: columns[place].label))
    return found


def _moves(order: Sequence[int], columns: Sequence[Column]) -> tuple[tuple[Column, Column], ...]:
    return tuple((columns[place], columns[label]) for place, label in enumerate(order) if place != label)


def _quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)
