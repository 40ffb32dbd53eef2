"""Features of the objects in an image: G of Pournaras et al. 2021 (ObjectGraphs), and the plain mean of their vectors.

Both find objects with one detector. G takes the vector of each object from another extractor (R), looking at the
object's crop, or from the detector itself where no source is named; the mean takes the detector's.
"""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.engines import Engine, torch_on
from mediaeval.features.extractors import Extractor
from mediaeval.features.kinds.libraries import arguments_of, identity_of
from mediaeval.features.modules import frozen
from mediaeval.features.network import Network
from mediaeval.features.networks import detector as faster_rcnn
from mediaeval.features.networks import objectgraphs as graphs
from mediaeval.features.sources import locate
from mediaeval.files import file_digest
from mediaeval.weights.read import load_into, read_weights

DETECTOR = {"objects": faster_rcnn.N_OBJECTS, "score": faster_rcnn.SCORE, "min_size": 800, "max_size": 1333}
LONGEST = 20  # times the shorter side; see `_not_too_long`
CROPS = 10  # crops a batch: 50 objects fill five
NOTHING_FOUND = "nothing was detected: the whole image stands for the only object"


def mean_of_objects(name: str, extractor: Extractor, engine: Engine, built: Callable) -> Network:
    """The mean over up to 50 objects of the vectors that the detector itself decides by → 1024."""
    detector, identity = _detector(name, extractor, engine)

    def pooled(image: np.ndarray, found: faster_rcnn.Objects) -> torch.Tensor:
        return found.vectors.mean(dim=0)

    return _network(name, identity, faster_rcnn.VECTOR, detector, engine.device, pooled)


def objectgraphs(name: str, extractor: Extractor, engine: Engine, built: Callable) -> Network:
    """G: the vectors of up to 50 objects → a graph of two layers → their mean, 2048."""
    path = locate(name, extractor)
    owner = f"extractor '{name}'"
    graph = graphs.load_graph(read_weights(path, owner), owner, path)
    reads = graph.wq.in_features
    source = built(extractor.source) if extractor.source else None
    width = source.width if source else faster_rcnn.VECTOR
    if source and source.source:
        raise ConfigError(f"extractor '{name}': source '{source.name}' reads no images; crops of objects are wanted.")
    if reads != width:
        raise WeightsError(
            f"extractor '{name}': {path} reads object vectors of {reads} numbers, "
            f"{f'source {source.name}' if source else 'the detector'} gives {width}. "
            "Take weights that were trained on these vectors, or another source."
        )
    detector, identity = _detector(name, extractor, engine)
    graph = frozen(graph, engine.device)
    identity |= {
        "weights": f"file sha256 {file_digest(path)}",
        "source": source.identity if source else "the detector's vectors",
    }

    def pooled(image: np.ndarray, found: faster_rcnn.Objects) -> torch.Tensor:
        vectors = torch.from_numpy(_look_at_crops(source, image, found.boxes)) if source else found.vectors
        return graph(vectors.to(engine.device))

    return _network(name, identity, reads, detector, engine.device, pooled)


def _detector(name: str, extractor: Extractor, engine: Engine) -> tuple[torch.nn.Module, dict]:
    """Return the detector with its weights, and the identity of what it finds."""
    arguments = arguments_of(name, extractor, DETECTOR)
    wrong = {
        "objects: 1 or more is wanted": arguments["objects"] < 1,
        "score: 0 or more, and below 1, is wanted": not 0 <= arguments["score"] < 1,
        "min_size: 32 pixels or more are wanted": arguments["min_size"] < 32,
        "max_size: min_size or more is wanted": arguments["max_size"] < arguments["min_size"],
    }
    if any(wrong.values()):
        raise ConfigError(*(f"extractor '{name}': model_args.{text}." for text, holds in wrong.items() if holds))
    path = locate(name, extractor, "detector")
    detector = faster_rcnn.detector(**arguments)
    load_into(detector, path, f"extractor '{name}'")
    identity = {
        **identity_of(extractor, str(torch_on(engine))),
        "detector": f"fasterrcnn_resnet50_fpn_v2, file sha256 {file_digest(path)}",
        "found": arguments,
        "decoder": DECODER,
    }
    return frozen(detector, engine.device), identity


def _network(
    name: str,
    identity: dict,
    width: int,
    detector: torch.nn.Module,
    device: str,
    pooled: Callable[[np.ndarray, faster_rcnn.Objects], torch.Tensor],
) -> Network:
    """Return a network that takes one image at a time, in whatever size it has."""

    def forward(batch: np.ndarray) -> np.ndarray:
        image = _not_too_long(batch[0])  # uint8 (h, w, 3)
        with torch.inference_mode():
            pixels = torch.tensor(image, device=device).permute(2, 0, 1).float() / 255
            found = faster_rcnn.detect(detector, pixels)
            if not found.found:
                network.notes[NOTHING_FOUND] += 1
            return pooled(image, found).float().cpu().numpy()[None]

    network = Network(name, identity, width, np.asarray, forward, batch=1)
    return network


def _not_too_long(image: np.ndarray) -> np.ndarray:
    """Return the image with black beside it where it is longer than LONGEST times its width, or the other way round.

    The detector makes the longer side fit; the shorter one would end at less than a pixel.
    """
    height, width, _ = image.shape
    rows, columns = max(height, -(-width // LONGEST)), max(width, -(-height // LONGEST))
    if (rows, columns) == (height, width):
        return image
    padded = np.zeros((rows, columns, 3), image.dtype)
    padded[:height, :width] = image
    return padded


def _look_at_crops(source: Network, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the source's vector of each box, float32 (n, source.width), in batches of one size (see `BATCH`)."""
    picture = Image.fromarray(image)
    crops = [source.prepare(picture.crop(faster_rcnn.whole_pixels(box, *picture.size))) for box in boxes]
    vectors = []
    size = min(CROPS, source.batch)
    for start in range(0, len(crops), size):
        some = crops[start : start + size]
        batch = np.zeros((size, *some[0].shape), some[0].dtype)
        batch[: len(some)] = some
        vectors.append(source.forward(batch)[: len(some)])
    return np.concatenate(vectors)
