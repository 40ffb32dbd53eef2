"""What the images themselves say of their labels: a ridge regression from the dev set, without the run.

The evidence for alignment. It needs features of dev and test images and the dev labels; no test label, and nothing of
what made the run. A column is a label as the run file has it: one for each class of T1, one for each heading of T2, T3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.task import Subtask
from submission.tasks import TASKS

if TYPE_CHECKING:
    import numpy as np

# Ridge penalties tried, as multiples of the mean squared singular value of the standardised features.
_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_MIN_IMAGES = 5  # a label that fewer dev images have, or lack, tells nothing


@dataclass(frozen=True)
class Column:
    """A label of a subtask, as a column of 0 and 1."""

    subtask: str
    label: str

    def __str__(self) -> str:
        return f"T1 = {self.label}" if self.subtask == "subtask1" else self.label


@dataclass(frozen=True)
class Expectation:
    """What the test images lead to expect.

    ids       test images, in any order
    columns   labels that the dev set has
    expected  (n_ids, n_columns) float64, standardised over the test images; 0 where the dev set teaches nothing
    skill     (n_columns,) 0..1: correlation with the truth of dev images that were left out when learning
    """

    ids: tuple[str, ...]
    columns: tuple[Column, ...]
    expected: np.ndarray
    skill: np.ndarray


def columns_of(tasks: Sequence[Subtask]) -> tuple[Column, ...]:
    """Return the columns of some subtasks, in the order of their labels."""
    return tuple(Column(task.name, label) for task in tasks for label in task.labels)


def label_matrix(labels: Mapping[str, Mapping[str, str | Sequence[int]]], ids: Sequence[str]) -> np.ndarray:
    """Return labels, float64 0/1 (n_ids, n_columns), of subtask → id → label; columns as in `columns_of`."""
    import numpy as np

    blocks = []
    for name, task in TASKS.items():
        if name in labels:
            of_task = labels[name]
            if task.multi_label:
                rows = [of_task[image_id] for image_id in ids]
            else:
                rows = [[of_task[image_id] == label for label in task.labels] for image_id in ids]
            blocks.append(np.array(rows, dtype=float).reshape(len(ids), len(task.labels)))
    return np.concatenate(blocks, axis=1)


def expect(dev: np.ndarray, labels: np.ndarray, test: np.ndarray, ids: Sequence[str], columns) -> Expectation:
    """Learn from dev features (n_dev, d) and labels, 0/1 (n_dev, n_columns); expect for test features (n_test, d).

    Ridge regression on standardised features; the penalty is the one whose left-out predictions of the dev images
    (leave one out, in closed form) correlate best with their labels, the same for all columns.
    """
    import numpy as np

    mean, sd = dev.mean(axis=0), dev.std(axis=0)
    used = sd > 1e-9 * (np.abs(mean) + 1)
    X = ((dev[:, used] - mean[used]) / sd[used]).astype(np.float64)
    Z = np.clip((test[:, used] - mean[used]) / sd[used], -8, 8).astype(np.float64)
    Y = labels - labels.mean(axis=0)
    known = (labels.sum(axis=0) >= _MIN_IMAGES) & ((1 - labels).sum(axis=0) >= _MIN_IMAGES)
    if not known.any() or not used.any():
        nothing = np.zeros(len(columns))
        return Expectation(tuple(ids), tuple(columns), np.zeros((len(test), len(columns))), nothing)

    # X = U S V'; the left singular vectors are the eigenvectors of the smaller Gram matrix
    if X.shape[1] < X.shape[0]:
        values, V = np.linalg.eigh(X.T @ X)
        keep = values > 1e-9 * values[-1]
        S, V = np.sqrt(values[keep]), V[:, keep]
        U = X @ V / S
    else:
        values, U = np.linalg.eigh(X @ X.T)
        keep = values > 1e-9 * values[-1]
        S, U = np.sqrt(values[keep]), U[:, keep]
        V = X.T @ U / S
    UY = U.T @ Y
    best, skill, coefficients = -np.inf, None, None
    for penalty in _PENALTIES:
        ridge = penalty * (S**2).mean()
        shrink = S**2 / (S**2 + ridge)
        fitted = U @ (shrink[:, None] * UY)
        leverage = (U**2 * shrink).sum(axis=1) + 1 / len(X)
        left_out = Y - (Y - fitted) / (1 - np.minimum(leverage, 0.999))[:, None]
        found = np.where(known, _correlations(left_out, Y), 0)
        if found[known].mean() > best:
            best, skill = found[known].mean(), found
            coefficients = V @ ((S / (S**2 + ridge))[:, None] * UY)
    expected = standardise(Z @ coefficients)
    # what a chance correlation of so many images could be is no skill
    skill = np.where(skill > 3 / np.sqrt(len(X)), np.clip(skill, 0, 0.95), 0.0)
    return Expectation(tuple(ids), tuple(columns), expected * (skill > 0), skill)


def standardise(X: np.ndarray) -> np.ndarray:
    """Return X with mean 0 and standard deviation 1 in each column; a constant column becomes 0."""
    import numpy as np

    centred = X - X.mean(axis=0)
    sd = centred.std(axis=0)
    return np.divide(centred, sd, out=np.zeros_like(centred), where=sd > 1e-12)


def _correlations(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return the correlation of each column of A with the same column of B."""
    return (standardise(A) * standardise(B)).mean(axis=0)
