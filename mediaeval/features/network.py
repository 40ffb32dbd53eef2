"""What every extractor becomes once it is built: images in, vectors out."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Network:
    """A built extractor: one image to one prepared array, a batch of those to vectors.

    `identity` holds all that changes a feature (network, weights, preprocessing, decoder, engine); `width` is the
    length of a vector. `prepare` maps an upright RGB image - or, with `from_bytes`, the file's bytes - to a float32
    array of one shape for all images; `forward` maps such arrays, (n, …), to float32 (n, width).
    """

    name: str
    identity: dict
    width: int
    prepare: Callable[[Image.Image], np.ndarray] | Callable[[bytes], np.ndarray] = field(repr=False)
    forward: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    from_bytes: bool = False
