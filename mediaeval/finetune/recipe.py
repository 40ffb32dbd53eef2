"""What training settings mean: losses, learning rates, parameter groups, optimisers, mixing."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss
from torchvision.transforms import v2

from mediaeval.classifiers.first_layer import multiplies_bfloat16
from mediaeval.errors import ConfigError
from mediaeval.finetune.network import SystemNetwork
from mediaeval.finetune.settings import TrainingSettings


def loss_of(settings: TrainingSettings, multi_label: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """Return (scores, targets) → mean loss; both (n, L), targets 0..1; if single-label, each row sums to 1."""
    smooth, gamma = settings.label_smoothing, settings.focal_gamma

    def of_one(scores: Tensor, targets: Tensor) -> Tensor:
        targets = targets * (1 - smooth) + smooth / targets.shape[1]
        log_p = F.log_softmax(scores, dim=1)
        focus = (1 - log_p.exp()) ** gamma if settings.loss == "focal" else 1.0
        return -(targets * focus * log_p).sum(dim=1).mean()

    def of_several(scores: Tensor, targets: Tensor) -> Tensor:
        targets = targets * (1 - smooth) + smooth / 2
        if settings.loss == "focal":
            loss: Tensor = sigmoid_focal_loss(scores, targets, alpha=-1, gamma=gamma, reduction="mean")
            return loss
        return F.binary_cross_entropy_with_logits(scores, targets)

    return of_several if multi_label else of_one


def mixing_of(settings: TrainingSettings) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    """Return (pixels, targets) → the same mixed with those of other images of the batch; None where nothing is mixed.

    MixUp (Zhang et al. 2018), CutMix (Yun et al. 2019); with both, one of the two each time, by torch's generator.
    """
    steps: list[nn.Module] = [v2.MixUp(alpha=settings.mixup)] if settings.mixup else []
    steps += [v2.CutMix(alpha=settings.cutmix)] if settings.cutmix else []
    return None if not steps else steps[0] if len(steps) == 1 else v2.RandomChoice(steps)


def lr_at(settings: TrainingSettings, n_images: int) -> Callable[[int, int, Sequence[Any]], float]:
    """Return (epoch, images seen, history) → learning rate of the next batch.

    `step` counts in whole iterations of `batch_size` images, as Caffe's `stepsize`: step_epochs · n_images /
    batch_size, rounded. `cosine` ends at 0 with the last image of the last epoch.
    """
    warm = settings.warmup * n_images
    whole = settings.epochs * n_images
    step = max(round(settings.step_epochs * n_images / settings.batch_size), 1)

    def rate(epoch: int, seen: int, history: Sequence[Any]) -> float:
        if seen < warm:
            return settings.lr * (seen + 0.5 * settings.batch_size) / (warm + 0.5 * settings.batch_size)
        if settings.schedule == "step":
            return settings.lr * 0.1 ** (seen // settings.batch_size // step)
        if settings.schedule == "cosine":
            share = (seen - warm) / max(whole - warm, 1)
            return settings.lr * 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * min(share, 1.0)))))
        return settings.lr

    return rate


def parameter_groups(system: SystemNetwork, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Return groups for an optimiser: parameters with the same rate (`lr_scale` times lr) and the same decay.

    Biases and the scales of normalisations (all parameters of one dimension) are not decayed. Raises ConfigError for a
    layer_decay where the system has no order of layers.
    """
    if settings.layer_decay != 1 and not system.layers:
        raise ConfigError(
            f"system.layer_decay: got {settings.layer_decay}; expected 1, since this system has no order of layers. "
            "Set it: --set system.layer_decay=1."
        )
    deepest = max(system.layers.values(), default=0)
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in system.network.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith(tuple(system.new)):
            scale = settings.new_lr
        else:
            scale = settings.layer_decay ** (deepest - system.layers.get(name, deepest))
        scale *= settings.bias_lr if name.endswith(".bias") else 1.0
        decay = 0.0 if parameter.ndim <= 1 else settings.weight_decay
        groups.setdefault((scale, decay), []).append(parameter)
    return [{"params": ps, "lr_scale": s, "weight_decay": d} for (s, d), ps in groups.items()]


def optimiser_of(system: SystemNetwork, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimiser of the network's parameters; on a GPU one kernel changes many of them at once."""
    groups = parameter_groups(system, settings)
    fused = True if all(tensor.is_cuda for group in groups for tensor in group["params"]) else None
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, fused=fused)
    optimiser = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return optimiser(groups, lr=settings.lr, fused=fused)


def resolve_precision(settings: TrainingSettings, device: torch.device) -> TrainingSettings:
    """Return settings whose precision is not "auto", so that a run records what it was trained in.

    That is bfloat16 on a GPU, and on a processor with instructions for it (2.5 times as fast there). The network
    computes in it while it is trained; weights stay float32.
    """
    if settings.precision != "auto":
        return settings
    half = device.type == "cuda" or multiplies_bfloat16()
    return settings.model_copy(update={"precision": "bfloat16" if half else "float32"})
