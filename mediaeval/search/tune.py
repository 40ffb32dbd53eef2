"""Searching for settings of a subtask: the trials, what the best of them is worth, and how to take it over."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mediaeval.answers.learned import require_learnable
from mediaeval.config import Config
from mediaeval.data.dataset import load_dataset
from mediaeval.data.split import make_folds
from mediaeval.devices import resolve_device
from mediaeval.errors import ConfigError
from mediaeval.search.journal import Journal, TrialRecord
from mediaeval.search.optimism import Corrected, corrected
from mediaeval.search.search import BASE, Plan, search
from mediaeval.search.space import Space
from mediaeval.search.trial import Answers, LoadConfig, try_settings, within
from mediaeval.steps.chosen_features import with_chosen_features
from mediaeval.steps.fitting import fit_subtask
from mediaeval.steps.prepare import build_networks, resolve_config_engine
from mediaeval.steps.scoring import Answered, compare_answers, metric_sample, score_intervals
from mediaeval.steps.split import given_groups
from mediaeval.steps.tables import answered
from mediaeval.steps.trainers import FeatureTrainer
from mediaeval.steps.training_data import TrainingData, prepare_training
from submission.intervals import Intervals
from submission.metrics import Metric

CONVINCING = 0.05  # p below which a gain is more than noise


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    metric     by which trials are compared
    trials     all of them, in order; `base` is the first, `best` the one with the best score
    of_base, of_best  their scores out of fold, with intervals; that of the best flatters: it was chosen by it
    corrected  what choosing the best is worth on images that did not choose
    gap, p     of the best and the base, paired, as if the best had been chosen beforehand
    nested     the score of the whole search in folds that it did not see, with intervals; None: not asked for
    """

    metric: Metric
    trials: tuple[TrialRecord, ...]
    base: TrialRecord
    best: TrialRecord
    of_base: Intervals
    of_best: Intervals
    corrected: Corrected
    gap: float
    gap_interval: tuple[float, float]
    p: float
    nested: Intervals | None
    n_images: int
    folder: Path

    @property
    def convincing(self) -> bool:
        """Whether the best is better than the base by more than noise and choice explain."""
        return self.best.number != BASE and self.p < CONVINCING and self.corrected.gain > 0


def tune(
    load: LoadConfig,
    subtask: str,
    base: Sequence[str],
    folder: Path,
    *,
    n_trials: int,
    seconds: float | None = None,
    seed: int = 0,
    nested: bool = False,
    resume: bool = False,
    replace: bool = False,
    skip_bad: bool = False,
    device: str = "auto",
) -> Tuned:
    """Search settings of a subtask on the dev set of the configuration that `load` gives, and judge what was found.

    load    settings, as --set takes them, and extractors (none: those of the configuration) → configuration
    base    settings of the first trial, which the others are compared with; none: those of the configuration
    folder  where trials are kept

    Raises ConfigError for a subtask that is trained end to end, without features or without folds; RunFolderError for a
    folder that holds another search; and what preparing the training raises.
    """
    config = load(base, ())
    _require_searchable(config, subtask)
    require_learnable(config.task, [subtask])
    dataset = load_dataset(Path(config.data.dev), config.task)
    dataset.labels(subtask)  # raises where there are none
    config = with_chosen_features(config, [dataset.folder])
    use = list(config.features.use)
    if not use:
        raise ConfigError("no features are used; expected extractors whose features are searched on. Name some: --use.")
    given = given_groups(config, dataset, skip_bad=skip_bad)
    device = resolve_device(device)
    resolve_config_engine(config, device)
    networks = build_networks(config, device)
    prepared = prepare_training(dataset, config, networks, [subtask], given, refit=False, skip_bad=skip_bad)
    data = prepared.of_subtask(subtask)
    assert data.folds is not None, "folds were required"

    space = Space.of(data.task, use)
    metric = _metric(data)
    first = _complete(config, subtask, base)
    plan = Plan(space, first, tuple(use), n_trials, seconds, seed, 1.0 if metric.greater_is_better else -1.0)
    journal = Journal(folder)
    journal.open(_identity(config, data, plan), resume=resume, replace=replace)

    def attempt(settings: Sequence[str], own: Sequence[str]) -> Answers:
        return try_settings(data, load, settings, own, device)

    def add(record: TrialRecord, answers: Answers | None) -> None:
        journal.add(record, answers.answered if answers else None)

    search(plan, attempt, journal.trials, add, f"{subtask}, trials")
    return _judged(data, plan, metric, journal, _nested(data, plan, load, device) if nested else None)


def _require_searchable(config: Config, subtask: str) -> None:
    section = config.subtask(subtask)
    if section.system:
        raise ConfigError(
            f"{subtask} is trained end to end by the system {section.system['name']}; expected a classifier on "
            "features, whose trials take seconds. Leave the system out."
        )
    if not config.split.folds:
        raise ConfigError("split.folds is 0; expected the folds in which settings are tried, such as 5.")


def _complete(config: Config, subtask: str, base: Sequence[str]) -> tuple[str, ...]:
    """Return the settings of the first trial in full, so that they stay the same whatever the configuration becomes."""
    classifier = config.subtask(subtask).classifier
    assert classifier is not None, "the subtask has a classifier"
    if base:
        return tuple(base)
    own = [f"classifier.{key}={json.dumps(value)}" for key, value in classifier.items() if key != "name"]
    return (f"classifier={classifier['name']}", *own, f"features.scale={config.features.scale}")


def _identity(config: Config, data: TrainingData, plan: Plan) -> dict[str, Any]:
    assert data.folds is not None, "there are folds"
    images = hashlib.sha256()
    for image_id, row in zip(data.labels.index, data.labels.to_numpy().tolist(), strict=True):
        images.update(json.dumps([image_id, data.features.contents[image_id], int(data.folds[image_id]), row]).encode())
    return {
        "format": 1,
        "task": config.task.name,
        "subtask": data.task.name,
        "dev set": config.data.dev,
        "images, labels and folds": images.hexdigest()[:16],
        "features": {network.name: network.identity for network in data.networks},
        "seed of the search": plan.seed,
        "seed of training": config.seed,
        "first trial": list(plan.base),
        "settings that are searched": hashlib.sha256(plan.space.describe().encode()).hexdigest()[:16],
    }


def _metric(data: TrainingData) -> Metric:
    truth = data.labels.to_numpy()
    return metric_sample(data.task, truth, Answered(truth.astype(float), truth))[0]


def _judged(data: TrainingData, plan: Plan, metric: Metric, journal: Journal, nested: Intervals | None) -> Tuned:
    done = [one for one in journal.trials if one.score is not None]
    base = journal.trials[BASE]
    if base.score is None:
        raise ConfigError(f"the settings that all others are compared with cannot be trained: {base.failed}")
    best = max(done, key=lambda one: (plan.sign * (one.score or 0.0), -one.number))
    truth, answers = data.labels.to_numpy(), [journal.answers(one.number) for one in done]
    of_base, of_best = journal.answers(BASE), journal.answers(best.number)
    first, winner = (
        score_intervals(data.task, truth, one, data.groups, n_new=len(truth)) for one in (of_base, of_best)
    )
    gap, interval, p = 0.0, (0.0, 0.0), 1.0
    if best.number != BASE:
        runs = {"best": of_best, "base": of_base}
        pair = compare_answers(data.task, truth, runs, rng=np.random.default_rng(plan.seed), groups=data.groups).pairs[
            0
        ]
        gap, interval, p = pair.gap, pair.interval, pair.p
    found = corrected(data.task, truth, answers, data.groups, seed=plan.seed)
    return Tuned(
        metric=metric,
        trials=tuple(journal.trials),
        base=base,
        best=best,
        of_base=first,
        of_best=winner,
        corrected=found,
        gap=gap,
        gap_interval=interval,
        p=p,
        nested=nested,
        n_images=len(truth),
        folder=journal.folder,
    )


def _nested(data: TrainingData, plan: Plan, load: LoadConfig, device: str) -> Intervals:
    """Return the score of the search itself: in each fold it is made anew on the others, and its best answers there."""
    assert data.folds is not None, "there are folds"
    tables = []
    for fold in range(int(data.folds.max()) + 1):
        held_out, ids = list(data.folds.index[data.folds == fold]), list(data.folds.index[data.folds != fold])
        rng = np.random.default_rng((plan.seed, fold))
        folds = make_folds(data.labels.loc[ids], int(data.folds.max()) + 1, groups=data.groups_of(ids), rng=rng)
        inner, trials = within(data, ids, folds), list[TrialRecord]()

        def attempt(settings: Sequence[str], own: Sequence[str], inner: TrainingData = inner) -> Answers:
            return try_settings(inner, load, settings, own, device)

        def add(record: TrialRecord, _: Answers | None, trials: list[TrialRecord] = trials) -> None:
            trials.append(record)

        search(plan, attempt, (), add, f"{data.task.name}, trials without fold {fold + 1}")
        done = [one for one in trials if one.score is not None]
        best = max(done, key=lambda one: (plan.sign * (one.score or 0.0), -one.number))
        tables.append(_answers_outside(data, load, best, held_out, ids, device))
    outputs, decided = (pd.concat(parts).loc[list(data.labels.index)] for parts in zip(*tables, strict=True))
    answers = answered(data.task, outputs, decided)
    return score_intervals(data.task, data.labels.to_numpy(), answers, data.groups, n_new=len(outputs))


def _answers_outside(
    data: TrainingData, load: LoadConfig, best: TrialRecord, held_out: list[str], ids: list[str], device: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return outputs and decisions for the images held out by the best settings, trained on all others."""
    folds = pd.Series(1, index=data.folds.index if data.folds is not None else data.labels.index)
    folds[held_out] = 0
    whole = within(data, list(data.labels.index), folds)
    own = [network for network in data.networks if network.name in set(best.use)]
    config = load(best.settings, best.use)
    part = TrainingData(data.task, whole.labels, data.paths, data.features, own, whole.sides, whole.groups, None)
    trained = fit_subtask(part, config, FeatureTrainer(part, config, device), refit=False)
    assert sorted(trained.probabilities.index) == sorted(held_out) and len(ids) == trained.n_train, "the other folds"
    return trained.probabilities.loc[held_out, list(data.task.labels)], trained.predicted.loc[held_out]
