"""What is unusual about a run's labels compared with the dev set's, as warnings: a run can be unusual and right.

Compared are how often each label is given, labels that never change, images without any label, and labels that occur
together though they never do in the dev set. One thing is an error: constant answers where the dev set's labels vary,
or none of a label that is frequent there; a run whose own answers to dev images are constant too is excepted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from submission.alignment.expectation import LabelColumn, columns_of, label_matrix
from submission.labels import LabelTable
from submission.problems import Problem
from submission.task import Label, Subtask, Task

if TYPE_CHECKING:
    import numpy as np

ALPHA = 0.01  # of one warning by chance over all labels together (Holm)
_FACTOR = 2.0  # a share that differs by less is not reported, however significant: thresholds may be tuned
_FREQUENT = 0.2  # share of the dev images from which on a label must occur in a run
_MIN_TOGETHER = 10  # images that would hold two labels together in the dev set, were they independent


def find_oddities(
    run: LabelTable,
    dev: LabelTable,
    task: Task,
    *,
    held_out: Mapping[str, Mapping[str, Label]] | None = None,
    accept_constant: bool = False,
) -> list[Problem]:
    """Return warnings, and errors for constant answers, on the subtasks that both tables have.

    held_out         subtask → dev image id → label: the run's own answers to images that it was not trained on
    accept_constant  constant answers are a warning
    """
    shared = [subtask for subtask in task.subtasks if subtask.name in run.labels and subtask.name in dev.labels]
    of_scores = [odd for one in shared if one.kind == "score" for odd in _same_scores(one, run, dev, accept_constant)]
    subtasks = [subtask for subtask in shared if subtask.kind != "score"]
    return of_scores + (_odd_labels(subtasks, run, dev, held_out or {}, accept_constant) if subtasks else [])


def _odd_labels(
    subtasks: Sequence[Subtask],
    run: LabelTable,
    dev: LabelTable,
    held_out: Mapping[str, Mapping[str, Label]],
    accept_constant: bool,
) -> list[Problem]:
    """Return what is odd about labels as 0 and 1; arguments as for `find_oddities`."""
    import numpy as np

    columns = columns_of(subtasks)
    of_run, of_dev = (label_matrix(subtasks, table.labels, table.ids) for table in (run, dev))
    in_run, in_dev = of_run.mean(axis=0), of_dev.mean(axis=0)  # share of the images that have a label
    constant = np.isin(in_run, (0.0, 1.0))
    excused = in_run == _shares_of(held_out, columns)
    varies = (in_dev > 0) & (in_dev < 1)
    # that so many images are all alike though labels are as frequent as in the dev set
    chance = np.where(in_run == 1, in_dev, 1 - in_dev) ** len(of_run)
    wrong = constant & (in_run == 0) & (in_dev >= _FREQUENT) & (chance < ALPHA) & ~excused
    found, told = [], np.zeros(len(columns), bool)
    for subtask in subtasks:
        places = [k for k, column in enumerate(columns) if column.subtask == subtask]
        same = constant[places].all() and (chance[places] < ALPHA).any() and not excused[places].all()
        if same and varies[places].any() and not accept_constant:
            found.append(_same_answers([columns[k] for k in places], in_run[places], in_dev[places]))
            told[places] = True
    for k in np.flatnonzero(constant & varies & ~told).tolist():
        actual = f"{'every' if in_run[k] == 1 else 'no'} image with this label"
        is_wrong = bool(wrong[k]) and not accept_constant
        found.append(_oddity("label-constant", columns[k], actual, _as_in_dev(in_dev[k]), is_wrong=is_wrong))
    p = [_two_shares(of_run[:, k].sum(), len(of_run), of_dev[:, k].sum(), len(of_dev)) for k in range(len(columns))]
    for k in _holm(p, ALPHA):
        if not constant[k] and not in_dev[k] / _FACTOR < in_run[k] < in_dev[k] * _FACTOR:
            actual = f"{in_run[k]:.1%} of the images with this label"
            found.append(_oddity("label-share", columns[k], actual, _as_in_dev(in_dev[k])))
    for subtask in subtasks:
        if subtask.multi_label:
            found += _rows_and_pairs(subtask, columns, of_run, of_dev)
    return found


def _same_scores(subtask: Subtask, run: LabelTable, dev: LabelTable, accept_constant: bool) -> list[Problem]:
    """Return the columns of scores that are the same in every row of a run, though they vary in the dev set."""
    of_run, of_dev = (label_matrix([subtask], table.labels, table.ids) for table in (run, dev))
    found = []
    for k, column in enumerate(columns_of([subtask])):
        low, high = float(of_dev[:, k].min()), float(of_dev[:, k].max())
        if len(of_run) > 1 and low < high and (of_run[:, k] == of_run[0, k]).all():
            expected = f"several, as in the dev set ({low:.4g} to {high:.4g})"
            actual = f"{of_run[0, k]:.4g} for every image"
            found.append(_oddity("label-constant", column, actual, expected, is_wrong=not accept_constant))
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
        found.append(_oddity("rows-without-label", columns[places[0]], actual, _as_in_dev(empty_dev / len(dev))))
    together, in_dev = run.T @ run, dev.T @ dev
    by_chance = np.outer(dev.sum(axis=0), dev.sum(axis=0)) / len(dev)
    for one, other in combinations(range(len(places)), 2):
        if in_dev[one, other] == 0 and together[one, other] > 1 and by_chance[one, other] >= _MIN_TOGETHER:
            actual = f"{int(together[one, other])} images with this label and '{columns[places[other]]}'"
            chance = f"{by_chance[one, other]:.0f} would have both if they were independent"
            expected = f"none, as in the dev set ({chance})"
            found.append(_oddity("labels-never-together", columns[places[one]], actual, expected))
    return found


def _shares_of(labels: Mapping[str, Mapping[str, Label]], columns: Sequence[LabelColumn]) -> np.ndarray:
    """Return the share of images with each label, (n_columns,); nan for a subtask without any."""
    import numpy as np

    shares = {
        subtask: dict(zip(columns_of([subtask]), label_matrix([subtask], labels, list(of)).mean(axis=0), strict=True))
        for subtask in {column.subtask for column in columns}
        if (of := labels.get(subtask.name))
    }
    return np.array([shares.get(column.subtask, {}).get(column, np.nan) for column in columns])


def _same_answers(columns: Sequence[LabelColumn], in_run: np.ndarray, in_dev: np.ndarray) -> Problem:
    """Return the error of a subtask whose answers are all the same."""
    given = [column.label for column, share in zip(columns, in_run, strict=True) if share == 1]
    actual = f"the same answer for every image: {' and '.join(given) or 'no label'}"
    shares = ", ".join(f"{column.label} {share:.1%}" for column, share in zip(columns, in_dev, strict=True))
    problem = _oddity("label-constant", columns[0], "", f"several, as in the dev set ({shares})", is_wrong=True)
    return replace(problem, actual=actual)


def _as_in_dev(share: float) -> str:
    return f"about {share:.1%}, as in the dev set"


def _oddity(code: str, column: LabelColumn, actual: str, expected: str, *, is_wrong: bool = False) -> Problem:
    label = "" if column.subtask.multi_label else f"{column.label}: "
    remedy = "Check whether the model really predicts this."
    if is_wrong:
        remedy += " If it does, accept it: --accept-constant."
    return Problem(code, "error" if is_wrong else "warning", None, column.heading, label + actual, expected, remedy)


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
