"""Which networks can be computed in bfloat16: tried on drawn photographs, once a network, the outcome kept beside it.

bfloat16 is up to twice as fast. SqueezeNet's vectors stay as they are, MobileNetV2's turn; no rule tells which is which
beforehand. On drawn photographs networks turned at least as far as on real ones: cosine 0.966 and 0.966 for
MobileNetV2, 0.9955 and 0.9956 for another training of it, 0.9997 and 0.9998 for SqueezeNet (OASIS, COCO).
"""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mediaeval.files import write_atomically

LEAST_COSINE = 0.9995  # of every vector: half as far from 1 as the 0.999 that is wanted on real photographs
TRIAL_IMAGES = Path(__file__).with_name("trial_images.zip")  # the 40 + 20 images that seed 0 of the sample draws


def resolve_precision(
    folder: Path, owner: str, shape: tuple[int, ...], vectors: Callable[[str, np.ndarray], np.ndarray]
) -> str:
    """Return `bfloat16`, or `float32` for a network whose vectors turn; what was settled before is kept in `folder`.

    `shape`: of what the network takes; `vectors` computes images, uint8 (n, *shape), in a precision. A network that
    takes something else than pixels, uint8 (h, w, 3), is not tried: it stays in float32.
    """
    path = folder / "precision.json"
    if not path.is_file():
        least = None
        if len(shape) == 3 and shape[2] == 3:
            images = trial_images(shape[1], shape[0])
            least = least_cosine(vectors("float32", images), vectors("bfloat16", images))
        precision = "bfloat16" if least is not None and least >= LEAST_COSINE else "float32"
        write_atomically(path, json.dumps({"precision": precision, "least_cosine": least}).encode())
        why = "it takes no pixels" if least is None else f"least cosine {least:.5f} on drawn photographs"
        print(f"extractor '{owner}': computed in {precision}: {why}.", file=sys.stderr)
    return json.loads(path.read_text(encoding="utf-8"))["precision"]


def least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the least cosine of corresponding rows; two vectors of zeros agree, one alone does not."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    both_zero = ~a.any(axis=1) & ~b.any(axis=1)
    return float(np.where(both_zero, 1.0, (a * b).sum(axis=1) / np.maximum(norms, 1e-30)).min())


def trial_images(width: int, height: int) -> np.ndarray:
    """Return the trial images, squashed to one size, uint8 (60, height, width, 3)."""
    with zipfile.ZipFile(TRIAL_IMAGES) as archive:
        files = [archive.open(name) for name in archive.namelist()]
        return np.stack([np.asarray(Image.open(f).convert("RGB").resize((width, height))) for f in files])
