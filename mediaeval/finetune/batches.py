"""Batches of augmented images: order and augmentation follow from (seed, epoch, image id, draw) alone.

The number of worker processes changes nothing but the time, nor does it that a GPU gets its batches ahead.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import InterpolationMode, v2

from mediaeval.features.images import Images
from mediaeval.features.windows import OPENCV
from mediaeval.finetune.network import View
from mediaeval.finetune.pixels import DecodedImages
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.seeding import seeded
from mediaeval.training.objective import epoch_rng

SCALE = (0.35, 1.0)  # share of the area that a resized crop takes; less often misses what the image shows
_CPU = torch.device("cpu")
_SHARED_MEMORY = Path("/dev/shm")  # through which workers give their batches on Linux

Batch = tuple[Tensor, Tensor, Tensor]  # pixels uint8 (n, 3, crop, crop), targets (n, L), vectors (n, width)
Draw = tuple[int, int, int]  # (epoch, row of an image, how often the epoch has drawn it before)


@dataclass(frozen=True)
class Examples:
    """Images and what a system learns from them; rows are in the order of `images.ids`.

    targets  0 or 1, float32 (n_images, n_labels)
    vectors  what the network reads beside pixels, float32 (n_images, width); None if it reads nothing else
    """

    images: Images
    targets: np.ndarray
    vectors: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images.ids)


def augmentation(view: View, settings: TrainingSettings) -> v2.Compose:
    """Return the steps from a resized training image to its augmented square; they draw from torch's generator."""
    mode = InterpolationMode("bilinear" if view.interpolation == OPENCV else view.interpolation)
    crop = {
        "resized": v2.RandomResizedCrop(view.crop, scale=SCALE, interpolation=mode, antialias=True),
        "random": v2.RandomCrop(view.crop, pad_if_needed=True),
        "centre": v2.CenterCrop(view.crop),
    }[settings.crop]
    steps = [crop, v2.RandomHorizontalFlip()]
    if settings.randaugment:
        magnitude, bilinear = settings.randaugment, InterpolationMode.BILINEAR
        steps.append(v2.RandAugment(num_ops=2, magnitude=magnitude, interpolation=bilinear))
    return v2.Compose(steps)


class _Augmented(Dataset[Batch]):
    """Draw → one augmented image, with its target and vector."""

    def __init__(self, decoded: DecodedImages, examples: Examples, settings: TrainingSettings, seed: int):
        self.decoded, self.ids, self.seed = decoded, examples.images.ids, seed
        no_vectors = np.zeros((len(examples), 0), np.float32)
        self.targets = torch.from_numpy(examples.targets)
        self.vectors = torch.from_numpy(no_vectors if examples.vectors is None else examples.vectors)
        self.augment = augmentation(decoded.view, settings)

    def __getitem__(self, at: Draw) -> Batch:
        epoch, row, draw = at
        image_id = self.ids[row]
        with seeded(_seed(self.seed, epoch, image_id, draw), _CPU):
            image = self.augment(self.decoded[image_id])
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        return pixels, self.targets[row], self.vectors[row]


def _seed(seed: int, epoch: int, image_id: str, draw: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {epoch} {draw} {image_id}".encode()).digest()[:7])


class _Order(Sampler[list[Draw]]):
    """The batches of one epoch after the other, from `epoch` on, so that workers need not wait between two epochs.

    They are as equal in size as possible: nothing can be learned from a single image.
    """

    def __init__(self, targets: np.ndarray, batch_size: int, balanced: bool, epochs: int, seed: int):
        self.n, self.epochs, self.seed = len(targets), epochs, seed
        self.n_batches = max(min(-(-self.n // batch_size), self.n // 2), 1)  # at least two images per batch
        self.weights = balanced_weights(targets) if balanced else None
        self.epoch = 0

    def __iter__(self) -> Iterator[list[Draw]]:
        for epoch in range(self.epoch, self.epochs):
            yield from self._of(epoch)

    def _of(self, epoch: int) -> Iterator[list[Draw]]:
        rng = epoch_rng(self.seed, epoch)
        order = rng.permutation(self.n) if self.weights is None else rng.choice(self.n, self.n, p=self.weights)
        drawn: Counter[int] = Counter()
        for rows in np.array_split(order, self.n_batches):
            batch = []
            for row in rows.tolist():
                batch.append((epoch, row, drawn[row]))
                drawn[row] += 1
            yield batch


def balanced_weights(targets: np.ndarray) -> np.ndarray:
    """Return the probability of each image to be drawn, float64 (n,), summing to 1, for targets 0/1 (n, L).

    A label weighs 1 / its number of images, an image as much as its labels on average; an image without labels weighs
    as much as the most frequent label. With one label per image, all labels that occur are drawn equally often.
    """
    count = targets.sum(axis=0)
    weight_of_label = np.where(count > 0, 1 / np.maximum(count, 1), 0.0)
    n_labels = targets.sum(axis=1)
    least = weight_of_label[weight_of_label > 0].min() if (weight_of_label > 0).any() else 1.0
    weights: np.ndarray = np.where(n_labels > 0, targets @ weight_of_label / np.maximum(n_labels, 1), least)
    weights /= weights.sum()
    return weights


class Batches:
    """The batches of a training: called with an epoch, it returns them. Worker processes augment the images.

    device   where they are used. For a GPU, workers put them into memory that it can read by itself.
    workers  number of worker processes; 0: none; None: one per processor, at most 8, and at most 16 for a GPU
    """

    def __init__(
        self,
        decoded: DecodedImages,
        examples: Examples,
        settings: TrainingSettings,
        seed: int,
        device: torch.device = _CPU,
        workers: int | None = None,
    ):
        self._order = _Order(examples.targets, settings.batch_size, settings.balanced, settings.epochs, seed)
        self._device = device
        gpu = device.type == "cuda"
        if workers is None:
            workers = _most_workers(settings.batch_size * 3 * decoded.view.crop**2 if gpu else None)
        self._loader = DataLoader(
            _Augmented(decoded, examples, settings, seed),
            batch_sampler=self._order,
            num_workers=workers,
            pin_memory=gpu,
            generator=torch.Generator(),  # without it, the loader draws from the generator of dropout
        )
        self._running: Iterator[Batch] = iter(())
        self._next = -1  # the epoch whose batches `_running` yields next

    def __call__(self, epoch: int) -> Iterator[Batch]:
        if epoch != self._next:
            self._order.epoch = epoch
            self._running = iter(self._loader)
        batches = self._of(epoch)
        return _copied_beside(batches, self._device) if self._device.type == "cuda" else batches

    def _of(self, epoch: int) -> Iterator[Batch]:
        self._next = -1  # an epoch that is left early is no place to go on from
        yield from islice(self._running, self._order.n_batches)
        self._next = epoch + 1


def _most_workers(batch_bytes: int | None) -> int:
    """Return how many worker processes augment images. `batch_bytes`: of the pixels of a batch for a GPU; None: no GPU.

    Each worker has two batches in the shared memory, which is small in many containers.
    """
    n_cpus = os.cpu_count() or 1
    few = min(n_cpus, 8)
    if batch_bytes is None or not _SHARED_MEMORY.is_dir():
        return few
    return max(few, min(n_cpus, 16, shutil.disk_usage(_SHARED_MEMORY).free // (4 * batch_bytes)))


def _copied_beside(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Yield batches on a GPU, copied on a stream of its own while it still computes with the batch before."""
    stream = torch.cuda.Stream(device)
    for batch in batches:
        with torch.cuda.stream(stream):
            pixels, targets, vectors = (tensor.to(device, non_blocking=True) for tensor in batch)
        computing = torch.cuda.current_stream(device)
        computing.wait_stream(stream)
        for tensor in (pixels, targets, vectors):
            tensor.record_stream(computing)  # its memory is not given away while it is computed with
        yield pixels, targets, vectors
