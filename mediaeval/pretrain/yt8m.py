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

from mediaeval.features.networks.yt8m import PICTURE, YT8MHead
from mediaeval.pretrain.objective import PretrainObjective
from mediaeval.pretrain.settings import YouTube8MSettings
from mediaeval.pretrain.yt8m_records import VideoBatch, read_examples, record_files, shuffled, video_batches
from mediaeval.seeding import seeded
from mediaeval.training.objective import EpochMetrics, all_finite, epoch_rng

EPSILON = 1e-5  # inside the logarithm of the loss
TOP = 20  # predictions per video that GAP counts
DECAY, DECAY_EXAMPLES = 0.95, 4_000_000


class YouTube8MObjective(PretrainObjective[VideoBatch]):
    """The classifier, trained with cross-entropy on FOLDER/train*.tfrecord, video-level or frame-level.

    With FOLDER/validate*.tfrecord the history has `gap`, 0..1 (see `Gap`), of each epoch, and the weights of the best
    epoch are written; without, those of the last. `load_head` reads them.
    Raises DatasetError for missing files and those whose first record cannot be used, all at once; FeaturesError, in
    training, for a later record.
    """

    def __init__(self, folder: Path, settings: YouTube8MSettings, *, seed: int, device: torch.device):
        self.settings, self.seed, self.device = settings, seed, device
        self.training, self.validation = record_files(folder, settings.classes)
        self.best = "gap" if self.validation else None
        with seeded(seed, torch.device("cpu")):  # drawn on the CPU, so that every device starts from the same weights
            head = YT8MHead(settings.classes)
        self.head = head.to(device)
        self.modules = {"head": self.head}
        self.optimiser = torch.optim.Adam(self.head.parameters(), lr=settings.lr)
        self.metadata = {
            "network": f"YouTube-8M classifier of width {PICTURE}",
            "classes": str(settings.classes),
            "files": f"{len(self.training)} for training, {len(self.validation)} for validation",
            "lr": f"{settings.lr:g}, × {DECAY} every {DECAY_EXAMPLES} examples",
            "batch_size": str(settings.batch_size),
            "l2": f"{settings.l2:g}",
            "buffer": str(settings.buffer),
        }

    def batches(self, epoch: int) -> Iterator[VideoBatch]:
        rng = epoch_rng(self.seed, epoch)
        files = [self.training[k] for k in rng.permutation(len(self.training))]
        stream = shuffled(read_examples(files, self.settings.classes), self.settings.buffer, rng)
        return video_batches(stream, self.settings.batch_size, self.settings.classes, self.device)

    def loss(self, batch: VideoBatch) -> Tensor:
        x, y = batch
        value = cross_entropy(self.head(x), y).mean()
        if self.settings.l2:
            value = value + self.settings.l2 * (
                self.head.conv.weight.square().sum() + self.head.dense.weight.square().sum()
            )
        return value

    def size(self, batch: VideoBatch) -> int:
        return len(batch[0])

    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        return self.settings.lr * DECAY ** (examples // DECAY_EXAMPLES)

    def weights(self) -> Mapping[str, Tensor]:
        return self.head.state_dict()

    def after_epoch(self, epoch: int) -> dict[str, float]:
        if not self.validation:
            return {}
        gap = Gap()
        for x, y in video_batches(
            read_examples(self.validation, self.settings.classes),
            self.settings.batch_size,
            self.settings.classes,
            self.device,
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
