"""How TensorFlow 1 resized images, and what its Inception of 2015 was given; needs neither it nor torch."""

import numpy as np


def resize(pixels: np.ndarray, side: int) -> np.ndarray:
    """Resize RGB pixels 0..255, (h, w, 3) → float32 (side, side, 3), as TensorFlow 1 did.

    Bilinear between the pixels at position · h / side: corners are not aligned, pixels have no half-pixel centres, and
    nothing is smoothed before it is made smaller. Today's libraries all do otherwise, which changes the features.
    """
    pixels = pixels.astype(np.float32)
    for axis in (0, 1):
        length = pixels.shape[axis]
        position = np.arange(side, dtype=np.float32) * np.float32(length / side)
        low = np.minimum(position.astype(np.int64), length - 1)
        high = np.minimum(low + 1, length - 1)
        share = (position - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        below, above = pixels.take(low, axis), pixels.take(high, axis)
        pixels = below + (above - below) * share
    return pixels


def normalise(pixels: np.ndarray) -> np.ndarray:
    """Return pixels 0..255, (side, side, 3), as the graph normalises them: (x − 128) / 128, float32 (3, side, side)."""
    return np.ascontiguousarray(((pixels - 128) / 128).transpose(2, 0, 1), dtype=np.float32)
