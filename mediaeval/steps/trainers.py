"""How a subtask is trained: the interface of both ways, and the one on features; end to end: `system_trainer`."""

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sklearn.base import clone

from mediaeval.classifiers.head import OnEpoch
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.side_by_side import GoOn, side_by_side
from mediaeval.classifiers.thresholds import out_of_fold
from mediaeval.config import Config
from mediaeval.progress import progress, with_epoch_lines
from mediaeval.steps.models import FIT, REFIT, Model
from mediaeval.steps.training_data import TrainingData
from mediaeval.steps.tuning import tuned
from mediaeval.training.loop import in_words

LONG = 30  # seconds: classifiers whose epochs take longer tell of them also in a pipe
TUNING_FOLDS = 5  # for tuning thresholds: classifiers are tested on each fold in turn, systems on one
TUNING = "tuning.safetensors"
_READING = threading.Lock()  # a feature store is read by one thread at a time
_TITLES = {FIT: "", TUNING: ", thresholds", REFIT: ", whole dev set"}


def fold_file(fold: int) -> str:
    """Return the name of the files to resume the training of a fold from."""
    return f"fold{fold + 1}.safetensors"


def fit_title(task: str, name: str, which: str) -> str:
    """Return what a progress bar says of a fit."""
    return f"{task}, {name}{_TITLES.get(which, f', {Path(which).stem}')}"


@dataclass(frozen=True)
class Fit:
    """A fit that `SubtaskTrainer.fit` will be asked for; its arguments."""

    ids: list[str]
    which: str
    val_ids: list[str] | None = None


class SubtaskTrainer(Protocol):
    """What `fit_subtask` needs of either way."""

    def fit(self, ids: list[str], which: str, val_ids: list[str] | None = None) -> Model:
        """Return a model fitted on the images `ids`.

        which    FIT, TUNING, REFIT or a `fold_file`: for the progress bar, and the name of the files to resume from
        val_ids  images held out, for the model's history; they influence nothing else
        """

    def prepare(self, fits: Sequence[Fit]) -> None:
        """Do these fits beforehand, where several at once take less time than one after another; `fit` gives them."""

    def tuned_thresholds(self, ids: list[str]) -> list[float]:
        """Return a threshold per label, 0..1, tuned on probabilities of images that their model was not trained on."""

    def chosen(self) -> dict[str, Any]:
        """Return the settings, including defaults, in the form of the subtask's section of the configuration."""

    def finish(self) -> None:
        """Remove the files to resume from; called when the models are in the run folder."""


class FeatureTrainer:
    """Trains a classifier on features."""

    def __init__(self, data: TrainingData, config: Config, device: str):
        section = config.subtask(data.task.name)
        assert section.classifier is not None, "a subtask has a classifier or a system"
        self.data, self.seed, self.n_views = data, config.seed, section.augment
        self.name = section.classifier["name"]
        params = {key: value for key, value in section.classifier.items() if key != "name"}
        self.blank = SubtaskModel(data.task, self.name, params, data.blocks, config.features.scale, config.seed, device)

        self.prepared: dict[str, tuple[Fit, Future[SubtaskModel]]] = {}  # `Fit.which` → its model, or what it raised

    def fit(self, ids: list[str], which: str, val_ids: list[str] | None = None) -> SubtaskModel:
        if which in self.prepared:
            fit, done = self.prepared.pop(which)
            assert (fit.ids, fit.val_ids) == (ids, val_ids), f"{which} was prepared for other images"
            return done.result()
        title = fit_title(self.data.task.name, self.name, which)
        with progress(title) as bar:
            advance = with_epoch_lines(bar, title, seconds=LONG)

            def on_epoch(row: dict[str, Any]) -> None:
                epochs = self.blank.estimator.epochs
                note = in_words(row["epoch"], epochs, row["train_loss"], row.get("val_f1"))
                advance(row["epoch"] + 1, epochs, note)

            return self._fitted(Fit(ids, which, val_ids), on_epoch)

    def prepare(self, fits: Sequence[Fit]) -> None:
        prepare_all([(self, fits)])

    def _fitted(self, fit: Fit, on_epoch: OnEpoch) -> SubtaskModel:
        data = self.data
        model = replace(self.blank)
        if data.folds is not None:
            model.leave_weights()  # the folds give them: see `steps/averaging.py`
        with _READING:
            validation = (data.X(fit.val_ids), data.labels.loc[fit.val_ids]) if fit.val_ids else None
            X, views = data.X(fit.ids), data.views(fit.ids, self.n_views)
        return model.fit(
            X,
            data.labels.loc[fit.ids],
            views=views,
            validation=validation,
            on_epoch=on_epoch,
            groups=data.groups_of(fit.ids),
        )

    def tuned_thresholds(self, ids: list[str]) -> list[float]:
        labels = self.data.labels.loc[ids]
        with progress(f"{self.data.task.name}, thresholds, fold") as advance:
            P = out_of_fold(
                lambda: clone(self.blank.estimator),
                self.data.X(ids),
                self.blank.target(labels),
                self.data.groups_of(ids),
                views=self.data.views(ids, self.n_views),
                folds=TUNING_FOLDS,
                rng=np.random.default_rng(self.seed),
                scaler=self.blank.scaler,
                on_fold=advance,
            )
        return tuned(self.data.task, self.blank.of_labels(P, labels), labels)

    def chosen(self) -> dict[str, Any]:
        return {"classifier": {"name": self.name} | self.blank.chosen_params()}

    def finish(self) -> None:
        pass


def prepare_all(asked: Sequence[tuple[FeatureTrainer, Sequence[Fit]]]) -> None:
    """Do fits of several trainers beforehand, side by side; nothing where fits take turns, as on a processor.

    What a fit raises is raised when its trainer is asked for it.
    """
    todo = [
        (trainer, fit)
        for trainer, fits in asked
        if trainer.blank.estimator.gpu()
        for fit in fits
        if fit.which not in trainer.prepared
    ]
    if len(todo) < 2:
        return
    names = sorted({f"{trainer.data.task.name}, {trainer.name}" for trainer, _ in todo})
    title = f"{'; '.join(names)}: {len(todo)} trainings side by side"
    total = sum(trainer.blank.estimator.epochs for trainer, _ in todo)
    with progress(title) as bar:
        advance = with_epoch_lines(bar, title, seconds=LONG)
        finished = itertools.count(1)

        def work(trainer: FeatureTrainer, fit: Fit, go_on: GoOn) -> SubtaskModel:
            def on_epoch(_: dict[str, Any]) -> None:
                go_on()
                done = min(next(finished), total)
                advance(done, total, f"{done} of {total} epochs")

            return trainer._fitted(fit, on_epoch)

        works = [partial(work, trainer, fit) for trainer, fit in todo]
        for (trainer, fit), done in zip(todo, side_by_side(works, todo[0][0].blank.estimator.gpu()), strict=True):
            trainer.prepared[fit.which] = fit, done
