"""What the frozen features of a network give, beside the score of a system that trains the same network end to end.

On some hundred images the two are often level, and the features take seconds. They are read from the store and never
computed for this.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mediaeval.config import PRESETS, Config, SubtaskSection
from mediaeval.errors import UserError
from mediaeval.features.at_hand import at_hand
from mediaeval.features.build import build_all
from mediaeval.features.engines import resolve_engine
from mediaeval.features.extract import Features
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.store import FeatureStore, image_key
from mediaeval.finetune import settings_of
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.settings import path_settings
from mediaeval.steps.fitting import TrainedSubtask, fit_subtask
from mediaeval.steps.trainers import FeatureTrainer
from mediaeval.steps.training_data import TrainingData

logger = logging.getLogger(__name__)

PRESET = "default"


@dataclass(frozen=True)
class FrozenScore:
    """How a classifier on the frozen features of an extractor does on a system's images; F1 is 0..1."""

    extractor: str
    classifier: str
    weighted_f1: float
    interval: tuple[float, float]  # 95 %


def with_frozen_score(trained: TrainedSubtask, data: TrainingData, config: Config, device: str) -> TrainedSubtask:
    """Return a trained system with the score of the default preset on stored features of its network.

    On the same split and folds, without augmented views, which are seldom stored. The score is None where no extractor
    of the table or the settings is that network, and where its features are not stored; then a message gives the
    command that tells.
    """
    system = config.subtask(data.task.name).system
    assert system is not None, "a classifier has its features"
    names = list(_of_same_network(settings_of(system), config.all_extractors()))
    for name in names:
        if stored := _stored(name, data, config, device):
            section = {**PRESETS[PRESET].section(data.task), "augment": 0}
            plain = config.with_subtasks({data.task.name: SubtaskSection(**section)})
            fitted = fit_subtask(stored, plain, FeatureTrainer(stored, plain, device), refit=False)
            f1, interval = fitted.score.value, fitted.score.interval
            if fitted.out_of_fold:
                f1, interval = fitted.out_of_fold.record.f1, fitted.out_of_fold.record.interval
            return replace(trained, frozen=FrozenScore(name, section["classifier"]["name"], f1, interval))
    if names:
        logger.info(
            f"{data.task.name}: what frozen features of the same network give is not known, since they are not stored. "
            f"A minute tells: mediaeval train {data.task.name} --data {config.data.dev} --use {names[0]} --run frozen."
        )
    return trained


def _of_same_network(settings: TrainingSettings, known: dict[str, ExtractorConfig]) -> Iterator[str]:
    """Yield the names of extractors whose vectors are of the network that a system starts from."""
    if settings.init == "random":
        return
    files = [path for name in path_settings(type(settings)) if (path := getattr(settings, name))]
    for name, extractor in known.items():
        if extractor.output != "features" or extractor.source:
            continue
        if any(_is_same_file(extractor.weights, file) for file in files) or (
            not files and not extractor.weights and _is_published_as(extractor, settings)
        ):
            yield name


def _is_same_file(one: str, other: str) -> bool:
    try:
        return bool(one) and Path(one).samefile(other)
    except OSError:
        return False


def _is_published_as(extractor: ExtractorConfig, settings: TrainingSettings) -> bool:
    """Return whether an extractor reads the published file that a system of timm reads, whatever both are called."""
    from mediaeval.features.kinds.timm import weight_file

    model = getattr(settings, "model", "")
    if extractor.kind != "timm" or not model or model.partition(".")[0] != extractor.model.partition(".")[0]:
        return False
    return weight_file(extractor).url == weight_file(extractor.model_copy(update={"model": model})).url != ""


def _stored(name: str, data: TrainingData, config: Config, device: str) -> TrainingData | None:
    """Return the data of a subtask with the features of an extractor that the store has; None unless it has all."""
    known = config.all_extractors()
    try:
        if name not in at_hand(config):  # nothing is downloaded for this
            return None
        engine = resolve_engine(config.features.engine, device)
        [network] = build_all([name], known, engine, config.features.decoder)
        file = FeatureStore(Path(config.features.store)).open(
            name, {**network.identity, "view": "plain"}, network.width
        )
    except UserError as error:  # no reason to lose what was trained
        logger.warning(f"frozen features of {name} cannot be read: {error}")
        return None
    contents = data.features.contents
    if any(image_key(contents[i]) not in file for i in data.labels.index):
        return None
    features = Features(contents, {}, {name: file}, {}, {})
    return replace(data, features=features, networks=[network])
