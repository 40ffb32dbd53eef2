"""Training a system: one loop for all of them, which a killed training goes on with to the same result."""

import copy
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mediaeval.errors import ConfigError, DatasetError
from mediaeval.finetune.batches import Batch, Batches
from mediaeval.finetune.built import Built
from mediaeval.finetune.pictures import Photographs, Pictures
from mediaeval.finetune.recipe import loss_of, lr_at, mixing_of, optimiser_of, settled
from mediaeval.finetune.settings import Recipe
from mediaeval.training.loop import all_finite
from mediaeval.training.loop import train as run_loop
from mediaeval.training.output import SUFFIX

_PIXELS = "pixels-"  # folders of decoded photographs, beside the state
EVAL_BATCH = 16  # images; batches have one size, the last one filled up: see features.network.BATCH


def train_system(
    built: Built,
    recipe: Recipe,
    photographs: Photographs,
    targets: np.ndarray,
    *,
    multi_label: bool,
    state: Path,
    about: Mapping[str, str],
    seed: int,
    device: torch.device,
    resume: bool = False,
    validation: tuple[Photographs, np.ndarray] | None = None,
    on_image: Callable[[int, int], None] = lambda done, total: None,
    on_progress: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> list[dict[str, float]]:
    """Train the network in place; return the history, a row an epoch.

    targets     float32 0/1, (n_images, n_labels), rows in the order of `photographs.ids`
    state       .safetensors that holds the weights of the last finished epoch, beside it what a training that was
                killed goes on from (with `resume`, and the same `about`: what it is a training of). It stays when the
                training is finished; a finished one that is resumed is read.
    validation  photographs held out, with their targets: they change nothing but `val_loss` and `val_f1`

    Raises ConfigError when loss, weights or validation scores are no longer finite (naming the batch; `state` keeps the
    last good epoch), when an unfinished training is there and not resumed, or was another; DatasetError for fewer than
    two photographs.
    """
    if len(photographs.ids) < 2:
        raise DatasetError(f"{len(photographs.ids)} photographs to train on: at least 2 are wanted.")
    if recipe.mixup or recipe.cutmix:
        _require_no_vectors(photographs)
    recipe = settled(recipe, device)
    network = built.network.to(device)
    layout = _layout(recipe, device)
    network.to(memory_format=layout)
    average = Average(network, recipe.ema) if recipe.ema else None
    kept = average.network if average else network

    mix, criterion = mixing_of(recipe), loss_of(recipe, multi_label)
    half = recipe.precision == "bfloat16"
    clock = _Clock()

    def loss(batch: Batch) -> Tensor:
        pixels, wanted, vectors = (tensor.to(device, non_blocking=True) for tensor in batch)
        pixels = pixels.float().contiguous(memory_format=layout)
        if mix:
            pixels, wanted = mix(pixels, wanted)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            scores = network(pixels, vectors if vectors.shape[1] else None)
        return criterion(scores.float(), wanted)

    def parts(batch: Batch) -> Iterator[tuple[Batch, float]]:
        count = max(min(recipe.accumulate, len(batch[0]) // 2), 1)  # one image has no batch statistics
        pieces = zip(*(tensor.tensor_split(count) for tensor in batch), strict=True)
        return ((piece, len(piece[0]) / len(batch[0])) for piece in pieces)

    _clear_leftovers(state)
    with tempfile.TemporaryDirectory(dir=state.parent, prefix=_PIXELS) as temporary:

        @cache
        def pictures() -> Pictures:
            held_out = validation[0].ids if validation else ()
            everything = photographs.some(dict.fromkeys([*photographs.ids, *held_out]))
            return Pictures(everything, built.view, Path(temporary), on_image)

        @cache
        def batches() -> Batches:
            return Batches(pictures(), list(photographs.ids), targets, photographs.matrix(), recipe, seed)

        def batches_of(epoch: int) -> Iterator[Batch]:
            if _keeps_norms(recipe):  # the loop has just put all of the network into train mode
                for module in network.modules():
                    if isinstance(module, _BatchNorm):
                        module.eval()
            return clock.timed(batches()(epoch))

        def after_epoch(epoch: int) -> dict[str, float]:
            return _validate(kept, pictures(), *validation, criterion, multi_label) if validation else {}

        history = run_loop(
            modules={"network": network} | ({"average": average} if average else {}),
            optimiser=optimiser_of(built, recipe),
            batches=batches_of,
            loss=loss,
            size=lambda batch: len(batch[0]),
            epochs=recipe.epochs,
            lr_at=lr_at(recipe, len(photographs.ids)),
            out=state,
            weights=kept.state_dict,
            metadata=about,
            seed=seed,
            device=device,
            clip=recipe.clip,
            parts=parts,
            after_step=(lambda: average.update(network)) if average else lambda: None,
            after_epoch=after_epoch,
            resume=resume,
            keep_state=True,
            advice="Lower the rate (lr was {lr:g}), or set clip = 1.0, and train anew with --replace.",
            on_progress=lambda done, total, note: on_progress(done, total, f"{note}, {clock}"),
        )
    if average:
        network.load_state_dict(kept.state_dict())
    network.eval()
    return history


class Average(nn.Module):
    """The weights averaged over the steps of a training, exponentially: a copy of the network that follows it.

    The share of what was before rises with the steps to `decay`, as (1 + step) / (10 + step): a short training would
    else keep the weights that it began with. The count is part of the state, and so survives a resume.
    """

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


def scores_of(network: nn.Module, pixels: np.ndarray, vectors: np.ndarray | None = None) -> Tensor:
    """Return the scores of pixels, uint8 (n, crop, crop, 3), in float32 on the CPU, (n, n_labels).

    `vectors`: float32 (n, width), where the network reads such. The network is in eval mode; batches of EVAL_BATCH.
    """
    device = next(network.parameters()).device
    found = []
    with torch.inference_mode():
        for start in range(0, len(pixels), EVAL_BATCH):
            some = pixels[start : start + EVAL_BATCH]
            beside = None if vectors is None else torch.from_numpy(_filled(vectors[start : start + EVAL_BATCH]))
            x = torch.from_numpy(_filled(some)).to(device).permute(0, 3, 1, 2).float()
            scores = network(x, None if beside is None else beside.to(device))
            found.append(scores[: len(some)].float().cpu())
    return torch.cat(found)


def _filled(rows: np.ndarray) -> np.ndarray:
    """Return a batch of EVAL_BATCH rows, zeros behind those that there are: kernels are chosen by the batch's size."""
    batch = np.zeros((EVAL_BATCH, *rows.shape[1:]), rows.dtype)
    batch[: len(rows)] = rows
    return batch


def _validate(
    network: nn.Module,
    pictures: Pictures,
    photographs: Photographs,
    targets: np.ndarray,
    criterion: Callable[[Tensor, Tensor], Tensor],
    multi_label: bool,
) -> dict[str, float]:
    """Return loss and weighted F1 of photographs held out; labels by the largest score, or above .5 each."""
    vectors, found = photographs.matrix(), []
    for start in range(0, len(photographs.ids), EVAL_BATCH):
        pixels = np.stack([pictures.middle(i) for i in photographs.ids[start : start + EVAL_BATCH]])
        found.append(scores_of(network, pixels, None if vectors is None else vectors[start : start + EVAL_BATCH]))
    scores = all_finite(torch.cat(found), "a score of a validation image")
    said = scores.numpy() >= 0 if multi_label else np.eye(targets.shape[1])[scores.argmax(dim=1).numpy()]
    return {
        "val_loss": float(criterion(scores, torch.from_numpy(targets))),
        "val_f1": f1_score(targets, said, average="weighted", zero_division=0),
    }


def _clear_leftovers(state: Path) -> None:
    """Remove what a kill left that nothing can go on from: pixels, and weights without the state beside them."""
    state.parent.mkdir(parents=True, exist_ok=True)
    for folder in state.parent.glob(f"{_PIXELS}*"):
        shutil.rmtree(folder, ignore_errors=True)
    if not state.with_suffix(SUFFIX).exists():
        state.unlink(missing_ok=True)


def _keeps_norms(recipe: Recipe) -> bool:
    """Return whether batch normalisation uses the statistics that were loaded."""
    return recipe.batch_norm == "frozen" or (recipe.batch_norm == "auto" and recipe.init == "pretrained")


def _layout(recipe: Recipe, device: torch.device) -> torch.memory_format:
    """Return how pixels lie in memory: channels last where that is faster, measured on MobileNetV2.

    On a GPU; on a processor in float32 (1.4 times as fast), not in bfloat16 (0.6 times).
    """
    last = device.type == "cuda" or recipe.precision == "float32"
    return torch.channels_last if last else torch.contiguous_format


class _Clock:
    """What share of the time since its first batch a training waited for photographs."""

    def __init__(self) -> None:
        self.waited, self.since = 0.0, 0.0

    def timed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        self.since = self.since or time.perf_counter()
        batches = iter(batches)
        while True:
            begun = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            finally:
                self.waited += time.perf_counter() - begun
            yield batch

    def __str__(self) -> str:
        whole = time.perf_counter() - self.since
        return f"{self.waited / whole:.0%} of the time waiting for photographs"


def _require_no_vectors(photographs: Photographs) -> None:
    if photographs.vectors is not None:
        raise ConfigError("mixup and cutmix mix pixels, and this system reads vectors beside them. Leave them at 0.")
