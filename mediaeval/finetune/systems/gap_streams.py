"""The streams of Multi-GAP: a backbone, tapped once per resolution; each tap is reduced and averaged.

    pixels → backbone → map of block k → 1 × 1 convolution to 64 → (ReLU) → average over places: 64 numbers per block

The paper's figure gives channel numbers that its text does not. We tap each backbone at the end of a resolution:

    block    MobileNetV2, after `features`    channels @ 224    VGG16, after      channels @ 224
    1        1                                16 @ 112          ReLU of conv1_2   64 @ 224
    2        3                                24 @ 56           ReLU of conv2_2   128 @ 112
    3        6                                32 @ 28           ReLU of conv3_3   256 @ 56
    4        13                               96 @ 14           ReLU of conv4_3   512 @ 28
    5        17, or 18 (1 × 1 layer behind)   320, or 1280 @ 7  ReLU of conv5_3   512 @ 14

A stream of k blocks ends with the k-th tap: the layers of the other blocks do not exist.
"""

from collections import OrderedDict

import torch
import torchvision
from torch import Tensor, nn

from mediaeval.finetune.network import BgrCentred, RgbNormalised
from mediaeval.finetune.settings import MultiGapSettings
from mediaeval.finetune.systems.gru_attention import BlockGru

MOBILENET_TAPS = (("1", 16), ("3", 24), ("6", 32), ("13", 96))  # name of the layer, its channels; the fifth is chosen
MOBILENET_LAST = {320: "17", 1280: "18"}
MOBILENET_LAYERS = 19  # of the whole `features`
VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions a block


class Reducer(nn.Module):
    """Map of a block (n, channels, h, w) → 1 × 1 convolution → ReLU, if any → average over places (n, width)."""

    def __init__(self, channels: int, width: int, relu: bool):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 1)
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv(x)).mean(dim=(2, 3))


class Stream(nn.Module):
    """Pixels RGB 0..255, (n, 3, h, w) → this backbone's part of the classifier's input, (n, width).

    normalise  pixels as the backbone's weights expect them
    features   layers one after the other; `tapped` names some of them, the last included
    sequence   (n, blocks, reduce) → (n, width): the averages one after the other, or what a GRU makes of them
    """

    def __init__(
        self,
        settings: MultiGapSettings,
        normalise: nn.Module,
        features: nn.Sequential,
        taps: tuple[tuple[str, int], ...],
    ):
        super().__init__()
        self.normalise, self.features = normalise, features
        self.tapped = tuple(name for name, _ in taps)
        self.reducers = nn.ModuleList(Reducer(channels, settings.reduce, settings.relu) for _, channels in taps)
        if settings.sequence == "none":
            self.sequence: nn.Flatten | BlockGru = nn.Flatten()
            self.width = len(taps) * settings.reduce
        else:
            attention = settings.sequence == "gru-attention"
            self.sequence = BlockGru(len(taps), settings.reduce, settings.units, attention)
            self.width = len(taps) * 2 * settings.units

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.normalise(pixels)
        averages: list[Tensor] = []
        for name, layer in self.features.named_children():
            x = layer(x)
            if name in self.tapped:
                averages.append(self.reducers[len(averages)](x))
        return self.sequence(torch.stack(averages, dim=1))

    def last_map(self) -> nn.Module:
        """Return the layer whose output the last reducer reads: the backbone's last map."""
        return self.features.get_submodule(self.tapped[-1])


def object_stream(settings: MultiGapSettings) -> Stream:
    """Return the stream of torchvision's MobileNetV2, with random weights under torchvision's names."""
    taps = (*MOBILENET_TAPS, (MOBILENET_LAST[settings.last], settings.last))[: settings.blocks]
    whole = torchvision.models.mobilenet_v2(weights=None, num_classes=1).features
    normalise = RgbNormalised(settings.object_mean, settings.object_std)
    return Stream(settings, normalise, whole[: int(taps[-1][0]) + 1], taps)


def places_stream(settings: MultiGapSettings) -> Stream:
    """Return the stream of VGG16's convolutions, with random weights under Caffe's names: conv1_1 … conv5_3."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    taps, before = [], 3
    for block, (channels, depth) in enumerate(VGG16[: settings.blocks], start=1):
        if block > 1:
            layers[f"pool{block - 1}"] = nn.MaxPool2d(2, 2)
        for k in range(1, depth + 1):
            layers[f"conv{block}_{k}"] = _convolution(before, channels)
            # tapped layers may be hooked for their gradient, which does not work with an operation in place
            layers[f"relu{block}_{k}"] = nn.ReLU(inplace=k < depth)
            before = channels
        taps.append((f"relu{block}_{depth}", channels))
    return Stream(settings, BgrCentred(settings.places_mean), nn.Sequential(layers), tuple(taps))


def _convolution(before: int, channels: int) -> nn.Conv2d:
    conv = nn.Conv2d(before, channels, 3, padding=1)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")  # as torchvision begins its VGG16
    assert conv.bias is not None, "a convolution with a bias"
    nn.init.zeros_(conv.bias)
    return conv


STREAMS = {"object": object_stream, "places": places_stream}
