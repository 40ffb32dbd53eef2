"""Training the YouTube-8M classifier (feature Y) on the records that YouTube-8M publishes.

bmezaris/subclass_deep_neural_networks trains this network with sound and with artificial subclasses. Both are left out
here: images have no sound, and Y consists of the 3862 classes themselves.

B examples, L = 1024.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from mediaeval.features.networks.yt8m import CLASSES, PICTURE, YT8MHead
from mediaeval.pretrain.checks import check_training
from mediaeval.pretrain.yt8m_records import VideoBatch, read_examples, record_files, shuffled, video_batches
from mediaeval.seeding import seeded
from mediaeval.training.loop import LoopOptions, OnProgress, no_progress, train
from mediaeval.training.objective import EpochMetrics, TrainingObjective, all_finite, epoch_rng

EPSILON = 1e-5  # inside the logarithm of the loss
TOP = 20  # predictions per video that GAP counts
DECAY, DECAY_EXAMPLES = 0.95, 4_000_000


def train_yt8m(
    folder: Path,
    out: Path,
    *,
    epochs: int = 2,  # as in the public code
    lr: float = 1e-3,
    batch_size: int = 512,
    seed: int = 0,
    device: str | torch.device = "cpu",
    resume: bool = False,
    classes: int = CLASSES,
    l2: float = 0.0,  # the public code sets .005 for both kernels, but the loss that it minimises does not include it
    buffer: int = 10_000,
    on_progress: OnProgress = no_progress,
) -> list[EpochMetrics]:
    """Train on FOLDER/train*.tfrecord, video-level or frame-level; write the network to `out`; return the history.

    classes   number of classes; labels are 0..classes − 1
    l2        factor of Σw² of the two kernels, which is added to the loss of each batch
    buffer    number of examples from which the next one is drawn; 10,000 take 42 MB

    With FOLDER/validate*.tfrecord the history has `gap`, 0..1 (see `Gap`), of each epoch, and the weights of the best
    epoch are written; without, those of the last. `load_head` reads the file.
    Raises DatasetError for missing files and those whose first record cannot be used, all at once; FeaturesError for a
    later record; ConfigError for settings.
    """
    values = {"epochs": epochs, "lr": lr, "batch_size": batch_size, "seed": seed}
    check_training(values | {"classes": classes, "l2": l2, "buffer": buffer}, out, resume)
    objective = YouTube8MObjective(
        folder,
        lr=lr,
        batch_size=batch_size,
        seed=seed,
        device=torch.device(device),
        classes=classes,
        l2=l2,
        buffer=buffer,
    )
    options = LoopOptions(
        epochs=epochs,
        seed=seed,
        device=objective.device,
        best="gap" if objective.validation else None,
        resume=resume,
    )
    return train(objective, options, out, on_progress)


class YouTube8MObjective(TrainingObjective[VideoBatch]):
    """The classifier, trained with cross-entropy on the records of a folder; scored by GAP in validation."""

    def __init__(
        self,
        folder: Path,
        *,
        lr: float,
        batch_size: int,
        seed: int,
        device: torch.device,
        classes: int,
        l2: float,
        buffer: int,
    ):
        self.lr, self.batch_size, self.seed, self.device = lr, batch_size, seed, device
        self.classes, self.l2, self.buffer = classes, l2, buffer
        self.training, self.validation = record_files(folder, classes)
        with seeded(seed, torch.device("cpu")):  # drawn on the CPU, so that every device starts from the same weights
            head = YT8MHead(classes)
        self.head = head.to(device)
        self.modules = {"head": self.head}
        self.optimiser = torch.optim.Adam(self.head.parameters(), lr=lr)
        self.metadata = {
            "network": f"YouTube-8M classifier of width {PICTURE}",
            "classes": str(classes),
            "files": f"{len(self.training)} for training, {len(self.validation)} for validation",
            "lr": f"{lr:g}, × {DECAY} every {DECAY_EXAMPLES} examples",
            "batch_size": str(batch_size),
            "l2": f"{l2:g}",
            "buffer": str(buffer),
        }

    def batches(self, epoch: int) -> Iterator[VideoBatch]:
        rng = epoch_rng(self.seed, epoch)
        files = [self.training[k] for k in rng.permutation(len(self.training))]
        stream = shuffled(read_examples(files, self.classes), self.buffer, rng)
        return video_batches(stream, self.batch_size, self.classes, self.device)

    def loss(self, batch: VideoBatch) -> Tensor:
        x, y = batch
        value = cross_entropy(self.head(x), y).mean()
        if self.l2:
            value = value + self.l2 * (self.head.conv.weight.square().sum() + self.head.dense.weight.square().sum())
        return value

    def size(self, batch: VideoBatch) -> int:
        return len(batch[0])

    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        return self.lr * DECAY ** (examples // DECAY_EXAMPLES)

    def weights(self) -> Mapping[str, Tensor]:
        return self.head.state_dict()

    def after_epoch(self, epoch: int) -> dict[str, float]:
        if not self.validation:
            return {}
        gap = Gap()
        for x, y in video_batches(
            read_examples(self.validation, self.classes), self.batch_size, self.classes, self.device
        ):
            gap.add(all_finite(self.head(x), "scores of validation").cpu().numpy(), y.cpu().numpy() > 0)
        return {"gap": gap.value()}


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Return −Σ_c [y log(p + ε) + (1 − y) log(1 − p + ε)], (B,), of p = σ(logits); both (B, classes).

    Computed in logarithms throughout, so that no digits are lost where p is near 0 or 1: log(σ(z) + ε) is
    log(exp(log σ(z)) + exp(log ε)), and 1 − σ(z) is σ(−z).
    """
    floor = logits.new_tensor(math.log(EPSILON))
    yes = torch.logaddexp(logsigmoid(logits), floor)
    no = torch.logaddexp(logsigmoid(-logits), floor)
    return -(y * yes + (1 - y) * no).sum(dim=1)


class Gap:
    """Global average precision at 20, the metric of YouTube-8M: one ranking of the top 20 classes of every video.

    It is the sum of the precision at each hit, divided by the number of all labels, including those outside the top 20.
    Equal scores share the precision at the last of them, so their order does not matter. It keeps 20 numbers per video,
    100 bytes.
    """

    def __init__(self) -> None:
        self.scores: list[np.ndarray] = []
        self.hits: list[np.ndarray] = []
        self.positives = 0

    def add(self, scores: np.ndarray, truth: np.ndarray) -> None:
        """Add videos: scores, larger is more likely, and bool truth, both (B, classes)."""
        top = np.argpartition(-scores, min(TOP, scores.shape[1]) - 1, axis=1)[:, :TOP]
        self.scores.append(np.take_along_axis(scores, top, axis=1).ravel())
        self.hits.append(np.take_along_axis(truth, top, axis=1).ravel())
        self.positives += int(truth.sum())

    def value(self) -> float:
        """Return the GAP, 0..1, of all videos added so far; 0 if they have no labels."""
        if not self.positives:
            return 0.0
        scores, hits = np.concatenate(self.scores), np.concatenate(self.hits)
        order = np.argsort(-scores, kind="stable")
        scores, found = scores[order], hits[order].cumsum()
        last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of each run of equal scores
        precision = found[last] / (last + 1)
        return float((np.diff(found[last], prepend=0) * precision).sum() / self.positives)
