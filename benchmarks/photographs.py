"""Scores on real images that were not trained on: the tables of docs/benchmarks.md.

    python -m benchmarks.photographs oasis ../shared/data
    python -m benchmarks.photographs coco ../shared/data

`oasis`: subtask 1 on 483 images with real ratings; folds keep images of one concept together, so that every image is
scored by a model that was trained on none of its concept. `coco`: subtasks 2 and 3 on 120 images whose labels are
object categories under the official headings; folds are plain, with four augmented views per image. In each repetition
every image is predicted once; the weighted F1 is that of all predictions together. Printed: mean, standard deviation
and range over repetitions, and the 95 % interval of the first repetition by bootstrap over images, which shows how
uncertain a score of so few is.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import f1_score

from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.thresholds import assign_folds, out_of_fold, tune_thresholds
from mediaeval.config import PRESETS
from mediaeval.data.dataset import load_dataset
from mediaeval.data.split import read_csv_by_id
from mediaeval.features.build import build
from mediaeval.features.extract import extract
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig
from mediaeval.features.store import FeatureStore
from mediaeval.steps.tables import decide
from submission.score import score_decisions
from submission.task import Subtask
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

FOLDS = 5
VIEWS = 4  # as in the presets' subtasks 2 and 3


def shared_extractors(weights: Path) -> dict[str, ExtractorConfig]:
    """Return the three networks whose weights are beside the images."""
    half = (0.5, 0.5, 0.5)
    return {
        "mobilenet": ExtractorConfig(
            kind="timm", model="mobilenetv2_100", weights=str(weights / "timm-mobilenetv2_100.safetensors")
        ),
        "tfsame": ExtractorConfig(
            kind="timm",
            model="mobilenetv2_100",
            model_args={"pad_type": "same"},
            mean=half,
            std=half,
            weights=str(weights / "timm-mobilenetv2_100-tfsame.safetensors"),
        ),
        "squeeze": ExtractorConfig(
            kind="torchvision", model="squeezenet1_0", weights=str(weights / "torchvision-squeezenet1_0.safetensors")
        ),
    }


@dataclass(frozen=True)
class Row:
    """What one row of the table measures."""

    classifier: str
    params: dict[str, Any]
    scale: str = "standard"
    threshold: float | str = 0.5
    augment: int = 0  # views per training image


@dataclass(frozen=True)
class SubtaskData:
    """Features, labels and groups of one subtask, in one order; `blocks`: extractor name → width."""

    task: Subtask
    blocks: dict[str, int]
    X: np.ndarray  # (n_images, sum of widths)
    views: np.ndarray | None  # (n_images, VIEWS, sum of widths)
    labels: pd.DataFrame
    groups: list[str]


def load_shared(folder: Path, name: str, store: Path, use: Sequence[str] = ()) -> list[SubtaskData]:
    """Return each subtask of "oasis", whose groups are concepts, or "coco", with augmented views and no groups.

    `use`: some of the three networks, or handcrafted; empty: the three.
    """
    dataset = load_dataset(folder / name, VISUAL_SENTIMENT_2021)
    shared = shared_extractors(folder / "weights")
    networks = [build(title, (EXTRACTORS | shared)[title]) for title in use or shared]
    blocks = {n.name: n.width for n in networks}
    ids = list(dataset.ids)
    groups, n_views = ids, VIEWS
    if name == "oasis":
        groups, n_views = list(read_csv_by_id(folder / "oasis/norms.csv")["concept"].loc[ids]), 0
    features = extract(dataset, networks, FeatureStore(store), views=n_views, view_ids=ids)
    assert not features.failures, features.failures
    X = features.matrix(list(blocks), ids)
    views = features.views(list(blocks), ids, n_views) if n_views else None
    return [
        SubtaskData(VISUAL_SENTIMENT_2021[subtask], blocks, X, views, dataset.labels(subtask), groups)
        for subtask in dataset.subtasks
    ]


def of_preset(preset: str, subtask: Subtask) -> Row:
    """Return how a preset trains a subtask."""
    section = {"threshold": 0.5, "augment": 0, **PRESETS[preset].section(subtask)}
    params = {key: value for key, value in section["classifier"].items() if key != "name"}
    scale = PRESETS[preset].features["scale"]
    return Row(section["classifier"]["name"], params, scale, section["threshold"], section["augment"])


def rows_of(task: Subtask) -> dict[str, Row]:
    """Return what is compared, by title."""
    default, certh = of_preset("default", task), of_preset("certh2021", task)
    rows = {
        "majority": Row("dummy", {}),
        "logistic": Row("logistic", {"C": "cv"}),
        f"{default.classifier}, preset default": default,
    }
    if task.multi_label:
        rows["… with threshold 0.5"] = replace(default, threshold=0.5)
        rows["… without augmented views"] = replace(default, augment=0)
    return rows | {f"{certh.classifier}, preset certh2021": certh}


def predict_folds(data: SubtaskData, row: Row, seed: int) -> np.ndarray:
    """Return decisions, 0/1 (n_images, n_labels), each by a model that was not trained on the image's group."""
    fold = assign_folds(data.groups, FOLDS, np.random.default_rng(seed))
    views = data.views[:, : row.augment] if row.augment else None
    decided = np.zeros(data.labels.shape, int)
    for k in range(FOLDS):
        train, held = fold != k, fold == k
        new = SubtaskModel(data.task, row.classifier, row.params, data.blocks, row.scale, seed)
        of_train = {"views": None if views is None else views[train]}
        thresholds = np.full(data.labels.shape[1], 0.5)
        if row.threshold == "tuned":
            Y = data.labels[train].to_numpy()
            inner_groups = [group for group, inside in zip(data.groups, train, strict=True) if inside]
            P = out_of_fold(
                partial(clone, new.estimator),
                data.X[train],
                Y,
                inner_groups,
                rng=np.random.default_rng(seed),
                scaler=new.scaler,
                **of_train,
            )
            thresholds = tune_thresholds(Y, P)
        probabilities = new.fit(data.X[train], data.labels[train], **of_train).predict_matrix(data.X[held])
        decided[held] = decide(data.task, probabilities, list(thresholds)).to_numpy()
    return decided


def table(data: SubtaskData, seeds: list[int], only: str) -> None:
    """Print the table of one subtask as Markdown."""
    n_images, n_groups = len(data.labels), len(set(data.groups))
    print(f"\n{data.task.name}: {n_images} images, {n_groups} groups, {len(seeds)} × {FOLDS} folds\n")
    print("| classifier | weighted F1, mean ± sd | least to most | 95 % interval |\n|---|---|---|---|")
    if data.task.multi_label:
        print_row(data.task, "every label, always", data.labels, [np.ones(data.labels.shape, int)])
    for title, row in rows_of(data.task).items():
        if only in title:
            print_row(data.task, title, data.labels, [predict_folds(data, row, seed) for seed in seeds])


def print_row(task: Subtask, title: str, labels: pd.DataFrame, decisions: list[np.ndarray]) -> None:
    """Print one row; the F1 is scikit-learn's."""
    truth = labels.to_numpy()
    scores = [f1_score(truth, d, average="weighted", zero_division=0) for d in decisions]
    low, high = score_decisions(task, truth, decisions[0]).interval
    spread = f"± {np.std(scores):.3f}" if len(scores) > 1 else ""
    cells = (
        title,
        f"{np.mean(scores):.3f} {spread}",
        f"{min(scores):.3f} to {max(scores):.3f}",
        f"{low:.3f} to {high:.3f}",
    )
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the tables of one dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=["oasis", "coco"])
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--seeds", type=int, default=5, help="repetitions, each with folds of its own")
    parser.add_argument("--only", default="", help="only rows with this in their title")
    parser.add_argument("--use", default="", help="mobilenet, tfsame, squeeze or handcrafted, comma separated")
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/features"))
    options = parser.parse_args()
    seeds = list(range(options.seeds))
    for data in load_shared(options.data, options.dataset, options.store, [*filter(None, options.use.split(","))]):
        table(data, seeds, options.only)


if __name__ == "__main__":
    main()
