"""The weight files of Multi-GAP's backbones: where they are, and their keys in the names of our streams.

The object stream has torchvision's names, the places stream Caffe's. A file holds its whole network; in a stream with
fewer blocks, the keys of the other blocks are left out, as are the classifiers. Any other key is an error.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from mediaeval.errors import WeightsError, first_few
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.weight_files import locate
from mediaeval.finetune.systems.gap_streams import MOBILENET_LAYERS, VGG16, Stream
from mediaeval.weights.read import load_state, read_weights

OWNER = "system 'multigap'"

_PLACES_FILES = (
    "vgg16_places365.caffemodel (http://places2.csail.mit.edu/models_places365/vgg16_places365.caffemodel), or "
    "vgg16-places365_weights_tf_dim_ordering_tf_kernels.h5, with or without _notop, of "
    "https://github.com/GKalliatakis/Keras-VGG16-places365 (release v1.0)"
)


def object_file(own: str) -> Path:
    """Return the user's own MobileNetV2, or torchvision's published one, fetched into the cache now if need be.

    Raises WeightsError when it is absent and cannot be fetched, or is damaged.
    """
    extractor = ExtractorConfig(kind="torchvision", model="mobilenet_v2", weights=own)
    return locate("multigap", extractor, owner=OWNER, key="system.object_weights")


def places_file(own: str) -> Path:
    """Return the user's own VGG16. Raises WeightsError when none is named, or it is absent."""
    if not own or not Path(own).is_file():
        got = f"{own}, which does not exist" if own else "no file"
        raise WeightsError(
            f"{OWNER}: system.places_weights: got {got}; expected a VGG16 trained on Places365: {_PLACES_FILES}. Name "
            "one under system.places_weights, or begin with random weights: system.init = 'random'."
        )
    return Path(own)


def load_object(stream: Stream, path: Path) -> None:
    """Load a MobileNetV2 of torchvision, or of timm (mobilenetv2_100), into the stream's backbone.

    Raises WeightsError with the keys for a file of another network. A file does not state its padding, nor the mean and
    std of pixels: torchvision's padding is assumed, and `object_mean`, `object_std`.
    """
    state = read_weights(path, OWNER)
    if "conv_stem.weight" in state:
        state = _from_timm(state, path)
    dropped = [f"features.{place}" for place in range(len(stream.features), MOBILENET_LAYERS)]
    load_state(nn.ModuleDict({"features": stream.features}), state, OWNER, path, ("classifier", *dropped))


def load_places(stream: Stream, path: Path) -> None:
    """Load a VGG16 in Caffe's layout or Keras's into the stream's backbone.

    Caffe's names are conv1_1 … conv5_3, fc6, fc7, fc8a, Keras's block1_conv1 …, fc1, fc2, predictions.

    Raises WeightsError with the keys for any other, including torchvision's VGG16: its pixels are RGB of 0..1, and
    those of this stream BGR of 0..255.
    """
    state = read_weights(path, OWNER)
    if any(key.startswith("block1_conv1/") for key in state):
        state = _from_keras(state, path)
    else:  # a .caffemodel has conv1_1/weight, a state dict conv1_1.weight
        state = {re.sub(r"/(weight|bias)$", r".\1", key): value for key, value in state.items()}
    convolutions = [f"conv{b}_{k}" for b, (_, depth) in enumerate(VGG16, start=1) for k in range(1, depth + 1)]
    dropped = [layer for layer in convolutions if not hasattr(stream.features, layer)]
    dense = {layer for key in state if re.fullmatch(r"fc[678]\w*", layer := key.partition(".")[0])}
    load_state(stream.features, state, OWNER, path, (*dense, *dropped))


# Units a stage of MobileNetV2, and the layers of a unit: timm's name, torchvision's. The first unit does not expand.
_UNITS = (1, 2, 3, 4, 3, 3, 1)
_FIRST = (("conv_dw", "0.0"), ("bn1", "0.1"), ("conv_pw", "1"), ("bn2", "2"))
_OTHERS = (("conv_pw", "0.0"), ("bn1", "0.1"), ("conv_dw", "1.0"), ("bn2", "1.1"), ("conv_pwl", "2"), ("bn3", "3"))
_ENDS = (
    ("conv_stem", "features.0.0"),
    ("bn1", "features.0.1"),
    ("conv_head", "features.18.0"),
    ("bn2", "features.18.1"),
    ("classifier", "classifier.1"),
)


def layers_of_timm() -> dict[str, str]:
    """Return timm's name → torchvision's of every layer of MobileNetV2 that has weights."""
    layers, place = dict(_ENDS), 0
    for stage, units in enumerate(_UNITS):
        for unit in range(units):
            place += 1
            parts = _FIRST if stage == 0 else _OTHERS
            layers |= {f"blocks.{stage}.{unit}.{theirs}": f"features.{place}.conv.{ours}" for theirs, ours in parts}
    return layers


def _from_timm(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    layers = layers_of_timm()
    split = {key: key.rpartition(".") for key in state}
    _refuse([key for key, (layer, _, _) in split.items() if layer not in layers], path, "mobilenetv2_100 of timm")
    return {f"{layers[layer]}.{variable}": state[key] for key, (layer, _, variable) in split.items()}


# Keras 1 repeats the layer in the name of a variable: block1_conv1/block1_conv1_W_1; Keras 2 has block1_conv1/kernel
_KERAS = re.compile(r"(?P<layer>block(\d)_conv(\d)|fc1|fc2|predictions)/(?:(?P=layer)_)?(kernel|bias|W|b)(?:_\d+)?")
_KERAS_DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def _from_keras(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return Keras's tensors under Caffe's names, kernels (h, w, in, out) as (out, in, h, w)."""
    matches = {key: _KERAS.fullmatch(key) for key in state}
    _refuse([key for key, match in matches.items() if match is None], path, "VGG16 of Keras")
    found = {}
    for key, match in matches.items():
        assert match is not None, "others were refused"
        layer, block, k, variable = match.groups()
        value = state[key].permute(3, 2, 0, 1).contiguous() if state[key].ndim == 4 else state[key]
        layer = _KERAS_DENSE.get(layer, f"conv{block}_{k}")
        found[f"{layer}.{'weight' if variable in ('kernel', 'W') else 'bias'}"] = value
    return found


def _refuse(strange: list[str], path: Path, network: str) -> None:
    if strange:
        raise WeightsError(
            f"{OWNER}: {path} is not a {network}: it has keys that such a network lacks: {first_few(strange)}."
        )
