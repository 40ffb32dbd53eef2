"""The one training loop of networks: of those that nobody publishes weights for, and of systems trained end to end.

After every epoch two files are written, each whole or not at all: the weights, and beside them `NAME.training`, the
state from which a training that was killed goes on. All that is random in an epoch follows from (seed, epoch) alone, so
the state holds no generators, and a training that was resumed ends with the same file, to the byte on one machine, as
one that ran through. torch's global generators are left as found.
"""

import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from mediaeval.errors import ConfigError
from mediaeval.files import write_atomically
from mediaeval.seeding import seeded
from mediaeval.training.output import SUFFIX, file_problems

METADATA = "training"  # the file's one key, of JSON: safetensors writes several keys in an order of chance
Row = dict[str, float]  # one epoch of a history


class NotFiniteError(ValueError):
    """Raised by `after_epoch` for outputs that are infinite or no number; its text names them. It ends in `train`."""


def train(
    *,
    modules: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    batches: Callable[[int], Iterable[Any]],
    loss: Callable[[Any], Tensor],
    size: Callable[[Any], int],
    epochs: int,
    lr_at: Callable[[int, int, Sequence[Row]], float],
    out: Path,
    weights: Callable[[], Mapping[str, Tensor]],
    metadata: Mapping[str, str],
    seed: int,
    device: torch.device,
    clip: float | None = None,
    parts: Callable[[Any], Iterable[tuple[Any, float]]] = lambda batch: ((batch, 1.0),),
    after_step: Callable[[], None] = lambda: None,
    after_epoch: Callable[[int], Mapping[str, float]] | None = None,
    best: str | None = None,
    resume: bool = False,
    keep_state: bool = False,
    advice: str = "Lower --lr (it was {lr:g}), or look for features that are not finite.",
    on_progress: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> list[Row]:
    """Train `epochs` epochs, counted from 0; return the history.

    modules      name → network, on `device` already; all are set to train mode for an epoch, to eval mode after it
    optimiser    over parameters of the modules; a group with a `lr_scale` learns at that many times the rate
    batches      epoch → its batches, a new iterable each time; what is random in it must come from
                 `epoch_rng(seed, epoch)`
    loss         batch → scalar; it may draw from torch's global generators (dropout), which are seeded for each epoch
    size         batch → examples in it
    lr_at        (epoch, examples seen before this batch since the first epoch, history so far) → learning rate of the
                 batch; the history is what a rate that waits for a plateau goes by, and it survives a resume
    out          .safetensors to write
    weights      () → what to write into it
    metadata     the settings, written into it too, with seed and epoch, as JSON under the key METADATA; a training is
                 resumed only with equal ones
    clip         largest norm of all gradients together; None does not clip
    parts        batch → (part, its share of the batch): gradients of parts are added up before a step is taken
    after_step   called when a step was taken, such as to average the weights
    after_epoch  epoch → further values of its row, such as a validation score; called in eval mode, without gradients;
                 NotFiniteError says that the network is beyond scoring (`all_finite`)
    best         the value, the larger the better, whose best epoch `out` keeps (the first of equals); None: the last
    resume       go on from `out`'s .training, if there is one; else begin
    keep_state   leave the .training of a finished training, which a resume then only reads
    advice       what a person is told to do about a training that diverged; {lr} stands for the rate
    on_progress  (epochs done, epochs, note), after every batch

    A row of the history: epoch, lr (of its last batch), loss (mean over batches, weighted by their size), and what
    `after_epoch` gave. Raises ConfigError before the first step where `out` is there already or cannot be written,
    where an unfinished training lies beside it and is not to be resumed, or where it had other settings; and when the
    loss, a weight or a validation's outputs are no longer finite: then the files of the last good epoch stay.
    """
    out = Path(out)
    if problems := file_problems(out, resume):
        raise ConfigError(*problems)
    state_file = out.with_suffix(SUFFIX)
    settings = dict(metadata) | {"seed": str(seed)}
    history: list[Row] = []
    examples = 0
    if resume and state_file.exists():
        history, examples = _read_state(state_file, modules, optimiser, settings)
        if history and not out.exists():
            raise ConfigError(f"{state_file} is there, but {out} is not. Delete the first, and train anew.")
        if len(history) > epochs:
            raise ConfigError(f"{state_file}: {len(history)} epochs are done, more than the {epochs} wanted.")

    def diverged(what: str, lr: float) -> ConfigError:
        kept = f"{out} keeps the weights of before" if history else "nothing was written"
        return ConfigError(f"{what}; {kept}. {advice.format(lr=lr)}")

    for epoch in range(len(history), epochs):
        for module in modules.values():
            module.train()
        total, seen, lr = 0.0, 0, math.nan
        with seeded(_torch_seed(seed, epoch), device):
            for number, batch in enumerate(batches(epoch)):
                lr = lr_at(epoch, examples, history)
                value = _step(loss, parts(batch), modules, optimiser, lr, clip)
                if not math.isfinite(value):
                    raise diverged(f"the loss became {value} in epoch {epoch}, batch {number}", lr)
                after_step()
                count = size(batch)
                total, seen, examples = total + value * count, seen + count, examples + count
                on_progress(epoch, epochs, f"epoch {epoch}: {seen} examples, loss {total / seen:.4g}")
        if not seen:
            raise ConfigError(f"epoch {epoch} has no examples: nothing can be trained.")
        kept = chain.from_iterable((*module.parameters(), *module.buffers()) for module in modules.values())
        if not all(tensor.isfinite().all() for tensor in kept):
            raise diverged(f"a weight became infinite or no number at the end of epoch {epoch}", lr)
        for module in modules.values():
            module.eval()
        row: Row = {"epoch": epoch, "lr": lr, "loss": total / seen}
        if after_epoch is not None:
            try:
                with torch.no_grad():
                    row |= {name: float(value) for name, value in after_epoch(epoch).items()}
            except NotFiniteError as error:
                raise diverged(f"{error} became infinite or no number after epoch {epoch}", lr) from error
        before = [old[best] for old in history if not math.isnan(old[best])] if best else []
        if best is None or not history or row[best] > max(before, default=-math.inf):
            _write_weights(out, weights(), settings | {"epoch": str(epoch)})
        history.append(row)
        # after the weights: a kill between the two repeats the epoch, and so writes the same weights again
        _write_state(state_file, modules, optimiser, settings, history, examples)
        on_progress(epoch + 1, epochs, f"epoch {epoch}: loss {row['loss']:.4g}")
    if not keep_state:
        state_file.unlink(missing_ok=True)
    return history


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator of one epoch's order, negatives and other draws; the loop's own (dropout) is another."""
    return np.random.default_rng(np.random.SeedSequence((seed, epoch, 0)))


def all_finite(outputs: Tensor, what: str) -> Tensor:
    """Return outputs of a validation as they are; raise NotFiniteError, naming them, if one is not finite."""
    if not outputs.isfinite().all():
        raise NotFiniteError(what)
    return outputs


def _torch_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, 1)).generate_state(1, np.uint64)[0])


def _step(loss, parts, modules, optimiser, lr: float, clip: float | None) -> float:
    """Take one step and return the loss; a loss that is not finite takes none."""
    for group in optimiser.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)
    optimiser.zero_grad()
    value = 0.0
    for part, share in parts:
        result = loss(part) * share
        value += result.item()
        if not math.isfinite(value):
            return value
        result.backward()
    if clip is not None:
        nn.utils.clip_grad_norm_([p for module in modules.values() for p in module.parameters()], clip)
    optimiser.step()
    return value


def _write_weights(out: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    # copies: safetensors refuses tensors that share memory
    plain = {key: tensor.detach().to("cpu", copy=True).contiguous() for key, tensor in tensors.items()}
    write_atomically(out, save(plain, {METADATA: json.dumps(metadata, sort_keys=True, ensure_ascii=False)}))


def _write_state(file: Path, modules, optimiser, settings, history: list[Row], examples: int) -> None:
    buffer = io.BytesIO()
    state = {
        "modules": {name: module.state_dict() for name, module in modules.items()},
        "optimiser": optimiser.state_dict(),
        "settings": settings,
        "history": history,
        "examples": examples,
    }
    torch.save(state, buffer)
    write_atomically(file, buffer.getbuffer())


def _read_state(file: Path, modules, optimiser, settings) -> tuple[list[Row], int]:
    """Load modules and optimiser as they were; return the history and the examples seen."""
    unusable = f"{file} cannot be resumed from ({{}}). Delete it, and train anew."
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch, pickle and zip each raise what befell them on a damaged file
        raise ConfigError(unusable.format(f"it is damaged: {type(error).__name__}")) from error
    if not isinstance(state, dict) or state.keys() != {"modules", "optimiser", "settings", "history", "examples"}:
        raise ConfigError(unusable.format("it is no state of a training"))
    old = state["settings"]
    changed = [
        f"  {key}: it was {old.get(key, 'unset')}, now {settings.get(key, 'unset')}"
        for key in sorted(old.keys() | settings.keys())
        if old.get(key) != settings.get(key)
    ]
    if changed:
        raise ConfigError(f"{file} is of a training with other settings. Resume with the same:", *changed)
    try:
        for name, module in modules.items():
            module.load_state_dict(state["modules"][name])
        optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise ConfigError(unusable.format("it is of another network")) from error
    return state["history"], state["examples"]
