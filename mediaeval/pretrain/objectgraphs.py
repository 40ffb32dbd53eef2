"""Training the graph of ObjectGraphs (feature G) on events in videos, as `pretrain.events` reads them.

As in bmezaris/ObjectGraphs, training takes 60 epochs and keeps the last. B videos, F frames, N objects, W width.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mediaeval.errors import first_few
from mediaeval.features.networks.objectgraphs import EventModel
from mediaeval.pretrain.events import SIDES, EventBatch, event_batches, read_events
from mediaeval.pretrain.objective import PretrainObjective
from mediaeval.pretrain.settings import ObjectGraphsSettings
from mediaeval.seeding import seeded
from mediaeval.training.objective import EpochMetrics, all_finite, epoch_rng

logger = logging.getLogger(__name__)

STEP, GAMMA = 50, 0.1  # epochs, factor of the rate


class ObjectGraphsObjective(PretrainObjective[EventBatch]):
    """The event network, trained with binary cross-entropy on the videos of a folder; its graph is written.

    With test videos the history has `map`, 0..1, of each epoch: their mean average precision over the classes that
    occur in them. It selects nothing: the weights of the last epoch are written. `load_graph` reads them. Videos
    without features are left out, with a message.
    """

    def __init__(self, folder: Path, settings: ObjectGraphsSettings, *, seed: int, device: torch.device):
        self.settings, self.seed, self.device = settings, seed, device
        self.events = read_events(folder)
        absent = self.events.absent
        if absent:
            logger.info(f"{folder}: {len(absent)} videos without features are left out: {first_few(absent, 5)}")
        if not self.events.videos["test"]:
            logger.info(f"{folder}: no test video has features, so no score is computed")
        with seeded(seed, torch.device("cpu")):  # drawn on the CPU, so that every device starts from the same weights
            model = EventModel(self.events.classes, self.events.shape[2])
        self.model = model.to(device)
        self.modules = {"model": self.model}
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=settings.lr)
        n_train, n_test = (len(self.events.videos[side]) for side in SIDES)
        frames, objects, width = self.events.shape
        self.metadata = {
            "network": "ObjectGraphs, the graph alone",
            "videos": f"{n_train} for training, {n_test} for testing, {len(absent)} without features",
            "shape": f"{frames} frames, {objects} objects, width {width}, {self.events.classes} classes",
            "lr": f"{settings.lr:g}, × {GAMMA} every {STEP} epochs",
            "batch_size": str(settings.batch_size),
        }

    def batches(self, epoch: int) -> Iterator[EventBatch]:
        videos = self.events.videos["train"]
        order = epoch_rng(self.seed, epoch).permutation(len(videos))
        return event_batches(self.events, [videos[k] for k in order], self.settings.batch_size, self.device)

    def loss(self, batch: EventBatch) -> Tensor:
        objects, frames, y = batch
        return binary_cross_entropy_with_logits(self.model(objects, frames), y)

    def size(self, batch: EventBatch) -> int:
        return len(batch[2])

    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        return self.settings.lr * GAMMA ** (epoch // STEP)

    def weights(self) -> Mapping[str, Tensor]:
        return self.model.graph.state_dict()

    def after_epoch(self, epoch: int) -> dict[str, float]:
        if not self.events.videos["test"]:
            return {}
        scores, truth = [], []
        for objects, frames, y in event_batches(
            self.events, self.events.videos["test"], self.settings.batch_size, self.device
        ):
            scores.append(all_finite(self.model(objects, frames), "scores of test videos").cpu().numpy())
            truth.append(y.cpu().numpy())
        return {"map": mean_average_precision(np.concatenate(scores), np.concatenate(truth))}


def mean_average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the average precision, 0..1, averaged over the classes that have a video; NaN if no class has one.

    scores  larger is more likely, (videos, classes)
    truth   0 or 1, (videos, classes)
    """
    present = [k for k in range(truth.shape[1]) if truth[:, k].any()]
    return float(np.mean([average_precision_score(truth[:, k], scores[:, k]) for k in present])) if present else np.nan
