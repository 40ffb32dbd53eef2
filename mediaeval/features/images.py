"""Images as a model reads them, whatever it reads: their files, and the features that were computed of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mediaeval.features.extract import Features


def _nothing() -> Features:
    return Features(contents={}, failures={}, files={}, view_files={}, computed={})


@dataclass(frozen=True)
class Images:
    """Some images of a dataset, in an order; `paths` and `features` may know more images than these.

    `features` may be left out where models read nothing but pixels.
    """

    ids: tuple[str, ...]
    paths: Mapping[str, Path] = field(repr=False)
    features: Features = field(default_factory=_nothing, repr=False)

    def some(self, ids: Sequence[str]) -> "Images":
        """Return the images of `ids`, in that order."""
        return replace(self, ids=tuple(ids))

    def matrix(self, extractors: Sequence[str]) -> np.ndarray:
        """Return the vectors of extractors side by side, float32 (n_images, sum of widths), rows as in `ids`."""
        return self.features.matrix(list(extractors), self.ids)
