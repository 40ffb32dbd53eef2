"""Scores on real photographs not trained on: the tables of the README.

    python -m benchmarks.photographs oasis ../shared/data
    python -m benchmarks.photographs coco ../shared/data

`oasis`: subtask 1 on 483 photographs with real ratings; folds keep photographs of one concept together, so that every
photograph is scored by a model that saw none of its concept. `coco`: subtasks 2 and 3 on 120 photographs whose labels
are object categories under the official headings; folds are plain. In each repetition every photograph is predicted
once; the weighted F1 is that of all predictions together. Printed: mean, spread and range over repetitions, and the
95 % interval of the first repetition by bootstrap over photographs, which says how much so few can tell.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.thresholds import assign_folds, out_of_fold, tune_thresholds
from mediaeval.config import PRESETS
from mediaeval.data.dataset import load_dataset
from mediaeval.data.split import read_csv_by_id
from mediaeval.features.extract import Features, extract
from mediaeval.features.extractors import Extractor
from mediaeval.features.networks import build
from mediaeval.features.store import FeatureStore
from submission.score import score_decisions
from submission.tasks import TASKS, Subtask

FOLDS = 5


def shared_extractors(weights: Path) -> dict[str, Extractor]:
    """The three networks whose weights lie beside the photographs."""
    half = (0.5, 0.5, 0.5)
    return {
        "mobilenet": Extractor(
            kind="timm", model="mobilenetv2_100", weights=str(weights / "timm-mobilenetv2_100.safetensors")
        ),
        "tfsame": Extractor(
            kind="timm",
            model="mobilenetv2_100",
            model_args={"pad_type": "same"},
            mean=half,
            std=half,
            weights=str(weights / "timm-mobilenetv2_100-tfsame.safetensors"),
        ),
        "squeeze": Extractor(
            kind="torchvision", model="squeezenet1_0", weights=str(weights / "torchvision-squeezenet1_0.safetensors")
        ),
    }


def settings_of(preset: str, subtask: str) -> tuple[str, dict, str]:
    """Return classifier name, its parameters and the feature scale of a preset."""
    params = dict(PRESETS[preset][subtask]["classifier"])
    return params.pop("name"), params, PRESETS[preset]["features"]["scale"]


def rows_of(subtask: str) -> dict[str, tuple[str, dict, str, float | str]]:
    """Return what is compared: title → classifier, parameters, scale, threshold."""
    default, certh = settings_of("default", subtask), settings_of("certh2021", subtask)
    rows = {
        "majority": ("dummy", {}, "none", 0.5),
        "logistic": ("logistic", {"C": "cv"}, "standard", 0.5),
        f"{default[0]}, preset default": (*default, 0.5),
    }
    if TASKS[subtask].multi_label:
        rows[f"{default[0]}, preset default, tuned thresholds"] = (*default, "tuned")
    rows[f"{certh[0]}, preset certh2021"] = (*certh, 0.5)
    return rows


def predict_folds(
    task: Subtask, row: tuple, X: np.ndarray, labels: pd.DataFrame, groups: list[str], blocks: dict[str, int], seed: int
) -> np.ndarray:
    """Return decisions, 0/1 (n_images, n_labels), each by a model that was not trained on the image's group."""
    classifier, params, scale, threshold = row
    fold = assign_folds(groups, FOLDS, np.random.default_rng(seed))
    decided = np.zeros(labels.shape, int)
    for k in range(FOLDS):
        train, held = fold != k, fold == k
        model = SubtaskModel(task, classifier, params, blocks, scale, seed).fit(X[train], labels[train])
        P = model.predict_proba(X[held]).to_numpy()
        if not task.multi_label:
            decided[held] = P.argmax(axis=1)[:, None] == np.arange(P.shape[1])
            continue
        thresholds = np.full(P.shape[1], 0.5)
        if threshold == "tuned":
            Y = labels[train].to_numpy()
            inner_groups = [g for g, t in zip(groups, train, strict=True) if t]
            new = SubtaskModel(task, classifier, params, blocks, scale, seed)
            inner = out_of_fold(
                lambda new=new: SubtaskModel(task, classifier, params, blocks, scale, seed).estimator,
                X[train],
                Y,
                inner_groups,
                rng=np.random.default_rng(seed),
                scaler=new.scaler,
            )
            thresholds = tune_thresholds(Y, inner)
        decided[held] = thresholds <= P
    return decided


def table(
    task: Subtask, X: np.ndarray, labels: pd.DataFrame, groups: list[str], blocks: dict, seeds: list[int], only: str
):
    """Print the table of one subtask as Markdown."""
    print(f"\n{task.name}: {len(labels)} photographs, {len(set(groups))} groups, {len(seeds)} × {FOLDS} folds\n")
    print("| classifier | weighted F1, mean ± sd | least to most | 95 % interval |\n|---|---|---|---|")
    rows: dict = rows_of(task.name)
    if task.multi_label:
        print_row(task, "every label, always", labels, [np.ones(labels.shape, int)])
    for title, row in rows.items():
        if only in title:
            decisions = [predict_folds(task, row, X, labels, groups, blocks, seed) for seed in seeds]
            print_row(task, title, labels, decisions)


def print_row(task: Subtask, title: str, labels: pd.DataFrame, decisions: list[np.ndarray]) -> None:
    """Print one row; scikit-learn's F1 is the referee."""
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
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", default="", help="rows whose title holds this")
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/features"))
    options = parser.parse_args()
    dataset = load_dataset(options.data / options.dataset)
    networks = [build(name, extractor) for name, extractor in shared_extractors(options.data / "weights").items()]
    features: Features = extract(dataset, networks, FeatureStore(options.store))
    assert not features.failures, features.failures
    ids = list(dataset.ids)
    blocks = {n.name: n.width for n in networks}
    X = features.matrix(list(blocks), ids)
    groups = ids
    if options.dataset == "oasis":
        groups = list(read_csv_by_id(options.data / "oasis/norms.csv")["concept"].loc[ids])
    seeds = list(range(options.first_seed, options.first_seed + options.seeds))
    for subtask in dataset.subtasks:
        table(TASKS[subtask], X, dataset.labels(subtask), groups, blocks, seeds, options.only)


if __name__ == "__main__":
    main()
