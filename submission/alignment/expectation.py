"""What labels the images lead to expect: a ridge regression from the dev set, without the run.

The evidence for alignment. It needs features of dev and test images and the dev labels; no test label, and nothing that
the run was made of. A column here is a label as 0 and 1: a class of a single-label subtask has one of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.task import Label, Subtask

if TYPE_CHECKING:
    import numpy as np

# Ridge penalties tried, as multiples of the mean squared singular value of the standardised features.
_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_MIN_IMAGES = 5  # nothing is learned of a label that fewer dev images have, or lack


@dataclass(frozen=True)
class LabelColumn:
    """A label of a subtask, as a column of 0 and 1."""

    subtask: Subtask
    label: str

    @property
    def heading(self) -> str:
        """The heading of the run file's column that the label is in."""
        subtask = self.subtask
        return subtask.headings[subtask.labels.index(self.label) if subtask.multi_label else 0]

    def __str__(self) -> str:
        return self.label if self.subtask.multi_label else f"{self.subtask.column} = {self.label}"


@dataclass(frozen=True)
class Expectation:
    """What the test images lead to expect.

    ids       test images, in any order
    columns   labels that the dev set has
    expected  (n_ids, n_columns) float64, standardised over the test images; 0 where nothing was learned of a label
    skill     (n_columns,) 0..1: correlation with the truth of dev images that were left out when learning
    dev_ids   dev images, in any order; empty where they were not given
    left_out  (n_dev, n_columns) float64: what each dev image leads to expect when it is left out of learning, on the
              scale of `expected`: standardised over the dev images, 0 where nothing was learned
    truth     (n_dev, n_columns) float64, 0/1: the labels of the dev images
    """

    ids: tuple[str, ...]
    columns: tuple[LabelColumn, ...]
    expected: np.ndarray
    skill: np.ndarray
    dev_ids: tuple[str, ...]
    left_out: np.ndarray
    truth: np.ndarray


def columns_of(subtasks: Sequence[Subtask]) -> tuple[LabelColumn, ...]:
    """Return the columns of some subtasks, in the order of their labels."""
    return tuple(LabelColumn(subtask, label) for subtask in subtasks for label in subtask.labels)


def label_matrix(
    subtasks: Sequence[Subtask], labels: Mapping[str, Mapping[str, Label]], ids: Sequence[str]
) -> np.ndarray:
    """Return labels, float64 0/1 (n_ids, n_columns), of subtask → image id → label; columns as in `columns_of`."""
    import numpy as np

    return np.concatenate([subtask.to_matrix(labels[subtask.name], ids) for subtask in subtasks], axis=1).astype(float)


def expect(
    dev: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    ids: Sequence[str],
    columns: Sequence[LabelColumn],
    *,
    dev_ids: Sequence[str] = (),
) -> Expectation:
    """Learn from dev features (n_dev, d) and labels, 0/1 (n_dev, n_columns); expect for test features (n_test, d).

    `ids` are those of the test features, `dev_ids` those of the dev features.

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
        of_test, of_columns, of_dev = (np.zeros(shape) for shape in ((len(test), len(columns)), len(columns), Y.shape))
        return Expectation(tuple(ids), tuple(columns), of_test, of_columns, tuple(dev_ids), of_dev, labels)

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
    best, skill, coefficients = -np.inf, np.zeros(len(columns)), np.zeros((X.shape[1], len(columns)))
    best_left_out = np.zeros_like(Y)
    for penalty in _PENALTIES:
        ridge = penalty * (S**2).mean()
        shrink = S**2 / (S**2 + ridge)
        fitted = U @ (shrink[:, None] * UY)
        leverage = (U**2 * shrink).sum(axis=1) + 1 / len(X)
        left_out = Y - (Y - fitted) / (1 - np.minimum(leverage, 0.999))[:, None]
        found = np.where(known, _correlations(left_out, Y), 0)
        if found[known].mean() > best:
            best, skill, best_left_out = found[known].mean(), found, left_out
            coefficients = V @ ((S / (S**2 + ridge))[:, None] * UY)
    expected = standardise(Z @ coefficients)
    # a correlation that this number of images may have by chance does not count as skill
    skill = np.where(skill > 3 / np.sqrt(len(X)), np.clip(skill, 0, 0.95), 0.0)
    left_out = standardise(best_left_out)
    learned = skill > 0
    return Expectation(
        tuple(ids), tuple(columns), expected * learned, skill, tuple(dev_ids), left_out * learned, labels
    )


def standardise(X: np.ndarray) -> np.ndarray:
    """Return X with mean 0 and standard deviation 1 in each column; a constant column becomes 0."""
    import numpy as np

    centred = X - X.mean(axis=0)
    sd = centred.std(axis=0)
    standardised: np.ndarray = np.divide(centred, sd, out=np.zeros_like(centred), where=sd > 1e-12)
    return standardised


def _correlations(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return the correlation of each column of A with the same column of B."""
    correlations: np.ndarray = (standardise(A) * standardise(B)).mean(axis=0)
    return correlations
