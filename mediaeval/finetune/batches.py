"""Batches of augmented images: order and augmentation follow from (seed, epoch, image id, draw) alone.

The number of worker processes changes nothing but the time.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

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
    """The batches of one epoch. They are as equal in size as possible: nothing can be learned from a single image."""

    def __init__(self, targets: np.ndarray, batch_size: int, balanced: bool, seed: int):
        self.n, self.seed = len(targets), seed
        self.n_batches = max(min(-(-self.n // batch_size), self.n // 2), 1)  # at least two images per batch
        self.weights = balanced_weights(targets) if balanced else None
        self.epoch = 0

    def __iter__(self) -> Iterator[list[Draw]]:
        rng = epoch_rng(self.seed, self.epoch)
        order = rng.permutation(self.n) if self.weights is None else rng.choice(self.n, self.n, p=self.weights)
        drawn: Counter[int] = Counter()
        for rows in np.array_split(order, self.n_batches):
            batch = []
            for row in rows.tolist():
                batch.append((self.epoch, row, drawn[row]))
                drawn[row] += 1
            yield batch

    def __len__(self) -> int:
        return self.n_batches


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

    workers  number of worker processes; 0: none; None: one per processor, at most 8
    """

    def __init__(
        self,
        decoded: DecodedImages,
        examples: Examples,
        settings: TrainingSettings,
        seed: int,
        workers: int | None = None,
    ):
        self._order = _Order(examples.targets, settings.batch_size, settings.balanced, seed)
        workers = min(os.cpu_count() or 1, 8) if workers is None else workers
        self._loader = DataLoader(
            _Augmented(decoded, examples, settings, seed),
            batch_sampler=self._order,
            num_workers=workers,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # without it, the loader draws from the generator of dropout
        )

    def __call__(self, epoch: int) -> Iterator[Batch]:
        self._order.epoch = epoch
        return iter(self._loader)
