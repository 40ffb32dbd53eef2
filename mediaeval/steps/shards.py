"""Features of a part of a data set, on one of several machines, and the joining of what they computed."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.errors import first_few
from mediaeval.features.bill import Bill
from mediaeval.features.chosen_shards import choose_shards, command_of
from mediaeval.features.extract import Features
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.merge import Merged, merge
from mediaeval.features.shard_records import Machine, ShardRecord, read_records
from mediaeval.features.shards import Shard, ids_digest
from mediaeval.features.store import FeatureStore
from mediaeval.steps.prepare import features_of, with_thumbnail

logger = logging.getLogger(__name__)


def shard_features(
    dataset: Dataset, config: Config, networks: list[FeatureExtractor], shard: Shard, device: str, start_seconds: float
) -> Features:
    """Compute what the store lacks of one shard, thumbnails too, and leave its record beside the vectors.

    device         resolved: what the networks compute on
    start_seconds  that the command took until here, for the bill
    """
    features = features_of(dataset.some(shard.ids(dataset.ids)), config, networks, skip_bad=True, thumbnails=True)
    features.bill += Bill(start_seconds=start_seconds)
    record = ShardRecord(
        shard=shard,
        data=str(dataset.folder),
        digest=ids_digest(dataset.ids),
        images=len(dataset.ids),
        identities={network.name: network.identity for network in with_thumbnail(config, networks)},
        machine=Machine.this(device),
        failures=features.failures,
        bill=features.bill,
    )
    path = record.write(Path(config.features.store))
    logger.info(f"{dataset.folder}: shard {shard}: {len(features.contents)} of {len(dataset.ids)} images; {path}.")
    return features


def merge_shards(
    dataset: Dataset, config: Config, networks: list[FeatureExtractor], stores: Sequence[Path], device: str
) -> Merged:
    """Join the shards of a data set that lie in `stores` into the configured store, and say what is missing.

    Raises FeaturesError, before anything is copied, for shards that must not be joined; see `choose_shards`, `merge`.
    """
    distinct = list({store.resolve(): store for store in stores}.values())
    used = with_thumbnail(config, networks)
    shards = choose_shards(read_records(distinct), dataset.folder, dataset.ids, used)
    merged = merge(dataset, used, FeatureStore(Path(config.features.store)), shards, Machine.this(device))
    for agreement in merged.agreements:
        logger.info(
            f"{dataset.folder}: {agreement.images} images of another kind of machine ({agreement.kind}) were computed "
            f"again here: least cosine {agreement.cosine:.6f} ({agreement.extractor})."
        )
    for shard in merged.missing_shards:
        logger.error(
            f"{dataset.folder}: shard {shard} is in none of the stores. Compute it with the options of the "
            f"others: {command_of(dataset.folder, shard)}"
        )
    lost = len(merged.missing)
    if lost:
        logger.error(
            f"{dataset.folder}: {lost} image{'s' * (lost != 1)} without vectors ({first_few(merged.missing)}). Merge "
            f"the missing shards too, or compute the rest here: mediaeval features {dataset.folder}"
        )
    return merged
