"""Multi-GAP (Lim et al. 2020): averages of every block of MobileNetV2 (objects) and VGG16 (places), and ANP scores.

    object   5 × 64 = 320 ─┐   with a sequence: 5 × 2 · units
    places   5 × 64 = 320 ─┼─ concatenated → (a hidden layer) → one score per label
    ANP      as they come ─┘   alone: → 1024 → ReLU → 512 → ReLU → one score per label

The rows of the paper's table are settings of one network, except late fusion: the mean of several runs' probabilities.
The paper does not state the size of images: 224 of 256 pixels, as both backbones were trained.
"""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from mediaeval.errors import WeightsError
from mediaeval.finetune.network import SystemNetwork, View
from mediaeval.finetune.settings import MultiGapSettings
from mediaeval.finetune.systems.gap_streams import STREAMS, Stream
from mediaeval.finetune.systems.gap_weights import load_object, load_places, object_file, places_file

ANP_HIDDEN = (1024, 512)  # units of the perceptron on ANP scores alone


class MultiGap(nn.Module):
    """(pixels RGB 0..255 (n, 3, 224, 224), vectors (n, vector_width) or None) → scores (n, n_labels).

    `vectors` are standardised ANP scores. They are read as they are; without streams, by a perceptron.
    The output of `concat` is the input of the classifier, (n, width).
    """

    def __init__(self, streams: Mapping[str, Stream], vector_width: int, hidden: tuple[int, ...], n_labels: int):
        super().__init__()
        self.vector_width = vector_width
        self.streams = nn.ModuleDict(streams)
        self.concat = nn.Identity()
        width = sum(stream.width for stream in streams.values()) + vector_width
        self.classifier = _perceptron((width, *hidden, n_labels))

    def forward(self, pixels: Tensor, vectors: Tensor | None = None) -> Tensor:
        parts = [stream(pixels) for stream in self.streams.values()]
        if self.vector_width:
            assert vectors is not None and vectors.shape[1] == self.vector_width, "ANP scores come with the pixels"
            parts.append(vectors)
        return self.classifier(self.concat(torch.cat(parts, dim=1)))


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    """Return linear layers `hidden1`, … `scores` from the first width to the last, with ReLUs between them."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for k, (before, width) in enumerate(pairwise(widths[:-1]), start=1):
        layers[f"hidden{k}"], layers[f"relu{k}"] = nn.Linear(before, width), nn.ReLU()
    layers["scores"] = nn.Linear(widths[-2], widths[-1])
    return nn.Sequential(layers)


def build(settings: MultiGapSettings, n_labels: int, width: int, *, pretrained: bool) -> SystemNetwork:
    """Return the network of one row of the paper's table; see `network.SystemNetwork` and the module's docstring.

    taps  object.1 … places.5: the averages of the blocks (64); object.sequence: the output of the GRU; concat: the
          input of the classifier; hidden1 …: after the ReLU; scores
    maps  object.block5, places.block5: the last map of each backbone, whatever its number; then object.reducer5 …:
          its 1 × 1 convolution. Without streams there are none
    Attention values, (n, blocks, 2 · units), 0..1: the output of network.streams.object.sequence.attention.

    Raises WeightsError, for both streams at once, when pretrained weights are absent, damaged or of another network.
    """
    assert bool(width) == bool(settings.anp), f"vectors of {width} numbers, and anp = '{settings.anp}'"
    streams: dict[str, Stream] = {name: STREAMS[name](settings) for name in settings.streams}
    hidden = ((settings.hidden,) if settings.hidden else ()) if streams else ANP_HIDDEN
    network = MultiGap(streams, width, hidden, n_labels)
    if pretrained and settings.init == "pretrained":
        _load(streams, settings)
    return SystemNetwork(network, View(256, 224), _new(network, settings), _taps(network), _maps(streams))


def _load(streams: Mapping[str, Stream], settings: MultiGapSettings) -> None:
    problems: list[str] = []
    for name, stream in streams.items():
        try:
            if name == "object":
                load_object(stream, object_file(settings.object_weights))
            else:
                load_places(stream, places_file(settings.places_weights))
        except WeightsError as error:
            problems += error.problems
    if problems:
        raise WeightsError(*problems)


def _new(network: MultiGap, settings: MultiGapSettings) -> tuple[str, ...]:
    if settings.init == "random":
        return ("",)  # all of it
    parts = [f"streams.{name}.{part}." for name in network.streams for part in ("reducers", "sequence")]
    return (*parts, "classifier.")


def _taps(network: MultiGap) -> dict[str, nn.Module]:
    taps: dict[str, nn.Module] = {}
    for name, stream in network.streams.items():
        assert isinstance(stream, Stream), "the table of streams holds nothing else"
        taps |= {f"{name}.{block}": reducer for block, reducer in enumerate(stream.reducers, start=1)}
        if not isinstance(stream.sequence, nn.Flatten):
            taps[f"{name}.sequence"] = stream.sequence
    taps["concat"] = network.concat
    for name, layer in network.classifier.named_children():
        if not name.startswith("hidden"):  # the outputs of their ReLUs stand for them
            taps[name.replace("relu", "hidden")] = layer
    return taps


def _maps(streams: Mapping[str, Stream]) -> dict[str, nn.Module]:
    last = {f"{name}.block{len(stream.tapped)}": stream.last_map() for name, stream in streams.items()}
    reducers = {
        f"{name}.reducer{len(stream.tapped)}": stream.reducers[-1].get_submodule("conv")
        for name, stream in streams.items()
    }
    return last | reducers
