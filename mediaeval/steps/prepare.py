"""What train, predict and features share: networks built from the configuration, features made sure of."""

from collections.abc import Sequence
from pathlib import Path

import torch

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.errors import ConfigError
from mediaeval.features.build import build, build_all
from mediaeval.features.extract import Features, extract, require_complete
from mediaeval.features.extractors import THUMBNAIL
from mediaeval.features.network import Network
from mediaeval.features.store import FeatureStore
from mediaeval.progress import STDERR, progress


def choose_device(wanted: str) -> str:
    """Return `cpu` or `cuda`. Raises ConfigError when a GPU is asked for and there is none."""
    if wanted not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"--device {wanted}: auto, cpu or cuda is wanted.")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: this machine has no GPU that torch can use. Take --device cpu, or auto.")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def build_networks(config: Config, device: str) -> list[Network]:
    """Build the extractors in use, in the order of concatenation."""
    return build_all(config.features.use, config.all_extractors(), device)


def features_of(
    dataset: Dataset,
    config: Config,
    networks: list[Network],
    *,
    skip_bad: bool,
    thumbnails: bool = False,
    views: int = 0,
    view_ids: Sequence[str] = (),
) -> Features:
    """Return the features of a dataset, computing what the store lacks, with a progress bar.

    Raises FeaturesError naming every image that has none, unless `skip_bad`.
    """
    wanted = [*networks, build("thumbnail", THUMBNAIL)] if thumbnails else networks
    with progress(f"features of {dataset.folder}") as advance:
        features = extract(
            dataset,
            wanted,
            FeatureStore(Path(config.features.store)),
            views=views,
            view_ids=view_ids,
            seed=config.seed,
            on_image=advance,
        )
    for network in wanted:
        for note, images in network.notes.items():
            STDERR.print(f"{dataset.folder}: {network.name}: {images} images: {note}.", highlight=False)
        network.notes.clear()
    require_complete(features, dataset.folder, skip_bad=skip_bad)
    return features
