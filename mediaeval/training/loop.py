"""The training loop of networks: of those whose weights nobody publishes, and of systems trained end to end.

After every epoch two files are written, each completely or not at all: the weights, and beside them `NAME.training`,
the state from which an interrupted training is resumed. Everything random in an epoch follows from (seed, epoch), so
the state needs no random generators, and a resumed training ends with the same file, to the byte on one machine, as
one that was not interrupted. torch's global generators are left as they were.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mediaeval.errors import ConfigError
from mediaeval.seeding import seeded
from mediaeval.training.checkpoint import read_state, state_of, write_state, write_weights
from mediaeval.training.objective import BatchT, EpochMetrics, NotFiniteError, TrainingObjective
from mediaeval.training.output import FIRST_EPOCH, STATE_SUFFIX, file_problems, written_in
from mediaeval.training.step import are_finite, take_step
from mediaeval.training.writing import Writer, copied

OnProgress = Callable[[int, int, str], None]  # (epochs done, epochs, note or ""), after every batch and epoch


def no_progress(done: int, total: int, note: str) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class LoopOptions:
    """How `train` trains.

    epochs      passes over the examples, at least 1
    seed        for torch's global generators, which are seeded for each epoch
    device      where the modules are
    clip        largest norm of all gradients together, above 0; None: gradients are not clipped
    best        name of a value of `after_epoch`, larger is better: the weights of its best epoch are written, the first
                of equal ones; None: those of the last epoch
    resume      continue from the state file, if there is one; otherwise start
    beside      write the files of an epoch while the next one is trained
    keep_state  keep the state file of a finished training, which a resume then only reads
    advice      what to do about a training that diverged, for its error message; {lr} is replaced by the learning rate
    """

    epochs: int
    seed: int
    device: torch.device
    clip: float | None = None
    best: str | None = None
    resume: bool = False
    beside: bool = False
    keep_state: bool = False
    advice: str = "Lower --lr (it was {lr:g}), or look for NaN and infinite values in the features."


@dataclass
class _Epoch:
    """The epoch in progress: the learning rate of its last batch, its examples so far and the sum of their losses."""

    number: int  # from 0
    epochs: int
    lr: float = math.nan
    examples: int = 0
    loss: float = 0.0

    @property
    def mean_loss(self) -> float:
        return self.loss / self.examples

    def __str__(self) -> str:
        return in_words(self.number, self.epochs)


def train(
    objective: TrainingObjective[BatchT],
    options: LoopOptions,
    out: Path,
    on_progress: OnProgress = no_progress,
) -> list[EpochMetrics]:
    """Train for `options.epochs` epochs and write the weights to `out`, a .safetensors file; return the history.

    The history has a dictionary per epoch: epoch (from 0), lr (of its last batch), loss (mean over the batches,
    weighted by their size), and what `after_epoch` returned. The objective's metadata, the seed and the epoch are
    written into the file as JSON under the key `output.METADATA`.

    Raises ConfigError before the first step if `out` exists already or cannot be written, or if an unfinished training
    lies beside it and is not to be resumed or had other settings. Raises it during the training when the loss, a weight
    or an output in validation becomes NaN or infinite; the files of the last good epoch are kept.
    """
    out = Path(out)
    if problems := file_problems(out, options.resume):
        raise ConfigError(*problems)
    state_file = out.with_suffix(STATE_SUFFIX)
    settings = dict(objective.metadata) | {"seed": str(options.seed)}
    history: list[EpochMetrics] = []
    examples = 0
    if options.resume and state_file.exists():
        history, examples = read_state(state_file, objective, settings)
        _require_resumable(history, options.epochs, out, state_file)
        on_progress(len(history), options.epochs, "")
    elif out.exists() and (options.epochs == 1 or written_in(out) != settings | {"epoch": FIRST_EPOCH}):
        which = "a finished training" if options.epochs == 1 else "a training with other settings"
        raise ConfigError(f"{out} exists already, of {which}. Choose another name, or delete it to train again.")
    with Writer(beside=options.beside) as writer:
        for number in range(len(history), options.epochs):
            epoch = _Epoch(number, options.epochs)
            try:
                _train_epoch(objective, options, epoch, examples, history, on_progress)
                metrics = {"epoch": number, "lr": epoch.lr, "loss": epoch.mean_loss} | _evaluate(objective, epoch)
            except NotFiniteError as error:
                kept = f"{out} keeps the weights of the last good epoch" if history else "nothing was written"
                raise ConfigError(f"{error}; {kept}. {options.advice.format(lr=epoch.lr)}") from error
            examples += epoch.examples
            weights = objective.weights() if _is_best(metrics, history, options.best) else {}
            history.append(metrics)
            state = state_of(objective, settings, history, examples)
            if options.beside:
                weights, state = copied(weights), copied(state)
            written = settings | {"epoch": str(number)}
            writer.write(functools.partial(_write_epoch, out, weights, written, state_file, state))
            on_progress(
                number + 1, options.epochs, in_words(number, options.epochs, epoch.mean_loss, metrics.get("val_f1"))
            )
    if not options.keep_state:
        state_file.unlink(missing_ok=True)
    return history


def _write_epoch(
    out: Path, weights: Mapping[str, Tensor], written: Mapping[str, str], state_file: Path, state: Mapping[str, Any]
) -> None:
    """Write the weights, if there are any, and the state."""
    if weights:
        write_weights(out, weights, written)
    # after the weights: a training killed between the two repeats the epoch, and so writes the same weights again
    try:
        write_state(state_file, state)
    except OSError:
        if len(state["history"]) == 1:  # without a state these weights would only be in the way
            out.unlink(missing_ok=True)
        raise


def in_words(number: int, epochs: int, loss: float | None = None, f1: float | None = None) -> str:
    """Return an epoch, counted from 0, for people, who count from 1: `epoch 1 of 8, loss 0.5123, F1 0.250`."""
    shown = [f"epoch {number + 1} of {epochs}"]
    shown += [] if loss is None else [f"loss {loss:.4g}"]
    shown += [] if f1 is None else [f"F1 {f1:.3f}"]
    return ", ".join(shown)


def _require_resumable(history: Sequence[EpochMetrics], epochs: int, out: Path, state_file: Path) -> None:
    if history and not out.exists():
        raise ConfigError(f"{state_file} exists, but {out} does not. Delete {state_file.name} and train again.")
    if len(history) > epochs:
        done = len(history)
        raise ConfigError(f"{state_file}: got epochs = {epochs}; expected at least {done}, which are finished already.")


def _train_epoch(
    objective: TrainingObjective[BatchT],
    options: LoopOptions,
    epoch: _Epoch,
    examples: int,
    history: Sequence[EpochMetrics],
    on_progress: OnProgress,
) -> None:
    """Take a step for every batch and update `epoch`. `examples`: the number seen in all epochs before this one.

    Raises NotFiniteError if the loss or a weight becomes NaN or infinite, ConfigError if there are no examples.
    """
    for module in objective.modules.values():
        module.train()
    with seeded(_torch_seed(options.seed, epoch.number), options.device):
        for number, batch in enumerate(objective.batches(epoch.number)):
            epoch.lr = objective.lr_at(epoch.number, examples + epoch.examples, history)
            loss = take_step(objective, batch, epoch.lr, options.clip)
            if not math.isfinite(loss):
                raise NotFiniteError(f"the loss became {loss} in {epoch}, batch {number + 1}")
            objective.after_step()
            size = objective.size(batch)
            epoch.loss += loss * size
            epoch.examples += size
            note = f"{epoch}, {epoch.examples} examples, loss {epoch.mean_loss:.4g}"
            on_progress(epoch.number, options.epochs, note)
    if not epoch.examples:
        raise ConfigError(f"{epoch} has no examples, so nothing can be trained.")
    if not are_finite(objective, options.device):
        raise NotFiniteError(f"a weight became NaN or infinite at the end of {epoch}")


def _evaluate(objective: TrainingObjective[BatchT], epoch: _Epoch) -> EpochMetrics:
    for module in objective.modules.values():
        module.eval()
    try:
        with torch.no_grad():
            return {name: float(value) for name, value in objective.after_epoch(epoch.number).items()}
    except NotFiniteError as error:
        raise NotFiniteError(f"{error} became NaN or infinite after {epoch}") from error


def _is_best(metrics: EpochMetrics, history: Sequence[EpochMetrics], best: str | None) -> bool:
    """Return whether an epoch's weights are written: the first one's, and those that score better than all before."""
    if best is None or not history:
        return True
    scores = [before[best] for before in history if not math.isnan(before[best])]
    return metrics[best] > max(scores, default=-math.inf)


def _torch_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, 1)).generate_state(1, np.uint64)[0])
