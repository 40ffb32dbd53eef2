"""What every extractor becomes once it is built: images in, vectors out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Optional

import numpy as np

from mediaeval.data.images import LEAST, SCALED_DECODER

BATCH = 16  # images per batch; see `batches.padded` for why all batches have one size

Start = Callable[[np.ndarray], Callable[[], np.ndarray]]  # begins a batch; returns what waits for its vectors


@dataclass(frozen=True)
class FeatureExtractor:
    """A built extractor: prepares one image as an array, and computes the vectors of a batch of such arrays.

    identity    all that changes a feature: network, weights, preprocessing, decoder, engine
    width       numbers per vector
    prepare     maps an upright RGB image - or, with `from_bytes`, the bytes of its file - to an array that has one
                shape for all images, or any shape where `batch` is 1
    forward     maps a batch of such arrays, (batch, …), to float32 (batch, width)
    from_bytes  whether `prepare` takes the bytes of the file
    batch       images per batch
    source      the network whose vectors, float32 (n, source.width), are read in place of images; `prepare` is then
                not called
    start       begins `forward` and returns what waits for the vectors; None where there is only `forward`
    in_flight   batches that may be begun before the first is waited for
    notes       what a person should know about the images computed so far → number of images
    side        pixels of the shorter side that `prepare` scales an image to; None where it needs all of them
    decoder     what decodes the images that it is given: pillow, scaled or opencv
    on_gpu      whether a GPU computes it, which is faster than one interpreter can prepare images
    build       builds it, where only its identity and width are known so far; None for one that is built
    """

    name: str
    identity: dict[str, Any]
    width: int
    prepare: Callable[[Any], np.ndarray] = field(repr=False)
    forward: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    from_bytes: bool = False
    batch: int = BATCH
    source: Optional["FeatureExtractor"] = None
    start: Start | None = field(default=None, repr=False)
    in_flight: int = 1
    notes: Counter[str] = field(default_factory=Counter, repr=False, compare=False)
    side: int | None = None
    decoder: str = "pillow"
    on_gpu: bool = False
    build: Callable[[], "FeatureExtractor"] | None = field(default=None, repr=False, compare=False)

    def built(self) -> "FeatureExtractor":
        """Return the extractor, built if it was not. Raises what building raises."""
        return self.build() if self.build else self


def as_prepared(batch: np.ndarray) -> np.ndarray:
    """Return what was prepared: the `forward` of an extractor whose `prepare` gives the vectors."""
    return batch


# the name of an extractor → the extractor, built once however many others read it
NetworkLookup = Callable[[str], FeatureExtractor]


def decoded_by(decoder: str, network: FeatureExtractor) -> FeatureExtractor:
    """Return the network as it reads images decoded by `decoder`: pillow, scaled, or, for evidence alone, opencv.

    With `scaled`, one that needs all pixels, or more than half of what that decoder leaves, stays as it is. So does,
    always, one that decodes images itself or reads the vectors of another.
    """
    if decoder == "pillow" or network.from_bytes or network.source is not None:
        return network
    if decoder == "scaled":
        if network.side is None or 1.5 * network.side > LEAST:
            return network
        identity = SCALED_DECODER
    else:
        from mediaeval.data.opencv import OPENCV_DECODER  # only here: it takes a while to import

        assert decoder == "opencv", f"there is no decoder {decoder}"
        identity = OPENCV_DECODER
    return replace(network, decoder=decoder, identity=network.identity | {"decoder": identity})
