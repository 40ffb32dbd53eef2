"""A network that tests can follow: the mean of each channel."""

import numpy as np

from mediaeval.features.feature_extractor import FeatureExtractor


def average_colour(name: str = "colours", **identity) -> FeatureExtractor:
    """A fake network: the mean of each channel, 0..255."""
    identity = {"kind": "fake", "name": name} | identity
    return FeatureExtractor(
        name,
        identity,
        3,
        prepare=lambda image: np.asarray(image.resize((8, 8)), np.float32),
        forward=lambda batch: batch.mean(axis=(1, 2)),
    )
