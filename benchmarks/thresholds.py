"""What a threshold changes: subtasks 2 and 3 on drawn samples, 0.5 and 0.3 against one per label tuned out of fold.

    python -m benchmarks.thresholds
    python -m benchmarks.thresholds --optimism ../shared/data

For each size of the dev set and each seed a sample is drawn, the default preset is trained on it, and its probabilities
for 300 test images become labels in three ways. Printed: the weighted F1 of each, the mean over the seeds.

`--optimism`: out-of-fold scores use for each fold thresholds that are tuned on the other folds' probabilities, whose
models had seen that fold. Nested tuning has seen nothing of it: the other folds are cross-validated among themselves,
at six times the cost. Printed: the weighted F1 of both ways, on the photographs of COCO with other folds each time and
on drawn samples, another one each time, and the mean difference with the 95 % interval of a bootstrap over images.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.coverage import cut, decide_folds, out_of_fold
from benchmarks.photographs import FOLDS, VIEWS, SubtaskData, load_shared, of_preset
from mediaeval.config import load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.features.build import build
from mediaeval.features.extract import extract
from mediaeval.features.extractors import EXTRACTORS
from mediaeval.features.store import FeatureStore
from mediaeval.runs import RunFolder
from mediaeval.sample.draw import draw_sample
from mediaeval.steps.predict import predict
from mediaeval.steps.tables import decide, read_probabilities
from mediaeval.steps.train import train
from submission.labels import read_labels
from submission.metrics.decisions import counts, weighted_of_counts
from submission.score import score_decisions
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

SUBTASKS = ("subtask2", "subtask3")
FIXED = (0.5, 0.3)


def measure(folder: Path, n_dev: int, seed: int) -> np.ndarray:
    """Return weighted F1, (n_subtasks, tuned and then `FIXED`), on 300 test images of a sample drawn in `folder`."""
    sample = draw_sample(folder / f"sample-{n_dev}-{seed}", dev=n_dev, test=300, seed=seed)
    run = RunFolder(folder / f"run-{n_dev}-{seed}")
    fitted = train(load_config(task=TASK, data=str(sample.devset)), list(SUBTASKS), run)
    predict(run, TASK, sample.testset)
    ids = load_dataset(sample.testset, TASK).ids
    truth = read_labels(sample.truth, TASK).labels
    scores = []
    for one in fitted:
        task = TASK[one.task.name]
        P = read_probabilities(run.test / f"{task.name}.csv", task).loc[list(ids)]
        Y = np.array([truth[task.name][image_id] for image_id in ids])
        choices = [one.thresholds, *([t] * len(task.labels) for t in FIXED)]
        scores.append([score_decisions(task, Y, decide(task, P, c).to_numpy()).weighted_f1 for c in choices])
    return np.array(scores)


def load_drawn(folder: Path, n_dev: int, seed: int, subtasks: Sequence[str] = SUBTASKS) -> list[SubtaskData]:
    """Return subtasks of a drawn sample: hand-crafted features and their augmented views, no groups."""
    dataset = load_dataset(draw_sample(folder / f"sample-{n_dev}-{seed}", dev=n_dev, seed=seed).devset, TASK)
    network, ids = build("handcrafted", EXTRACTORS["handcrafted"]), list(dataset.ids)
    features = extract(dataset, [network], FeatureStore(folder / "features"), views=VIEWS, view_ids=ids)
    X, views = features.matrix([network.name], ids), features.views([network.name], ids, VIEWS)
    blocks = {network.name: network.width}
    return [SubtaskData(TASK[name], blocks, X, views, dataset.labels(name), ids) for name in subtasks]


def both_ways(data: SubtaskData, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return out-of-fold decisions, 0/1, by thresholds of the other folds' probabilities and by nested tuning."""
    row, Y = of_preset("default", data.task), data.labels.to_numpy()
    fold, P = out_of_fold(data, row, np.ones(len(Y), bool), seed)
    nested = np.zeros(Y.shape, int)
    for k in range(FOLDS):
        others = fold != k
        _, inner = out_of_fold(data, row, others, seed)
        nested[~others] = cut(data, row, P[~others], Y[others], inner)
    return decide_folds(data, row, Y, fold, P), nested


def print_optimism(title: str, repeats: list[SubtaskData], *, same_images: bool) -> None:
    """Print the weighted F1 of both ways, and their difference."""
    scores, samples = [], []  # (n_repeats, 2) and (n_repeats, resamples)
    for seed, data in enumerate(repeats):
        Y = data.labels.to_numpy()
        cells = [counts(Y, decided).astype(float) for decided in both_ways(data, seed)]
        rng = np.random.default_rng(0 if same_images else seed)
        draws = rng.multinomial(len(Y), np.full(len(Y), 1 / len(Y)), size=2000)
        scores.append([float(weighted_of_counts(*np.split(part.sum(axis=0), 3))) for part in cells])
        first, second = (weighted_of_counts(*np.split(draws @ part, 3, axis=1)) for part in cells)
        samples.append(first - second)
    others, nested = np.mean(scores, axis=0)
    low, high = np.quantile(np.mean(samples, axis=0), (0.025, 0.975))
    print(f"| {title} | {others:.3f} | {nested:.3f} | {others - nested:+.3f} [{low:+.3f}, {high:+.3f}] |", flush=True)


def print_all_optimism(shared: Path, repeats: int, store: Path, folder: Path) -> None:
    """Print the table of `--optimism`."""
    print("| images | tuned on the other folds | nested | difference |\n|---|---|---|---|")
    for data in load_shared(shared, "coco", store):
        print_optimism(f"COCO, {data.task.name}", [data] * repeats, same_images=True)
    drawn = [load_drawn(folder, 240, seed) for seed in range(repeats)]
    for of_subtask in zip(*drawn, strict=True):
        print_optimism(f"drawn, 240, {of_subtask[0].task.name}", list(of_subtask), same_images=False)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="3, or 5 with --optimism")
    parser.add_argument("--optimism", type=Path, metavar="DATA", help="the folder that holds coco/ and weights/")
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/features"))
    options = parser.parse_args()
    if options.optimism:
        with tempfile.TemporaryDirectory() as folder:
            print_all_optimism(options.optimism, options.seeds or 5, options.store, Path(folder))
        return
    print("| dev images | subtask | tuned (default) | " + " | ".join(f"threshold {t}" for t in FIXED) + " |")
    print("|---|---|---|" + "---|" * len(FIXED))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for n_dev in (240, 600):
            mean = np.mean([measure(Path(folder), n_dev, seed) for seed in range(options.seeds or 3)], axis=0)
            for name, row in zip(SUBTASKS, mean, strict=True):
                print(f"| {n_dev} | {name} | " + " | ".join(f"{f1:.3f}" for f1 in row) + " |", flush=True)


if __name__ == "__main__":
    main()
