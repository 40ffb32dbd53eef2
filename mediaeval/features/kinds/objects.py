"""The mean over the vectors of the objects in an image, those that the detector itself decides by."""

import numpy as np
import torch

from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.detection import loaded_detector, object_network
from mediaeval.features.kinds.settings import ObjectsSettings
from mediaeval.features.networks.detector import VECTOR, Objects


def build(name: str, extractor: ExtractorConfig, engine: Engine, built: NetworkLookup) -> FeatureExtractor:
    """The mean over up to 50 objects of the vectors that the detector itself decides by → 1024."""
    arguments = extractor.settings_as(ObjectsSettings, name).model_args
    detector, identity = loaded_detector(name, extractor, arguments, engine)

    def pooled(image: np.ndarray, found: Objects) -> torch.Tensor:
        return found.vectors.mean(dim=0)

    return object_network(name, identity, VECTOR, detector, engine.device, pooled)
