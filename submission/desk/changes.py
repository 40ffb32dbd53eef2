"""A rearrangement of a run's answers, and whether it raises the scores by more than the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.check.answers import Cells
from submission.desk.measures import Measure
from submission.desk.noise import contributions, p_values

if TYPE_CHECKING:
    import numpy as np

# chance that answers without a fault are called misplaced, for rows (which pay for what they are chosen from by their
# priors), orders of columns, classes and inversions each
LEVEL = 0.0025

Rows = Sequence[Cells | None]  # a value per column of the task for each image of the truth, in its order


@dataclass(frozen=True)
class Change:
    """One rearrangement.

    code    of the problem that it puts right
    actual  what the file has instead, in words
    apply   returns the rows put right
    tried   how many rearrangements it was chosen from
    line    of the file where it begins; None: all of it
    column  heading, where it is of one column
    """

    code: str
    actual: str
    apply: Callable[[Rows], list[Cells | None]]
    tried: int = 1
    line: int | None = None
    column: str | None = None


def mean_value(measures: Sequence[Measure], rows: Rows) -> float:
    """Return the mean of what the measures give, the higher the better."""
    return sum(_up(measure) * measure.value(rows) for measure in measures) / len(measures)


def p_of_gain(measures: Sequence[Measure], before: Rows, after: Rows, tried: int) -> float:
    """Return the chance of such a gain in the mean of the measures, were the answers before as good as those after.

    The answers before and after are exchanged at random, paired by image, and `tried` rearrangements are paid for.
    """
    import numpy as np

    shares = np.stack([_shares(measures, rows) for rows in (before, after)], axis=1)
    scores = [mean_value(measures, rows) for rows in (before, after)]
    return min(1.0, p_values(scores, shares)[0, 1] * tried)


def _shares(measures: Sequence[Measure], rows: Rows) -> np.ndarray:
    import numpy as np

    found = []
    for measure in measures:
        sample = measure.sample(rows)
        found.append(_up(measure) * contributions(sample.values, sample.n))
    mean: np.ndarray = np.mean(found, axis=0)
    return mean


def _up(measure: Measure) -> int:
    return 1 if measure.greater_is_better else -1
