"""CaffeNet, and the AlexNet of 2012 that it follows: layers, names and loading as in Caffe's model zoo. n images.

    conv1 11×11/4 → pool1 → norm1 → conv2 5×5 → pool2 → norm2 → conv3 → conv4 → conv5 3×3 → pool5 → fc6 → fc7 → fc8
    3×227×227  96×55×55  96×27×27  256×27×27    256×13×13        384     384     256       256×6×6  4096  4096  1000

conv2, conv4 and conv5 see half of the channels each (two groups). CaffeNet pools before it normalises, AlexNet after
(Caffe's models/bvlc_reference_caffenet and models/bvlc_alexnet); their files have the same shapes. torchvision's
`alexnet` is another network: other widths, no groups, no normalisation.
Input is what Caffe's networks see: BGR 0..255 minus a mean.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from mediaeval.errors import WeightsError
from mediaeval.formats.caffe import is_caffe, read_layers
from mediaeval.weights.read import load_state, read_weights

MAP = 6  # cells per side of pool5 at 227 pixels
CLASSES = 1000  # of ImageNet
DENSE = ("fc6", "fc7", "fc8", "fc9")

Norm = Literal["after-pool", "before-pool", "none"]

# name → channels in, out, kernel, stride, padding, groups; the bias that a training from nothing begins with
_CONVS = {
    "conv1": ((3, 96, 11, 4, 0, 1), 0.0),
    "conv2": ((96, 256, 5, 1, 2, 2), 1.0),
    "conv3": ((256, 384, 3, 1, 1, 1), 0.0),
    "conv4": ((384, 384, 3, 1, 1, 2), 1.0),
    "conv5": ((384, 256, 3, 1, 1, 2), 1.0),
}
_LAYERS = (*_CONVS, *DENSE)


class ResponseNorm(nn.Module):
    """x / (1 + α/5 · Σ x²)^0.75, the sum over 5 neighbouring channels; α = 1e-4. (n, c, h, w) → the same.

    `nn.LocalResponseNorm` computes the same and takes several times as long.
    """

    ALPHA, SIZE = 1e-4, 5

    def forward(self, x: Tensor) -> Tensor:
        squares = pad(x * x, (0, 0, 0, 0, self.SIZE // 2, self.SIZE // 2))
        channels = x.shape[1]
        total = reduce(torch.add, (squares[:, shift : shift + channels] for shift in range(self.SIZE)))
        root = (1 + self.ALPHA / self.SIZE * total).rsqrt()
        return x * root * root.sqrt()


class CaffeNet(nn.Module):
    """(n, 3, 227, 227) BGR minus mean → scores (n, dense[-1]), or what the layer `upto` gives.

    dense   units of fc6, fc7, fc8, fc9, as many as there are; the last layer gives scores. ReLU and dropout follow fc6
            and fc7 where they are not the last, ReLU follows fc8 if `relu8`
    norm    CaffeNet's order, AlexNet's, or no normalisation
    upto    the last layer: "pool5" gives maps (n, 256, 6, 6), "relu7" vectors (n, 4096); what follows is not built
    first   a module that the pixels pass before conv1

    Modules have Caffe's names: conv1, relu1, pool1, norm1, …, fc6, relu6, drop6, …. Weights are drawn as Caffe's
    training of this network does: N(0, 0.01) (fc6 and fc7 0.005), biases 0 or 1.
    """

    def __init__(
        self,
        dense: Sequence[int] = (4096, 4096, CLASSES),
        *,
        norm: Norm = "after-pool",
        relu8: bool = False,
        upto: str = "",
        first: nn.Module | None = None,
    ):
        super().__init__()
        layers: dict[str, nn.Module] = {} if first is None else {"first": first}
        for name, (sizes, bias) in _CONVS.items():
            k = name[-1]
            layers |= {name: _drawn(nn.Conv2d(*sizes[:5], groups=sizes[5]), 0.01, bias), f"relu{k}": nn.ReLU()}
            pool: dict[str, nn.Module] = {f"pool{k}": nn.MaxPool2d(3, 2, ceil_mode=True)} if k in "125" else {}
            normalise: dict[str, nn.Module] = {f"norm{k}": ResponseNorm()} if k in "12" and norm != "none" else {}
            layers |= normalise | pool if norm == "before-pool" else pool | normalise
        layers["flatten"] = nn.Flatten()
        width = 256 * MAP * MAP
        for name, units in zip(DENSE, dense, strict=False):
            k, last = name[-1], name == DENSE[len(dense) - 1]
            hidden = name in ("fc6", "fc7") and not last
            layers[name] = _drawn(nn.Linear(width, units), *((0.005, 1.0) if hidden else (0.01, 0.0)))
            if hidden or (name == "fc8" and relu8 and not last):
                layers[f"relu{k}"] = nn.ReLU()
            if hidden:
                layers[f"drop{k}"] = nn.Dropout(0.5)
            width = units
        assert not upto or upto in layers, f"no layer {upto} among {', '.join(layers)}"
        for name, layer in layers.items():
            self.add_module(name, layer)
            if name == upto:
                break

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(self.maps(x))

    def maps(self, x: Tensor) -> Tensor:
        """Return the output of pool5, (n, 256, h, w)."""
        for name, layer in self.named_children():
            if name == "flatten":
                break
            x = layer(x)
        return x

    def dense(self, x: Tensor) -> Tensor:
        """Return the output of the layers after pool5, given its output (n, 256, 6, 6): scores, or those of `upto`."""
        behind = False
        for name, layer in self.named_children():
            behind = behind or name == "flatten"
            if behind:
                x = layer(x)
        return x


class FullyConvolutional(nn.Module):
    """A `CaffeNet` applied at every position of larger images: (n, 3, h, w) → scores (n, labels, h', w').

    Positions are 32 pixels apart. fc6 becomes a convolution of 6 × 6, the others of 1 × 1, with the network's own
    weights: 227 pixels give one position, with the network's scores; 451 give 8 × 8 (Campos et al. 2017, section 3.6).
    """

    def __init__(self, network: CaffeNet):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        x = self.network.maps(x)
        side, behind = MAP, False
        for name, layer in self.network.named_children():
            if behind and isinstance(layer, nn.Linear):
                x = conv2d(x, layer.weight.unflatten(1, (-1, side, side)), layer.bias)
                side = 1
            elif behind:
                x = layer(x)
            behind = behind or name == "flatten"
        return x


def fully_convolutional(network: CaffeNet) -> FullyConvolutional:
    """Return the network as convolutions, in eval mode; it shares the weights, nothing is copied."""
    return FullyConvolutional(network).eval()


def blobs(network: CaffeNet) -> dict[str, nn.Module]:
    """Return Caffe's blob → the module whose output it is, from conv1 to the scores.

    A ReLU of Caffe works in place, so that the blob `conv1` is the output of relu1.
    """
    modules = dict(network.named_children())
    found = {}
    for name, module in modules.items():
        if name.startswith(("conv", "pool", "norm", "fc")):
            found[name] = modules.get(f"relu{name[-1]}", module) if name in _LAYERS else module
    return found


def read_caffenet(path: Path, owner: str, norm: Norm) -> dict[str, Tensor]:
    """Return a file's tensors under `CaffeNet`'s keys; see `from_caffe`. A .caffemodel, or a state dict.

    Raises WeightsError for a file that cannot be read, and for a .caffemodel whose layers are in another order than
    `norm` says: the shapes are the same, and the vectors would be wrong.
    """
    path = Path(path)
    state = from_caffe(read_weights(path, owner))
    order = [name for name in read_layers(path) if name in ("pool1", "norm1")] if is_caffe(path) else []
    expected = {"after-pool": ["pool1", "norm1"], "before-pool": ["norm1", "pool1"]}.get(norm, order)
    if len(order) == 2 and order != expected:
        names = {"pool1": "CaffeNet", "norm1": "the AlexNet of 2012"}
        raise WeightsError(
            f"{owner}: {path} has {order[0]} before {order[1]}: got a file of {names[order[0]]}; expected one of "
            f"{names[expected[0]]}."
        )
    return state


def from_caffe(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors named LAYER/weight, as a .caffemodel gives them, or LAYER.weight under `CaffeNet`'s keys.

    A last layer of another name, such as fc8_twitter or fc8-t, becomes fc8 (or fc9, behind an fc8). The layers of a
    fully convolutional file, fc6-conv and so on, become matrices. Keys of other networks stay as they are.
    """
    layers: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        layer, _, variable = key.rpartition("/" if "/" in key else ".")
        if layer.endswith("-conv"):
            layer, tensor = layer.removesuffix("-conv"), tensor.flatten(1) if tensor.ndim == 4 else tensor
        layers.setdefault(layer, {})[variable] = tensor
    names = _names(layers) if "fc6" in layers else {}
    return {f"{names.get(layer, layer)}.{var}": tensor for layer, own in layers.items() for var, tensor in own.items()}


def _names(layers: Mapping[str, Mapping[str, Tensor]]) -> dict[str, str]:
    """Return the layers with matrices whose names are not Caffe's → what they are called here."""
    free, names = [name for name in DENSE if name not in layers], {}
    for layer, own in layers.items():
        if layer not in _LAYERS and "weight" in own and own["weight"].ndim == 2:
            begins = [name for name in free if re.match(rf"{name}(?!\d)", layer)]
            if name := next(iter([*begins, *(name for name in free if name in ("fc8", "fc9"))]), None):
                names[layer] = name
                free.remove(name)
    return names


def classes_of(state: Mapping[str, Tensor]) -> int:
    """Return how many labels fc8 has in a file's tensors, or as many as in Caffe's own where it has none."""
    weights = state.get("fc8.weight")
    return CLASSES if weights is None else len(weights)


def load_caffenet(
    network: CaffeNet, state: Mapping[str, Tensor], owner: str, source: Path | str, new: Collection[str] = ()
) -> None:
    """Load what `read_caffenet` returned, every key accounted for; layers named in `new` keep their random weights.

    Layers fc6 to fc9 may be in the file without being in the network. Raises WeightsError that shows missing keys,
    unknown keys and other shapes.
    """
    own = network.state_dict()
    left = {name for name in DENSE if f"{name}.weight" not in own} | set(new)
    kept = {key: tensor for key, tensor in state.items() if key.split(".")[0] not in left}
    drawn = {key: tensor for key, tensor in own.items() if key.split(".")[0] in new}
    try:
        load_state(network, kept | drawn, owner, source)
    except WeightsError as error:
        raise WeightsError(
            *error.problems,
            "  expected: a .caffemodel of CaffeNet or AlexNet, or a state dict with their layers: "
            "conv1 (96, 3, 11, 11) … fc6 (4096, 9216), fc7, fc8. torchvision's alexnet is another network.",
        ) from None


def _drawn(layer: nn.Conv2d | nn.Linear, std: float, bias: float) -> nn.Module:
    assert layer.bias is not None, "every layer of CaffeNet has biases"
    nn.init.normal_(layer.weight, std=std)
    nn.init.constant_(layer.bias, bias)
    return layer
