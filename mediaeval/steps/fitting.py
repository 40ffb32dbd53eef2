"""Training one subtask: the split model, its thresholds, its validation score, and the model of the whole dev set."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediaeval.answers.learned import is_numeric
from mediaeval.calibration.kept import write_calibration
from mediaeval.classifiers.best_regressor import CANDIDATES, BestRegressor
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.config import Config
from mediaeval.files import file_digest, write_atomically
from mediaeval.records import ByHand, MetricScore, SubtaskRecord
from mediaeval.runs import write_record
from mediaeval.steps.averaging import Average
from mediaeval.steps.models import FIT, REFIT, Model
from mediaeval.steps.out_of_fold import (
    OutOfFold,
    Thresholds,
    hold_out,
    named,
    set_thresholds,
    thresholds_by_fold,
    write_out_of_fold,
)
from mediaeval.steps.plots import plot_confusion, plot_curves
from mediaeval.steps.scoring import Answered, own_metric, score, value
from mediaeval.steps.tables import answered, decide
from mediaeval.steps.trainers import Fit, SubtaskTrainer, fold_file
from mediaeval.steps.training_data import TrainingData
from mediaeval.steps.tuning import tuned
from mediaeval.steps.validation import validation_warnings
from mediaeval.steps.validation_file import write_validation
from submission.score import SubtaskScore
from submission.task import Subtask

if TYPE_CHECKING:
    from mediaeval.steps.frozen import FrozenScore


@dataclass(frozen=True)
class TrainedSubtask:
    """One trained subtask, and how it did on the validation images; F1 is 0..1."""

    task: Subtask
    settings: dict[str, Any]  # the subtask's section of the configuration
    scale: str
    models: dict[str, Model]  # file in the run folder → model; the first is that of the validation images
    probabilities: pd.DataFrame  # of the validation images
    truth: pd.DataFrame
    predicted: pd.DataFrame
    thresholds: list[float]  # one per label
    prior: dict[str, float]  # share of each label in the training data: what an image without features gets
    score: SubtaskScore | MetricScore
    baselines: dict[str, float]  # name of a constant prediction → its score
    n_train: int
    out_of_fold: OutOfFold | None = None  # None: the split alone was scored
    frozen: "FrozenScore | None" = None  # of a system: what the frozen features of its network give, where it is known
    by_hand: ByHand | None = None  # of an ensemble of runs with thresholds that a person chose

    @property
    def warnings(self) -> list[str]:
        """What its images are too few to tell, in sentences."""
        of_all = self.out_of_fold
        found = validation_warnings(self.task, self.truth.to_numpy(), n_out_of_fold=len(of_all.truth) if of_all else 0)
        return found + (of_all.warnings(self.task) if of_all else [])

    @property
    def model(self) -> Model:
        return next(iter(self.models.values()))

    def record(self, digests: dict[str, str] | None = None) -> SubtaskRecord:
        """Return what the run folder and `--json` keep of it. `digests`: file → sha256, of the models once saved."""
        return SubtaskRecord(
            subtask=self.task.name,
            settings=self.settings,
            scale=self.scale,
            blocks=dict(self.model.blocks),
            thresholds=named(self.task, self.thresholds),
            prior=self.prior,
            n_train=self.n_train,
            n_val=len(self.truth),
            refitted=REFIT in self.models,
            score=self.score,
            baselines=self.baselines,
            models=digests or {},
            out_of_fold=self.out_of_fold.record if self.out_of_fold else None,
            choice=choice_of(self.model) or {},
            by_hand=self.by_hand,
        )

    def write(self, folder: Path, run_name: str) -> None:
        """Write models, validation probabilities, calibration, history, plots and subtask.json into a folder."""
        for name, model in self.models.items():
            model.save(folder / name)
        digests = {name: file_digest(folder / name) for name in self.models}
        write_validation(folder, self.task, self.probabilities, self.truth, self.predicted)
        if self.out_of_fold:
            write_out_of_fold(folder, self.out_of_fold.table)
            if calibration := self.out_of_fold.calibration(self.task):
                write_calibration(folder, calibration)
        if history := self.model.history:
            table = pd.DataFrame(history).to_csv(index=False, lineterminator="\n")
            write_atomically(folder / "history.csv", table.encode())
            if not is_numeric(self.task):
                plot_curves(folder / "curves.svg", history, f"{run_name}: {self.task.name}", self.baselines)
        if is_numeric(self.task):
            write_record(folder, self.record(digests))
            return
        draw_confusion(folder, run_name, self.task, self.truth, self.predicted, self.out_of_fold)
        write_record(folder, self.record(digests))


def draw_confusion(
    folder: Path,
    run_name: str,
    task: Subtask,
    truth: pd.DataFrame,
    predicted: pd.DataFrame,
    out_of_fold: OutOfFold | None,
) -> None:
    """Write confusion.svg into a subtask's folder: of all dev images, where there are such predictions."""
    images = "validation"
    if out_of_fold:
        truth, predicted, images = out_of_fold.truth, out_of_fold.predicted, "out of fold"
    plot_confusion(
        folder / "confusion.svg",
        truth.to_numpy(),
        predicted.to_numpy(),
        [task.short(label) for label in task.labels],
        f"{run_name}: {task.name}, {images}",
        multi_label=task.multi_label,
    )


def fit_subtask(
    data: TrainingData, config: Config, trainer: SubtaskTrainer, *, refit: bool, n_new: int | None = None
) -> TrainedSubtask:
    """Fit on the training side, score on the validation side, and fit once more on both unless `refit` is off.

    Where the data have folds, every image is also predicted by a model of the other folds; `n_new` is the number of
    other images that `new_set` is for (None: as many as these). The validation side chooses nothing: epochs are fixed
    beforehand, and thresholds are tuned on the training side's images (see `_tuned_thresholds`).
    """
    task, labels, settings = data.task, data.labels, config.subtask(data.task.name)
    train_ids, val_ids, all_ids = data.ids("train"), data.ids("val"), list(labels.index)
    trainer.prepare(fits_of(data, refit=refit))
    model = trainer.fit(train_ids, FIT, val_ids)
    probabilities = model.predict_proba(data.images(val_ids))
    held_out = _HeldOut.predicted(data, trainer, model, probabilities) if data.folds is not None else None
    average = held_out.average if held_out else None
    if average:
        average.weigh(model, train_ids, labels)
        probabilities = model.predict_proba(data.images(val_ids))
    thresholds = set_thresholds(task, settings.threshold)
    if thresholds is None:
        thresholds = _tuned_thresholds(data, trainer, model, held_out)
    models = {FIT: model}
    if refit:
        models[REFIT] = trainer.fit(all_ids, REFIT)
        if average:
            average.weigh(models[REFIT], all_ids, labels)
    return scored(
        task,
        settings=settings.model_dump(exclude_none=True) | trainer.chosen(),
        scale=config.features.scale,
        models=models,
        probabilities=probabilities,
        truth=labels.loc[val_ids],
        thresholds=thresholds,
        prior=labels.loc[train_ids].mean(),
        n_train=len(train_ids),
        out_of_fold=held_out.scored(data, settings.threshold, n_new) if held_out else None,
    )


def fits_of(data: TrainingData, *, refit: bool) -> list[Fit]:
    """Return the fits that `fit_subtask` asks its trainer for, whatever comes out of them."""
    val_ids = data.ids("val")
    fits = [Fit(data.ids("train"), FIT, val_ids)]
    if data.folds is not None:
        of_each = [(k, data.folds == k) for k in range(int(data.folds.max()) + 1)]
        ids = data.folds.index
        # the split's model stands for the fold that is the validation side
        fits += [Fit(list(ids[~held]), fold_file(k)) for k, held in of_each if set(ids[held]) != set(val_ids)]
    return fits + ([Fit(list(data.labels.index), REFIT)] if refit else [])


def _tuned_thresholds(
    data: TrainingData, trainer: SubtaskTrainer, model: Model, held_out: "_HeldOut | None"
) -> list[float]:
    """Return a threshold per label, tuned on the training side's images.

    These are left out of the fit one by one where the classifier has a closed form for that, else predicted by models
    of other folds. Those also learned from the validation side; how little that flatters was measured
    (docs/benchmarks.md).
    """
    train_ids = data.ids("train")
    truth = data.labels.loc[train_ids]
    if own := left_out_thresholds(model, truth):
        return own
    if held_out:
        return tuned(data.task, held_out.table.loc[train_ids], truth)
    return trainer.tuned_thresholds(train_ids)


@dataclass(frozen=True)
class _HeldOut:
    """What the models of the folds predict for the images held out; see `steps.out_of_fold` for the table."""

    table: pd.DataFrame
    thresholds: Thresholds  # of each fold, on its model's own images left out; [] where models cannot leave them out
    average: Average | None  # the source of the weights of an average; None for other classifiers
    choice: list[str]  # the head that each fold's model chose; [] where it chooses none

    @classmethod
    def predicted(
        cls, data: TrainingData, trainer: SubtaskTrainer, of_split: Model, validated: pd.DataFrame
    ) -> "_HeldOut":
        """Fit a model for each fold, everything inside of the fold, scaling included; none is kept.

        of_split   the split's model, which is taken for the fold that is the validation side, where there is one
        validated  what it predicts for that side
        """
        assert data.folds is not None, "there are folds"
        average, thresholds = Average.of(of_split), []
        choice: list[str] = []

        def predict(fold: int, train_ids: list[str], held_out: list[str]) -> pd.DataFrame:
            is_split = set(held_out) == set(validated.index)
            model = of_split if is_split else trainer.fit(train_ids, fold_file(fold))
            if average:
                average.collect(model, data.images(held_out))
            if own := left_out_thresholds(model, data.labels.loc[data.ids("train") if is_split else train_ids]):
                thresholds.append(own)
            if chosen := choice_of(model):
                choice.append(chosen["head"])
            return validated if is_split else model.predict_proba(data.images(held_out))

        table = hold_out(data.folds, dict(zip(data.labels.index, data.groups, strict=True)), predict)
        return cls(average.reweigh(table, data.labels) if average else table, thresholds, average, choice)

    def scored(self, data: TrainingData, setting: float | str, n_new: int | None) -> OutOfFold:
        """Return the score of all images. `setting`: the threshold that was set, or "tuned"; `n_new`: see there."""
        task, labels = data.task, data.labels
        own = self.thresholds if setting == "tuned" else []
        of_each = own or thresholds_by_fold(task, self.table, labels, setting)
        baselines = _baselines(task, labels.mean(), labels)
        return OutOfFold.scored(task, self.table, labels, of_each, baselines=baselines, n_new=n_new, choice=self.choice)


def choice_of(model: Model) -> dict[str, Any] | None:
    """Return which head a model chose among how many, and what each scored within its training images; else None."""
    head = model.estimator if isinstance(model, SubtaskModel) else None
    if not isinstance(head, BestRegressor):
        return None
    return {"head": head.chosen_, "of": len(CANDIDATES), "by": "Spearman, out of fold", "scores": head.spearman_}


def left_out_thresholds(model: Model, truth: pd.DataFrame) -> list[float]:
    """Return thresholds tuned on a model's training images, each left out of the fit; none where it cannot tell them.

    truth  0/1, ids × labels, of its training images in their order
    """
    decides = model.task.multi_label and not is_numeric(model.task)
    left_out = model.left_out() if isinstance(model, SubtaskModel) and decides else None
    return [] if left_out is None else tuned(model.task, left_out, truth)


def scored(
    task: Subtask,
    *,
    settings: dict[str, Any],
    scale: str,
    models: dict[str, Model],
    probabilities: pd.DataFrame,
    truth: pd.DataFrame,
    thresholds: list[float],
    prior: pd.Series,
    n_train: int,
    out_of_fold: OutOfFold | None = None,
    by_hand: ByHand | None = None,
) -> TrainedSubtask:
    """Return a subtask with the labels that its probabilities come to, and their score."""
    predicted = decide(task, probabilities, thresholds)
    return TrainedSubtask(
        task=task,
        settings=settings,
        scale=scale,
        models=models,
        probabilities=probabilities,
        truth=truth,
        predicted=predicted,
        thresholds=thresholds,
        prior={label: float(share) for label, share in prior.items()},
        score=score(task, truth.to_numpy(), answered(task, probabilities, predicted)),
        baselines=_baselines(task, prior, truth),
        n_train=n_train,
        out_of_fold=out_of_fold,
        by_hand=by_hand,
    )


def _baselines(task: Subtask, prior: pd.Series, truth: pd.DataFrame) -> dict[str, float]:
    """Return the scores of constant predictions: the most common labels, and every label there is; or the mean."""
    numeric = is_numeric(task)
    row = prior.to_frame().T
    common = decide(task, row, [] if numeric else [0.5] * len(task.labels)).to_numpy()  # what `dummy` answers
    answers = {"the mean" if numeric else "the most common": common}
    if task.multi_label and not numeric:
        answers["every label"] = np.ones_like(common)
    metric = own_metric(task)
    if numeric and metric and metric.metric in ("spearman", "pearson"):
        return {}  # a constant has no correlation
    Y, P = truth.to_numpy(), row[list(task.labels)].to_numpy(dtype=float)
    return {
        name: value(task, Y, Answered(P.repeat(len(Y), axis=0), answer.repeat(len(Y), axis=0)))
        for name, answer in answers.items()
    }
