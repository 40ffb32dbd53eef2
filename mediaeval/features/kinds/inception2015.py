"""The Inception of 2015-12-05, whose vectors YouTube-8M consists of."""

import numpy as np
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import identity_of, network_of
from mediaeval.features.tensorflow1 import normalise, resize
from mediaeval.features.weight_files import locate
from mediaeval.weights.identity import weights_identity

SIDE = 299  # pixels


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return the Inception of 2015-12-05: image squashed to 299² as TensorFlow 1 did → `pool_3`, 2048."""
    path = locate(name, extractor)
    digest = weights_identity(path)

    def make() -> ModuleSpec:
        from mediaeval.features.networks import inception2015
        from mediaeval.weights.read import load_into

        network = inception2015.inception2015()
        load_into(network, path, f"extractor '{name}'", head="fc")
        return ModuleSpec(network, np.zeros((3, SIDE, SIDE), np.float32), {})

    compiled = engine.load(name, {"kind": extractor.kind, "weights": digest}, make)
    identity = {
        **identity_of(extractor, compiled.engine),
        "weights": digest,
        "preprocessing": f"TensorFlow 1 bilinear to {SIDE}², (x - 128) / 128",
        "decoder": DECODER,
    }
    return network_of(name, identity, compiled, prepared, SIDE)


def prepared(image: Image.Image) -> np.ndarray:
    """Return an upright RGB image as TensorFlow 1 resized it, about -1..1, float32 (3, 299, 299)."""
    return normalise(resize(np.asarray(image), SIDE))
