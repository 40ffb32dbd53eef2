"""Dropout whose draws may come from outside, so that a recorded step of training draws nothing itself."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout


class Dropout(nn.Module):
    """Sets each of `width` units to 0 with probability `p` in training, and multiplies the others by 1 / (1 − p).

    Without `factors` it is `torch.nn.Dropout`, which draws from torch's global generator.
    """

    factors: Tensor | None = None  # (B, width), for the next minibatch: what to multiply by, 0 or 1 / (1 − p)

    def __init__(self, p: float, width: int):
        super().__init__()
        self.p, self.width = p, width

    def forward(self, x: Tensor) -> Tensor:
        if self.factors is not None and self.training:
            return x * self.factors
        return dropout(x, self.p, self.training)

    def draw(self, factors: Tensor, generator: torch.Generator) -> None:
        """Fill `factors`, (n, width), for n images."""
        factors.bernoulli_(1 - self.p, generator=generator).div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}, width={self.width}"
