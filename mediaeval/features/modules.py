"""What stands around a network so that prepared images go in and vectors come out, whichever engine computes it."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


class OfPixels(nn.Module):
    """Pixels uint8 (B, h, w, 3) → (x / 255 − mean) / std, (B, 3, h, w) → the network's vectors."""

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2).float().div(255)
        return self.network((x - self.mean) / self.std)


class OfUnitLength(nn.Module):
    """The network's vectors at length 1."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return normalize(self.network(x), dim=-1)


def frozen(model: nn.Module, device: str) -> nn.Module:
    """Return the network ready to compute features: in eval mode (dropout off), without gradients, on the device."""
    return model.eval().requires_grad_(False).to(device)
