"""What labels the images lead to expect: a ridge regression from the dev set, without the run.

The evidence for alignment. It needs features of dev and test images and the dev labels; no test label, and nothing that
the run was made of. A column here is a label as 0 and 1, or a score: a class of a single-label subtask has one of its
own.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.alignment.ridge import PENALTIES, kernels, predict_left_out, row_keys, together
from submission.task import Label, Subtask

if TYPE_CHECKING:
    import numpy as np

_MIN_IMAGES = (
    5  # nothing is learned of a label that fewer dev images have, or lack: of a score, above or below its mean
)


@dataclass(frozen=True)
class LabelColumn:
    """A label of a subtask, as a column of 0 and 1, or a score."""

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
    truth     (n_dev, n_columns) float64: the labels of the dev images, 0 and 1 or scores
    """

    ids: tuple[str, ...]
    columns: tuple[LabelColumn, ...]
    expected: np.ndarray
    skill: np.ndarray
    dev_ids: tuple[str, ...]
    left_out: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        columns: Sequence[LabelColumn],
        of_test: np.ndarray,
        dev_ids: Sequence[str],
        of_dev: np.ndarray,
        truth: np.ndarray,
    ) -> Expectation:
        """Return the expectation from predictions of test images and of left-out dev images, in any scale."""
        import numpy as np

        skill = correlations(of_dev, truth)
        # a correlation that this number of images may have by chance does not count as skill
        skill = np.where(skill > 3 / np.sqrt(len(of_dev)), np.clip(skill, 0, 0.95), 0.0)
        learned = skill > 0
        expected, left_out = (standardise(predicted) * learned for predicted in (of_test, of_dev))
        return cls(tuple(ids), tuple(columns), expected, skill, tuple(dev_ids), left_out, truth)


def columns_of(subtasks: Sequence[Subtask]) -> tuple[LabelColumn, ...]:
    """Return the columns of some subtasks, in the order of their labels."""
    return tuple(LabelColumn(subtask, label) for subtask in subtasks for label in subtask.labels)


def label_matrix(
    subtasks: Sequence[Subtask], labels: Mapping[str, Mapping[str, Label]], ids: Sequence[str]
) -> np.ndarray:
    """Return answers, float64 (n_ids, n_columns), of subtask → image id → label; columns as in `columns_of`.

    They are 0 and 1, but for scores, which are what they are.
    """
    import numpy as np

    def matrix(subtask: Subtask) -> np.ndarray:
        of_subtask = labels[subtask.name]
        if subtask.kind == "score":
            return np.array([of_subtask[i] for i in ids], dtype=float).reshape(len(ids), len(subtask.labels))
        return subtask.to_matrix(of_subtask, ids)

    return np.concatenate([matrix(subtask) for subtask in subtasks], axis=1).astype(float)


def expect(
    dev: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    ids: Sequence[str],
    columns: Sequence[LabelColumn],
    *,
    dev_ids: Sequence[str] = (),
    groups: Sequence[Hashable] | None = None,
) -> Expectation:
    """Learn from dev features (n_dev, d) and labels (n_dev, n_columns); expect for test features (n_test, d).

    `ids` are those of the test features, `dev_ids` those of the dev features. Dev images of one of `groups` are left
    out together: photographs of one thing, say, of which the test images have others; without, a dev image is left out
    alone, or with those of the very same features.

    Ridge regression; kernel and penalty are those whose left-out predictions of the dev images (in closed form)
    correlate best with their labels, the same for all columns. A test image that is a dev image as well gets what is
    expected of that when it is left out, so that its own label plays no part.
    """
    import numpy as np

    Y = labels - labels.mean(axis=0)
    known = ((Y > 0).sum(axis=0) >= _MIN_IMAGES) & ((Y < 0).sum(axis=0) >= _MIN_IMAGES)
    best, of_dev, of_test = -np.inf, np.zeros(Y.shape), np.zeros((len(test), Y.shape[1]))
    sets = together(dev, groups)
    for kernel in kernels(dev, test) if known.any() else ():
        dual = kernel.vectors.T @ Y
        better = None
        for penalty in PENALTIES:
            ridge = penalty * float(kernel.values.mean())
            predicted = predict_left_out(Y, kernel, ridge, sets)
            found = float(correlations(predicted, Y)[known].mean())
            if found > best:
                best, of_dev, better = found, predicted * known, ridge
        if better is not None:
            of_test = kernel.predict(kernel.vectors @ (dual / (kernel.values + better)[:, None]))
    twin = {key: row for row, key in enumerate(row_keys(dev))}
    for row, key in enumerate(row_keys(test)):
        if key in twin:
            of_test[row] = of_dev[twin[key]]
    return Expectation.of(ids, columns, of_test, dev_ids, of_dev, labels)


def standardise(X: np.ndarray) -> np.ndarray:
    """Return X with mean 0 and standard deviation 1 in each column; a constant column becomes 0."""
    import numpy as np

    centred = X - X.mean(axis=0)
    sd = centred.std(axis=0)
    standardised: np.ndarray = np.divide(centred, sd, out=np.zeros_like(centred), where=sd > 1e-12)
    return standardised


def correlations(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return the correlation of each column of A with the same column of B."""
    found: np.ndarray = (standardise(A) * standardise(B)).mean(axis=0)
    return found
