"""What kinds share that look at objects: the detector with its weights, applied to one image at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from mediaeval.data.images import DECODER
from mediaeval.features.engines import Engine, torch_on
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.kinds.library import identity_of
from mediaeval.features.kinds.settings import DetectorArguments
from mediaeval.features.modules import frozen
from mediaeval.features.networks.detector import Objects, detect, detector
from mediaeval.features.weight_files import locate
from mediaeval.weights.identity import weights_identity
from mediaeval.weights.read import load_into

LONGEST = 20  # times the shorter side; see `_not_too_long`
NOTHING_FOUND = "nothing was detected: the whole image is used as the only object"


def loaded_detector(
    name: str, extractor: ExtractorConfig, arguments: DetectorArguments, engine: Engine
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Return the detector with its weights, and the identity of what it finds."""
    path = locate(name, extractor, "detector")
    network = detector(
        objects=arguments.objects,
        score=arguments.score,
        min_size=arguments.min_size,
        max_size=arguments.max_size,
    )
    load_into(network, path, f"extractor '{name}'")
    identity = {
        **identity_of(extractor, str(torch_on(engine))),
        "detector": f"fasterrcnn_resnet50_fpn_v2, {weights_identity(path)}",
        # as written: identities tell the score 0 from 0.0
        "found": arguments.model_dump() | extractor.model_args,
        "decoder": DECODER,
    }
    return frozen(network, engine.device), identity


def object_network(
    name: str,
    identity: dict[str, Any],
    width: int,
    detector: torch.nn.Module,
    device: str,
    pooled: Callable[[np.ndarray, Objects], torch.Tensor],
) -> FeatureExtractor:
    """Return an extractor that takes one image at a time, of any size.

    `pooled` makes one vector, (width,), of an image, uint8 (h, w, 3), and the objects found in it.
    """

    def forward(batch: np.ndarray) -> np.ndarray:
        image = _not_too_long(batch[0])  # uint8 (h, w, 3)
        with torch.inference_mode():
            pixels = torch.tensor(image, device=device).permute(2, 0, 1).float() / 255
            found = detect(detector, pixels)
            if not found.found:
                network.notes[NOTHING_FOUND] += 1
            vectors: np.ndarray = pooled(image, found).float().cpu().numpy()[None]
            return vectors

    network = FeatureExtractor(name, identity, width, np.asarray, forward, batch=1)
    return network


def _not_too_long(image: np.ndarray) -> np.ndarray:
    """Return the image with black added where one side is more than LONGEST times the other.

    The detector scales the longer side to a fixed size, which would leave less than a pixel of the shorter one.
    """
    height, width, _ = image.shape
    rows, columns = max(height, -(-width // LONGEST)), max(width, -(-height // LONGEST))
    if (rows, columns) == (height, width):
        return image
    larger = np.zeros((rows, columns, 3), image.dtype)
    larger[:height, :width] = image
    return larger
