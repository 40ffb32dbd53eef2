"""Grey thumbnails, to find near-duplicates: computed beside other features, not for training."""

from mediaeval.data.duplicates import THUMBNAIL, thumbnail
from mediaeval.data.images import DECODER
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import Extractor
from mediaeval.features.network import Built, Network


def build(name: str, extractor: Extractor, engine: Engine, built: Built) -> Network:
    """Thumbnails of THUMBNAIL² numbers."""
    identity = {"kind": "thumbnail", "side": THUMBNAIL, "decoder": DECODER}
    return Network(name, identity, THUMBNAIL**2, thumbnail, lambda batch: batch, side=THUMBNAIL)
