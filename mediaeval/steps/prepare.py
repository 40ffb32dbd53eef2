"""What train, predict and features share: networks built from the configuration, and features computed with them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.errors import FeaturesError
from mediaeval.features.build import build, build_all
from mediaeval.features.engines import TORCH, Engine, resolve_engine
from mediaeval.features.extract import Features, extract, require_complete
from mediaeval.features.extractors import THUMBNAIL
from mediaeval.features.feature_extractor import FeatureExtractor, decoded_by
from mediaeval.features.kinds import KINDS
from mediaeval.features.store import FeatureStore
from mediaeval.features.worker_store import absorb
from mediaeval.progress import progress

logger = logging.getLogger(__name__)


def resolve_config_engine(config: Config, device: str) -> Engine:
    """Return the engine of a configuration, and write into it what `auto` was resolved to, which a run records.

    Where no network is in use, the engine is not resolved, so that such a run can be continued on any machine.
    """
    if not any(KINDS[extractor.kind].uses_engine for extractor in config.used_extractors().values()):
        return TORCH
    engine = resolve_engine(config.features.engine, device)
    # set as checked settings are: one of ENGINES
    config.features = config.features.model_copy(update={"engine": engine.setting})
    return engine


def build_networks(config: Config, device: str) -> list[FeatureExtractor]:
    """Return the extractors in use, in the order of concatenation; those that are remembered are not built yet."""
    engine = resolve_config_engine(config, device)
    return build_all(config.features.use, config.all_extractors(), engine, config.features.decoder, recall=True)


def with_thumbnail(config: Config, networks: Sequence[FeatureExtractor]) -> list[FeatureExtractor]:
    """Return `networks` and the one of thumbnails, by which near-duplicates are found."""
    return [*networks, decoded_by(config.features.decoder, build("thumbnail", THUMBNAIL))]


def features_of(
    dataset: Dataset,
    config: Config,
    networks: list[FeatureExtractor],
    *,
    skip_bad: bool,
    thumbnails: bool = False,
    views: int = 0,
    view_ids: Sequence[str] = (),
) -> Features:
    """Return the features of a dataset, computing what the store lacks, with a progress bar.

    Raises FeaturesError naming every image that has none, unless `skip_bad`.
    """
    used = with_thumbnail(config, networks) if thumbnails else networks
    try:
        absorb(Path(config.features.store))
    except FeaturesError as error:  # a store that can be read alone may hold all that is needed
        logger.warning(str(error))
    with progress(f"features of {dataset.folder}") as advance:
        features = extract(
            dataset,
            used,
            FeatureStore(Path(config.features.store)),
            views=views,
            view_ids=view_ids,
            seed=config.seed,
            on_image=advance,
        )
    for name, notes in features.notes.items():
        for note, images in notes.items():
            logger.info(f"{dataset.folder}: {name}: {images} images: {note}.")
    require_complete(features, dataset.folder, skip_bad=skip_bad)
    return features
