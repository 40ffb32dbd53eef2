"""Whether answers fit images in another order better than chance allows: in small files, exactly by the truth.

Were the order wrong, answers would fit these images as they fit any others: the fit Σ a(i) · b(i) has a mean and a
spread over all orders of the images. Whoever tries many orders pays for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from submission.alignment.likelihood import RIVAL_QUALITIES, Likelihood
from submission.alignment.rows import Rival
from submission.alignment.slips import MAX_FULL, USUAL, Segment, slipped_parts

if TYPE_CHECKING:
    import numpy as np

_QUALITIES = RIVAL_QUALITIES[:3]


def likely_slips(likelihood: Likelihood, subtasks: Mapping[str, np.ndarray]) -> Iterator[tuple[Rival, float]]:
    """Yield the slip that fits best, of all subtasks together and of each alone, and among how many it was chosen.

    `subtasks`: name → which columns are its, boolean (n_columns,).
    """
    n = len(likelihood.labels)
    choices: list[tuple[tuple[str, ...], np.ndarray | None]] = [(tuple(subtasks), None)]
    if len(subtasks) > 1:
        choices += [((name,), columns) for name, columns in subtasks.items()]
    for quality in _QUALITIES:
        for names, columns in choices:
            _, parts = slipped_parts(likelihood.at(quality, columns), near_only=n > MAX_FULL)
            if parts:
                tried = len(_QUALITIES) * (2 * len(subtasks) if columns is not None else 2)
                yield Rival("slip", 0.0, names, parts=parts[:1]), tried * _arrangements(parts[0], n)


def beyond_chance(true: np.ndarray, given: np.ndarray, tried: float, level: float) -> bool:
    """Return whether answers fit the images of the same row better than chance allows, after `tried` orders.

    true, given  (n_rows, n_columns), standardised
    """
    import numpy as np

    n = len(true)
    if n < 3:
        return False
    table = true @ given.T  # (images, rows)
    table = table - table.mean(axis=0) - table.mean(axis=1)[:, None] + table.mean()
    spread = math.sqrt(float((table**2).sum()) / (n - 1))  # of the fit over all orders
    return spread > 0 and NormalDist().cdf(-float(np.trace(table)) / spread) * tried < level


def _arrangements(part: Segment, n: int) -> float:
    """Return among how many a part was chosen, the usual ones counting less: see `alignment.slips`."""
    lags = 2 * USUAL if min(abs(part.lag), n - abs(part.lag)) <= USUAL else n
    if part.last < n - 1:
        return 2 * lags * 3 * n * n / 2
    return 2 * lags * 3 * (n if part.first else 1)


def of_rows(order: Sequence[int] | np.ndarray) -> tuple[list[int], list[int]]:
    """Return the rows that an order moves, and the rows whose images they go to."""
    moved = [(row, image) for row, image in enumerate(map(int, order)) if row != image]
    return [row for row, _ in moved], [image for _, image in moved]
