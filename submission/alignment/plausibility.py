"""What is unusual about a run's labels compared with the dev set's, as warnings: a run can be unusual and right.

Compared are how often each label is given, labels that never change, images without any label, and labels that occur
together though they never do in the dev set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from submission.alignment.expectation import LabelColumn, columns_of, label_matrix
from submission.labels import LabelTable
from submission.problems import Problem
from submission.task import Subtask, Task

if TYPE_CHECKING:
    import numpy as np

ALPHA = 0.01  # of one warning by chance over all labels together (Holm)
_FACTOR = 2.0  # a share that differs by less is not reported, however significant: thresholds may be tuned
_MIN_TOGETHER = 10  # images that would hold two labels together in the dev set, were they independent


def find_oddities(run: LabelTable, dev: LabelTable, task: Task) -> list[Problem]:
    """Return warnings on the subtasks that both tables have."""
    import numpy as np

    subtasks = [subtask for subtask in task.subtasks if subtask.name in run.labels and subtask.name in dev.labels]
    if not subtasks:
        return []
    columns = columns_of(subtasks)
    of_run, of_dev = (label_matrix(subtasks, table.labels, table.ids) for table in (run, dev))
    in_run, in_dev = of_run.mean(axis=0), of_dev.mean(axis=0)  # share of the images that have a label
    found = []
    constant = np.isin(in_run, (0.0, 1.0))
    for k in np.flatnonzero(constant & (in_dev > 0) & (in_dev < 1)).tolist():
        actual = f"{'every' if in_run[k] == 1 else 'no'} image with this label"
        found.append(_warning("label-constant", columns[k], actual, _as_in_dev(in_dev[k])))
    p = [_two_shares(of_run[:, k].sum(), len(of_run), of_dev[:, k].sum(), len(of_dev)) for k in range(len(columns))]
    for k in _holm(p, ALPHA):
        if not constant[k] and not in_dev[k] / _FACTOR < in_run[k] < in_dev[k] * _FACTOR:
            actual = f"{in_run[k]:.1%} of the images with this label"
            found.append(_warning("label-share", columns[k], actual, _as_in_dev(in_dev[k])))
    for subtask in subtasks:
        if subtask.multi_label:
            found += _rows_and_pairs(subtask, columns, of_run, of_dev)
    return found


def _rows_and_pairs(
    subtask: Subtask, columns: Sequence[LabelColumn], of_run: np.ndarray, of_dev: np.ndarray
) -> list[Problem]:
    """Return warnings on images without any label, and on labels that occur together, of one subtask."""
    import numpy as np

    places = [k for k, column in enumerate(columns) if column.subtask == subtask]
    run, dev = of_run[:, places], of_dev[:, places]
    empty_run, empty_dev = (int((table.sum(axis=1) == 0).sum()) for table in (run, dev))
    found = []
    if _two_shares(empty_run, len(run), empty_dev, len(dev)) < ALPHA and empty_run / len(run) > empty_dev / len(dev):
        actual = f"{empty_run / len(run):.1%} of the images without a label of {subtask.name}"
        found.append(_warning("rows-without-label", columns[places[0]], actual, _as_in_dev(empty_dev / len(dev))))
    together, in_dev = run.T @ run, dev.T @ dev
    by_chance = np.outer(dev.sum(axis=0), dev.sum(axis=0)) / len(dev)
    for one, other in combinations(range(len(places)), 2):
        if in_dev[one, other] == 0 and together[one, other] > 1 and by_chance[one, other] >= _MIN_TOGETHER:
            actual = f"{int(together[one, other])} images with this label and '{columns[places[other]]}'"
            chance = f"{by_chance[one, other]:.0f} would have both if they were independent"
            expected = f"none, as in the dev set ({chance})"
            found.append(_warning("labels-never-together", columns[places[one]], actual, expected))
    return found


def _as_in_dev(share: float) -> str:
    return f"about {share:.1%}, as in the dev set"


def _warning(code: str, column: LabelColumn, actual: str, expected: str) -> Problem:
    label = "" if column.subtask.multi_label else f"{column.label}: "
    remedy = "Check whether the model really predicts this."
    return Problem(code, "warning", None, column.heading, label + actual, expected, remedy)


def _two_shares(hits_a: float, n_a: int, hits_b: float, n_b: int) -> float:
    """Return the two-sided p-value of two shares being equal (normal approximation, pooled)."""
    pooled = (hits_a + hits_b) / (n_a + n_b)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    return 1.0 if error == 0 else math.erfc(abs(hits_a / n_a - hits_b / n_b) / error / math.sqrt(2))


def _holm(p: list[float], alpha: float) -> list[int]:
    """Return the indices that Holm's procedure rejects, in order."""
    order = sorted(range(len(p)), key=p.__getitem__)
    rejected = []
    for rank, k in enumerate(order):
        if p[k] > alpha / (len(p) - rank):
            break
        rejected.append(k)
    return sorted(rejected)
