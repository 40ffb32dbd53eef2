"""Systems trained end to end on real images, compared with the same network's frozen features.

    python -m benchmarks.finetune ../shared/data [--folds 1] [--only WORD]

OASIS, subtask 1: 483 images in five folds, with the images of one concept in one fold. Models are trained on four folds
and tested on the fifth, for the first `--folds` folds in turn. Printed: the weighted F1 over all tested images, its
95 % interval (bootstrap over images), and for the first fold the seconds of the training and the share of it that the
network waited for images.
"""

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.photographs import shared_extractors
from mediaeval.classifiers.thresholds import assign_folds
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.data.split import read_csv_by_id
from mediaeval.features.build import build
from mediaeval.features.extract import extract
from mediaeval.features.images import Images
from mediaeval.features.store import FeatureStore
from mediaeval.finetune import settings_of
from mediaeval.finetune.model import SystemModel
from mediaeval.steps.tables import decide
from submission.score import score_decisions
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

TASK = VISUAL_SENTIMENT_2021["subtask1"]
EPOCHS = 8  # so that all rows but the last take 10 minutes on 2 cores


@dataclass(frozen=True)
class Trained:
    """One training: probabilities of the images held out, its seconds, and the share of waiting, as text."""

    probabilities: pd.DataFrame
    seconds: float
    waited: str = "–"


Work = Callable[[list[str], list[str]], Trained]  # ids to train on, ids to predict


def system_row(dataset: Dataset, **system: Any) -> Work:
    """Return the work of training a system with these settings."""

    def work(train: list[str], test: list[str]) -> Trained:
        images = Images(dataset.ids, dataset.image_paths)
        model = SystemModel(TASK, system["name"], settings_of(system), {}, seed=0)
        notes = [""]
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            model.fit(
                images.some(train),
                dataset.labels(TASK.name),
                state=Path(folder) / "state.safetensors",
                on_progress=lambda done, total, note: notes.append(note),
            )
        seconds = time.perf_counter() - begun
        waited = re.search(r"[\d.]+%", notes[-1])
        return Trained(model.predict_proba(images.some(test)), seconds, waited.group() if waited else "–")

    return work


def frozen_row(dataset: Dataset, weights: Path) -> Work:
    """Return the work of a logistic regression on MobileNetV2's vectors; C = 0.01 as in `benchmarks.speed`."""
    network = build("mobilenet", shared_extractors(weights)["mobilenet"])

    def work(train: list[str], test: list[str]) -> Trained:
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            features = extract(dataset, [network], FeatureStore(Path(folder)))
            X = {side: features.matrix(["mobilenet"], ids) for side, ids in (("train", train), ("test", test))}
        y = dataset.labels(TASK.name).loc[train].to_numpy().argmax(axis=1)
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        P = probe.fit(X["train"], y).predict_proba(X["test"])
        return Trained(pd.DataFrame(P, index=test, columns=list(TASK.labels)), time.perf_counter() - begun)

    return work


def rows(dataset: Dataset, weights: Path) -> dict[str, Work]:
    """Return title → work, for the rows of the table."""
    mobilenet = str(weights / "timm-mobilenetv2_100.safetensors")
    timm = {"name": "timm", "epochs": EPOCHS}
    multigap = {"name": "multigap", "epochs": EPOCHS}
    return {
        "frozen mobilenetv2 + logistic regression": frozen_row(dataset, weights),
        "timm mobilenetv2_100, fine-tuned": system_row(dataset, **timm, weights=mobilenet),
        "timm mobilenetv2_100, from random weights": system_row(dataset, **timm, init="random"),
        "multigap (object), fine-tuned": system_row(dataset, **multigap, object_weights=mobilenet),
        "multigap (object), from random weights": system_row(dataset, **multigap, init="random"),
        "multigap (object, Bi-GRU, attention), fine-tuned": system_row(
            dataset, **multigap, object_weights=mobilenet, sequence="gru-attention"
        ),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with oasis/ and weights/")
    parser.add_argument("--folds", type=int, default=1, choices=range(1, 6))
    parser.add_argument("--only", default="", help="only rows whose title contains this")
    options = parser.parse_args()
    dataset = load_dataset(options.data / "oasis", VISUAL_SENTIMENT_2021)
    concepts = read_csv_by_id(options.data / "oasis/norms.csv")["concept"]
    ids = list(dataset.ids)
    fold = assign_folds([concepts[i] for i in ids], 5, np.random.default_rng(0))
    truth = dataset.labels(TASK.name)
    print("| system | weighted F1 | 95 % interval | images | seconds per training | waiting for images |")
    print("|---|---|---|---|---|---|", flush=True)
    for title, work in rows(dataset, options.data / "weights").items():
        if options.only not in title:
            continue
        done = []
        for k in range(options.folds):
            train, test = ([i for i, f in zip(ids, fold, strict=True) if (f == k) == held] for held in (False, True))
            done.append(work(train, test))
        P = pd.concat([one.probabilities for one in done])
        decided = decide(TASK, P, [0.5] * len(TASK.labels))
        score = score_decisions(TASK, truth.loc[P.index].to_numpy(), decided.to_numpy())
        low, high = score.interval
        print(
            f"| {title} | {score.weighted_f1:.3f} | {low:.3f} to {high:.3f} | {len(P)} | {done[0].seconds:.0f} "
            f"| {done[0].waited} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
