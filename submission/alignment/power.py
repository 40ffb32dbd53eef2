"""What would have been noticed in a file: its own rows are spoilt, and the rivals' evidence is computed anew."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from submission.alignment.batches import sizes_of
from submission.alignment.budget import ENOUGH, PRIORS
from submission.alignment.columns import ColumnPair
from submission.alignment.likelihood import RIVAL_QUALITIES, Likelihood
from submission.alignment.rows import SEED, as_it_is
from submission.alignment.slips import prior_of_slip
from submission.alignment.strength import Strength, measure
from submission.wording import both

if TYPE_CHECKING:
    import numpy as np

_ROWS = 3000  # of a longer file the first ones are spoilt
_BATCHES = (8, 16, 32, 64, 128, 256, 512)
_ARRANGEMENTS = 124  # interleavings of workers; and at most as many known orders


@dataclass(frozen=True)
class Power:
    """What would have been noticed, and what not, in sentences; `smallest_slip`: rows, None if no slip would be."""

    tested: tuple[str, ...]
    not_tested: tuple[str, ...]
    smallest_slip: int | None


class _Trial:
    """Spoils the rows of a file, and tells whether their true arrangement would win against the file as it then is."""

    def __init__(
        self, expected: np.ndarray, labels: np.ndarray, slopes: np.ndarray, subtasks: Mapping[str, np.ndarray]
    ):
        self.expected, self.labels, self.slopes, self.subtasks = expected, labels, slopes, subtasks
        sound = Likelihood(expected, labels, slopes)
        self.sound = max(float(sound.at(quality).own.sum()) for quality in RIVAL_QUALITIES)

    def noticed(self, order: np.ndarray, kind: str, prior: float, moved: np.ndarray | None = None) -> bool:
        labels = self.labels.copy()
        if moved is None:
            labels = labels[order]
        else:
            labels[:, moved] = labels[order][:, moved]
        if len(self.subtasks) > 1:
            prior -= math.log(2) + (math.log(len(self.subtasks)) if moved is not None else 0.0)
        prior += math.log(PRIORS[kind]) - math.log(len(RIVAL_QUALITIES))
        spoilt = Likelihood(self.expected, labels, self.slopes)
        return self.sound + prior - as_it_is(spoilt, self.subtasks) > ENOUGH


def power(
    expected: np.ndarray,
    skill: np.ndarray,
    labels: np.ndarray,
    slopes: np.ndarray,
    subtasks: Mapping[str, np.ndarray],
    pairs: Sequence[ColumnPair],
    strength: Strength,
    parts: Mapping[str, Strength],
) -> Power:
    """Return what would have been noticed in a file of these labels, whose rows are taken as sound.

    `subtasks`: name → which columns are its. `pairs`: swaps of columns, of `find_column_rival`. `parts`: the
    strength of each of several subtasks.
    """
    import numpy as np

    expected, labels = expected[:_ROWS], labels[:_ROWS]
    n = len(labels)
    rows, rng = np.arange(n), np.random.default_rng(SEED)
    trial = _Trial(expected, labels, slopes, subtasks)
    tested: list[str] = []
    not_tested: list[str] = []

    def add(noticed: bool, sentence: str) -> None:
        (tested if noticed else not_tested).append(sentence)

    def slipped(count: int) -> bool:
        return trial.noticed(_slip(rows, count), "slip", prior_of_slip(n))

    smallest = _least(slipped, n)
    slips = "labels that slip by a few rows, as after a dropped or doubled row"
    add(smallest is not None, f"{slips}, to the end of the file" + (f", if {smallest} rows do" if smallest else ""))
    if smallest and smallest > 2:
        not_tested.append(f"{slips}, if fewer than {smallest} rows do")
    if len(subtasks) > 1:
        slip, alone = _slip(rows, n), {}
        for name, columns in subtasks.items():
            z = measure(expected[:, columns], skill[columns], labels[slip][:, columns]).z
            unrelated = replace(parts[name], z=z).unrelated
            alone[name] = unrelated or trial.noticed(slip, "slip", prior_of_slip(n), columns)
        for noticed in (True, False):
            if names := [name for name, found in alone.items() if found == noticed]:
                add(noticed, f"rows of {both(names)} alone that slip")
    prior = -math.log(_ARRANGEMENTS)
    add(trial.noticed(rows[::-1], "order", prior), "labels in another known order (backwards, sorted, a folder's)")
    in_turn = np.concatenate([rows[0::2], rows[1::2]])
    add(trial.noticed(in_turn, "workers", prior), "labels of 2 to 32 workers in each other's rows")
    add(*_batches(trial, rows))
    add(*_shuffled(expected, skill, labels, strength, rng))
    for name, counts in _count(pairs).items():
        total = sum(counts.values())
        if counts[True]:
            tested.append(f"{counts[True]} of {total} exchanges of columns or classes of {name}")
        if counts[False]:
            not_tested.append(f"{counts[False]} of {total} exchanges of columns or classes of {name}")
    return Power(tuple(tested), tuple(not_tested), smallest)


def _least(holds: Callable[[int], bool], most: int) -> int | None:
    """Return the least of 2 … most for which a thing holds that holds of all larger ones; None if of none."""
    if most < 2 or not holds(most):
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _slip(rows: np.ndarray, count: int) -> np.ndarray:
    """Return the order in which the last `count` rows slip by one."""
    import numpy as np

    start = len(rows) - count
    return np.concatenate([rows[:start], np.roll(rows[start:], -1)])


def _batches(trial: _Trial, rows: np.ndarray) -> tuple[bool, str]:
    """Return whether batches in another order would be noticed, and of how many rows each."""
    import numpy as np

    for size in _BATCHES:
        count = len(rows) // size
        if count < 2:
            break
        order = rows.copy()
        order[: count * size] = np.roll(rows[: count * size].reshape(count, size), 1, axis=0).ravel()
        if trial.noticed(order, "batches", -math.lgamma(count + 1) - math.log(len(sizes_of(len(rows))))):
            return True, f"batches of at least {size} rows in another order"
    return False, "batches of rows in another order"


def _shuffled(
    expected: np.ndarray, skill: np.ndarray, labels: np.ndarray, strength: Strength, rng: np.random.Generator
) -> tuple[bool, str]:
    """Return whether shuffled labels would be noticed, and in batches of how many rows."""
    import numpy as np

    n = len(labels)
    for size in (*_BATCHES, n):
        if size > n:
            continue
        order = np.concatenate([start + rng.permutation(min(size, n - start)) for start in range(0, n, size)])
        if replace(strength, z=measure(expected, skill, labels[order]).z).unrelated:
            return True, "labels shuffled" + (f", or in batches of at least {size} rows" if size < n else "")
    return False, "labels shuffled"


def _count(pairs: Sequence[ColumnPair]) -> dict[str, Counter[bool]]:
    """Return how many swaps of each subtask would be noticed and not."""
    found: dict[str, Counter[bool]] = {}
    for pair in pairs:
        found.setdefault(pair.subtask, Counter())[pair.noticed] += 1
    return found
