"""Pretraining a network of the table, from its name."""

from pathlib import Path
from typing import Any

import torch

from mediaeval.devices import resolve_device
from mediaeval.pretrain import objective_class, settings_model
from mediaeval.pretrain.settings import check_training
from mediaeval.training.loop import LoopOptions, OnProgress, no_progress, train
from mediaeval.training.objective import EpochMetrics


def pretrain(
    network: str,
    folder: Path,
    out: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    resume: bool = False,
    on_progress: OnProgress = no_progress,
    **settings: Any,
) -> list[EpochMetrics]:
    """Train a network on a folder of features, write its weights to `out`, a .safetensors file; return the history.

    network   a name in PRETRAINERS; its objective documents what the history has beside epoch, lr and loss
    device    "cpu", "cuda", "cuda:N", or "auto": cuda if there is one
    settings  those of the network's settings class; the others have their defaults

    Raises ConfigError before anything is read, with all problems at once, for settings that do not fit and a file that
    cannot be written; DatasetError for a folder that cannot be used; and what `training.loop.train` raises.
    """
    checked = check_training(settings_model(network), settings, seed=seed, out=out, resume=resume)
    objective = objective_class(network)(folder, checked, seed=seed, device=torch.device(resolve_device(device)))
    options = LoopOptions(
        epochs=checked.epochs,
        seed=seed,
        device=objective.device,
        clip=objective.clip,
        best=objective.best,
        resume=resume,
    )
    return train(objective, options, out, on_progress)
