"""What is odd about a run's labels beside the dev set's, as warnings: a run can be odd and right.

Compared are how often each label is given, labels that never change, images without any label, and labels that stand
together though they never do in the dev set.
"""

from __future__ import annotations

import math
from itertools import combinations

from submission.alignment.expectation import Column, columns_of, label_matrix
from submission.labels import LabelTable
from submission.problems import Problem
from submission.tasks import TASKS

ALPHA = 0.01  # of one warning by chance over all labels together (Holm)
_FACTOR = 2.0  # a share that differs by less is no oddity, however sure: thresholds may be tuned
_MIN_TOGETHER = 10  # images that would hold two labels together in the dev set, were they independent


def find_oddities(run: LabelTable, dev: LabelTable) -> list[Problem]:
    """Return warnings on the subtasks that both tables have."""
    import numpy as np

    tasks = [task for name, task in TASKS.items() if name in run.labels and name in dev.labels]
    if not tasks:
        return []
    columns = columns_of(tasks)
    of_run = label_matrix({task.name: run.labels[task.name] for task in tasks}, run.ids)
    of_dev = label_matrix({task.name: dev.labels[task.name] for task in tasks}, dev.ids)
    said, seen = of_run.mean(axis=0), of_dev.mean(axis=0)
    found = []
    constant = np.isin(said, (0.0, 1.0))
    for k in np.flatnonzero(constant & (seen > 0) & (seen < 1)):
        always = "every" if said[k] == 1 else "no"
        found.append(
            _warning("label-constant", columns[k], f"{always} image has it", f"about {seen[k]:.1%}, as in the dev set")
        )
    p = [_two_shares(of_run[:, k].sum(), len(of_run), of_dev[:, k].sum(), len(of_dev)) for k in range(len(columns))]
    for k in _holm(p, ALPHA):
        if not constant[k] and not seen[k] / _FACTOR < said[k] < seen[k] * _FACTOR:
            came, wanted = f"{said[k]:.1%} of the images", f"about {seen[k]:.1%}, as in the dev set"
            found.append(_warning("label-share", columns[k], came, wanted))
    for task in tasks:
        if task.multi_label:
            found += _rows_and_pairs(task.name, columns, of_run, of_dev)
    return found


def _rows_and_pairs(subtask: str, columns: tuple[Column, ...], of_run, of_dev) -> list[Problem]:
    """Return warnings on images without any label, and on labels that stand together, of one subtask."""
    import numpy as np

    places = [k for k, column in enumerate(columns) if column.subtask == subtask]
    run, dev = of_run[:, places], of_dev[:, places]
    empty_run, empty_dev = (int((table.sum(axis=1) == 0).sum()) for table in (run, dev))
    found = []
    if _two_shares(empty_run, len(run), empty_dev, len(dev)) < ALPHA and empty_run / len(run) > empty_dev / len(dev):
        came = f"{empty_run / len(run):.1%} of the images have no label of {subtask}"
        wanted = f"about {empty_dev / len(dev):.1%}, as in the dev set"
        found.append(_warning("rows-without-label", columns[places[0]], came, wanted))
    together, in_dev = run.T @ run, dev.T @ dev
    by_chance = np.outer(dev.sum(axis=0), dev.sum(axis=0)) / len(dev)
    for one, other in combinations(range(len(places)), 2):
        if in_dev[one, other] == 0 and together[one, other] > 1 and by_chance[one, other] >= _MIN_TOGETHER:
            came = f"{int(together[one, other])} images have it and '{columns[places[other]]}' as well"
            wanted = f"none, as in the dev set ({by_chance[one, other]:.0f} would have both if they were independent)"
            found.append(_warning("labels-never-together", columns[places[one]], came, wanted))
    return found


def _warning(code: str, column: Column, came: str, wanted: str) -> Problem:
    heading = "T1" if column.subtask == "subtask1" else column.label
    about = f"{column.label}: " if column.subtask == "subtask1" else ""
    return Problem(code, "warning", None, heading, about + came, wanted, "Look whether this is what the model says.")


def _two_shares(hits_a: float, n_a: int, hits_b: float, n_b: int) -> float:
    """Return the two-sided p-value of two shares being one (normal approximation, pooled)."""
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
