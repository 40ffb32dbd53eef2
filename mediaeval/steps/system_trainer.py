"""A subtask trained end to end by a system, with the interface of `trainers`."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mediaeval.classifiers.thresholds import assign_folds
from mediaeval.config import Config
from mediaeval.features.images import Images
from mediaeval.files import clear_leftovers
from mediaeval.finetune import settings_of
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.recipe import resolve_precision
from mediaeval.progress import STDERR, progress, with_epoch_lines
from mediaeval.steps.models import FIT
from mediaeval.steps.trainers import TUNING, TUNING_FOLDS, Fit, fit_title
from mediaeval.steps.training_data import TrainingData
from mediaeval.steps.tuning import tuned

logger = logging.getLogger(__name__)


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
        title = fit_title(data.task.name, self.name, which)
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
