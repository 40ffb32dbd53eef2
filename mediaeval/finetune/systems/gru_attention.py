"""A bidirectional GRU over the blocks of a stream, with the attention of Multi-GAP (section 2.2 of its paper)."""

import torch
from torch import Tensor, nn


class StepAttention(nn.Module):
    """States (n, T, m) → Att_t = tanh(W_t x_t + b_t)², (n, T, m), 0 ≤ Att < 1: equation 2 of the paper.

    Each number is squared. Every step has its own W_t (m, m) and b_t (m): the steps are blocks, which differ. Values
    need not sum to 1. Hook this module to see them.
    """

    def __init__(self, steps: int, width: int):
        super().__init__()
        layers = [nn.Linear(width, width) for _ in range(steps)]
        self.steps = nn.ModuleList(layers)
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)  # not zeros: the square has no slope there
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([step(x[:, t]).tanh().square() for t, step in enumerate(self.steps)], dim=1)


class BlockGru(nn.Module):
    """Averages of T blocks (n, T, c), from the image upwards → (n, T · 2 · units).

    The GRU has one layer; each step's state is the forward one, then the backward one. The paper writes M for the
    width of a state and does not state how two directions become M numbers: here M is both together, 2 · units. With
    attention the states are multiplied by it, number by number.
    """

    def __init__(self, steps: int, channels: int, units: int, attention: bool):
        super().__init__()
        self.gru = nn.GRU(channels, units, batch_first=True, bidirectional=True)
        self.attention = StepAttention(steps, 2 * units) if attention else None

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.gru(x)
        if self.attention is not None:
            states = states * self.attention(states)
        return states.flatten(1)
