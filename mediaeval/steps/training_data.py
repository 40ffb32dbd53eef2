"""What a subtask is trained on: labels, image files, features, and the side of the split that each image is on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.data.split import Groups, read_split
from mediaeval.errors import DatasetError
from mediaeval.features.extract import Features
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.images import Images
from mediaeval.steps.prepare import features_of
from mediaeval.steps.split import groups_of, make_folds, make_split
from submission.task import Subtask, Task


@dataclass(frozen=True)
class TrainingData:
    """The inputs of one subtask: labels or scores (ids × labels), image files and features, found by image id."""

    task: Subtask
    labels: pd.DataFrame
    paths: Mapping[str, Path]
    features: Features
    networks: list[FeatureExtractor]
    sides: pd.Series
    groups: list[str]  # in the order of `labels`
    folds: pd.Series | None = None  # id → fold in which it is held out, from 0; None: the split alone is scored

    @property
    def blocks(self) -> dict[str, int]:
        """Extractor name → width, in the order of concatenation."""
        return {network.name: network.width for network in self.networks}

    def images(self, ids: Sequence[str]) -> Images:
        """Return images as any model reads them."""
        return Images(tuple(ids), self.paths, self.features)

    def ids(self, side: str) -> list[str]:
        return list(self.sides.index[self.sides == side])

    def X(self, ids: list[str]) -> np.ndarray:
        return self.features.matrix(list(self.blocks), ids)

    def views(self, ids: list[str], n_views: int) -> np.ndarray | None:
        return self.features.views(list(self.blocks), ids, n_views) if n_views else None

    def groups_of(self, ids: Sequence[str]) -> list[str]:
        group_of = dict(zip(self.labels.index, self.groups, strict=True))
        return [group_of[i] for i in ids]


@dataclass(frozen=True)
class PreparedTraining:
    """A dev set ready to train on.

    ids     images that take part: those with features
    groups  what each id belongs to: images of one group are on one side
    sides   id → `train` or `val`
    folds   id → fold in which it is held out, counted from 0; None where the split alone is scored
    """

    task: Task
    dataset: Dataset
    networks: list[FeatureExtractor]
    features: Features
    ids: list[str]
    groups: list[str]
    sides: pd.Series
    folds: pd.Series | None

    def of_subtask(self, name: str) -> TrainingData:
        """Return the inputs of one subtask."""
        labels = self.dataset.labels(name).loc[self.ids]
        return TrainingData(
            self.task[name],
            labels,
            self.dataset.image_paths,
            self.features,
            self.networks,
            self.sides,
            self.groups,
            self.folds,
        )


def prepare_training(
    dataset: Dataset,
    config: Config,
    networks: list[FeatureExtractor],
    subtasks: Sequence[str],
    given: Groups | None,
    *,
    refit: bool,
    skip_bad: bool,
    split_file: Path | None = None,
) -> PreparedTraining:
    """Compute features, find duplicates, and split the dev set, or read the split in `split_file`; make the folds.

    `given` are the groups of a groups file, which stay on one side as duplicates do, None where there is none.
    Augmented views are computed where a subtask asks for them, with `refit` or folds of the validation images too.
    Raises FeaturesError for images that cannot be decoded, unless `skip_bad`; DatasetError for a split that parts a
    group.
    """
    features = features_of(dataset, config, networks, skip_bad=skip_bad, thumbnails=True)
    ids = [i for i in dataset.ids if i not in features.failures]
    groups = groups_of(features, ids, given)
    if split_file:
        sides = read_split(split_file, ids, config.task)
        _require_apart(sides, groups, split_file)
    else:
        sides = make_split(dataset, ids, groups, config.split)
    folds = None
    if config.split.folds:
        group_of = dict(zip(ids, groups, strict=True))
        folds = make_folds(dataset, group_of, sides, config.split, given=split_file is not None)
    if n_views := max(config.subtask(name).augment for name in subtasks):
        # never of images that only validate
        view_ids = ids if refit or folds is not None else list(sides.index[sides == "train"])
        plain = features.bill
        features = features_of(
            dataset, config, networks, skip_bad=skip_bad, thumbnails=True, views=n_views, view_ids=view_ids
        )
        features.bill = plain.followed_by(features.bill)
    assert dataset.task is not None, "the dataset has labels"
    return PreparedTraining(dataset.task, dataset, networks, features, ids, groups, sides, folds)


def _require_apart(sides: pd.Series, groups: list[str], split_file: Path) -> None:
    """Raise DatasetError when a group or a set of duplicates has images on both sides of a split that was given."""
    group_of = pd.Series(groups, index=sides.index)
    both = set(group_of[sides == "train"]) & set(group_of[sides == "val"])
    if both:
        shown = "; ".join(", ".join(group_of.index[group_of == g][:3]) for g in sorted(both)[:3])
        raise DatasetError(
            f"{split_file}: {len(both)} sets of duplicates or groups stand on both sides ({shown}), which flatters the "
            "score. Make the split again: mediaeval split."
        )
