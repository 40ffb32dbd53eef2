"""The two ways of learning a subtask: a classifier on features, a system end to end. Both are asked the same."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone

from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.thresholds import assign_folds, out_of_fold, tune_thresholds
from mediaeval.config import Config
from mediaeval.features.extract import Features
from mediaeval.features.network import Network
from mediaeval.finetune import settings_of
from mediaeval.finetune.model import SystemModel, as_json
from mediaeval.finetune.recipe import settled
from mediaeval.progress import STDERR, progress
from mediaeval.steps.models import FIT, REFIT, Images, Model, probabilities
from submission.task import Subtask

TUNING_FOLDS = 5  # parts of the training data for thresholds: all of them for classifiers, one for systems
TUNING = "tuning.safetensors"
_TITLES = {FIT: "", TUNING: ", thresholds", REFIT: ", whole dev set"}


@dataclass(frozen=True)
class TrainingData:
    """The inputs of one subtask: labels (ids × labels), image files and features, found by image id."""

    task: Subtask
    labels: pd.DataFrame
    paths: Mapping[str, Path]
    features: Features
    networks: list[Network]
    sides: pd.Series
    groups: list[str]  # in the order of `labels`

    @property
    def blocks(self) -> dict[str, int]:
        """Extractor name → width, in the order of concatenation."""
        return {network.name: network.width for network in self.networks}

    @property
    def images(self) -> Images:
        return Images(self.paths, self.features)

    def ids(self, side: str) -> list[str]:
        return list(self.sides.index[self.sides == side])

    def X(self, ids: list[str]) -> np.ndarray:
        return self.features.matrix(list(self.blocks), ids)

    def views(self, ids: list[str], n_views: int) -> np.ndarray | None:
        return self.features.views(list(self.blocks), ids, n_views) if n_views else None

    def groups_of(self, ids: Sequence[str]) -> list[str]:
        group_of = dict(zip(self.labels.index, self.groups, strict=True))
        return [group_of[i] for i in ids]

    def probabilities(self, model: Model, ids: Sequence[str]) -> pd.DataFrame:
        return probabilities(model, self.images, ids)


class Learner(Protocol):
    """What `fit_subtask` asks of either way."""

    def fit(self, ids: list[str], which: str, val_ids: list[str] | None = None) -> Model:
        """Return a model fitted on `ids`; its history tells of `val_ids`, which change nothing.

        `which`: FIT, TUNING or REFIT, for titles and for what a killed training leaves.
        """

    def tuned_thresholds(self, ids: list[str]) -> list[float]:
        """Return a threshold a label, tuned on probabilities that no model gave for its own training images."""

    def chosen(self) -> dict[str, Any]:
        """Return what was chosen, defaults included, as the configuration's section has it."""

    def finish(self) -> None:
        """Remove what was kept in case the training were stopped: it is in the run folder now."""


class FeatureLearner:
    """A classifier on features."""

    def __init__(self, data: TrainingData, config: Config, device: str):
        section = config.subtask(data.task.name)
        self.data, self.seed, self.n_views = data, config.seed, section.augment
        self.name = section.classifier["name"]
        params = {key: value for key, value in section.classifier.items() if key != "name"}
        self.blank = SubtaskModel(data.task, self.name, params, data.blocks, config.features.scale, config.seed, device)

    def fit(self, ids: list[str], which: str, val_ids: list[str] | None = None) -> SubtaskModel:
        data = self.data
        validation = (data.X(val_ids), data.labels.loc[val_ids]) if val_ids else None
        with progress(f"{data.task.name}, {self.name}{_TITLES[which]}") as advance:

            def on_epoch(row: dict) -> None:
                f1 = f", validation F1 {row['val_f1']:.3f}" if row.get("val_f1") is not None else ""
                advance(row["epoch"] + 1, self.blank.estimator.epochs, f"loss {row['train_loss']:.4f}{f1}")

            return replace(self.blank).fit(
                data.X(ids),
                data.labels.loc[ids],
                views=data.views(ids, self.n_views),
                validation=validation,
                on_epoch=on_epoch,
            )

    def tuned_thresholds(self, ids: list[str]) -> list[float]:
        Y = self.data.labels.loc[ids].to_numpy()
        with progress(f"{self.data.task.name}, thresholds, fold") as advance:
            P = out_of_fold(
                lambda: clone(self.blank.estimator),
                self.data.X(ids),
                Y,
                self.data.groups_of(ids),
                views=self.data.views(ids, self.n_views),
                folds=TUNING_FOLDS,
                rng=np.random.default_rng(self.seed),
                scaler=self.blank.scaler,
                on_fold=advance,
            )
        return [float(t) for t in tune_thresholds(Y, P)]

    def chosen(self) -> dict[str, Any]:
        return {"classifier": {"name": self.name} | self.blank.chosen_params()}

    def finish(self) -> None:
        pass


class SystemLearner:
    """A system trained end to end. What a killed training goes on from lies in `folder` until it is finished."""

    def __init__(self, data: TrainingData, config: Config, device: str, folder: Path, *, replace: bool, resume: bool):
        section = config.subtask(data.task.name)
        self.data, self.seed, self.device = data, config.seed, device
        self.folder, self.resume = folder, resume
        self.name = section.system["name"]
        self.settings = settled(settings_of(section.system, f"{data.task.name}.system"), torch.device(device))
        if replace and not resume:
            shutil.rmtree(folder, ignore_errors=True)

    def fit(self, ids: list[str], which: str, val_ids: list[str] | None = None) -> SystemModel:
        data = self.data
        read = {name: data.blocks[name] for name in self.settings.extractors()}
        images, title = data.images, f"{data.task.name}, {self.name}{_TITLES[which]}"
        model = SystemModel(data.task, self.name, self.settings, read, self.seed, self.device)
        last = ""
        with progress(title) as advance:

            def on_progress(done: int, total: int, note: str) -> None:
                nonlocal last
                last = note
                advance(done, total, note)

            model.fit(
                images.photographs(ids, list(read)),
                data.labels.loc[ids],
                state=self.folder / which,
                resume=self.resume,
                validation=(images.photographs(val_ids, list(read)), data.labels.loc[val_ids]) if val_ids else None,
                on_image=lambda done, total: advance(done, total, "photographs read"),
                on_progress=on_progress,
            )
        for note in model.built.notes if which == FIT else ():
            STDERR.print(f"{title}: {note}.", highlight=False, soft_wrap=True)
        if last:
            STDERR.print(f"{title}: {last}", highlight=False, soft_wrap=True)
        return model

    def tuned_thresholds(self, ids: list[str]) -> list[float]:
        """A fifth of the training images is held out once: five trainings would take hours."""
        fold = assign_folds(self.data.groups_of(ids), TUNING_FOLDS, np.random.default_rng(self.seed))
        apart = [[i for i, f in zip(ids, fold, strict=True) if (f == 0) == held] for held in (False, True)]
        model = self.fit(apart[0], TUNING)
        Y = self.data.labels.loc[apart[1]].to_numpy()
        return [float(t) for t in tune_thresholds(Y, self.data.probabilities(model, apart[1]).to_numpy())]

    def chosen(self) -> dict[str, Any]:
        return {"system": {"name": self.name} | as_json(self.settings)}

    def finish(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()
