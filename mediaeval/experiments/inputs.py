"""What the experiments share: settings, extractors whose weights may be absent, and datasets with their splits."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.classifiers.thresholds import assign_folds
from mediaeval.config import Config, blocks_of, load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.errors import ConfigError, DatasetError, LabelFileError, WeightsError, choose
from mediaeval.experiments.absent import absent_weights
from mediaeval.experiments.datasets.sets import SENTIMENT_SETS, SentimentSet, load_sentiment_set
from mediaeval.experiments.datasets.splits import Split, require_sides
from mediaeval.features.build import build_each
from mediaeval.features.extract import Features
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.steps.prepare import features_of, resolve_config_engine
from mediaeval.steps.split import given_groups, groups_of
from submission.task import Subtask
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

FOLDS = 5  # of a folder in the official layout
POLARITY = Subtask("polarity", "polarity", ("polarity",), ("negative", "positive"), multi_label=False)


@dataclass(frozen=True)
class Source:
    """One dataset as given: `NAME=FOLDER`, or `NAME:PROTOCOL=FOLDER` for a sentiment set."""

    name: str  # with its protocol, as typed
    folder: Path

    @property
    def set_name(self) -> str:
        return self.name.partition(":")[0]

    @property
    def protocol(self) -> str | None:
        return self.name.partition(":")[2] or None


@dataclass(frozen=True)
class TableColumn:
    """One dataset ready to be trained and tested on: labels 0/1, ids × `task.labels`, and splits of these ids.

    `groups`: id → group, where images of one group stay together.
    """

    name: str
    about: str
    task: Subtask
    labels: pd.DataFrame = field(repr=False)
    splits: list[Split] = field(repr=False)
    features: Features = field(repr=False)
    notes: tuple[str, ...] = ()
    paths: Mapping[str, Path] = field(default_factory=dict, repr=False)
    groups: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_settings(
    file: Path | None, use: str | None, seed: int, groups: str | None, engine: str | None = None
) -> Config:
    """Return the configuration of mediaeval.toml, with the extractors in `use`, or the papers' five features."""
    config = load_config(file, task=VISUAL_SENTIMENT_2021, use=use or ",".join(blocks_of("certh2021")), engine=engine)
    if config.chooses_features:
        raise ConfigError(
            f"--use {use}: got no names; expected those of the rows of the table, such as --use handcrafted."
        )
    config.seed = config.split.seed = seed
    config.split.groups = groups or config.split.groups
    return config


def try_build(names: Sequence[str], config: Config, device: str) -> tuple[list[FeatureExtractor], dict[str, str]]:
    """Build the extractors whose weights are present; return them in the order of `names`, and name → why not.

    Any other error, such as an unknown model, is raised.
    """
    engine = resolve_config_engine(config, device)
    done, wrong = build_each(names, config.all_extractors(), engine, config.features.decoder)
    for error in wrong.values():
        if not isinstance(error, WeightsError):
            raise error
    lacking = absent_weights(wrong, config)
    return [done[name] for name in names if name in done], {
        name: f"weights absent: {', '.join(files)}" if (files := lacking.of(name)) else " ".join(wrong[name].problems)
        for name in names
        if name in wrong
    }


def read_sources(given: Sequence[str]) -> list[Source]:
    """Return the datasets that `--dataset` names.

    Raises ConfigError with every one that is not NAME=FOLDER, is given twice, or is a misspelt sentiment set.
    """
    problems: list[str] = []
    sources: list[Source] = []
    for item in given:
        name, equals, folder = item.partition("=")
        if not equals or not name.strip() or not folder.strip():
            problems.append(f"--dataset {item}: expected NAME=FOLDER, such as twitter2=data/twitter2.")
            continue
        source = Source(name.strip(), Path(folder.strip()))
        if source.protocol and source.set_name not in SENTIMENT_SETS:
            try:
                choose("sentiment set", source.set_name, SENTIMENT_SETS)
            except ConfigError as error:
                problems += [f"--dataset {item}: only sentiment sets have protocols: {p}" for p in error.problems]
        elif near := _misspelt(source):
            problems.append(
                f"--dataset {item}: did you mean {near}? '{source.name}' is not a sentiment set "
                f"({', '.join(SENTIMENT_SETS)}), and {source.folder} has no CSV of labels in the official layout."
            )
        if source.name in [s.name for s in sources]:
            problems.append(f"--dataset {item}: {source.name} is given twice.")
        sources.append(source)
    if problems:
        raise ConfigError(*problems)
    return sources


def read_weights(given: Sequence[str], known: Mapping[str, str]) -> dict[str, Path]:
    """Return the weight files that `--weights NAME=FILE` names. `known`: the names, and what each file is.

    Raises ConfigError with every one that is not NAME=FILE, is unknown, is given twice, or whose file is absent.
    """
    problems: list[str] = []
    files: dict[str, Path] = {}
    for item in given:
        name, _, file = (part.strip() for part in item.partition("="))
        if not name or not file:
            problems.append(f"--weights {item}: expected NAME=FILE; NAME is one of {', '.join(known)}.")
            continue
        try:
            choose("weights", name, known)
        except ConfigError as error:
            problems += [f"--weights {item}: {problem}" for problem in error.problems]
            continue
        if name in files:
            problems.append(f"--weights {item}: {name} is given twice.")
        if not Path(file).is_file():
            problems.append(f"--weights {item}: {file} does not exist. Expected {known[name]}.")
        files[name] = Path(file)
    if problems:
        raise ConfigError(*problems)
    return files


def _misspelt(source: Source) -> str | None:
    """Return the sentiment set whose name is similar, unless the folder is in the official layout."""
    if source.set_name in SENTIMENT_SETS or _is_official(source.folder):
        return None
    return next(iter(get_close_matches(source.set_name, SENTIMENT_SETS, n=1)), None)


def _is_official(folder: Path) -> bool:
    """Return whether a CSV, or one in a folder, has an official name or an official heading."""
    files = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    for path in files:
        if path.suffix.lower() != ".csv" or not path.is_file():
            continue
        with path.open("rb") as file:
            header = file.readline(4096).decode(errors="replace")
        if path.name.lower() in ("devset.csv", "testset.csv"):
            return True
        if any(
            VISUAL_SENTIMENT_2021.official_heading(cell.strip('\ufeff" \r\n')) for cell in re.split("[,;\t]", header)
        ):
            return True
    return False


def load_columns(
    sources: Sequence[Source], config: Config, networks: list[FeatureExtractor], *, skip_bad: bool, fine: bool = False
) -> tuple[dict[str, TableColumn], dict[str, str]]:
    """Return the datasets that could be read, name → column, and name → why the others could not.

    See `load_column`. Raises DatasetError when none could be read.
    """
    columns: dict[str, TableColumn] = {}
    unread: dict[str, str] = {}
    for source in sources:
        try:
            column = load_column(source, config, networks, skip_bad=skip_bad, fine=fine)
            require_sides(column.splits, source.folder)
            columns[source.name] = column
        except (DatasetError, LabelFileError) as error:
            unread[source.name] = " ".join(error.problems)
    if not columns:
        raise DatasetError(*(f"{name}: {reason}" for name, reason in unread.items()), "No dataset could be read.")
    return columns, unread


def load_column(
    source: Source, config: Config, networks: list[FeatureExtractor], *, skip_bad: bool, fine: bool = False
) -> TableColumn:
    """Read a dataset, compute its features, and split it.

    A name in SENTIMENT_SETS is read as that set: with two labels, or with `fine` its emotions, where it has any. Any
    other is a folder in the official layout with labels for subtask 1, split into five folds that keep near-duplicates
    and images of one group ([split] groups) together. Raises DatasetError or LabelFileError when it cannot be read,
    FeaturesError for images that cannot be decoded, unless `skip_bad`.
    """
    if source.set_name in SENTIMENT_SETS:
        return _sentiment_column(source, config, networks, skip_bad, fine)
    task = config.task["subtask1"]
    dataset = load_dataset(source.folder, config.task)
    labels = dataset.labels(task.name)
    config = config.model_copy()  # another dataset may have its groups file elsewhere
    together = given_groups(config, dataset, skip_bad=skip_bad)
    features = features_of(dataset, config, networks, skip_bad=skip_bad, thumbnails=True)
    ids = sorted(set(dataset.ids) - set(features.failures))  # the same folds whatever the order of the rows
    groups = groups_of(features, ids, together)
    fold = assign_folds(groups, FOLDS, np.random.default_rng(config.seed))
    splits = []
    for k in range(int(fold.max()) + 1):
        sides = [tuple(i for i, f in zip(ids, fold, strict=True) if (f == k) == held) for held in (False, True)]
        splits.append(Split(sides[0], (), sides[1]))
    kept = f", groups of {Path(config.split.groups).name} together" if config.split.groups else ""
    about = f"{source.folder}, {len(ids)} images in {len(set(groups))} groups, {len(splits)} folds{kept}"
    group_of = dict(zip(ids, groups, strict=True))
    left_out = _left_out(features)
    return TableColumn(
        source.name, about, task, labels.loc[ids], splits, features, left_out, dataset.image_paths, group_of
    )


def _sentiment_column(
    source: Source, config: Config, networks: list[FeatureExtractor], skip_bad: bool, fine: bool
) -> TableColumn:
    found = load_sentiment_set(source.set_name, source.folder, config.seed, source.protocol)
    # without networks the thumbnails alone tell which images cannot be decoded
    features = features_of(found.dataset, config, networks, skip_bad=skip_bad, thumbnails=not networks)
    task, classes = _classes(found, fine)
    labels = pd.DataFrame({label: (classes == label).astype("int8") for label in task.labels})
    splits = [split.without(list(features.failures)) for split in found.splits]
    entry = SENTIMENT_SETS[source.set_name]
    protocol = f"protocol {found.protocol}" if source.protocol else entry.protocol
    about = f"{entry.title}, {len(labels) - len(features.failures)} images; {protocol}"
    notes = (*found.notes, *_left_out(features))
    return TableColumn(source.name, about, task, labels, splits, features, notes, found.dataset.image_paths)


def _classes(found: SentimentSet, fine: bool) -> tuple[Subtask, pd.Series]:
    """Return the labels to predict, and id → label: polarity, or with `fine` emotions, where the set has any."""
    if not fine or found.emotions.empty:
        return POLARITY, found.labels
    emotions = tuple(sorted(set(found.emotions)))
    return Subtask("emotions", "emotion", ("emotion",), emotions, multi_label=False), found.emotions


def _left_out(features: Features) -> tuple[str, ...]:
    return tuple(f"{i} left out: {reason}" for i, reason in features.failures.items())
