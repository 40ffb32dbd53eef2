"""A network's weights averaged over the steps of its training."""

import copy

import torch
from torch import nn


class Average(nn.Module):
    """The weights averaged over the steps of a training, exponentially: a copy of the network that follows it.

    The share of what was before rises with the steps to `decay`, as (1 + step) / (10 + step): a short training would
    else keep the weights that it began with. The count is part of the state, and so survives a resume.
    """

    steps: torch.Tensor

    def __init__(self, network: nn.Module, decay: float):
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take a step towards the network's weights; counts and the like are copied."""
        self.steps += 1
        step = int(self.steps)
        keep = min(self.decay, (1 + step) / (10 + step))
        for mean, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - keep)
            else:
                mean.copy_(new)
