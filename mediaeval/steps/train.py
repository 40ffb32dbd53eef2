"""Training: fit on one side of the dev set, score on the other, fit again on all; each subtask is kept when done."""

import logging
from pathlib import Path

import torch

from mediaeval.answers.learned import require_learnable
from mediaeval.config import Config
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.devices import resolve_device
from mediaeval.errors import ConfigError, DatasetError, RunFolderError, UserError
from mediaeval.finetune import settings_of
from mediaeval.finetune.recipe import resolve_precision
from mediaeval.records import SubtaskRecord
from mediaeval.runs import RunFolder
from mediaeval.steps.chosen_features import with_chosen_features
from mediaeval.steps.fitting import TrainedSubtask, fit_subtask, fits_of
from mediaeval.steps.frozen import with_frozen_score
from mediaeval.steps.prepare import build_networks, resolve_config_engine
from mediaeval.steps.run_config import read_config
from mediaeval.steps.run_writer import RunWriter, require_room
from mediaeval.steps.split import given_groups
from mediaeval.steps.system_trainer import SystemTrainer, forget_training
from mediaeval.steps.trainers import FeatureTrainer, SubtaskTrainer, prepare_all
from mediaeval.steps.training_data import prepare_training

logger = logging.getLogger(__name__)


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
) -> list[TrainedSubtask]:
    """Train `subtasks` on the configured dev set, write each to `run` when it is finished, and return them.

    A training that is stopped leaves the run with the subtasks that were finished; of a system that is trained end to
    end it also leaves the last finished epoch, from which `resume` continues. Raises a UserError for bad data, absent
    weights, or a run that already holds these subtasks or was made from other data or features.
    """
    for warning in config.without_effect(subtasks):
        logger.warning(warning)
    with run.being_trained():
        require_learnable(config.task, subtasks)
        dataset = load_dataset(Path(config.data.dev), config.task)
        _require_labels(dataset, subtasks)
        config = with_chosen_features(config, [dataset.folder], run)
        given = given_groups(config, dataset, skip_bad=skip_bad)
        device = resolve_device(device)
        if resume:
            subtasks = _unfinished(config, subtasks, run, replace, device)
        resolve_config_engine(config, device)
        require_room(run, config, subtasks, replace)
        networks = build_networks(config, device)

        prepared = prepare_training(
            dataset, config, networks, subtasks, given, refit=refit, skip_bad=skip_bad, split_file=split_file
        )
        writer = RunWriter(run, config, subtasks, dataset, prepared.features, networks, prepared.sides, command)
        writer.require_same_inputs()
        n_new = _test_images(config) if prepared.folds is not None else None
        on_features = {
            name: FeatureTrainer(prepared.of_subtask(name), config, device)
            for name in subtasks
            if config.subtask(name).classifier
        }
        prepare_all([(one, fits_of(one.data, refit=refit)) for one in on_features.values()])
        results = []
        for name in subtasks:
            data = prepared.of_subtask(name)
            if config.subtask(name).system:
                trainer: SubtaskTrainer = SystemTrainer(
                    data, config, device, run.training(name), replace=replace, resume=resume
                )
            else:
                trainer = on_features[name]
            trained = fit_subtask(data, config, trainer, refit=refit, n_new=n_new)
            writer.write(trained)
            trainer.finish()
            for warning in trained.warnings:
                logger.warning(warning)
            if config.subtask(name).system:
                trained = with_frozen_score(trained, data, config, device)
            results.append(trained)
        return results


def _test_images(config: Config) -> int | None:
    """Return how many images the configured test set has; None where none is configured, or it is not there yet."""
    if not config.data.test:
        return None
    try:
        return len(load_dataset(Path(config.data.test), config.task, labelled=False).ids)
    except UserError as error:
        logger.info(
            "The score on other images is given for as many as the dev set has, since the test set cannot be read: "
            f"{error}"
        )
        return None


def _unfinished(config: Config, subtasks: list[str], run: RunFolder, replace: bool, device: str) -> list[str]:
    """Return the subtasks that a resumed training still has to train: those that are not in the run yet.

    Raises ConfigError for classifiers on features, which are not resumed; RunFolderError where the run holds all, or
    one that was trained with other settings.
    """
    if by_classifier := [name for name in subtasks if config.subtask(name).classifier]:
        raise ConfigError(
            f"--resume: {', '.join(by_classifier)} is trained on features, which takes minutes and is not resumed. "
            "Leave --resume out."
        )
    held = [name for name in subtasks if name in run.subtasks(config.task) and run.manifest.is_file()]
    if replace or not held:
        return subtasks
    old = read_config(run, config.task)
    for name in held:
        system = config.subtask(name).system
        assert system is not None, "classifiers were refused"
        settings = resolve_precision(settings_of(system), torch.device(device))
        if old.subtask(name).system != {"name": system["name"]} | settings.to_dict():
            raise RunFolderError(
                f"{run.path} holds {name}, trained with other settings. Pass --replace to train all of them again, or "
                f"leave {name} out."
            )
    for name in held:
        _forget_finished(run, name)
    left = [name for name in subtasks if name not in held]
    if not left:
        raise RunFolderError(f"{run.path} already holds {', '.join(held)}: nothing is left to resume.")
    logger.info(f"{run.path} already holds {', '.join(held)}: continuing with {', '.join(left)}.")
    return left


def _forget_finished(run: RunFolder, name: str) -> None:
    """Remove the files to resume from that a kill left after the subtask had been put into the run folder.

    Those of a newer training, which was to replace the subtask and was killed, stay.
    """
    written = (run.subtask(name) / SubtaskRecord.FILE).stat().st_mtime_ns
    files = [path for path in run.training(name).rglob("*") if path.is_file()]
    if all(path.stat().st_mtime_ns <= written for path in files):
        forget_training(run.training(name))


def _require_labels(dataset: Dataset, subtasks: list[str]) -> None:
    absent = [name for name in subtasks if name not in dataset.subtasks]
    if absent:
        have = ", ".join(dataset.subtasks) or "none"
        raise DatasetError(
            f"{dataset.folder} has no labels for {', '.join(absent)} (it has: {have}). "
            "Train another subtask, or give a dev set that has them."
        )
