"""Grey thumbnails that near-duplicates are found by: computed beside other features, not for training."""

from mediaeval.data.duplicates import THUMBNAIL_SIDE, thumbnail
from mediaeval.data.images import DECODER
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup, as_prepared


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return grey thumbnails, THUMBNAIL_SIDE² numbers."""
    identity = {"kind": "thumbnail", "side": THUMBNAIL_SIDE, "decoder": DECODER}
    return FeatureExtractor(name, identity, THUMBNAIL_SIDE**2, thumbnail, as_prepared, side=THUMBNAIL_SIDE)
