"""Training the heads of Pournaras et al. 2021 on a GPU, against the usual loop on the same GPU.

    python -m benchmarks.gpu_heads [--quick]

2,432 drawn images, 11,414 features, minibatches of 64, the three subtasks. The loop is `yardstick.plain_heads` with 16
workers, in float32 and with autocast. Each work is first timed by itself, per epoch, the first one apart, and both
learn a few epochs at a rate at which these learn something: the weighted F1 of images held out, and whether the same
seed gives the same bytes. Last, what a user waits for: the fits of all three subtasks to four fifths of the images,
with validation, and to all of them, full epochs, as `mediaeval train all --preset certh2021` has them without augmented
views; the loop's seconds are those of its epochs times their number.

Without a GPU it runs in a tiny form, whose figures mean nothing.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.heads import LR, N_FEATURES, N_HELD_OUT, N_IMAGES, decide_by, draw, ours
from benchmarks.table import print_rows
from benchmarks.yardstick import plain_heads
from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.training import TorchClassifier
from mediaeval.config import load_config
from mediaeval.devices import resolve_device
from mediaeval.steps.fitting import fits_of
from mediaeval.steps.trainers import FeatureTrainer, prepare_all
from mediaeval.steps.training_data import TrainingData
from submission.score import weighted_f1
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

HEADER = (
    "| heads | loop, s | loop with autocast, s | product, s | least ratio | F1: loop, autocast, product | same seed |",
    "|---|---|---|---|---|---|---|",
)
SUBTASKS = {"subtask1": "moe", "subtask2": "dense", "subtask3": "dense"}  # → classifier


@dataclass(frozen=True)
class Work:
    """How much is trained, and on what."""

    images: int = N_IMAGES
    held_out: int = N_HELD_OUT
    features: int = N_FEATURES
    lengths: tuple[float, float] = (0.02, 0.03)  # see `heads.draw`: of one label an image, of several
    workers: int = 16
    seeds: int = 3
    epochs: int = 4  # of a training of which the F1 is compared; the loop is timed in it
    timed: int = 40  # epochs in which the product is timed
    share: float = 1.0  # of the published epochs


FULL = Work()
QUICK = Work(seeds=1, epochs=3, timed=20)
TINY = Work(48, 16, 24, (0.5, 0.5), workers=0, seeds=1, epochs=2, timed=2, share=0.01)


def rows(quick: bool, work: Work | None = None) -> Iterator[str]:
    """Yield the table's lines, header included. `work`: what is trained, in place of what suits the device."""
    device = resolve_device("auto")
    work = work or ((QUICK if quick else FULL) if device != "cpu" else TINY)
    config = load_config(
        task=VISUAL_SENTIMENT_2021,
        preset="certh2021",
        sets=["subtask2.augment=0", "subtask3.augment=0", *_shortened(work.share)],
    )
    yield from HEADER
    trainers, of_loop = [], np.zeros(2)
    for name in SUBTASKS:
        X, y = _drawn(name, work)
        line, per_epoch = _of_subtask(name, X, y, work, device)
        yield line
        trainer = FeatureTrainer(_training_data(name, X[: work.images], y[: work.images]), config, device)
        trainers.append(trainer)
        n_train = len(trainer.data.ids("train"))
        of_loop += per_epoch * trainer.blank.estimator.epochs * (1 + n_train / work.images)
    begun = time.perf_counter()
    fits = [(trainer, fits_of(trainer.data, refit=True)) for trainer in trainers]
    prepare_all(fits)
    for trainer, of_trainer in fits:
        for fit in of_trainer:
            trainer.fit(fit.ids, fit.which, fit.val_ids)
    seconds = time.perf_counter() - begun
    plain, mixed = of_loop
    yield (
        f"| **fit and refit of all three, {device}** | {plain:.1f} | {mixed:.1f} | **{seconds:.1f}** | "
        f"{min(of_loop) / seconds:.1f} | | |"
    )


def _of_subtask(name: str, X: np.ndarray, y: np.ndarray, work: Work, device: str) -> tuple[str, np.ndarray]:
    """Return the line of one subtask, and the loop's seconds of an epoch, without and with autocast."""
    train, held_out = slice(work.images), slice(work.images, None)
    loop: list[tuple[float, float]] = []
    scores: list[list[float]] = []
    for seed in range(work.seeds):
        classifier = _classifier(name, work.epochs, device, seed).fit(X[train], y[train])
        decided, seconds = [], []
        for autocast in (False, True):
            T = classifier._encode(y[train])
            network, of_epoch = plain_heads(classifier, X[train], T, work.epochs, device, work.workers, autocast)
            decided.append(decide_by(classifier, network.cpu(), X[held_out]))
            seconds.append(of_epoch)
        decided.append(classifier.predict(X[held_out]))
        loop.append((seconds[0], seconds[1]))
        scores.append([weighted_f1(y[held_out], one) for one in decided])
    again = _classifier(name, work.epochs, device, work.seeds - 1).fit(X[train], y[train])
    same = "same bytes" if _digest(again) == _digest(classifier) else "**other bytes**"
    product = min(ours(_classifier(name, work.timed, device, seed), X[train], y[train]) for seed in range(work.seeds))
    plain, mixed = per_epoch = np.min(loop, axis=0)
    f1 = ", ".join(f"{score:.3f}" for score in np.mean(scores, axis=0))
    what = f"{name}, {SUBTASKS[name]}, {work.images:,} × {work.features:,}, an epoch"
    line = f"| {what} | {plain:.4f} | {mixed:.4f} | {product:.4f} | {min(per_epoch) / product:.1f} | {f1} | {same} |"
    return line, per_epoch


def _shortened(share: float) -> list[str]:
    """Return settings that have the published epochs, or a share of them."""
    epochs = {"subtask1": 300, "subtask2": 300, "subtask3": 200}
    return [f"{name}.classifier.epochs={max(1, round(of_paper * share))}" for name, of_paper in epochs.items()]


def _classifier(name: str, epochs: int, device: str, seed: int) -> TorchClassifier:
    params = {"lr": LR, "schedule": "constant", "epochs": epochs, "device": device}
    classifier = make_classifier(SUBTASKS[name], params, random_state=seed)
    assert isinstance(classifier, TorchClassifier), "all three are networks"
    return classifier


def _digest(classifier: TorchClassifier) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in classifier.state().values())).hexdigest()


def _drawn(name: str, work: Work) -> tuple[np.ndarray, np.ndarray]:
    task = VISUAL_SENTIMENT_2021[name]
    length, n = work.lengths[task.multi_label], work.images + work.held_out
    return draw(len(task.labels), task.multi_label, length, n=n, n_features=work.features)


class _Stored:
    """Features by image id, in memory."""

    def __init__(self, X: np.ndarray):
        self.X = X

    def matrix(self, names: Sequence[str], ids: Sequence[str]) -> np.ndarray:
        return self.X[[int(i) for i in ids]]


def _training_data(name: str, X: np.ndarray, y: np.ndarray) -> TrainingData:
    """Return the inputs of a subtask; a fifth of the images validate."""
    task = VISUAL_SENTIMENT_2021[name]
    ids = [str(k) for k in range(len(X))]
    T = y if task.multi_label else (y[:, None] == np.arange(len(task.labels))).astype(int)
    labels = pd.DataFrame(T, index=ids, columns=list(task.labels))
    sides = pd.Series(["val" if k % 5 == 0 else "train" for k in range(len(X))], index=ids)
    block: Any = SimpleNamespace(name="drawn", width=X.shape[1])
    stored: Any = _Stored(X)
    return TrainingData(task, labels, {}, stored, [block], sides, ids)


def main() -> None:
    """Print the table."""
    print_rows(__doc__, rows, "one seed, fewer epochs where an epoch is timed")


if __name__ == "__main__":
    main()
