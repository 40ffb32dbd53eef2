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
from mediaeval.files import file_digest
from mediaeval.weights.read import read_weights

CROPS = 10  # crops a batch: 50 objects fill five


def build(name: str, extractor: ExtractorConfig, engine: Engine, built: NetworkLookup) -> FeatureExtractor:
    """G: the vectors of up to 50 objects → a graph of two layers → their mean, 2048."""
    path = locate(name, extractor)
    owner = f"extractor '{name}'"
    graph = load_graph(read_weights(path, owner), owner, path)
    reads = graph.wq.in_features
    source = built(extractor.source) if extractor.source else None
    width = source.width if source else VECTOR
    if source and source.source:
        raise ConfigError(f"extractor '{name}': source '{source.name}' reads no images; crops of objects are wanted.")
    if reads != width:
        raise WeightsError(
            f"extractor '{name}': {path} reads object vectors of {reads} numbers, "
            f"{f'source {source.name}' if source else 'the detector'} gives {width}. "
            "Take weights that were trained on these vectors, or another source."
        )
    arguments = extractor.settings_as(ObjectGraphsSettings, name).model_args
    detector, identity = loaded_detector(name, extractor, arguments, engine)
    graph = frozen(graph, engine.device)
    identity |= {
        "weights": f"file sha256 {file_digest(path)}",
        "source": source.identity if source else "the detector's vectors",
    }

    def pooled(image: np.ndarray, found: Objects) -> torch.Tensor:
        vectors = torch.from_numpy(_vectors_of_crops(source, image, found.boxes)) if source else found.vectors
        return graph(vectors.to(engine.device))

    return object_network(name, identity, reads, detector, engine.device, pooled)


def _vectors_of_crops(source: FeatureExtractor, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the source's vector of each box, float32 (n, source.width), in batches of one size (see `padded`)."""
    picture = Image.fromarray(image)
    crops = [source.prepare(picture.crop(whole_pixels(box, *picture.size))) for box in boxes]
    vectors = []
    size = min(CROPS, source.batch)
    for start in range(0, len(crops), size):
        batch = np.stack(crops[start : start + size])
        vectors.append(source.forward(padded(batch, size))[: len(batch)])
    return np.concatenate(vectors)
