"""Attention AlexNet (Agarwal 2019): two AlexNets side by side, one with attention over the 36 cells of its last map.

    pixels ─ conv1 … pool5 ─ (256, 6, 6) ─ attention ─ (256, 6, 6) ─ fc6 ─ fc7 ─┐
    pixels ─ conv1 … pool5 ─ (256, 6, 6) ───────────────────────────  fc6 ─ fc7 ─┴─ 8192 → one score per label

The report states that the original network is applied "concurrently", but not whether the two share weights. With
`branches` "separate" they share none; with "shared" the convolutions. fc6 and fc7 are never shared: their inputs
differ, in the literal form by a factor of 36. A weight file is loaded into both branches. The AlexNet is that of 2012:
it normalises before it pools, where it normalises at all (`lrn`), and three of its convolutions have two groups.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from mediaeval.errors import WeightsError
from mediaeval.features.networks.caffenet import DENSE, MAP, CaffeNet, Norm, blobs, load_caffenet, read_caffenet
from mediaeval.finetune.network import BgrCentred, SystemNetwork
from mediaeval.finetune.settings import AttentionAlexNetSettings
from mediaeval.finetune.systems.caffenet import view_of

OWNER = "system 'attention-alexnet'"
CHANNELS, CELLS = 256, MAP * MAP
UNITS = 4096  # of fc6 and of fc7

_FILES = (
    "bvlc_alexnet.caffemodel (http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel), or a state dict with its "
    "layers' names"
)


class CellWeights(nn.Module):
    """Map (n, 256, 6, 6) → softmax(Wᵀ X + B), (n, 36): one weight per cell, in rows that sum to 1. Hook it to see them.

    shared  one scorer (256 → 1) reads each cell, and each cell has a bias: 256 + 36 = 292 parameters. One bias for all
            cells would cancel in the softmax
    dense   all 9216 numbers → 36: 331,812 parameters
    """

    def __init__(self, kind: str):
        super().__init__()
        self.shared = kind == "shared"
        self.score = nn.Linear(CHANNELS, 1, bias=False) if self.shared else nn.Linear(CHANNELS * CELLS, CELLS, False)
        self.bias = nn.Parameter(torch.zeros(CELLS))
        nn.init.normal_(self.score.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.score(x.flatten(2).mT).squeeze(2) if self.shared else self.score(x.flatten(1))
        return (scores + self.bias).softmax(dim=1)


class Attention(nn.Module):
    """Map (n, 256, 6, 6) → the same, each cell times its weight and `rescale`; cells are not summed up.

    With `rescale` 36 uniform weights change nothing.
    """

    def __init__(self, kind: str, rescale: float):
        super().__init__()
        self.weights, self.rescale = CellWeights(kind), rescale

    def forward(self, x: Tensor) -> Tensor:
        return x * (self.rescale * self.weights(x)).view(-1, 1, MAP, MAP)


class AttentionAlexNet(nn.Module):
    """Pixels RGB 0..255, (n, 3, 227, 227) → scores (n, n_labels)."""

    def __init__(self, settings: AttentionAlexNetSettings, n_labels: int):
        super().__init__()
        self.attended = _branch(settings)
        self.plain = _branch(settings)
        self.shares = settings.branches == "shared"
        if self.shares:
            _remove_convolutions(self.plain)
        self.attention = Attention(settings.attention, settings.rescale)
        self.concat = nn.Identity()
        self.scores = nn.Linear(2 * UNITS, n_labels)
        nn.init.normal_(self.scores.weight, std=0.01)
        nn.init.zeros_(self.scores.bias)

    def forward(self, pixels: Tensor, vectors: Tensor | None = None) -> Tensor:
        attended = self.attended.maps(pixels)
        plain = attended if self.shares else self.plain.maps(pixels)
        attended, plain = self.attended.dense(self.attention(attended)), self.plain.dense(plain)
        return self.scores(self.concat(torch.cat([attended, plain], dim=1)))


def _norm(settings: AttentionAlexNetSettings) -> Norm:
    return "before-pool" if settings.lrn else "none"


def _branch(settings: AttentionAlexNetSettings) -> CaffeNet:
    return CaffeNet((UNITS, UNITS, 1), norm=_norm(settings), upto="drop7", first=BgrCentred(settings.mean))


def _remove_convolutions(network: CaffeNet) -> None:
    """Remove the layers before the dense ones, in place."""
    for name, _ in list(network.named_children()):
        if name == "flatten":
            return
        delattr(network, name)


def build(settings: AttentionAlexNetSettings, n_labels: int, width: int, *, pretrained: bool) -> SystemNetwork:
    """Return the network; see `network.SystemNetwork` and the module's docstring.

    taps  attended.conv1 … attended.pool5, attention (the weighted map), attended.fc6, attended.fc7; plain.conv1 …
          plain.fc7; concat (8192); scores. Where the branches share convolutions, plain has fc6 and fc7
    maps  attended.conv5; plain.conv5, where it has its own
    The weights of the 36 cells: the output of network.attention.weights.

    Raises WeightsError when pretrained weights are absent, damaged or of another network; with `lrn` also for a
    .caffemodel of CaffeNet, whose layers have the same shapes in another order (a state dict does not show it).
    """
    network = AttentionAlexNet(settings, n_labels)
    if pretrained and settings.init == "pretrained":
        _load(network, settings)
    return SystemNetwork(
        network=network,
        view=view_of(settings),
        new=("attention.", "scores.") if settings.init == "pretrained" else ("",),
        taps=_taps(network),
        maps={name: layer for name, layer in _taps(network).items() if name.endswith(".conv5")},
        notes=_notes(settings) if pretrained else (),
    )


def _load(network: AttentionAlexNet, settings: AttentionAlexNetSettings) -> None:
    path = Path(settings.weights)
    if not settings.weights or not path.is_file():
        got = f"{path}, which does not exist" if settings.weights else "no file"
        raise WeightsError(
            f"{OWNER}: system.weights: got {got}; expected {_FILES}. Name one under system.weights, or begin with "
            "random weights: system.init = 'random'."
        )
    state = read_caffenet(path, OWNER, _norm(settings))
    load_caffenet(network.attended, state, OWNER, path)
    if network.shares:
        state = {key: tensor for key, tensor in state.items() if key.split(".")[0] in DENSE}
    load_caffenet(network.plain, state, OWNER, path)


def _taps(network: AttentionAlexNet) -> Mapping[str, nn.Module]:
    attended, plain = blobs(network.attended), blobs(network.plain)
    behind = {f"attended.{name}": layer for name, layer in attended.items() if name in DENSE}
    before = {f"attended.{name}": layer for name, layer in attended.items() if name not in DENSE}
    beside = {f"plain.{name}": layer for name, layer in plain.items()}
    ends = {"concat": network.concat, "scores": network.scores}
    return before | {"attention": network.attention} | behind | beside | ends


def _notes(settings: AttentionAlexNetSettings) -> tuple[str, ...]:
    if settings.rescale >= CELLS:
        return ()
    return (
        f"the attention weights of {CELLS} cells average 1/{CELLS}: with rescale = {settings.rescale:g}, fc6 of the "
        f"attended branch begins with inputs {CELLS / settings.rescale:.3g} times smaller than those of the other fc6, "
        f"and its output hardly depends on the image. This is the report's form; rescale = {CELLS} begins with equal "
        "inputs.",
    )
