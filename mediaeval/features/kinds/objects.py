"""The mean over the detector's own vectors of the objects in an image: those that its decisions are made from."""

import numpy as np
import torch

from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.detection import loaded_detector, object_network
from mediaeval.features.kinds.settings import ObjectsSettings
from mediaeval.features.networks.detector import VECTOR, Objects


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return the mean of the detector's vectors over up to 50 objects, 1024 numbers."""
    arguments = extractor.settings_as(ObjectsSettings, name).model_args
    detector, identity = loaded_detector(name, extractor, arguments, engine)

    def pooled(image: np.ndarray, found: Objects) -> torch.Tensor:
        return found.vectors.mean(dim=0)

    return object_network(name, identity, VECTOR, detector, engine.device, pooled)
