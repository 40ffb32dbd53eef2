"""Training: fit on the 80 %, report on the 20 %, fit again on everything; a subtask is kept once it is finished."""

from pathlib import Path

import pandas as pd
import torch

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.data.split import read_split
from mediaeval.devices import resolve_device
from mediaeval.errors import ConfigError, DatasetError, RunFolderError
from mediaeval.finetune import settings_of
from mediaeval.finetune.recipe import resolve_precision
from mediaeval.progress import STDERR
from mediaeval.runs import RunFolder
from mediaeval.steps.fitting import Fitted, fit_subtask
from mediaeval.steps.prepare import build_networks, features_of, resolve_config_engine
from mediaeval.steps.record import Record, read_config, require_room
from mediaeval.steps.split import groups_of, make_split
from mediaeval.steps.trainers import FeatureTrainer, SubtaskTrainer, SystemTrainer
from mediaeval.steps.training_data import TrainingData
from submission.tasks import TASKS


def train(
    config: Config,
    subtasks: list[str],
    run: RunFolder,
    *,
    split_file: Path | None = None,
    refit: bool = True,
    replace: bool = False,
    resume: bool = False,
    skip_bad: bool = False,
    device: str = "auto",
    command: str = "",
) -> list[Fitted]:
    """Train `subtasks` on the configured dev set, write each to `run` when it is finished, and return them.

    Whatever stops the training leaves the run with the subtasks that were finished, whole; of a system that is trained
    end to end it also leaves the last finished epoch, from which `resume` goes on. Raises a UserError for bad
    data, absent weights, or a run that already holds these subtasks or was made from other data or features.
    """
    with run.being_trained():
        dataset = load_dataset(Path(config.data.dev))
        _require_labels(dataset, subtasks)
        device = resolve_device(device)
        if resume:
            subtasks = _unfinished(config, subtasks, run, replace, device)
        resolve_config_engine(config, device)
        require_room(run, config, subtasks, replace)
        networks = build_networks(config, device)

        features = features_of(dataset, config, networks, skip_bad=skip_bad, thumbnails=True)
        ids = [i for i in dataset.ids if i not in features.failures]
        groups = groups_of(dataset, features, ids, config.split.groups)
        sides = read_split(split_file, ids) if split_file else make_split(dataset, ids, groups, config.split)
        _require_apart(sides, groups, split_file)
        if n_views := max(config.subtask(name).augment for name in subtasks):
            view_ids = ids if refit else list(sides.index[sides == "train"])  # never of images that only validate
            features = features_of(
                dataset, config, networks, skip_bad=skip_bad, thumbnails=True, views=n_views, view_ids=view_ids
            )

        record = Record(run, config, subtasks, dataset, features, networks, sides, command)
        record.require_same_inputs()
        results = []
        for name in subtasks:
            data = TrainingData(
                TASKS[name], dataset.labels(name).loc[ids], dataset.image_paths, features, networks, sides, groups
            )
            if config.subtask(name).system:
                trainer: SubtaskTrainer = SystemTrainer(
                    data, config, device, run.training(name), replace=replace, resume=resume
                )
            else:
                trainer = FeatureTrainer(data, config, device)
            fitted = fit_subtask(data, config, trainer, refit=refit)
            record.keep(fitted)
            trainer.finish()
            results.append(fitted)
        return results


def _unfinished(config: Config, subtasks: list[str], run: RunFolder, replace: bool, device: str) -> list[str]:
    """Return the subtasks that a resumed training still has to train: those that the run does not hold yet.

    Raises ConfigError for classifiers on features, which are not resumed; RunFolderError where the run holds all, or
    one that was trained with other settings.
    """
    if by_classifier := [name for name in subtasks if config.subtask(name).classifier]:
        raise ConfigError(
            f"--resume: {', '.join(by_classifier)} is trained on features, in minutes, and begins anew. Leave it out."
        )
    held = [name for name in subtasks if name in run.subtasks and run.manifest.is_file()]
    if replace or not held:
        return subtasks
    old = read_config(run)
    for name in held:
        settings = resolve_precision(settings_of(config.subtask(name).system), torch.device(device))
        wanted = {"name": config.subtask(name).system["name"]} | settings.to_dict()
        if old.subtask(name).system != wanted:
            raise RunFolderError(
                f"{run.path} holds {name}, trained with other settings. Pass --replace to train all anew, or leave "
                f"{name} out."
            )
    left = [name for name in subtasks if name not in held]
    if not left:
        raise RunFolderError(f"{run.path} holds {', '.join(held)}: nothing is left to go on with.")
    STDERR.print(f"{run.path} holds {', '.join(held)} already: going on with {', '.join(left)}.", highlight=False)
    return left


def _require_labels(dataset: Dataset, subtasks: list[str]) -> None:
    absent = [name for name in subtasks if name not in dataset.subtasks]
    if absent:
        have = ", ".join(dataset.subtasks) or "none"
        raise DatasetError(
            f"{dataset.folder} has no labels for {', '.join(absent)} (it has: {have}). "
            "Train another subtask, or give a dev set that has them."
        )


def _require_apart(sides: pd.Series, groups: list[str], split_file: Path | None) -> None:
    """Raise DatasetError when a group or a set of duplicates has images on both sides of a split that was given."""
    group_of = pd.Series(groups, index=sides.index)
    both = set(group_of[sides == "train"]) & set(group_of[sides == "val"])
    if both:
        shown = "; ".join(", ".join(group_of.index[group_of == g][:3]) for g in sorted(both)[:3])
        raise DatasetError(
            f"{split_file}: {len(both)} sets of duplicates or groups stand on both sides ({shown}), which flatters the "
            "score. Make the split anew: mediaeval split."
        )
