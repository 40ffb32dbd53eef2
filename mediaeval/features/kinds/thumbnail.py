"""Grey thumbnails, to find near-duplicates: computed beside other features, not for training."""

from mediaeval.data.duplicates import THUMBNAIL, thumbnail
from mediaeval.data.images import DECODER
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup


def build(name: str, extractor: ExtractorConfig, engine: Engine, built: NetworkLookup) -> FeatureExtractor:
    """Thumbnails of THUMBNAIL² numbers."""
    identity = {"kind": "thumbnail", "side": THUMBNAIL, "decoder": DECODER}
    return FeatureExtractor(name, identity, THUMBNAIL**2, thumbnail, lambda batch: batch, side=THUMBNAIL)
