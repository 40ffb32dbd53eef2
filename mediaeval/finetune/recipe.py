"""What a recipe comes to: losses, learning rates, parameter groups, optimisers, mixing."""

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


def loss_of(recipe: TrainingSettings, multi_label: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """Return (scores, targets) → mean loss; both (n, L), targets 0..1, in rows that sum to 1 for one label an image."""
    smooth, gamma = recipe.label_smoothing, recipe.focal_gamma

    def of_one(scores: Tensor, targets: Tensor) -> Tensor:
        targets = targets * (1 - smooth) + smooth / targets.shape[1]
        log_p = F.log_softmax(scores, dim=1)
        focus = (1 - log_p.exp()) ** gamma if recipe.loss == "focal" else 1.0
        return -(targets * focus * log_p).sum(dim=1).mean()

    def of_several(scores: Tensor, targets: Tensor) -> Tensor:
        targets = targets * (1 - smooth) + smooth / 2
        if recipe.loss == "focal":
            return sigmoid_focal_loss(scores, targets, alpha=-1, gamma=gamma, reduction="mean")
        return F.binary_cross_entropy_with_logits(scores, targets)

    return of_several if multi_label else of_one


def mixing_of(recipe: TrainingSettings) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    """Return (pixels, targets) → the same mixed with those of other images of the batch, or None for no mixing.

    MixUp (Zhang et al. 2018), CutMix (Yun et al. 2019); with both, one of them each time, by torch's generator.
    """
    steps: list[nn.Module] = [v2.MixUp(alpha=recipe.mixup)] if recipe.mixup else []
    steps += [v2.CutMix(alpha=recipe.cutmix)] if recipe.cutmix else []
    return None if not steps else steps[0] if len(steps) == 1 else v2.RandomChoice(steps)


def lr_at(recipe: TrainingSettings, n_images: int) -> Callable[[int, int, Sequence], float]:
    """Return (epoch, images seen, history) → learning rate of the next batch.

    `step` counts in whole iterations of `batch_size` images, as Caffe's `stepsize`: step_epochs · n_images /
    batch_size, rounded. `cosine` ends at 0 with the last image of the last epoch.
    """
    warm = recipe.warmup_epochs * n_images
    whole = recipe.epochs * n_images
    step = max(round(recipe.step_epochs * n_images / recipe.batch_size), 1)

    def rate(epoch: int, seen: int, history: Sequence) -> float:
        if seen < warm:
            return recipe.lr * (seen + 0.5 * recipe.batch_size) / (warm + 0.5 * recipe.batch_size)
        if recipe.schedule == "step":
            return recipe.lr * 0.1 ** (seen // recipe.batch_size // step)
        if recipe.schedule == "cosine":
            share = (seen - warm) / max(whole - warm, 1)
            return recipe.lr * 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * min(share, 1.0)))))
        return recipe.lr

    return rate


def parameter_groups(built: SystemNetwork, recipe: TrainingSettings) -> list[dict[str, Any]]:
    """Return groups for an optimiser: what has the same rate (`lr_scale` times lr) and decay together.

    Biases and the scales of normalisations (all that has one dimension) are not decayed. Raises ConfigError for a
    layer_decay where the system has no order of layers.
    """
    if recipe.layer_decay != 1 and not built.layers:
        raise ConfigError(f"layer_decay = {recipe.layer_decay}: this system has no order of layers; leave it at 1.")
    deepest = max(built.layers.values(), default=0)
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in built.network.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith(tuple(built.new)):
            scale = recipe.new_lr
        else:
            scale = recipe.layer_decay ** (deepest - built.layers.get(name, deepest))
        scale *= recipe.bias_lr if name.endswith(".bias") else 1.0
        decay = 0.0 if parameter.ndim <= 1 else recipe.weight_decay
        groups.setdefault((scale, decay), []).append(parameter)
    return [{"params": ps, "lr_scale": s, "weight_decay": d} for (s, d), ps in groups.items()]


def optimiser_of(built: SystemNetwork, recipe: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimiser over the network's groups."""
    groups = parameter_groups(built, recipe)
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    return (torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam)(groups, lr=recipe.lr)


def resolve_precision(recipe: TrainingSettings, device: torch.device) -> TrainingSettings:
    """Return a recipe whose precision is no longer "auto": a run records what it was trained in.

    bfloat16 on a GPU, and on a processor that multiplies such numbers itself (2.5 times as fast there). It is what the
    network computes in while it is trained; weights stay float32.
    """
    if recipe.precision != "auto":
        return recipe
    half = device.type == "cuda" or multiplies_bfloat16()
    return recipe.model_copy(update={"precision": "bfloat16" if half else "float32"})
