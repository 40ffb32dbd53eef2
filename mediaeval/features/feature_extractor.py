"""What every extractor becomes once it is built: images in, vectors out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Optional

import numpy as np
from PIL import Image

from mediaeval.data.images import LEAST, SCALED_DECODER

# Every batch has one size, the last one filled up with zeros: convolution kernels are chosen by batch size, so a
# vector would otherwise depend, in its last bits, on how many images happened to be missing from the store.
BATCH = 16


@dataclass(frozen=True)
class FeatureExtractor:
    """A built extractor: one image to one prepared array, a batch of those to vectors.

    `identity` holds all that changes a feature (network, weights, preprocessing, decoder, engine); `width` is the
    length of a vector. `prepare` maps an upright RGB image - or, with `from_bytes`, the file's bytes - to an array of
    one shape for all images (of any shape where `batch` is 1); `forward` maps `batch` such arrays, (n, …), to
    float32 (n, width). `start`, where there is one, begins that and returns what waits for the vectors; up to
    `in_flight` batches may be begun before the first is waited for. A network with a `source` reads that network's
    vectors, float32 (n, source.width), and no images: its `prepare` is not called. `notes` counts what a person should
    know of the images computed so far. `side`: pixels of the shorter side that `prepare` scales an image to, None where
    it wants all of them; `scaled`: it is given images decoded as SCALED_DECODER says.
    """

    name: str
    identity: dict
    width: int
    prepare: Callable[[Image.Image], np.ndarray] | Callable[[bytes], np.ndarray] = field(repr=False)
    forward: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    from_bytes: bool = False
    batch: int = BATCH
    source: Optional["FeatureExtractor"] = None
    start: Callable[[np.ndarray], Callable[[], np.ndarray]] | None = field(default=None, repr=False)
    in_flight: int = 1
    notes: Counter[str] = field(default_factory=Counter, repr=False, compare=False)
    side: int | None = None
    scaled: bool = False


def decoded_by(decoder: str, network: FeatureExtractor) -> FeatureExtractor:
    """Return the network as it looks at images decoded by `decoder`: pillow or scaled.

    One that wants all pixels, or more than the scaled decoder leaves it with half as many to spare, stays as it is.
    """
    if decoder != "scaled" or network.side is None or 1.5 * network.side > LEAST:
        return network
    return replace(network, scaled=True, identity=network.identity | {"decoder": SCALED_DECODER})


# a name in the table of extractors → what was built of it, once however many read it
NetworkLookup = Callable[[str], FeatureExtractor]
