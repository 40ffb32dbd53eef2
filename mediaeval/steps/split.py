"""Who goes to which side: seeded, balanced, duplicates and groups kept together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.config import Config, SplitSection
from mediaeval.data import split as data_split
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.data.duplicates import Fingerprint, find_duplicates, group_of_images
from mediaeval.data.split import Groups, find_groups, read_groups, split
from mediaeval.errors import DatasetError
from mediaeval.features.extract import Features
from mediaeval.steps.prepare import features_of
from submission.task import Subtask
from submission.wording import either


def given_groups(config: Config, dataset: Dataset, *, skip_bad: bool) -> Groups | None:
    """Read the groups file of a configuration, before anything is computed; None where it names none.

    The file is found by `find_groups`; where it is, is written into the configuration, which a run records. Raises
    DatasetError where it cannot be read, or an image has no row (with `skip_bad` it may be one that is left out).
    """
    if not config.split.groups:
        return None
    source = find_groups(config.split.groups, dataset.folder, config.groups_as_written)
    config.split = config.split.model_copy(update={"groups": source})
    groups = read_groups(source, config.task)
    if not skip_bad:
        groups.require(dataset.ids)
    return groups


def groups_of(features: Features, ids: Sequence[str], groups: Groups | None) -> list[str]:
    """Return a group for each id: images of one group, and duplicates of one another, share it."""
    thumbnails = features.block("thumbnail", ids)
    prints = {i: Fingerprint(features.contents[i], "", row) for i, row in zip(ids, thumbnails.to_numpy(), strict=True)}
    joined = [(pair.first, pair.second) for same in find_duplicates(prints) for pair in same.pairs]
    if groups:
        first_of: dict[str, str] = {}
        given = zip(ids, groups.of(ids), strict=True)
        joined += [(first_of.setdefault(group, i), i) for i, group in given if group is not None]
    leaders = group_of_images(ids, joined)
    return [leaders[i] for i in ids]


def all_labels(dataset: Dataset, ids: Sequence[str]) -> pd.DataFrame:
    """Return what a split is balanced by, of all the dataset's subtasks side by side, 0/1: ids × labels.

    Of scores that is in which quarter of its column each one is.
    """
    if not dataset.subtasks:
        columns = either([_columns(subtask) for subtask in dataset.task.subtasks]) if dataset.task else "of labels"
        raise DatasetError(f"{dataset.folder} has no labels. Give a dev set, with the columns {columns}.")
    parts = {name: dataset.strata(name) for name in dataset.subtasks}
    labels = [label for part in parts.values() for label in part]
    if len(set(labels)) < len(labels):  # two subtasks with labels of one name
        parts = {name: part.add_prefix(f"{name}: ") for name, part in parts.items()}
    return pd.concat(list(parts.values()), axis=1).loc[list(ids)]


def _columns(subtask: Subtask) -> str:
    """Return the headings of a subtask in words; numbered ones as `T2.k`."""
    numbered = len(subtask.headings) > 1 and all(
        heading.startswith(f"{subtask.column}.") for heading in subtask.headings
    )
    return f"{subtask.column}.k" if numbered else ", ".join(subtask.truth_headings)


def make_split(dataset: Dataset, ids: Sequence[str], groups: Sequence[str], settings: SplitSection) -> pd.Series:
    """Return the side of each id, balanced over all labels of all the subtasks that the dataset has."""
    rng = np.random.default_rng(settings.seed)
    return split(all_labels(dataset, ids), val=settings.val, how=settings.how, groups=groups, rng=rng)


def make_folds(
    dataset: Dataset, groups: Mapping[str, str], sides: pd.Series, settings: SplitSection, *, given: bool
) -> pd.Series:
    """Return the fold, counted from 0, in which each id of `sides` is held out; balanced as the split is.

    A validation side of about the size of a fold is the first, and the training side makes the others. Otherwise, and
    where the split was `given`, as a file, folds are made of all images. `groups` (id → group) are never divided.
    """
    assert settings.folds, "without folds the split alone is scored"
    rng = np.random.default_rng((settings.seed, 1))
    labels = all_labels(dataset, list(sides.index))
    # beside a fifth, "two folds" would be scored mostly by a model of that fifth
    joined = not given and 2 / 3 < settings.val * settings.folds < 3 / 2
    folded = labels[sides == "train"] if joined else labels
    of_these = [groups[i] for i in folded.index]
    n_folds = settings.folds - 1 if joined else settings.folds
    fold = data_split.make_folds(folded, n_folds, how=settings.how, groups=of_these, rng=rng)
    return (fold + 1).reindex(labels.index, fill_value=0) if joined else fold


def split_dataset(config: Config, *, skip_bad: bool) -> tuple[pd.DataFrame, pd.Series]:
    """Return labels (ids × labels of all subtasks) and sides of the configured dev set: what `train` would use."""
    dataset = load_dataset(Path(config.data.dev), config.task)
    groups = given_groups(config, dataset, skip_bad=skip_bad)
    features = features_of(dataset, config, [], skip_bad=skip_bad, thumbnails=True)
    ids = [i for i in dataset.ids if i not in features.failures]
    sides = make_split(dataset, ids, groups_of(features, ids, groups), config.split)
    return all_labels(dataset, ids), sides
