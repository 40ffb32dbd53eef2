"""What surrounds a network so that prepared images go in and vectors come out, whichever engine computes it."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

M = TypeVar("M", bound=nn.Module)


class OfPixels(nn.Module):
    """Pixels uint8 (B, h, w, 3) → (x / 255 − mean) / std, (B, 3, h, w) → the network's vectors."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2).float().div(255)
        vectors: Tensor = self.network((x - self.mean) / self.std)
        return vectors


class OfUnitLength(nn.Module):
    """The network's vectors at length 1."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return normalize(self.network(x), dim=-1)


def frozen(model: M, device: str) -> M:
    """Return the network ready to compute features: in eval mode (dropout off), without gradients, on the device."""
    return model.eval().requires_grad_(False).to(device)
