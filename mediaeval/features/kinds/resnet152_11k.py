"""R of Pournaras et al. 2021: a ResNet-152 trained on the 11,221 classes of ImageNet-11k."""

import cv2
import numpy as np
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import identity_of, network_of
from mediaeval.features.kinds.settings import ResNet11kSettings
from mediaeval.features.weight_files import locate
from mediaeval.weights.identity import weights_identity

SQUASHED, CROP = 256, 224  # pixels: the whole image is squashed, then cropped, as for the authors' video features


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return R: image squashed to 256², its centre crop of 224² or the mean over ten, pixels 0..255 → 2048."""
    crops = extractor.settings_as(ResNet11kSettings, name).model_args.crops
    path = locate(name, extractor)
    digest = weights_identity(path)

    def make() -> ModuleSpec:
        from mediaeval.features.networks import resnet152
        from mediaeval.weights.read import load_state, read_weights

        network, owner = resnet152.ResNet11k(), f"extractor '{name}'"
        load_state(network, resnet152.state_from(read_weights(path, owner), owner), owner, path)
        example = np.zeros((SQUASHED, SQUASHED, 3), np.uint8)
        return ModuleSpec(resnet152.OfSquares(network, CROP, crops), example, {})

    compiled = engine.load(name, {"kind": extractor.kind, "crops": crops, "weights": digest}, make)
    identity = {
        **identity_of(extractor, compiled.engine),
        "weights": digest,
        "preprocessing": f"opencv {cv2.__version__} bilinear to {SQUASHED}², {crops} of {CROP}², 0..255",
        "decoder": DECODER,
    }
    return network_of(name, identity, compiled, squashed, SQUASHED)


def squashed(image: Image.Image) -> np.ndarray:
    """Return an upright RGB image at 256 × 256 pixels, whatever its shape, uint8."""
    return cv2.resize(np.asarray(image), (SQUASHED, SQUASHED), interpolation=cv2.INTER_LINEAR)
