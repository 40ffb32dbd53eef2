"""What probe and explain share: a run's trained system, with all that it reads beside pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.devices import resolve_device
from mediaeval.errors import RunFolderError, choose
from mediaeval.features.extract import Features
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.pictures import Photographs
from mediaeval.runs import RunFolder
from mediaeval.steps.models import EnsembleModel, Images, load_subtask_model
from mediaeval.steps.predict import require_same_features
from mediaeval.steps.prepare import build_networks, features_of
from mediaeval.steps.record import read_config
from submission.task import Subtask
from submission.tasks import TASKS


@dataclass(frozen=True)
class Inside:
    """A run's system of one subtask, that of the 80 %, in evaluation mode on `device`."""

    run: RunFolder
    config: Config
    task: Subtask
    system: SystemModel
    networks: list[FeatureExtractor]  # extractors whose vectors the system reads
    device: str

    def features(self, dataset: Dataset, *, skip_bad: bool = False, thumbnails: bool = False) -> Features:
        """Return what the extractors give of a dataset; without any, at least which images cannot be read."""
        return features_of(dataset, self.config, self.networks, skip_bad=skip_bad, thumbnails=thumbnails)

    def photographs(self, dataset: Dataset, features: Features, ids: Sequence[str]) -> Photographs:
        """Return images as the system takes them."""
        return Images(dataset.image_paths, features).photographs(ids, list(self.system.blocks))

    def vectors(self, photographs: Photographs) -> np.ndarray | None:
        """Return what the network reads beside pixels, standardised, float32 (n, width), or None."""
        matrix = photographs.matrix()
        return None if matrix is None else self.system.scaler.transform(matrix)


def look_into(run: RunFolder, subtask: str | None, device: str) -> Inside:
    """Return the system that was trained in a run; for None of its first subtask.

    Raises RunFolderError for a subtask that is not in the run, or was not trained end to end.
    """
    name = subtask or run.subtasks[0]
    choose("subtask", name, TASKS)
    if name not in run.subtasks:
        raise RunFolderError(f"{run.path} holds no {name} (it has: {', '.join(run.subtasks)}).")
    device, task = resolve_device(device), TASKS[name]
    model, path = load_subtask_model(run, task, of_split=True, device=device)
    if isinstance(model, EnsembleModel):
        raise RunFolderError(f"{path} is an ensemble. Look into its runs one by one.")
    if not isinstance(model, SystemModel):
        raise RunFolderError(
            f"{path} was trained on features, and there is no network to look into. Train a system: "
            f"mediaeval train {name} --system timm --run NEW."
        )
    config = read_config(run)
    networks = build_networks(config, device)
    require_same_features(run, networks)
    return Inside(run, config, task, model, networks, device)
