"""What kinds share that read the vectors of another extractor, not images: its network runs once for all of them."""

import numpy as np
from PIL import Image

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup


def source_of(name: str, extractor: ExtractorConfig, networks: NetworkLookup, width: int) -> FeatureExtractor:
    """Return the extractor whose vectors are read; `width`: numbers per vector that the weights were trained on.

    Raises ConfigError for a source that reads vectors itself, and WeightsError for one of another width.
    """
    source = networks(extractor.source)
    if source.source:
        raise ConfigError(
            f"extractor '{name}': source: got '{source.name}', which reads vectors itself; expected an extractor that "
            "looks at images."
        )
    if source.width != width:
        raise WeightsError(
            f"extractor '{name}': its weights read vectors of {width} numbers, source '{source.name}' gives "
            f"{source.width}. Use weights that were trained on that source, or another source."
        )
    return source


def no_image(image: Image.Image) -> np.ndarray:
    """Stand in for `prepare`, which is never called for a network that reads vectors."""
    raise AssertionError("a network that reads vectors is given no images")
