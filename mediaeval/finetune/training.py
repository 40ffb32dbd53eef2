"""Training a system end to end; an interrupted training can be resumed, and ends with the same result."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mediaeval.errors import ConfigError, DatasetError, first_line, is_gpu_lost, is_out_of_memory
from mediaeval.files import clear_leftovers, passing_folder
from mediaeval.finetune.averaging import Average
from mediaeval.finetune.batches import Batch, Batches, Examples
from mediaeval.finetune.network import SystemNetwork
from mediaeval.finetune.pixels import DecodedImages, OnImage
from mediaeval.finetune.recipe import loss_of, lr_at, mixing_of, optimiser_of, resolve_precision
from mediaeval.finetune.scoring import eval_batch, scores_on_device
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.finetune.waiting import WaitingTime
from mediaeval.training.loop import LoopOptions, OnProgress, no_progress, train
from mediaeval.training.objective import EpochMetrics, TrainingObjective, all_finite
from mediaeval.training.output import STATE_SUFFIX

_ADVICE = "Lower lr (it was {lr:g}) or set clip = 1.0, then train again with --replace."

_NO_MEMORY = (
    "out of memory while training with system.batch_size = {n}. Let a batch through in smaller parts "
    "(system.accumulate = {parts}), set a smaller batch_size or image_size, or close other programs; then train again "
    "with --replace."
)

_GPU_LOST = (
    "the GPU failed or was taken away while training ({why}). The epochs that were finished are kept: see that "
    "nvidia-smi lists the GPU, then continue with --resume."
)


def train_system(
    built: SystemNetwork,
    settings: TrainingSettings,
    examples: Examples,
    *,
    multi_label: bool,
    state: Path,
    metadata: Mapping[str, str],
    seed: int,
    device: torch.device,
    resume: bool = False,
    validation: Examples | None = None,
    on_image: OnImage = lambda done, total: None,
    on_progress: OnProgress = no_progress,
) -> list[EpochMetrics]:
    """Train the network in place; return the history, a dictionary per epoch.

    state       .safetensors file of the weights after the last finished epoch; beside it lies what an interrupted
                training is resumed from. It is kept when the training is finished; resuming that one only reads it.
    metadata    what the training depends on, as text; a training is resumed only with equal metadata
    validation  images held out; they influence nothing but `val_loss` and `val_f1` of the history

    Raises ConfigError when the loss, a weight or a validation score becomes NaN or infinite (`state` keeps the last
    good epoch), where memory is short, when the GPU fails or is taken away, and if an unfinished training lies in
    `state` and is not to be resumed or had other metadata; DatasetError for fewer than two images.
    """
    if len(examples) < 2:
        raise DatasetError(f"got {len(examples)} images to train on; expected at least 2.")
    if (settings.mixup or settings.cutmix) and examples.vectors is not None:
        raise ConfigError("mixup and cutmix mix pixels, but this system reads vectors beside them. Leave both at 0.")
    settings = resolve_precision(settings, device)
    _clear_leftovers(state)
    with passing_folder(state.parent) as folder, _of_the_device(settings):
        objective = FineTuning(
            built,
            settings,
            examples,
            multi_label=multi_label,
            metadata=metadata,
            seed=seed,
            device=device,
            folder=folder,
            validation=validation,
            on_image=on_image,
        )
        options = LoopOptions(
            epochs=settings.epochs,
            seed=seed,
            device=device,
            clip=settings.clip,
            resume=resume,
            beside=device.type == "cuda",
            keep_state=True,
            advice=_ADVICE,
        )

        def with_waiting(done: int, total: int, note: str) -> None:
            on_progress(done, total, f"{note}, {objective.waiting}" if note else "")

        history = train(objective, options, state, with_waiting)
        objective.finish()
    return history


@contextlib.contextmanager
def _of_the_device(settings: TrainingSettings) -> Iterator[None]:
    """Raise ConfigError, with what to do, where memory is short or a GPU is lost."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_gpu_lost(error):
            raise ConfigError(_GPU_LOST.format(why=first_line(error))) from error
        if is_out_of_memory(error):
            raise ConfigError(_NO_MEMORY.format(n=settings.batch_size, parts=2 * settings.accumulate)) from error
        raise


class FineTuning(TrainingObjective[Batch]):
    """A system's network, trained on augmented images, which are decoded when the first batch is needed.

    settings  with their precision resolved
    folder    for the decoded pixels; the caller removes it
    """

    def __init__(
        self,
        built: SystemNetwork,
        settings: TrainingSettings,
        examples: Examples,
        *,
        multi_label: bool,
        metadata: Mapping[str, str],
        seed: int,
        device: torch.device,
        folder: Path,
        validation: Examples | None,
        on_image: OnImage,
    ):
        self.settings, self.examples, self.validation = settings, examples, validation
        self.multi_label, self.metadata, self.seed, self.device = multi_label, metadata, seed, device
        self.view, self.folder, self.on_image = built.view, folder, on_image
        self.layout = _memory_layout(settings, device)
        self.network = built.network.to(device)
        self.network.to(memory_format=self.layout)
        self.average = Average(self.network, settings.ema) if settings.ema else None
        self.modules = {"network": self.network} | ({"average": self.average} if self.average else {})
        self.optimiser = optimiser_of(built, settings)
        self.rate = lr_at(settings, len(examples))
        self.mix, self.criterion = mixing_of(settings), loss_of(settings, multi_label)
        self.waiting = WaitingTime()

    @cached_property
    def decoded(self) -> DecodedImages:
        """All images, including those held out, decoded into a file; a training that is only read needs none."""
        held_out = self.validation.images.ids if self.validation else ()
        images = self.examples.images
        everything = images.some(list(dict.fromkeys([*images.ids, *held_out])))
        return DecodedImages(everything, self.view, self.folder, self.on_image)

    @cached_property
    def augmented(self) -> Batches:
        return Batches(self.decoded, self.examples, self.settings, self.seed, self.device)

    def batches(self, epoch: int) -> Iterator[Batch]:
        if _freezes_norms(self.settings):  # the loop has just put the whole network into train mode
            for module in self.network.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self.waiting.measured(self.augmented(epoch))

    def loss(self, batch: Batch) -> Tensor:
        pixels, targets, vectors = (tensor.to(self.device, non_blocking=True) for tensor in batch)
        pixels = pixels.float().contiguous(memory_format=self.layout)
        if self.mix:
            pixels, targets = self.mix(pixels, targets)
        half = self.settings.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            scores = self.network(pixels, vectors if vectors.shape[1] else None)
        return self.criterion(scores.float(), targets)

    def size(self, batch: Batch) -> int:
        return len(batch[0])

    def parts(self, batch: Batch) -> Iterator[tuple[Batch, float]]:
        n_images = len(batch[0])
        count = max(min(self.settings.accumulate, n_images // 2), 1)  # one image has no statistics of a batch
        for pixels, targets, vectors in zip(*(tensor.tensor_split(count) for tensor in batch), strict=True):
            yield (pixels, targets, vectors), len(pixels) / n_images

    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        return self.rate(epoch, examples, history)

    def after_step(self) -> None:
        if self.average:
            self.average.update(self.network)

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Return loss and weighted F1 of the images held out; labels by the largest score, or each above .5."""
        if not self.validation:
            return {}
        ids, targets, vectors = self.validation.images.ids, self.validation.targets, self.validation.vectors
        found, size = [], eval_batch(self.device)
        for start in range(0, len(ids), size):
            pixels = np.stack([self.decoded.centre_crop(i) for i in ids[start : start + size]])
            beside = None if vectors is None else vectors[start : start + size]
            found.append(scores_on_device(self.kept, pixels, beside))
        scores = all_finite(torch.cat(found).cpu(), "a score of a validation image")
        decided = scores.numpy() >= 0 if self.multi_label else np.eye(targets.shape[1])[scores.argmax(dim=1).numpy()]
        return {
            "val_loss": float(self.criterion(scores, torch.from_numpy(targets))),
            "val_f1": f1_score(targets, decided, average="weighted", zero_division=0),
        }

    @property
    def kept(self) -> nn.Module:
        """The network whose weights are written and validated: the averaged one, if weights are averaged."""
        return self.average.network if self.average else self.network

    def weights(self) -> Mapping[str, Tensor]:
        return self.kept.state_dict()

    def finish(self) -> None:
        """Prepare the network for predicting: load the averaged weights, if any, and switch to eval mode."""
        if self.average:
            self.network.load_state_dict(self.average.network.state_dict())
        self.network.eval()


def _clear_leftovers(state: Path) -> None:
    """Remove what a killed training left and nothing can be resumed from: pixels, and weights without a state file."""
    state.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(state.parent)
    if not state.with_suffix(STATE_SUFFIX).exists():
        state.unlink(missing_ok=True)


def _freezes_norms(settings: TrainingSettings) -> bool:
    """Return whether batch normalisation uses the statistics that were loaded."""
    return settings.batch_norm == "frozen" or (settings.batch_norm == "auto" and settings.init == "pretrained")


def _memory_layout(settings: TrainingSettings, device: torch.device) -> torch.memory_format:
    """Return how pixels lie in memory: channels last where that is faster, as measured with MobileNetV2.

    That is on a GPU, and on a CPU in float32 (1.4 times as fast) but not in bfloat16 (0.6 times).
    """
    last = device.type == "cuda" or settings.precision == "float32"
    return torch.channels_last if last else torch.contiguous_format
