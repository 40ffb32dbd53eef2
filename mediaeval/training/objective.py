"""What is trained: networks, their batches and their loss, apart from the loop that takes the steps."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

EpochMetrics = dict[str, float]  # one epoch of a history: epoch, lr, loss, and what `after_epoch` returned
BatchT = TypeVar("BatchT")


class NotFiniteError(ValueError):
    """Raised when a loss, a weight or an output is NaN or infinite; the message names it."""


class TrainingObjective(ABC, Generic[BatchT]):
    """What `train` needs of everything it trains. A subclass sets the attributes in its `__init__`.

    modules    name → network, already on its device; the loop puts all into train mode for an epoch, then into eval
               mode
    optimiser  of parameters of the modules; a parameter group with `lr_scale` learns at that many times the rate
    metadata   the settings, as text; they are written into the file, and a training is resumed only with equal ones
    """

    modules: Mapping[str, nn.Module]
    optimiser: torch.optim.Optimizer
    metadata: Mapping[str, str]

    @abstractmethod
    def batches(self, epoch: int) -> Iterable[BatchT]:
        """Return the batches of an epoch, counted from 0; a new iterable each time.

        Everything random in them must follow from the seed and the epoch alone, as from `epoch_rng(seed, epoch)`.
        """

    @abstractmethod
    def loss(self, batch: BatchT) -> Tensor:
        """Return the loss of a batch, or of one of its `parts`: a scalar tensor.

        It may draw from torch's global generators, as dropout does: the loop seeds them for each epoch.
        """

    @abstractmethod
    def size(self, batch: BatchT) -> int:
        """Return the number of examples in a batch."""

    @abstractmethod
    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        """Return the learning rate of the next batch.

        examples  number of examples seen since the training began, before this batch
        history   metrics of the finished epochs, for rates that depend on them, such as one that falls on a plateau; it
                  survives a resume
        """

    @abstractmethod
    def weights(self) -> Mapping[str, Tensor]:
        """Return the tensors to write, by name."""

    def parts(self, batch: BatchT) -> Iterable[tuple[BatchT, float]]:
        """Yield (part, share of the batch, 0..1); the gradients of all parts are added up before a step is taken."""
        yield batch, 1.0

    def after_step(self) -> None:
        """Do something after each step, such as average the weights."""

    def after_epoch(self, epoch: int) -> Mapping[str, Any]:
        """Return further metrics of the epoch, such as a validation score; each is convertible to float.

        It is called in eval mode and without gradients. Raises NotFiniteError, see `all_finite`, for outputs that
        cannot be scored.
        """
        return {}


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator for what an epoch draws, such as the order of its examples; dropout has another one."""
    return np.random.default_rng(np.random.SeedSequence((seed, epoch, 0)))


def all_finite(outputs: Tensor, what: str) -> Tensor:
    """Return `outputs` unchanged; raise NotFiniteError, with `what` as its message, if any is NaN or infinite."""
    if not outputs.isfinite().all():
        raise NotFiniteError(what)
    return outputs
