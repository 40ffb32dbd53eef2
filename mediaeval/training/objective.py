"""What a training is of: networks, their batches and their loss, apart from the loop that takes the steps."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

EpochMetrics = dict[str, float]  # one epoch of a history: epoch, lr, loss, and what `after_epoch` returned
BatchT = TypeVar("BatchT")


class NotFiniteError(ValueError):
    """Raised for a loss, a weight or an output that is infinite or no number; its text says which, and when."""


class TrainingObjective(ABC, Generic[BatchT]):
    """What `train` asks of whatever it trains. A subclass sets the attributes in its `__init__`.

    modules    name → network, on its device already; the loop sets all to train mode for an epoch, to eval mode after
    optimiser  over parameters of the modules; a group with a `lr_scale` learns at that many times the rate
    metadata   the settings, in words; they are written into the file, and a training is resumed only with equal ones
    """

    modules: Mapping[str, nn.Module]
    optimiser: torch.optim.Optimizer
    metadata: Mapping[str, str]

    @abstractmethod
    def batches(self, epoch: int) -> Iterable[BatchT]:
        """Return the batches of an epoch, counted from 0: a new iterable each time.

        What is random in it must come from `epoch_rng(seed, epoch)` or the like: from the seed and the epoch alone.
        """

    @abstractmethod
    def loss(self, batch: BatchT) -> Tensor:
        """Return the loss of a batch, or of one of its parts, a scalar.

        It may draw from torch's global generators (dropout), which the loop seeds for each epoch.
        """

    @abstractmethod
    def size(self, batch: BatchT) -> int:
        """Return how many examples a batch has."""

    @abstractmethod
    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        """Return the learning rate of the next batch.

        examples  seen since the first epoch began, before this batch
        history   of the finished epochs: what a rate that waits for a plateau goes by; it survives a resume
        """

    @abstractmethod
    def weights(self) -> Mapping[str, Tensor]:
        """Return what is to be written, by name."""

    def parts(self, batch: BatchT) -> Iterable[tuple[BatchT, float]]:
        """Yield (part, its share of the batch, 0..1): gradients of parts are added up before a step is taken."""
        yield batch, 1.0

    def after_step(self) -> None:
        """Do what follows a step, such as to average the weights."""

    def after_epoch(self, epoch: int) -> Mapping[str, Any]:
        """Return further values of the epoch's metrics, such as a validation score; each converts to float.

        Called in eval mode and without gradients. Raises NotFiniteError for outputs beyond scoring; see `all_finite`.
        """
        return {}


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator of one epoch's order, negatives and other draws; the loop's own (dropout) is another."""
    return np.random.default_rng(np.random.SeedSequence((seed, epoch, 0)))


def all_finite(outputs: Tensor, what: str) -> Tensor:
    """Return outputs of a validation as they are; raise NotFiniteError, naming them, if one is not finite."""
    if not outputs.isfinite().all():
        raise NotFiniteError(what)
    return outputs
