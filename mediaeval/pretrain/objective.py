"""What a pretrainer is: a training whose networks and batches come from a folder of features."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

import torch

from mediaeval.training.objective import BatchT, TrainingObjective


class PretrainObjective(TrainingObjective[BatchT]):
    """An objective that is made from a folder of features and the settings of its pretrainer.

    device  where the networks are
    best    name of a value of `after_epoch`, larger is better: the weights of its best epoch are written; None: those
            of the last epoch
    clip    largest norm of all gradients together; None: gradients are not clipped
    """

    device: torch.device
    best: str | None = None
    clip: float | None = None

    @abstractmethod
    def __init__(self, folder: Path, settings: Any, *, seed: int, device: torch.device):
        """Read the folder and build the networks.

        `settings`: of the class that the pretrainer's record names. Raises DatasetError for a folder that cannot be
        used, with all problems at once, and ConfigError for settings that do not fit it.
        """
