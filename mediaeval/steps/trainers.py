"""The two ways to train a subtask, with one interface: a classifier on features, or a system end to end."""

import itertools
import logging
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone

from mediaeval.classifiers.head import OnEpoch
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.side_by_side import GoOn, side_by_side
from mediaeval.classifiers.thresholds import assign_folds, out_of_fold
from mediaeval.config import Config
from mediaeval.features.images import Images
from mediaeval.files import clear_leftovers
from mediaeval.finetune import settings_of
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.recipe import resolve_precision
from mediaeval.progress import STDERR, progress, with_epoch_lines
from mediaeval.steps.models import FIT, REFIT, Model
from mediaeval.steps.training_data import TrainingData
from mediaeval.steps.tuning import tuned
from mediaeval.training.loop import in_words

logger = logging.getLogger(__name__)

LONG = 30  # seconds: classifiers whose epochs take longer tell of them also in a pipe
TUNING_FOLDS = 5  # for tuning thresholds: classifiers are tested on each fold in turn, systems on one
TUNING = "tuning.safetensors"
_READING = threading.Lock()  # a feature store is read by one thread at a time
_TITLES = {FIT: "", TUNING: ", thresholds", REFIT: ", whole dev set"}


def fold_file(fold: int) -> str:
    """Return the name of the files to resume the training of a fold from."""
    return f"fold{fold + 1}.safetensors"


def _title(task: str, name: str, which: str) -> str:
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
        title = _title(self.data.task.name, self.name, which)
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


class SystemTrainer:
    """Trains a system end to end. `folder`: for the files that an interrupted training is resumed from."""

    def __init__(self, data: TrainingData, config: Config, device: str, folder: Path, *, replace: bool, resume: bool):
        section = config.subtask(data.task.name)
        assert section.system is not None, "a subtask has a classifier or a system"
        self.data, self.seed, self.device = data, config.seed, device
        self.folder, self.resume = folder, resume
        self.name = section.system["name"]
        self.settings = resolve_precision(settings_of(section.system, f"{data.task.name}.system"), torch.device(device))
        self.blocks = {name: data.blocks[name] for name in self.settings.extractors()}
        if replace and not resume:
            shutil.rmtree(folder, ignore_errors=True)

    def fit(self, ids: list[str], which: str, val_ids: list[str] | None = None) -> SystemModel:
        data = self.data
        title = _title(data.task.name, self.name, which)
        model = fit_system(
            SystemModel(data.task, self.name, self.settings, self.blocks, self.seed, self.device),
            data.images(data.labels.index),
            data.labels,
            ids,
            val_ids=val_ids,
            state=self.folder / which,
            resume=self.resume,
            title=title,
        )
        for note in model.built.notes if which == FIT else ():
            logger.info(f"{title}: {note}.")
        return model

    def tuned_thresholds(self, ids: list[str]) -> list[float]:
        """Return thresholds tuned on one fold, by a model trained on the others: five trainings would take hours."""
        fold = assign_folds(self.data.groups_of(ids), TUNING_FOLDS, np.random.default_rng(self.seed))
        train_ids = [i for i, f in zip(ids, fold, strict=True) if f != 0]
        held_out = [i for i, f in zip(ids, fold, strict=True) if f == 0]
        model = self.fit(train_ids, TUNING)
        return tuned(self.data.task, model.predict_proba(self.data.images(held_out)), self.data.labels.loc[held_out])

    def prepare(self, fits: Sequence[Fit]) -> None:
        pass  # one training of a whole network keeps a GPU busy

    def chosen(self) -> dict[str, Any]:
        return {"system": {"name": self.name} | self.settings.to_dict()}

    def finish(self) -> None:
        forget_training(self.folder)


def forget_training(folder: Path) -> None:
    """Remove the files to resume a subtask's training from, and the folder of all subtasks' where it is empty then."""
    shutil.rmtree(folder, ignore_errors=True)
    clear_leftovers(folder.parent)
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):
        folder.parent.rmdir()


def fit_system(
    model: SystemModel,
    images: Images,
    labels: pd.DataFrame,
    ids: Sequence[str],
    *,
    state: Path,
    title: str,
    val_ids: Sequence[str] | None = None,
    resume: bool = False,
) -> SystemModel:
    """Fit a system on the images `ids`, with a progress bar; return it.

    The last epoch's loss is logged, in a pipe also those of epochs before it.

    labels   0/1, ids × labels, of `ids` and of `val_ids`
    state    .safetensors of the weights so far, with what a resume needs beside it; see `finetune.training`
    val_ids  images held out: they change nothing but the history
    """
    last = ""
    with progress(title) as bar:
        advance = with_epoch_lines(bar, title)

        def on_progress(done: int, total: int, note: str) -> None:
            nonlocal last
            last = note
            advance(done, total, note)

        model.fit(
            images.some(ids),
            labels.loc[list(ids)],
            state=state,
            resume=resume,
            validation=(images.some(val_ids), labels.loc[list(val_ids)]) if val_ids else None,
            on_image=lambda done, total: bar(done, total, "images read"),
            on_progress=on_progress,
        )
    if last and STDERR.is_terminal:  # a finished training that is resumed has none
        logger.info(f"{title}: {last}")
    return model
