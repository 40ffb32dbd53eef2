"""Which networks can be computed in half precision: tried on drawn images, once per network, the outcome kept.

bfloat16 is up to twice as fast on a processor. The vectors of SqueezeNet stay as they are, those of MobileNetV2 turn;
no rule tells which is which beforehand. On drawn images networks turned at least as far as on real ones: cosine 0.966
and 0.966 for MobileNetV2, 0.9955 and 0.9956 for another training of it, 0.9997 and 0.9998 for SqueezeNet (OASIS, COCO).
"""

import json
import logging
import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mediaeval.files import write_atomically

logger = logging.getLogger(__name__)

LEAST_COSINE = 0.9995  # of every vector: half as far from 1 as the 0.999 that real images should reach
TRIAL_IMAGES = Path(__file__).with_name("trial_images.zip")  # the 40 + 20 images that seed 0 of the sample draws


def resolve_precision(
    folder: Path,
    owner: str,
    shape: tuple[int, ...],
    vectors: Callable[[str, np.ndarray], np.ndarray],
    half: str = "bfloat16",
) -> str:
    """Return `half`, or `float32` for a network whose vectors turn or overflow; the outcome is kept in `folder`.

    owner    name of the extractor, for messages
    shape    of the network's input for one image; a network whose input is not pixels, uint8 (h, w, 3), is not tried
             and stays in float32
    vectors  computes images, uint8 (n, *shape), in a precision
    half     bfloat16 or float16
    """
    path = folder / "precision.json"
    if not path.is_file():
        least = None
        if len(shape) == 3 and shape[2] == 3:
            images = trial_images(shape[1], shape[0])
            least = least_cosine(vectors("float32", images), vectors(half, images))
        precision = half if least is not None and least >= LEAST_COSINE else "float32"
        finite = least is not None and math.isfinite(least)
        outcome = {"precision": precision, "least_cosine": least if finite else None}
        write_atomically(path, json.dumps(outcome).encode())
        why = f"least cosine {least:.5f} on drawn images" if finite else "it overflows on drawn images"
        why = "its input is not pixels" if least is None else why
        logger.info(f"extractor '{owner}': computed in {precision}: {why}.")
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept["precision"]


def least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the least cosine of corresponding rows, -1..1; two rows of zeros agree, one alone does not.

    NaN where a number is not finite.
    """
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.nan
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    both_zero = ~a.any(axis=1) & ~b.any(axis=1)
    return float(np.where(both_zero, 1.0, (a * b).sum(axis=1) / np.maximum(norms, 1e-30)).min())


def trial_images(width: int, height: int) -> np.ndarray:
    """Return the trial images, squashed to one size, uint8 (60, height, width, 3)."""
    with zipfile.ZipFile(TRIAL_IMAGES) as archive:
        files = [archive.open(name) for name in archive.namelist()]
        return np.stack([np.asarray(Image.open(f).convert("RGB").resize((width, height))) for f in files])
