"""A network's weights averaged over the steps of its training."""

import copy

import torch
from torch import nn


class Average(nn.Module):
    """An exponential moving average of a network's weights over the steps of its training: a copy that follows it.

    The share of the old average is min(decay, (1 + step) / (10 + step)): with a constant share, a short training would
    keep most of its initial weights. The number of steps is part of the module's state, so it survives a resume.

    decay  share of the old average after many steps, 0..1
    """

    steps: torch.Tensor

    def __init__(self, network: nn.Module, decay: float):
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards the network's weights; buffers of whole numbers, such as counts, are copied."""
        self.steps += 1
        step = int(self.steps)
        keep = min(self.decay, (1 + step) / (10 + step))
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        means, news = _of([pair for pair in pairs if pair[0].is_floating_point()])
        torch._foreach_lerp_(means, news, 1 - keep)  # on a GPU one kernel for many tensors, not one for each
        counts, new_counts = _of([pair for pair in pairs if not pair[0].is_floating_point()])
        if counts:
            torch._foreach_copy_(counts, new_counts)


def _of(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    return [old for old, _ in pairs], [new for _, new in pairs]
