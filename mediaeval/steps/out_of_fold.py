"""Out-of-fold predictions: of every dev image, by a model that was trained on none of its group.

A table has a row per dev image: the probabilities, in the columns of the labels, or scores, and two more, `fold` (in
which it was held out, counted from 0) and `group` (images that were held out together). Each fold has thresholds of its
own, tuned on the rows of the other folds. The models behind those were trained on this fold, too: how little that
flatters was measured (docs/benchmarks.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mediaeval.answers.learned import is_numeric
from mediaeval.calibration.calibration import Calibration, fit_calibration, has_calibration
from mediaeval.errors import RunFolderError
from mediaeval.records import OutOfFoldRecord
from mediaeval.steps.scoring import own_metric, per_column, per_label, score_intervals
from mediaeval.steps.tables import answered, decide, read_probabilities, write_probabilities
from mediaeval.steps.tuning import tuned
from submission.task import Subtask
from submission.wording import both

FILE = "out_of_fold.csv"  # in a subtask's folder
FOLD, GROUP = "fold", "group"

Thresholds = list[list[float]]  # per fold, then per label


def hold_out(
    folds: pd.Series, groups: Mapping[str, str], predict: Callable[[int, list[str], list[str]], pd.DataFrame]
) -> pd.DataFrame:
    """Return the table of out-of-fold predictions.

    folds    id → fold
    groups   id → group
    predict  called with a fold, the ids to train on and those held out; gives probabilities, 0..1, of the latter
    """
    tables = []
    for k in range(int(folds.max()) + 1):
        held_out = folds == k
        tables.append(predict(k, list(folds.index[~held_out]), list(folds.index[held_out])))
    table = pd.concat(tables).loc[list(folds.index)]
    return table.assign(**{FOLD: folds, GROUP: [groups[i] for i in folds.index]})


def thresholds_by_fold(task: Subtask, table: pd.DataFrame, truth: pd.DataFrame, setting: float | str) -> Thresholds:
    """Return the thresholds of each fold: tuned on the other folds' rows, or the one that was set.

    truth    0/1, ids × labels
    setting  a probability, or "tuned"
    """
    n_folds = int(table[FOLD].max()) + 1
    fixed = set_thresholds(task, setting)
    if fixed is not None:
        return [fixed] * n_folds
    others = [table.index[table[FOLD] != k] for k in range(n_folds)]
    return [tuned(task, table.loc[ids], truth.loc[ids]) for ids in others]


def set_thresholds(task: Subtask, setting: float | str) -> list[float] | None:
    """Return a threshold per label as it was set, a probability; None where they are to be tuned.

    Labels of which an image has one are not tuned: the likeliest is taken, and ½ is recorded unless another was set.
    Numbers have none.
    """
    if is_numeric(task):
        return []
    if task.multi_label and setting == "tuned":
        return None
    return [0.5 if setting == "tuned" else float(setting)] * len(task.labels)


def decide_by_fold(task: Subtask, table: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Return labels, 0/1 (ids × labels), each row by the thresholds of its fold."""
    parts = [decide(task, table[table[FOLD] == k], of_fold) for k, of_fold in enumerate(thresholds)]
    return pd.concat(parts).loc[list(table.index)]


@dataclass(frozen=True)
class OutOfFold:
    """A subtask's out-of-fold predictions, the labels that they come to, and their score; all ids × labels."""

    table: pd.DataFrame
    truth: pd.DataFrame
    predicted: pd.DataFrame
    record: OutOfFoldRecord

    @classmethod
    def scored(
        cls,
        task: Subtask,
        table: pd.DataFrame,
        truth: pd.DataFrame,
        thresholds: Thresholds,
        *,
        baselines: dict[str, float],
        n_new: int | None = None,
        choice: Sequence[str] = (),
    ) -> "OutOfFold":
        """Score a table; see `submission.intervals` for the two intervals.

        baselines  name of a constant prediction → its score
        n_new      the number of other images that `new_set` is for; None: as many as these
        choice     the head that each fold's model chose, where it chooses one
        """
        truth, predicted = truth.loc[list(table.index)], decide_by_fold(task, table, thresholds)
        n_new = len(table) if n_new is None else n_new
        T, own, metric = truth.to_numpy(), answered(task, table, predicted), own_metric(task)
        found = score_intervals(task, T, own, list(table[GROUP]), n_new=n_new)
        record = OutOfFoldRecord(
            f1=found.f1,
            interval=found.interval,
            new_set=found.new_set,
            folds=len(thresholds),
            n_images=len(table),
            n_new=n_new,
            per_label=tuple(per_label(task, T, own)),
            baselines=baselines,
            thresholds=tuple(named(task, of_fold) for of_fold in thresholds),
            metric=metric.title if metric else "",
            signature=metric.signature if metric else "",
            per_column=per_column(task, T, own),
            choice=tuple(choice),
        )
        return cls(table, truth, predicted, record)

    def calibration(self, task: Subtask) -> Calibration | None:
        """Return the calibration that all folds together lead to; None of scores."""
        if not has_calibration(task):
            return None
        P, Y = (table[list(task.labels)].to_numpy() for table in (self.table, self.truth))
        return fit_calibration(task, P, Y, list(self.table[GROUP]))

    def warnings(self, task: Subtask) -> list[str]:
        """Return a sentence for each label that some models could not learn: all its images were held out together."""
        n_folds = self.record.folds
        if is_numeric(task):
            return []
        have = [self.truth[self.table[FOLD] != k].any() for k in range(n_folds)]
        absent = [label for label in task.labels if self.truth[label].any() and not all(one[label] for one in have)]
        if not absent:
            return []
        them = "them" if len(absent) > 1 else "it"
        names = both([task.short(label) for label in absent])
        return [
            f"{task.name}: all images of {names} are held out together, so the model that is scored on {them} never "
            f"saw {them}: the out-of-fold score is too low. Use images of {names} from more groups."
        ]


def named(task: Subtask, thresholds: Sequence[float]) -> dict[str, float]:
    """Return label → threshold; empty where answers are numbers."""
    return dict(zip(task.labels, thresholds, strict=True)) if thresholds else {}


def write_out_of_fold(folder: Path, table: pd.DataFrame) -> None:
    """Write a table into a subtask's folder."""
    write_probabilities(folder / FILE, table)


def read_out_of_fold(path: Path, task: Subtask, n_folds: int, *, remedy: str) -> pd.DataFrame:
    """Read what `write_out_of_fold` wrote. Raises RunFolderError when the file is absent or damaged.

    n_folds  how many folds there must be
    remedy   the sentence that says what makes the file anew
    """
    table = read_probabilities(path, task, beside=(FOLD, GROUP), remedy=remedy)
    if not table[FOLD].isin([str(k) for k in range(n_folds)]).all():
        raise RunFolderError(f"{path}: expected folds of 0 to {n_folds - 1}. {remedy}")
    return table.astype({FOLD: int})


def same_partition(one: pd.Series, other: pd.Series) -> bool:
    """Return whether two divisions of the same images, in one order, put the same images together."""
    pairs = set(zip(one, other, strict=True))
    return len(pairs) == one.nunique() == other.nunique()
