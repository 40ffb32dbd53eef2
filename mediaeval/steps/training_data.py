"""What a subtask is trained on: labels, image files, features, and the side of the split that each image is on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.features.extract import Features
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.steps.models import Images, Model, probabilities
from submission.task import Subtask


@dataclass(frozen=True)
class TrainingData:
    """The inputs of one subtask: labels (ids × labels), image files and features, found by image id."""

    task: Subtask
    labels: pd.DataFrame
    paths: Mapping[str, Path]
    features: Features
    networks: list[FeatureExtractor]
    sides: pd.Series
    groups: list[str]  # in the order of `labels`

    @property
    def blocks(self) -> dict[str, int]:
        """Extractor name → width, in the order of concatenation."""
        return {network.name: network.width for network in self.networks}

    @property
    def images(self) -> Images:
        return Images(self.paths, self.features)

    def ids(self, side: str) -> list[str]:
        return list(self.sides.index[self.sides == side])

    def X(self, ids: list[str]) -> np.ndarray:
        return self.features.matrix(list(self.blocks), ids)

    def views(self, ids: list[str], n_views: int) -> np.ndarray | None:
        return self.features.views(list(self.blocks), ids, n_views) if n_views else None

    def groups_of(self, ids: Sequence[str]) -> list[str]:
        group_of = dict(zip(self.labels.index, self.groups, strict=True))
        return [group_of[i] for i in ids]

    def probabilities(self, model: Model, ids: Sequence[str]) -> pd.DataFrame:
        return probabilities(model, self.images, ids)
