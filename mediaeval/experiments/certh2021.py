"""Table 2 of Pournaras et al. 2021 (MediaEval): weighted F1 of the three subtasks.

Rows: subtasks. Columns: the validation images, 20 % of the dev set drawn at random (near-duplicates on one side, which
the paper does not mention), predicted by a model of the other 80 %; and the test images, where their labels are known,
predicted by a model of the whole dev set. The authors' official test scores suffered from a bug in their submission
file; both are reported.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.classifiers.recipes import RECIPES
from mediaeval.config import Config, SubtaskSection
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.errors import ConfigError, DatasetError, WeightsError, first_few
from mediaeval.experiments.absent import absent_weights
from mediaeval.experiments.blocks import block_notes, block_settings
from mediaeval.experiments.datasets.splits import Split
from mediaeval.experiments.inputs import try_build
from mediaeval.experiments.table import TableCell, TableReport
from mediaeval.features.extract import Features
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.images import Images
from mediaeval.sample.paths import sample_of
from mediaeval.steps.fitting import TrainedSubtask, fit_subtask
from mediaeval.steps.models import REFIT
from mediaeval.steps.prepare import features_of
from mediaeval.steps.split import given_groups
from mediaeval.steps.tables import decide
from mediaeval.steps.trainers import FeatureTrainer
from mediaeval.steps.training_data import TrainingData, prepare_training
from submission.labels import read_labels
from submission.score import SubtaskScore, score_decisions
from submission.task import Subtask

NAME = "certh2021"
DEV, TEST = "dev", "test"


@dataclass(frozen=True)
class Published:
    """Weighted F1, 0..1, as published: on their 20 %, in the official ranking, and with a corrected submission file."""

    dev: float
    official: float
    corrected: float


PUBLISHED = {
    "subtask1": Published(dev=0.757, official=0.595, corrected=0.740),
    "subtask2": Published(dev=0.612, official=0.479, corrected=0.604),
    "subtask3": Published(dev=0.510, official=0.380, corrected=0.510),
}


@dataclass(frozen=True)
class TestSet:
    """Test images with their labels and features."""

    dataset: Dataset  # with the truth as its table
    features: Features


def as_published(config: Config, epochs: int | None) -> Config:
    """Return the configuration with the published recipes, split and scaling; see RECIPES."""
    config = config.model_copy(deep=True)
    config.split.how, config.split.val = "random", 0.2
    config.features.scale = RECIPES[f"{NAME}-subtask1"].scale
    for name in config.task.names:
        section = RECIPES[f"{NAME}-{name}"].section()
        section["classifier"] |= {"epochs": epochs} if epochs else {}
        config.subtasks[name] = SubtaskSection(**section)
    return config


def run(
    config: Config,
    dev: Path,
    test: Path | None = None,
    truth: Path | None = None,
    *,
    device: str = "cpu",
    epochs: int | None = None,
    skip_bad: bool = False,
) -> TableReport:
    """Train every subtask that the dev set has labels for, and score it; no run folder is written.

    `config` is from `read_settings`. `test` and `truth`: the test set's folder and the CSV of its labels; without them
    those of the drawn sample, if `dev` belongs to one. `epochs` replaces the number of every recipe, for a quick look.
    Raises WeightsError when weights of a feature are absent, DatasetError when dev set, test set and truth do not
    match.
    """
    if (test is None) != (truth is None):
        raise ConfigError("--test and --truth belong together: the folder of test images, and the CSV of their labels.")
    sample = sample_of(dev)
    if test is None and sample:
        test, truth = sample.testset, sample.truth
    config = as_published(config, epochs)
    dataset = load_dataset(dev, config.task)
    if not dataset.subtasks:
        raise DatasetError(f"{dev} has no labels. Give a dev set, with the columns T1, T2.k or T3.k.")
    given = given_groups(config, dataset, skip_bad=skip_bad)
    networks, absent = try_build(config.features.use, config, device)
    if absent:
        lacking = absent_weights(absent, config)
        raise WeightsError(
            *(f"{name}: {reason}" for name, reason in absent.items() if not lacking.of(name)),
            *lacking.lines(),
            f"Every method of this table uses all features. {lacking.remedy()}",
        )
    tested = _test_set(test, truth, config, networks, skip_bad) if test and truth else None
    subtasks = list(dataset.subtasks)

    prepared = prepare_training(dataset, config, networks, subtasks, given, refit=tested is not None, skip_bad=skip_bad)
    sides = prepared.sides

    results, skipped = [], []
    for name in config.task.names:
        if name not in subtasks:
            results.append(TableCell(NAME, name, DEV, published=PUBLISHED[name].dev, note="skipped: no labels"))
            skipped.append(name)
            continue
        of_test = tested if tested is not None and name in tested.dataset.subtasks else None
        data = prepared.of_subtask(name)
        trained = fit_subtask(data, config, FeatureTrainer(data, config, device), refit=of_test is not None)
        results.append(_dev_result(trained))
        if of_test is not None:
            results.append(_test_result(trained, data, of_test, config.seed))
        elif tested:
            skipped.append(f"{name} on the test images, for which the truth has no labels")
    about = {DEV: f"{dev}, {(sides == 'val').sum()} validation images of {len(prepared.ids)}"}
    if tested:
        about[TEST] = f"{test}, {len(tested.dataset.ids)} images, labels of {truth}"
    return TableReport(
        NAME,
        "Table 2 of Pournaras et al. 2021 (MediaEval)",
        "Weighted F1, 0..1; the interval is a bootstrap over images",
        3,
        results,
        about,
        [*_drawn(dev, test), *_notes(config, epochs, skipped, tested, prepared.features)],
        {
            "features": config.features.use,
            "seed": config.seed,
            "groups": config.split.groups or "none",
            **block_settings(config, networks),
            **{name: config.subtask(name).model_dump(exclude_none=True) for name in subtasks},
        },
        {DEV: [Split(tuple(sides.index[sides == "train"]), tuple(sides.index[sides == "val"]), ())]},
    )


def _drawn(dev: Path, test: Path | None) -> list[str]:
    """Return a note where images are drawn scenes, which could pass for photographs beside published figures."""
    drawn = [str(folder) for folder in (dev, test) if folder and sample_of(folder)]
    if not drawn:
        return []
    return [f"{' and '.join(drawn)}: drawn scenes, not the official images; the published figures are not comparable"]


def _test_set(test: Path, truth: Path, config: Config, networks: list[FeatureExtractor], skip_bad: bool) -> TestSet:
    """Read test images and their labels, joined by id. Raises DatasetError when an image is in only one of them."""
    dataset = load_dataset(test, config.task, labelled=False)
    table = read_labels(truth, config.task)
    unlike = sorted(set(dataset.ids) ^ set(table.ids))
    if unlike:
        raise DatasetError(
            f"{truth} and {test} do not hold the same images: {len(unlike)} are in only one ({first_few(unlike, 5)}). "
            "Give the truth of this test set."
        )
    features = features_of(dataset, config, networks, skip_bad=skip_bad)
    return TestSet(replace(dataset, table=table), features)


def _dev_result(trained: TrainedSubtask) -> TableCell:
    published = PUBLISHED[trained.task.name].dev
    assert isinstance(trained.score, SubtaskScore), "the metric of this task is the weighted F1"
    return _result(trained.task, DEV, trained.score, trained.baselines, published, "")


def _test_result(trained: TrainedSubtask, data: TrainingData, tested: TestSet, seed: int) -> TableCell:
    """Score the model of the whole dev set; an image without features gets each label's share in the dev set."""
    task = trained.task
    truth = tested.dataset.labels(task.name)
    known = [i for i in truth.index if i not in tested.features.failures]
    prior = data.labels.mean()
    images = Images(tuple(known), tested.dataset.image_paths, tested.features)
    P = trained.models[REFIT].predict_proba(images).reindex(truth.index)
    predicted = decide(task, P.fillna(prior), trained.thresholds)
    common = decide(task, prior.to_frame().T, [0.5] * len(task.labels)).to_numpy()
    answers = {"the most common": common} | ({"every label": np.ones_like(common)} if task.multi_label else {})
    baselines = {name: _f1(task, truth, answer.repeat(len(truth), axis=0)) for name, answer in answers.items()}
    published = PUBLISHED[task.name]
    score = score_decisions(task, truth.to_numpy(), predicted.to_numpy(), seed=seed)
    note = f"published: corrected; official {published.official:.3f}, from a faulty file"
    return _result(task, TEST, score, baselines, published.corrected, note)


def _f1(task: Subtask, truth: pd.DataFrame, predicted: np.ndarray) -> float:
    return score_decisions(task, truth.to_numpy(), predicted).weighted_f1


def _result(
    task: Subtask, column: str, score: SubtaskScore, baselines: dict[str, float], published: float, note: str
) -> TableCell:
    every = [f"every label, always: {baselines['every label']:.3f}"] if "every label" in baselines else []
    note = "; ".join([*every, *([note] if note else [])])
    return TableCell(
        NAME,
        task.name,
        column,
        score.weighted_f1,
        *score.interval,
        baselines["the most common"],
        published,
        score.n_images,
        note,
    )


def _notes(
    config: Config, epochs: int | None, skipped: list[str], tested: TestSet | None, features: Features
) -> list[str]:
    """Return notes on everything in which the table differs from the published one."""
    notes = block_notes(config)
    if epochs:
        notes.append(f"{epochs} epochs in place of every recipe's: the published figures are not comparable")
    if skipped:
        notes.append(f"skipped, without labels: {', '.join(skipped)}")
    if tested is None:
        notes.append("no test images: --test FOLDER --truth CSV")
    elif seen := set(tested.features.contents.values()) & set(features.contents.values()):
        notes.append(f"{len(seen)} test images are byte for byte in the dev set, which inflates the test column")
    failures = features.failures | (tested.features.failures if tested else {})
    return notes + [f"{i} without features: {reason}" for i, reason in failures.items()]
