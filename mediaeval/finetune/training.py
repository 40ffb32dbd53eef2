"""Training a system: one loop for all of them, which a killed training goes on with to the same result."""

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from mediaeval.errors import ConfigError, DatasetError
from mediaeval.finetune.averaging import Average
from mediaeval.finetune.batches import Batch, Batches
from mediaeval.finetune.network import SystemNetwork
from mediaeval.finetune.pictures import OnImage, Photographs, Pictures
from mediaeval.finetune.recipe import loss_of, lr_at, mixing_of, optimiser_of, resolve_precision
from mediaeval.finetune.scoring import EVAL_BATCH, scores_of
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.training.loop import LoopOptions, OnProgress, no_progress, train
from mediaeval.training.objective import EpochMetrics, TrainingObjective, all_finite
from mediaeval.training.output import STATE_SUFFIX

_PIXELS = "pixels-"  # folders of decoded photographs, beside the state
_ADVICE = "Lower lr (it was {lr:g}) or set clip = 1.0, then train again with --replace."


def train_system(
    built: SystemNetwork,
    recipe: TrainingSettings,
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
    on_image: OnImage = lambda done, total: None,
    on_progress: OnProgress = no_progress,
) -> list[EpochMetrics]:
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
    recipe = resolve_precision(recipe, device)
    _clear_leftovers(state)
    with tempfile.TemporaryDirectory(dir=state.parent, prefix=_PIXELS) as folder:
        objective = FineTuning(
            built,
            recipe,
            photographs,
            targets,
            multi_label=multi_label,
            metadata=about,
            seed=seed,
            device=device,
            folder=Path(folder),
            validation=validation,
            on_image=on_image,
        )
        options = LoopOptions(
            epochs=recipe.epochs,
            seed=seed,
            device=device,
            clip=recipe.clip,
            resume=resume,
            keep_state=True,
            advice=_ADVICE,
        )

        def with_waiting(done: int, total: int, note: str) -> None:
            on_progress(done, total, f"{note}, {objective.clock}")

        history = train(objective, options, state, with_waiting)
    objective.finish()
    return history


class FineTuning(TrainingObjective[Batch]):
    """A system's network on augmented photographs, which are decoded when the first batch is asked for.

    recipe  one whose precision is not auto
    folder  for the decoded pixels; the caller removes it
    """

    def __init__(
        self,
        built: SystemNetwork,
        recipe: TrainingSettings,
        photographs: Photographs,
        targets: np.ndarray,
        *,
        multi_label: bool,
        metadata: Mapping[str, str],
        seed: int,
        device: torch.device,
        folder: Path,
        validation: tuple[Photographs, np.ndarray] | None,
        on_image: OnImage,
    ):
        self.recipe, self.photographs, self.targets = recipe, photographs, targets
        self.multi_label, self.metadata, self.seed, self.device = multi_label, metadata, seed, device
        self.view, self.folder, self.validation, self.on_image = built.view, folder, validation, on_image
        self.layout = _layout(recipe, device)
        self.network = built.network.to(device)
        self.network.to(memory_format=self.layout)
        self.average = Average(self.network, recipe.ema) if recipe.ema else None
        self.modules = {"network": self.network} | ({"average": self.average} if self.average else {})
        self.optimiser = optimiser_of(built, recipe)
        self.rate = lr_at(recipe, len(photographs.ids))
        self.mix, self.criterion = mixing_of(recipe), loss_of(recipe, multi_label)
        self.clock = _Clock()

    @cached_property
    def pictures(self) -> Pictures:
        """All photographs, those held out too, decoded into a file: not for a training that is only read."""
        held_out = self.validation[0].ids if self.validation else ()
        everything = self.photographs.some(list(dict.fromkeys([*self.photographs.ids, *held_out])))
        return Pictures(everything, self.view, self.folder, self.on_image)

    @cached_property
    def loader(self) -> Batches:
        ids, vectors = list(self.photographs.ids), self.photographs.matrix()
        return Batches(self.pictures, ids, self.targets, vectors, self.recipe, self.seed)

    def batches(self, epoch: int) -> Iterator[Batch]:
        if _keeps_norms(self.recipe):  # the loop has just put all of the network into train mode
            for module in self.network.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self.clock.timed(self.loader(epoch))

    def loss(self, batch: Batch) -> Tensor:
        pixels, targets, vectors = (tensor.to(self.device, non_blocking=True) for tensor in batch)
        pixels = pixels.float().contiguous(memory_format=self.layout)
        if self.mix:
            pixels, targets = self.mix(pixels, targets)
        half = self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            scores = self.network(pixels, vectors if vectors.shape[1] else None)
        return self.criterion(scores.float(), targets)

    def size(self, batch: Batch) -> int:
        return len(batch[0])

    def parts(self, batch: Batch) -> Iterator[tuple[Batch, float]]:
        n_images = len(batch[0])
        count = max(min(self.recipe.accumulate, n_images // 2), 1)  # one image has no batch statistics
        for pixels, targets, vectors in zip(*(tensor.tensor_split(count) for tensor in batch), strict=True):
            yield (pixels, targets, vectors), len(pixels) / n_images

    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        return self.rate(epoch, examples, history)

    def after_step(self) -> None:
        if self.average:
            self.average.update(self.network)

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Return loss and weighted F1 of the photographs held out; labels by the largest score, or above .5 each."""
        if not self.validation:
            return {}
        photographs, targets = self.validation
        network = self.average.network if self.average else self.network
        vectors, found = photographs.matrix(), []
        for start in range(0, len(photographs.ids), EVAL_BATCH):
            pixels = np.stack([self.pictures.middle(i) for i in photographs.ids[start : start + EVAL_BATCH]])
            beside = None if vectors is None else vectors[start : start + EVAL_BATCH]
            found.append(scores_of(network, pixels, beside))
        scores = all_finite(torch.cat(found), "a score of a validation image")
        decided = scores.numpy() >= 0 if self.multi_label else np.eye(targets.shape[1])[scores.argmax(dim=1).numpy()]
        return {
            "val_loss": float(self.criterion(scores, torch.from_numpy(targets))),
            "val_f1": f1_score(targets, decided, average="weighted", zero_division=0),
        }

    def weights(self) -> Mapping[str, Tensor]:
        return (self.average.network if self.average else self.network).state_dict()

    def finish(self) -> None:
        """Leave the network as it is to predict: with the averaged weights, where they are averaged, in eval mode."""
        if self.average:
            self.network.load_state_dict(self.average.network.state_dict())
        self.network.eval()


def _clear_leftovers(state: Path) -> None:
    """Remove what a kill left that nothing can go on from: pixels, and weights without the state beside them."""
    state.parent.mkdir(parents=True, exist_ok=True)
    for folder in state.parent.glob(f"{_PIXELS}*"):
        shutil.rmtree(folder, ignore_errors=True)
    if not state.with_suffix(STATE_SUFFIX).exists():
        state.unlink(missing_ok=True)


def _keeps_norms(recipe: TrainingSettings) -> bool:
    """Return whether batch normalisation uses the statistics that were loaded."""
    return recipe.batch_norm == "frozen" or (recipe.batch_norm == "auto" and recipe.init == "pretrained")


def _layout(recipe: TrainingSettings, device: torch.device) -> torch.memory_format:
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
