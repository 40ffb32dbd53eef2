"""A run's predictions of images that its models were not trained on, beside the truth: what every analysis starts from.

These are the out-of-fold predictions of all dev images where a run has them, else those of its validation images.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mediaeval.answers.learned import CLASSES, DECISIONS, SCORES, form, is_numeric
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.errors import DatasetError
from mediaeval.steps.out_of_fold import FOLD, GROUP
from mediaeval.steps.scoring import value
from mediaeval.steps.tables import F1_TOLERANCE, answered, rows_of
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Subtask

OUT_OF_FOLD, VALIDATION = "out of fold", "validation"  # which images were judged
_SMALLEST = 1e-7  # a probability counts as this at least, so that one wrong answer does not hide all others


@dataclass(frozen=True)
class JudgedImages:
    """Predictions and truth of one subtask; all tables are ids × labels, rows in one order.

    where       OUT_OF_FOLD, of all dev images, or VALIDATION, of these alone
    outputs     probabilities, 0..1, or scores
    truth       0/1, or scores
    decided     what the outputs lead to: 0/1, or scores as they are written
    thresholds  what each output was compared with, 0..1: out of fold those of its fold; None unless each label is
                decided for itself
    folds       id → fold, and `groups`: id → group that is held out together; None of validation images
    """

    run: str
    subtask: Subtask
    where: str
    outputs: pd.DataFrame
    truth: pd.DataFrame
    decided: pd.DataFrame
    thresholds: pd.DataFrame | None
    folds: pd.Series | None
    groups: pd.Series | None

    @cached_property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.outputs.index)

    def right(self) -> pd.DataFrame | None:
        """Return which decisions are right, bool (ids × labels); None where answers are numbers."""
        return None if is_numeric(self.subtask) else self.decided == self.truth

    def label_losses(self) -> pd.DataFrame:
        """Return what each output costs, at least 0 (ids × labels).

        Log loss in nats: of labels that are decided for themselves, and of probabilities, that of each; of classes that
        of the true one, in its column, 0 in the others. Of scores the absolute error, in standard deviations of the
        true scores of the column.
        """
        P, Y = self.outputs.to_numpy(dtype=float), self.truth.to_numpy(dtype=float)
        if form(self.subtask) == SCORES:
            spread = Y.std(axis=0)
            losses = np.abs(P - Y) / np.where(spread > 0, spread, 1)
        else:
            P = P.clip(_SMALLEST, 1 - _SMALLEST)
            losses = -Y * np.log(P)
            if form(self.subtask) != CLASSES:
                losses -= (1 - Y) * np.log1p(-P)
        return pd.DataFrame(losses, index=self.outputs.index, columns=self.outputs.columns)

    def losses(self) -> pd.Series:
        """Return the loss of each image: of classes that of the true one, else the mean of its labels'."""
        losses = self.label_losses()
        return losses.sum(axis=1) if form(self.subtask) == CLASSES else losses.mean(axis=1)

    def label_margins(self) -> pd.DataFrame | None:
        """Return by how much each decision is right, -1..1, negative where it is wrong; None where answers are numbers.

        A label that is decided for itself: the distance of its probability from its threshold. A class: that from the
        most probable other one.
        """
        if is_numeric(self.subtask):
            return None
        P = self.outputs.to_numpy(dtype=float)
        if form(self.subtask) == DECISIONS:
            assert self.thresholds is not None, "labels are decided by thresholds"
            above = P - self.thresholds.to_numpy()
        else:
            first_two = np.sort(P, axis=1)[:, :-3:-1]
            best, second = first_two[:, :1], first_two[:, -1:]
            above = np.where(best == P, P - second, P - best)
        signs = 2 * self.truth.to_numpy() - 1
        return pd.DataFrame(above * signs, index=self.outputs.index, columns=self.outputs.columns)

    def margins(self) -> pd.Series | None:
        """Return the margin of each image: of its true class, or the least of its labels'; None of numbers."""
        margins = self.label_margins()
        if margins is None:
            return None
        if form(self.subtask) == CLASSES:
            return (margins * self.truth).sum(axis=1)
        return margins.min(axis=1)

    def names(self, table: pd.DataFrame, image_id: str) -> list[str]:
        """Return the short names of the labels that an image has in `truth` or `decided`; none of numbers."""
        if is_numeric(self.subtask):
            return []
        row = table.loc[image_id]
        return [self.subtask.short(label) for label in self.subtask.labels if row[label]]


def load_dev_set(run: TrainedRun) -> Dataset:
    """Return the dev set of a run. Raises DatasetError when it is not there."""
    dev = Path(run.config.data.dev)
    if not dev.exists():
        raise DatasetError(
            f"{dev} is not there: the dev set of {run.folder.path}, whose labels its predictions are compared with. "
            "Put it back."
        )
    return load_dataset(dev, run.task)


def judge(run: TrainedRun, subtask: Subtask, dev: Dataset) -> JudgedImages:
    """Return the predictions of a run beside the truth of its dev set.

    run  opened with `of_split=True`, so that validation images were predicted by a model that never saw them

    Raises RunFolderError for damaged tables; DatasetError when the dev set has other labels than in training.
    """
    record = run.records[subtask.name]
    table, decided = run.out_of_fold(subtask), run.out_of_fold_labels(subtask)
    columns = list(subtask.labels)
    by_row: Any = None
    if table is not None and decided is not None and record.out_of_fold is not None:
        where, expected = OUT_OF_FOLD, record.out_of_fold.f1
        folds, groups = table[FOLD], table[GROUP]
        if form(subtask) == DECISIONS:
            by_row = [[record.out_of_fold.thresholds[k][label] for label in columns] for k in folds]
    else:
        table = run.validation(subtask)
        decided = run.labels(subtask, table)
        where, expected, folds, groups = VALIDATION, record.score.value, None, None
        if form(subtask) == DECISIONS:
            by_row = [run.thresholds(subtask)] * len(table)
    truth = rows_of(dev.labels(subtask.name), list(table.index), str(dev.folder))
    found = JudgedImages(
        run=run.name,
        subtask=subtask,
        where=where,
        outputs=table[columns].astype(float),
        truth=truth[columns],
        decided=decided[columns],
        thresholds=None if by_row is None else pd.DataFrame(by_row, index=table.index, columns=columns, dtype=float),
        folds=folds,
        groups=groups,
    )
    _require_same_score(run, found, expected)
    return found


def _require_same_score(run: TrainedRun, judged: JudgedImages, expected: float) -> None:
    """Raise DatasetError when predictions score otherwise than when they were made."""
    own = value(judged.subtask, judged.truth.to_numpy(), answered(judged.subtask, judged.outputs, judged.decided))
    if abs(own - expected) > F1_TOLERANCE:
        raise DatasetError(
            f"{run.folder.path}: with the dev set's present labels, {judged.subtask.name} scores {own:.6f} "
            f"{judged.where}, in training {expected:.6f}: the labels have changed. Put them back, or train the run "
            "again."
        )
