"""Networks of CaffeNet's shape as extractors: DeepSentiBank, the detectors of MVSO, and CaffeNet itself.

They were trained on other labels than objects: adjective-noun pairs, such as "happy dog" (Chen et al. 2014; Jou et al.
2015). `features` are the 4,096 numbers of fc7 after its ReLU, `scores` the softmax probabilities of the labels: the
blobs fc7 and prob of DeepSentiBank's own script.
"""

from functools import partial

import cv2
import numpy as np
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import identity_of, network_of
from mediaeval.features.weight_files import locate
from mediaeval.features.windows import OPENCV, resized
from mediaeval.weights.files import WeightFile, plain_name
from mediaeval.weights.identity import weights_identity

SQUASHED, SIDE = 256, 227  # pixels: the whole image is squashed, then its middle is cut out
# BGR, 0..255: the mean of Caffe's ilsvrc_2012_mean.npy over its pixels. DeepSentiBank's script subtracts that image
# pixel by pixel; Campos et al. 2017 subtract the mean of each channel.
MEAN = (104.00699, 116.66877, 122.67892)


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return a CaffeNet: image squashed to 256², its middle of 227², BGR minus mean → fc7, 4096 numbers.

    With output "scores" there is a probability per label. `mean`, RGB 0..1 as for other kinds, replaces ImageNet's.
    """
    scores = extractor.output == "scores"
    red, green, blue = extractor.mean or (0.0, 0.0, 0.0)
    mean = (255 * blue, 255 * green, 255 * red) if extractor.mean else MEAN
    path = locate(name, extractor)
    digest = weights_identity(path)

    def make() -> ModuleSpec:
        from torch import nn

        from mediaeval.features.networks import caffenet

        owner = f"extractor '{name}'"
        state = caffenet.read_caffenet(path, owner, "after-pool")
        network = caffenet.CaffeNet((4096, 4096, caffenet.classes_of(state)), upto="" if scores else "relu7")
        caffenet.load_caffenet(network, state, owner, path)
        module = nn.Sequential(network, nn.Softmax(dim=1)) if scores else network
        return ModuleSpec(module, np.zeros((3, SIDE, SIDE), np.float32), {})

    compiled = engine.load(name, {"kind": extractor.kind, "output": extractor.output, "weights": digest}, make)
    identity = {
        **identity_of(extractor, compiled.engine),
        "weights": digest,
        "preprocessing": f"opencv {cv2.__version__} bilinear to {SQUASHED}², middle of {SIDE}², BGR minus {mean}",
        "decoder": DECODER,
    }
    return network_of(name, identity, compiled, partial(prepared, mean=mean), side=SQUASHED)


def prepared(image: Image.Image, mean: tuple[float, float, float] = MEAN) -> np.ndarray:
    """Return the middle of the squashed image, BGR 0..255 minus `mean`, float32 (3, 227, 227).

    `image` is RGB and upright, `mean` BGR 0..255.
    """
    square = np.asarray(resized(image, SQUASHED, OPENCV, squash=True))
    edge = (SQUASHED - SIDE) // 2
    middle = square[edge : edge + SIDE, edge : edge + SIDE, ::-1]  # RGB becomes BGR
    return np.ascontiguousarray((middle - np.array(mean, np.float32)).transpose(2, 0, 1))


_FILES = {
    "caffenet": WeightFile(
        "weights",
        "bvlc_reference_caffenet.caffemodel",
        "",
        "unrestricted use",
        "bvlc_reference_caffenet of Caffe's model zoo (sha1 4c8d77deb20ea792f84eb5e6d0a11ca0a8660a46)",
    ),
    "deepsentibank": WeightFile(
        "weights",
        "caffe_sentibank_train_iter_250000",
        "",
        "not checked by us",
        "the Caffe model in DeepSentiBank.zip, which its authors (Columbia University, DVMM) send on request",
    ),
    "mvso_en": WeightFile(
        "weights",
        "mvso_en.caffemodel",
        "",
        "not checked by us",
        "the English detectors of the Multilingual Visual Sentiment Ontology (Columbia University, DVMM), "
        "fine-tuned from DeepSentiBank, under this name",
    ),
}


def weight_file(extractor: ExtractorConfig) -> WeightFile:
    """Return the file of a model; none of them is published under an address."""
    if extractor.model in _FILES:
        return _FILES[extractor.model]
    own = f"{plain_name(extractor.model)}.caffemodel"
    return WeightFile("weights", own, "", "not stated", "a file of CaffeNet's shape, yours")
