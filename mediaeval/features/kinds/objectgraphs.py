"""G of Pournaras et al. 2021: a graph over the vectors of the objects in an image (ObjectGraphs).

An object's vector is that of another extractor (R) of its crop, or the detector's own where no source is named.
"""

import numpy as np
import torch
from PIL import Image

from mediaeval.batches import padded
from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.detection import loaded_detector, object_network
from mediaeval.features.kinds.settings import ObjectGraphsSettings
from mediaeval.features.modules import frozen
from mediaeval.features.networks.detector import VECTOR, Objects, whole_pixels
from mediaeval.features.networks.objectgraphs import load_graph
from mediaeval.features.weight_files import locate
from mediaeval.weights.identity import weights_identity
from mediaeval.weights.read import read_weights

CROPS = 10  # crops per batch: 50 objects fill five


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return G: the vectors of up to 50 objects → a graph of two layers → their mean, 2048."""
    path = locate(name, extractor)
    owner = f"extractor '{name}'"
    graph = load_graph(read_weights(path, owner), owner, path)
    expected = graph.wq.in_features
    source = networks(extractor.source) if extractor.source else None
    width = source.width if source else VECTOR
    if source and source.source:
        raise ConfigError(
            f"{owner}: source: got '{source.name}', which reads no images; expected an extractor that can look at "
            "crops of objects."
        )
    if width != expected:
        raise WeightsError(
            f"{owner}: {path} reads object vectors of {expected} numbers, "
            f"{f'source {source.name}' if source else 'the detector'} gives {width}. "
            "Use weights that were trained on these vectors, or another source."
        )
    arguments = extractor.settings_as(ObjectGraphsSettings, name).model_args
    detector, identity = loaded_detector(name, extractor, arguments, engine)
    graph = frozen(graph, engine.device)
    identity |= {
        "weights": weights_identity(path),
        "source": source.identity if source else "the detector's vectors",
    }

    def pooled(image: np.ndarray, found: Objects) -> torch.Tensor:
        vectors = torch.from_numpy(_vectors_of_crops(source, image, found.boxes)) if source else found.vectors
        mean: torch.Tensor = graph(vectors.to(engine.device))
        return mean

    return object_network(name, identity, expected, detector, engine.device, pooled)


def _vectors_of_crops(source: FeatureExtractor, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the source's vector of each box, float32 (n, source.width).

    `image`: uint8 (h, w, 3); `boxes`: float32 (n, 4), left, top, right, bottom in its pixels.
    """
    whole = Image.fromarray(image)
    crops = [source.prepare(whole.crop(whole_pixels(box, *whole.size))) for box in boxes]
    vectors = []
    size = min(CROPS, source.batch)
    for start in range(0, len(crops), size):
        batch = np.stack(crops[start : start + size])
        vectors.append(source.forward(padded(batch, size))[: len(batch)])
    return np.concatenate(vectors)
