"""One trial: a subtask trained out of fold by given settings, on features that are computed already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mediaeval.config import Config
from mediaeval.steps.fitting import fit_subtask
from mediaeval.steps.scoring import Answered
from mediaeval.steps.tables import answered
from mediaeval.steps.trainers import FeatureTrainer
from mediaeval.steps.training_data import TrainingData

LoadConfig = Callable[
    [Sequence[str], Sequence[str]], Config
]  # settings as --set takes them, extractors → configuration


@dataclass(frozen=True)
class Answers:
    """What a trial answered for every image out of fold, rows in the order of the data's labels, and its score."""

    answered: Answered
    score: float


def try_settings(
    data: TrainingData, load: LoadConfig, settings: Sequence[str], use: Sequence[str], device: str
) -> Answers:
    """Train by these settings in the folds of the data. Raises ConfigError, or what the training raises."""
    config = load(settings, use)
    own = replace(data, networks=[network for network in data.networks if network.name in set(use)])
    trained = fit_subtask(own, config, FeatureTrainer(own, config, device), refit=False)
    found = trained.out_of_fold
    assert found is not None, "the data have folds"
    ids = list(data.labels.index)
    return Answers(answered(data.task, found.table.loc[ids], found.predicted.loc[ids]), found.record.f1)


def within(data: TrainingData, ids: Sequence[str], folds: pd.Series) -> TrainingData:
    """Return the data of some images alone, with folds of their own; the first of these takes the part of the split."""
    sides = pd.Series(["val" if fold == 0 else "train" for fold in folds.loc[list(ids)]], index=list(ids))
    return replace(data, labels=data.labels.loc[list(ids)], sides=sides, groups=data.groups_of(ids), folds=folds)
