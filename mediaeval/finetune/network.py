"""What every system is once it is built: a network from pixels to scores, and what training and inspecting it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class View:
    """How an image becomes the network's square of pixels.

    It is resized so that its shorter side has `resize` pixels (with `squash`, both sides), then a square of `crop`
    pixels per side is cut out: of the middle when predicting, anywhere when training.
    """

    resize: int
    crop: int
    interpolation: str = "bilinear"  # a filter of Pillow: bilinear, bicubic or lanczos; or `windows.OPENCV`
    squash: bool = False

    def __post_init__(self) -> None:
        assert self.crop <= self.resize, f"a crop of {self.crop} from {self.resize} pixels"


@dataclass(frozen=True)
class SystemNetwork:
    """A system's network, with weights loaded or as it is when a training begins.

    network  (pixels, vectors) → scores before softmax or sigmoid, float32 (n, n_labels). pixels: float32
             (n, 3, crop, crop), RGB, 0..255: the network normalises them itself. vectors: float32 (n, width) of the
             extractors that the settings name, or None where they name none. All parameters are trained, except those
             with `requires_grad` off.
    view     how images become pixels
    new      prefixes of the names of parameters that were not loaded: they learn at `new_lr` times the rate
    layers   parameter name → its layer, counted from 0 at the image, for `layer_decay`. Empty: the system has no order
             of layers, and a layer_decay other than 1 is refused
    taps     name → module whose output a linear probe may read, from the image to the scores
    maps     name → convolutional module for Grad-CAM; the first is the default
    notes    sentences that are logged when a training begins
    """

    network: nn.Module
    view: View
    new: tuple[str, ...]
    taps: Mapping[str, nn.Module]
    maps: Mapping[str, nn.Module]
    layers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class RgbNormalised(nn.Module):
    """Pixels RGB 0..255, (n, 3, h, w) → (x / 255 − mean) / std; mean and std of 0..1."""

    mean: Tensor  # (3, 1, 1), of 0..255
    std: Tensor

    def __init__(self, mean: tuple[float, float, float], std: tuple[float, float, float]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1) * 255, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class BgrCentred(nn.Module):
    """Pixels RGB 0..255, (n, 3, h, w) → BGR minus `mean`, BGR 0..255: the input of Caffe's networks."""

    mean: Tensor  # (3, 1, 1)

    def __init__(self, mean: tuple[float, float, float]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(1) - self.mean
