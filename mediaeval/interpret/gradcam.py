"""What a network looks at: Grad-CAM, and the fully convolutional map of CaffeNet, as cells from 0 to 1.

Both give a coarse map of what the network was given: its cells are spread evenly over that square, as the papers do,
though a cell has in truth seen some more than its own part.
"""

import contextlib
import math
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn

from mediaeval.errors import ConfigError
from mediaeval.features.networks.caffenet import CaffeNet, fully_convolutional
from mediaeval.finetune.network import SystemNetwork, View

METHODS = ("grad-cam", "heat-map")
HEAT_MAP_SIDE = 451  # pixels: 227 + 7 · 32, which gives 8 × 8 places (Campos et al. 2017, section 4.6)


class GradCam:
    """One image passed through the network: its scores, and for any label where in the image support for it is.

    Grad-CAM (Selvaraju et al. 2017): each channel of the module `map_name` (without, the first of `built.maps`) is
    weighted by its mean gradient of the label's score before softmax or sigmoid; the positive part of the sum is shown.

    pixels   uint8 (crop, crop, 3), as the network is given them; the network's device is used
    vectors  float32 (1, width), where the system reads such

    `scores`: (1, n_labels), float32 on the CPU. Raises ConfigError for a map that the system lacks, or whose output is
    not a map.
    """

    def __init__(self, built: SystemNetwork, pixels: np.ndarray, map_name: str = "", vectors: np.ndarray | None = None):
        self.built = built
        self.name, module = _map_of(built, map_name)
        network = built.network.eval()
        device = next(network.parameters()).device
        self._kept: list[Tensor] = []
        handle = module.register_forward_hook(self._hook)
        try:
            with torch.enable_grad(), _without_cudnn():
                images = torch.from_numpy(np.array(pixels[None])).to(device).permute(0, 3, 1, 2).float()
                self._scores = network(images, None if vectors is None else torch.from_numpy(vectors).to(device))
        finally:
            handle.remove()
        if not self._kept:
            raise ConfigError(f"map '{self.name}' is not computed by this network. {_others(built, self.name)}")
        self.scores = self._scores.detach().float().cpu()
        self._channels = _as_map(self._kept[0].detach()[0], self.name, built).float()  # (c, h, w)

    def _hook(self, module: nn.Module, inputs: tuple, output: object) -> Tensor:
        if self._kept or not isinstance(output, Tensor):
            raise ConfigError(f"map '{self.name}' is not one output an image. {_others(self.built, self.name)}")
        self._kept.append(output.detach().requires_grad_())
        return self._kept[0].clone()  # later modules may work in place

    def cells(self, column: int) -> np.ndarray:
        """Return the support for a label at each place, float32 (h, w): 0 where there is none; not bounded above."""
        weights = self._gradient(column).mean(dim=(1, 2))
        return torch.einsum("c,chw->hw", weights, self._channels).relu().cpu().numpy()

    def reaches_scores(self) -> bool:
        """Return whether any score depends on any place of the map."""
        return any(bool(self._gradient(column).any()) for column in range(self.scores.shape[1]))

    def _gradient(self, column: int) -> Tensor:
        """Return the gradient of a label's score, (c, h, w)."""
        with _without_cudnn():
            (gradient,) = torch.autograd.grad(
                self._scores[0, column], self._kept[0], retain_graph=True, materialize_grads=True
            )
        return _as_map(gradient[0], self.name, self.built).float()


def default_map(built: SystemNetwork, pixels: np.ndarray, vectors: np.ndarray | None = None) -> str:
    """Return the first of a system's maps whose places influence the scores, "" where there are no maps.

    In a transformer that classifies by its class token, the other tokens of the last block influence nothing.
    """
    for name in built.maps:
        with contextlib.suppress(ConfigError):  # a module whose output is not a map
            if GradCam(built, pixels, name, vectors).reaches_scores():
                return name
    return next(iter(built.maps), "")


def _without_cudnn() -> AbstractContextManager:
    """Return a context in which a GRU that is not being trained has gradients: cuDNN's has none."""
    return torch.backends.cudnn.flags(enabled=False)


def _map_of(built: SystemNetwork, name: str) -> tuple[str, nn.Module]:
    if not built.maps:
        raise ConfigError(
            "this system has no maps to look at: no output of its modules has places in the image. Explain a run of a "
            "system that looks at pixels."
        )
    name = name or next(iter(built.maps))
    if name not in built.maps:
        raise ConfigError(f"no map '{name}' in this system. It has: {', '.join(built.maps)}.")
    return name, built.maps[name]


def _others(built: SystemNetwork, name: str) -> str:
    others = [other for other in built.maps if other != name]
    return f"Take another with --map: {', '.join(others)}." if others else "This system has no other map."


def _as_map(output: Tensor, name: str, built: SystemNetwork) -> Tensor:
    """Return one image's output as (channels, h, w).

    It may be (c, h, w); (h, w, c) in a network of timm that says so, as Swin; or tokens (t, c), of which the last h · h
    are the places, row by row, and those before them (a class token, registers) have none.
    """
    if output.ndim == 3:
        last = any(
            hasattr(m, "feature_info") and getattr(m, "output_fmt", "") == "NHWC" for m in built.network.modules()
        )
        return output.permute(2, 0, 1) if last else output
    if output.ndim == 2:
        # getattr: torch's own types say that it is a tensor or a module
        prefixes = [getattr(module, "num_prefix_tokens", None) for module in built.network.modules()]
        known = [int(prefix) for prefix in prefixes if isinstance(prefix, int)]
        prefix = known[0] if known else len(output) - math.isqrt(len(output)) ** 2
        side = math.isqrt(len(output) - prefix)
        if side * side == len(output) - prefix and (known or prefix <= 1):
            return output[prefix:].reshape(side, side, -1).permute(2, 0, 1)
    shape = " × ".join(str(n) for n in output.shape)
    raise ConfigError(f"map '{name}' gives {shape} numbers, which are not a map of an image. {_others(built, name)}")


def heat_map_view(built: SystemNetwork) -> View:
    """Return how an image becomes the square of the heat map: as a whole, squashed (as in the authors' script)."""
    return View(HEAT_MAP_SIDE, HEAT_MAP_SIDE, built.view.interpolation, squash=True)


def heat_map(built: SystemNetwork, pixels: np.ndarray, *, multi_label: bool) -> np.ndarray:
    """Return the probability of each label at each place, 0..1, (n_labels, 8, 8) for pixels uint8 (451, 451, 3).

    The network as convolutions, softmax (sigmoid with several labels an image) at each place (Campos et al. 2017).
    Raises ConfigError for another network than CaffeNet with its fully connected layers.
    """
    network = built.network.eval()
    if not isinstance(network, CaffeNet):
        raise ConfigError("--method heat-map works with the caffenet systems only. Use --method grad-cam for this one.")
    device = next(network.parameters()).device
    with torch.inference_mode():
        images = torch.from_numpy(np.array(pixels[None])).to(device).permute(0, 3, 1, 2).float()
        scores = fully_convolutional(network)(images)[0]
    return (scores.sigmoid() if multi_label else scores.softmax(dim=0)).float().cpu().numpy()
