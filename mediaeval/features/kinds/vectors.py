"""What kinds share that read the vectors of another extractor, not images: a backbone runs once for all of them."""

import numpy as np
from PIL import Image

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup


def source_of(name: str, extractor: ExtractorConfig, built: NetworkLookup, width: int) -> FeatureExtractor:
    """Return the network whose vectors the extractor reads. Raises unless they are as wide as its weights want."""
    source = built(extractor.source)
    if source.source:
        raise ConfigError(f"extractor '{name}': source '{source.name}' reads vectors itself; one of images is wanted.")
    if source.width != width:
        raise WeightsError(
            f"extractor '{name}': its weights read vectors of {width} numbers, source '{source.name}' gives "
            f"{source.width}. Take weights that were trained on that source, or another source."
        )
    return source


def no_image(image: Image.Image) -> np.ndarray:
    """Stand in for `prepare`, which is not called of a network that reads vectors."""
    raise AssertionError("a network that reads vectors is never given an image")
