"""ResNet-152 on ImageNet-11k as the MXNet model zoo published it: feature R of Pournaras et al. 2021.

The pre-activation network of He et al. 2016 ("Identity mappings in deep residual networks"), not torchvision's
`resnet152`. It normalises its own input: it reads raw pixels 0..255, and the first layer is a BatchNorm. B images.

    bn_data → conv0 7×7/2 → bn0 → relu → max-pool 3×3/2 → 3 + 8 + 36 + 3 units → bn1 → relu → mean over positions: 2048
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mediaeval.errors import WeightsError, first_few

EPS = 2e-5  # of every BatchNorm, as in MXNet's symbols; PyTorch's default is 1e-5
UNITS = (3, 8, 36, 3)
WIDTHS = (256, 512, 1024, 2048)
CLASSES = 11221


class Unit(nn.Module):
    """(B, c, h, w) → (B, width, h / stride, w / stride): BatchNorm and ReLU stand before each convolution."""

    def __init__(self, channels: int, width: int, stride: int, first: bool):
        super().__init__()
        inner = width // 4
        self.bn1 = nn.BatchNorm2d(channels, eps=EPS)
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner, eps=EPS)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(inner, eps=EPS)
        self.conv3 = nn.Conv2d(inner, width, 1, bias=False)
        self.sc = nn.Conv2d(channels, width, 1, stride, bias=False) if first else None

    def forward(self, x: Tensor) -> Tensor:
        active = self.bn1(x).relu()
        # the projection reads the output of bn1 and its ReLU, the identity the raw input
        shortcut = x if self.sc is None else self.sc(active)
        y = self.conv1(active)
        y = self.conv2(self.bn2(y).relu())
        y = self.conv3(self.bn3(y).relu())
        return shortcut + y


class ResNet11k(nn.Module):
    """Pixels 0..255 RGB, (B, 3, h, w) → `flatten0_output`, (B, 2048), none below 0. The classifier is left out."""

    def __init__(self, units: tuple[int, ...] = UNITS, widths: tuple[int, ...] = WIDTHS, stem: int = 64):
        super().__init__()
        self.bn_data = nn.BatchNorm2d(3, eps=EPS)
        self.conv0 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn0 = nn.BatchNorm2d(stem, eps=EPS)
        self.pool0 = nn.MaxPool2d(3, 2, 1)
        channels = stem
        for stage, (n_units, width) in enumerate(zip(units, widths, strict=True), start=1):
            for unit in range(1, n_units + 1):
                stride = 2 if unit == 1 and stage > 1 else 1
                self.add_module(f"stage{stage}_unit{unit}", Unit(channels, width, stride, first=unit == 1))
                channels = width
        self.bn1 = nn.BatchNorm2d(channels, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool0(self.bn0(self.conv0(self.bn_data(x))).relu())
        for name, module in self.named_children():
            if name.startswith("stage"):
                x = module(x)
        return self.bn1(x).relu().mean(dim=(2, 3))


# what MXNet and Keras call the tensors of a layer → what PyTorch calls them
_VARIABLES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_var": "running_var",
    "moving_variance": "running_var",
    "kernel": "weight",
    "weight": "weight",
}
_MXNET = re.compile(r"(?:arg|aux):(.+)_(gamma|beta|moving_mean|moving_var|weight|bias)")
_KERAS = re.compile(r"([^/]+)/(gamma|beta|moving_mean|moving_variance|kernel|bias)")


def state_from(tensors: Mapping[str, Tensor], owner: str) -> dict[str, Tensor]:
    """Return a state dict of `ResNet11k` from an MXNet `.params` file, its Keras `.h5` port, or a state dict.

    Keras kernels (h, w, in, out) become (out, in, h, w). `bn_data` has fix_gamma: its scale is 1, whatever number the
    file holds (MXNet stores one and ignores it; Keras has none). The classifier `fc1` is dropped. `owner` is for
    messages. Raises WeightsError for any other keys.
    """
    mxnet = any(key.startswith(("arg:", "aux:")) for key in tensors)
    pattern = _MXNET if mxnet else _KERAS if any("/" in key for key in tensors) else None
    if pattern is None:
        plain = {key: value for key, value in tensors.items() if not key.startswith("fc1.")}
        return plain | ({"bn_data.weight": torch.ones(3)} if "bn_data.weight" in plain else {})
    state: dict[str, Tensor] = {}
    strange: list[str] = []
    for key, value in tensors.items():
        match = pattern.fullmatch(key)
        if match is None:
            strange.append(key)
            continue
        layer, variable = match.groups()
        if layer == "fc1":
            continue
        if variable == "kernel" and value.ndim == 4:
            value = value.permute(3, 2, 0, 1)
        # stage1_unit1_conv1 → stage1_unit1.conv1
        layer = re.sub(r"^(stage\d+_unit\d+)_", r"\1.", layer)
        state[f"{layer}.{_VARIABLES.get(variable, variable)}"] = value.contiguous()
    if strange:
        raise WeightsError(
            f"{owner}: {len(strange)} keys do not belong to a ResNet-152 of ImageNet-11k: {first_few(strange)}."
        )
    state["bn_data.weight"] = torch.ones(3)
    return state


def crops(images: Tensor, side: int, how: str) -> Tensor:
    """Cut crops of `side` pixels from square images, (B, 3, s, s) → (k, B, 3, side, side).

    `how`: "centre" gives one; "ten" the four corners and the centre, each plain and mirrored (called "os" for the
    authors' video features, whose vectors are averaged).
    """
    far = images.shape[-1] - side
    middle = far // 2
    corners = [(middle, middle)]
    if how == "ten":
        corners += [(0, 0), (0, far), (far, 0), (far, far)]
    cut = [images[..., top : top + side, left : left + side] for top, left in corners]
    if how == "ten":
        cut += [piece.flip(-1) for piece in cut]
    return torch.stack(cut)


class OfSquares(nn.Module):
    """Squares of pixels uint8 (B, s, s, 3) → the network's vectors, of one crop or the mean over ten."""

    def __init__(self, network: ResNet11k, side: int, how: str):
        super().__init__()
        self.network, self.side, self.how = network, side, how

    def forward(self, x: Tensor) -> Tensor:
        cut = crops(x.permute(0, 3, 1, 2).float(), self.side, self.how)  # (1 or 10, B, 3, side, side)
        return torch.stack([self.network(crop) for crop in cut]).mean(dim=0)
