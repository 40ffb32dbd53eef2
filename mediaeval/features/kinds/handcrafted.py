"""Colour, texture and edge statistics: the extractor that needs no weights."""

from importlib.metadata import version

import cv2
import numpy as np
from PIL import Image
from skimage.feature import hog, local_binary_pattern

from mediaeval.data.images import DECODER
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup, as_prepared

VERSION = 1  # raise it whenever a number below changes: it is a part of the identity of stored features
SIDE = 128  # pixels: the image is squashed to SIDE × SIDE, so that every part has its position in the vector
GRID = 4  # cells per side for what is measured by position
WIDTH = 7 * GRID * GRID + 72 + 2 * 10 + 3 * 3 * 2 * 2 * 8


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return colour, texture and edge statistics, WIDTH numbers."""
    libraries = f"opencv {cv2.__version__}, scikit-image {version('scikit-image')}"
    identity = {"kind": "handcrafted", "version": VERSION, "decoder": DECODER, "libraries": libraries}
    return FeatureExtractor(name, identity, WIDTH, handcrafted, as_prepared, side=SIDE)


def handcrafted(image: Image.Image) -> np.ndarray:
    """Return the features of an upright RGB image, float32 (WIDTH,).

    Per grid cell: mean and spread of L*a*b* and the share of edge pixels; for the whole: hue-saturation-value
    histogram, uniform local binary patterns at two radii, and oriented gradients.
    """
    rgb = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX if min(image.size) >= SIDE else None))
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    lab_cells = _cells(lab.astype(np.float32) / 255)  # (GRID², pixels, 3)
    edges = _cells((cv2.Canny(grey, 80, 160) > 0).astype(np.float32)[:, :, None])
    parts = [
        lab_cells.mean(axis=1).ravel(),
        lab_cells.std(axis=1).ravel(),
        edges.mean(axis=(1, 2)),
        # the square root brings the many small bins of a histogram closer to the few large ones (Hellinger)
        np.sqrt(_histogram(hsv)),
        *(np.sqrt(_binary_patterns(grey, radius)) for radius in (1, 3)),
        hog(grey, orientations=8, pixels_per_cell=(32, 32), cells_per_block=(2, 2), feature_vector=True),
    ]
    return np.concatenate(parts).astype(np.float32)


def _cells(pixels: np.ndarray) -> np.ndarray:
    """Cut (SIDE, SIDE, c) into (GRID², pixels per cell, c)."""
    step = SIDE // GRID
    return pixels.reshape(GRID, step, GRID, step, -1).swapaxes(1, 2).reshape(GRID * GRID, step * step, -1)


def _histogram(hsv: np.ndarray) -> np.ndarray:
    """Return the shares of 8 hues × 3 saturations × 3 values, (72,); OpenCV's hue ends at 180."""
    counts = cv2.calcHist([hsv], [0, 1, 2], None, [8, 3, 3], [0, 180, 0, 256, 0, 256])
    return np.ravel(counts) / counts.sum()


def _binary_patterns(grey: np.ndarray, radius: int) -> np.ndarray:
    """Return the shares of the 10 uniform patterns of 8 neighbours, (10,)."""
    patterns = local_binary_pattern(grey, P=8, R=radius, method="uniform").astype(int)
    return np.bincount(patterns.ravel(), minlength=10) / patterns.size
