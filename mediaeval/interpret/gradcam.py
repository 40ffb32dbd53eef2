"""What a network looks at: Grad-CAM, and the fully convolutional map of CaffeNet, as cells from 0 to 1.

Both give a coarse map of what the network was given: its cells are spread evenly over that square, as the papers do,
though a cell has in truth seen some more than its own part.
"""

from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn

from mediaeval.errors import ConfigError, first_few
from mediaeval.features.networks.caffenet import CaffeNet, fully_convolutional
from mediaeval.finetune.network import SystemNetwork, View
from mediaeval.interpret.layout import Layout, layouts, tensors_of, with_tensor

METHODS = ("grad-cam", "heat-map")
HEAT_MAP_SIDE = 451  # pixels: 227 + 7 · 32, which gives 8 × 8 places (Campos et al. 2017, section 4.6)


class GradCam:
    """One image passed through the network: its scores, and for any label where in the image support for it is.

    Grad-CAM (Selvaraju et al. 2017): each channel of the module `map_name` (without, the first map whose cells follow
    the image) is weighted by its mean gradient of the label's score before softmax or sigmoid; the positive part of the
    sum is shown.

    pixels   uint8 (crop, crop, 3), as the network is given them; the network's device is used
    vectors  float32 (1, width), where the system reads such

    `scores`: (1, n_labels), float32 on the CPU. Raises ConfigError for a map that the system lacks, or whose cells do
    not follow the image (see `layout`).
    """

    def __init__(self, built: SystemNetwork, pixels: np.ndarray, map_name: str = "", vectors: np.ndarray | None = None):
        self.layout = _layout_of(built, map_name, vectors)
        network = built.network.eval()
        device = next(network.parameters()).device
        self._kept: list[Tensor] = []
        handle = self.layout.module.register_forward_hook(self._hook)
        try:
            with torch.enable_grad(), _without_cudnn():
                images = torch.from_numpy(np.array(pixels[None])).to(device).permute(0, 3, 1, 2).float()
                self._scores = network(images, None if vectors is None else torch.from_numpy(vectors).to(device))
        finally:
            handle.remove()
        self.scores = self._scores.detach().float().cpu()
        self.channels = self.layout.map_of(self._kept[0].detach()[0]).float()  # (c, h, w)

    def _hook(self, module: nn.Module, inputs: tuple, output: object) -> object:
        part = self.layout.part
        self._kept.append(tensors_of(output)[part].detach().requires_grad_())
        return with_tensor(output, part, self._kept[0].clone())  # later modules may work in place

    def cells(self, column: int) -> np.ndarray:
        """Return the support for a label at each place, float32 (h, w): 0 where there is none; not bounded above."""
        weights = self._gradient(column).mean(dim=(1, 2))
        return torch.einsum("c,chw->hw", weights, self.channels).relu().cpu().numpy()

    def reaches_scores(self) -> bool:
        """Return whether any score depends on any place of the map."""
        return any(bool(self._gradient(column).any()) for column in range(self.scores.shape[1]))

    def _gradient(self, column: int) -> Tensor:
        """Return the gradient of a label's score, (c, h, w)."""
        with _without_cudnn():
            (gradient,) = torch.autograd.grad(
                self._scores[0, column], self._kept[0], retain_graph=True, materialize_grads=True
            )
        return self.layout.map_of(gradient[0]).float()


def default_map(built: SystemNetwork, pixels: np.ndarray, vectors: np.ndarray | None = None) -> str:
    """Return the first of a system's maps whose cells follow the image and influence the scores.

    In a transformer that classifies by its class token, the other tokens of the last block influence nothing. Raises
    ConfigError where no map does both.
    """
    usable = _usable(built, vectors)
    for name in usable:
        if GradCam(built, pixels, name, vectors).reaches_scores():
            return name
    if usable:
        raise ConfigError(f"no score of this system depends on its maps {first_few(usable)}: there is nothing to draw.")
    raise _no_map(built, vectors)


def _without_cudnn() -> AbstractContextManager:
    """Return a context in which a GRU that is not being trained has gradients: cuDNN's has none."""
    return torch.backends.cudnn.flags(enabled=False)


def _layout_of(built: SystemNetwork, name: str, vectors: np.ndarray | None) -> Layout:
    """Return the layout of a map, without a name of the first that there is."""
    usable = _usable(built, vectors)
    if name and name not in built.maps:
        raise ConfigError(f"no map '{name}' in this system. It has: {', '.join(usable) or 'none'}.")
    if not usable:
        raise _no_map(built, vectors)
    name = name or next(iter(usable))
    if name not in usable:
        reason = layouts(built, vectors)[name]
        raise ConfigError(f"map '{name}' cannot be drawn: {reason}. Take another with --map: {', '.join(usable)}.")
    return usable[name]


def _usable(built: SystemNetwork, vectors: np.ndarray | None) -> dict[str, Layout]:
    """Return the maps whose cells follow the image, the deepest first."""
    return {name: found for name, found in layouts(built, vectors).items() if isinstance(found, Layout)}


def _no_map(built: SystemNetwork, vectors: np.ndarray | None) -> ConfigError:
    reasons = [f"{name}: {reason}" for name, reason in layouts(built, vectors).items()]
    why = first_few(reasons, 2).replace(", ", "; ") or "no output of its modules has places in the image"
    return ConfigError(f"this system has no maps to look at ({why}). Explain a run of a system that has.")


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
