"""One step of a training, in which a GPU is waited for once."""

import math
from collections.abc import Callable
from itertools import chain

import torch
from torch import nn

from mediaeval.training.objective import BatchT, TrainingObjective


def are_finite(objective: TrainingObjective[BatchT], device: torch.device) -> bool:
    """Return whether all weights and statistics are finite; a GPU is waited for once, not for each of them."""
    modules = objective.modules.values()
    tensors = chain.from_iterable((*module.parameters(), *module.buffers()) for module in modules)
    finite = [tensor.isfinite().all().to(device) for tensor in tensors if tensor.is_floating_point()]
    return bool(torch.stack(finite).all())


def take_step(objective: TrainingObjective[BatchT], batch: BatchT, lr: float, clip: float | None) -> float:
    """Take one step and return the loss; no step is taken for a loss that is NaN or infinite.

    A GPU is waited for once, for the losses, while it computes the last gradients.
    """
    for group in objective.optimiser.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)
    objective.optimiser.zero_grad()
    losses = []
    for part, share in objective.parts(batch):
        part_loss = objective.loss(part) * share
        losses.append(part_loss.detach().to("cpu", non_blocking=True))
        wait_for_losses = _end_of_queue(part_loss.device)
        part_loss.backward()
    wait_for_losses()
    loss = 0.0
    for part_loss in losses:
        loss += part_loss.item()
    if not math.isfinite(loss):
        return loss
    if clip is not None:
        parameters = [tensor for module in objective.modules.values() for tensor in module.parameters()]
        nn.utils.clip_grad_norm_(parameters, clip)
    objective.optimiser.step()
    return loss


def _end_of_queue(device: torch.device) -> Callable[[], None]:
    """Return a function that waits until a GPU has done what was begun so far; a processor has, always."""
    if device.type != "cuda":
        return lambda: None
    return torch.cuda.current_stream(device).record_event().synchronize
