"""Batches of augmented photographs: order and augmentation follow from (seed, epoch, image id, draw) alone.

How many worker processes there are changes nothing but the time.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import InterpolationMode, v2

from mediaeval.finetune.network import View
from mediaeval.finetune.pictures import Pictures
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.seeding import seeded
from mediaeval.training.objective import epoch_rng

SCALE = (0.35, 1.0)  # share of the area that a resized crop takes: what a photograph is about should stay in it
_CPU = torch.device("cpu")

Batch = tuple[Tensor, Tensor, Tensor]  # pixels uint8 (n, 3, crop, crop), targets (n, L), vectors (n, width)


def augmentation(view: View, recipe: TrainingSettings) -> v2.Compose:
    """Return what a training image goes through, from the resized picture to its square; by torch's generator."""
    mode = InterpolationMode(view.interpolation)
    cut = {
        "resized": v2.RandomResizedCrop(view.crop, scale=SCALE, interpolation=mode, antialias=True),
        "random": v2.RandomCrop(view.crop, pad_if_needed=True),
        "centre": v2.CenterCrop(view.crop),
    }[recipe.crop]
    steps = [cut, v2.RandomHorizontalFlip()]
    if recipe.randaugment:
        steps.append(v2.RandAugment(num_ops=2, magnitude=recipe.randaugment, interpolation=InterpolationMode.BILINEAR))
    return v2.Compose(steps)


class _Augmented(Dataset):
    """(epoch, place, draw) → one augmented image with its target and vector; `draw`: how often it came before."""

    def __init__(
        self,
        pictures: Pictures,
        ids: list[str],
        targets: np.ndarray,
        vectors: np.ndarray,
        recipe: TrainingSettings,
        seed: int,
    ):
        self.pictures, self.ids, self.seed = pictures, ids, seed
        self.targets, self.vectors = torch.from_numpy(targets), torch.from_numpy(vectors)
        self.augment = augmentation(pictures.view, recipe)

    def __getitem__(self, at: tuple[int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
        epoch, place, draw = at
        image_id = self.ids[place]
        with seeded(_seed(self.seed, epoch, image_id, draw), _CPU):
            image = self.augment(self.pictures[image_id])
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        return pixels, self.targets[place], self.vectors[place]


def _seed(seed: int, epoch: int, image_id: str, draw: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {epoch} {draw} {image_id}".encode()).digest()[:7])


class _Order(Sampler):
    """The batches of one epoch, as equal in size as can be: a last one of a single image would learn nothing."""

    def __init__(self, targets: np.ndarray, batch_size: int, balanced: bool, seed: int):
        self.n, self.seed = len(targets), seed
        self.n_batches = max(min(-(-self.n // batch_size), self.n // 2), 1)  # two images or more a batch
        self.weights = balanced_weights(targets) if balanced else None
        self.epoch = 0

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        rng = epoch_rng(self.seed, self.epoch)
        order = rng.permutation(self.n) if self.weights is None else rng.choice(self.n, self.n, p=self.weights)
        drawn: Counter[int] = Counter()
        for places in np.array_split(order, self.n_batches):
            batch = []
            for place in places.tolist():
                batch.append((self.epoch, place, drawn[place]))
                drawn[place] += 1
            yield batch

    def __len__(self) -> int:
        return self.n_batches


def balanced_weights(targets: np.ndarray) -> np.ndarray:
    """Return each image's chance to be drawn, summing to 1, for targets 0/1 (n, L).

    An image counts as much as the mean of its labels, a label as much as 1 / its images; one without any label as
    much as the commonest label. With one label an image, all that occur are drawn equally often.
    """
    count = targets.sum(axis=0)
    worth = np.where(count > 0, 1 / np.maximum(count, 1), 0.0)
    have = targets.sum(axis=1)
    least = worth[worth > 0].min() if (worth > 0).any() else 1.0
    weights = np.where(have > 0, targets @ worth / np.maximum(have, 1), least)
    return weights / weights.sum()


class Batches:
    """The batches of a training, an epoch a call; worker processes augment while the network computes."""

    def __init__(
        self,
        pictures: Pictures,
        ids: list[str],
        targets: np.ndarray,
        vectors: np.ndarray | None,
        recipe: TrainingSettings,
        seed: int,
        workers: int | None = None,
    ):
        """`targets`: float32 (n, L), `vectors`: float32 (n, width) or None; rows in the order of `ids`."""
        vectors = np.zeros((len(ids), 0), np.float32) if vectors is None else vectors
        self._order = _Order(targets, recipe.batch_size, recipe.balanced, seed)
        workers = min(os.cpu_count() or 1, 8) if workers is None else workers
        self._loader = DataLoader(
            _Augmented(pictures, ids, targets, vectors, recipe, seed),
            batch_sampler=self._order,
            num_workers=workers,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # else the loader draws from the generator of dropout
        )

    def __call__(self, epoch: int) -> Iterator[Batch]:
        self._order.epoch = epoch
        return iter(self._loader)
