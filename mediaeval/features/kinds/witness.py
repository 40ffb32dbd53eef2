"""The witness: features for checking run files against images, computed independently of all others.

A run should not be checked by what made it. No run is trained on these features, and images are decoded by OpenCV, not
by Pillow as everywhere else: an error in the usual extraction is not repeated here.
"""

import cv2
import numpy as np

from mediaeval.data.images import header_of
from mediaeval.errors import ImageError
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup, as_prepared

VERSION = 1  # raise it whenever a number below changes
DECODER = f"opencv {cv2.__version__}, upright, BGR"
SIDE = 96  # pixels
GRID, CELLS = 8, 4  # colours on a GRID × GRID raster, oriented gradients in CELLS × CELLS cells
ANGLES = 8
WIDTH = 3 * GRID * GRID + CELLS * CELLS * ANGLES + 8 * 4 * 4


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return the features that run files are checked against."""
    identity = {"kind": "witness", "version": VERSION, "decoder": DECODER}
    return FeatureExtractor(name, identity, WIDTH, witness, as_prepared, from_bytes=True)


def witness(data: bytes) -> np.ndarray:
    """Return the features of an image file's bytes, float32 (WIDTH,): colours by position, gradients, a histogram.

    Raises ImageError when OpenCV cannot decode it, or must not: of too many pixels, say.
    """
    header_of(data)
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ImageError("OpenCV cannot decode the image")
    small = cv2.resize(bgr, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB).astype(np.float32) / 255
    colours = cv2.resize(lab, (GRID, GRID), interpolation=cv2.INTER_AREA)
    across, down = (cv2.Sobel(lab[:, :, 0], cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    size, angle = np.hypot(across, down), np.arctan2(down, across) % np.pi
    bins = np.minimum((angle / np.pi * ANGLES).astype(int), ANGLES - 1)
    rows, columns = np.indices(bins.shape) * CELLS // SIDE
    cell = (rows * CELLS + columns) * ANGLES + bins
    gradients = np.bincount(cell.ravel(), size.ravel(), CELLS * CELLS * ANGLES) / size.size
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel() / SIDE**2
    # the square root brings small shares closer to large ones (Hellinger)
    return np.concatenate([colours.ravel(), np.sqrt(gradients), np.sqrt(histogram)]).astype(np.float32)
