"""Which classifier to train on features: a table of docs/benchmarks.md.

    python -m benchmarks.real_heads ../shared/data
    python -m benchmarks.real_heads ../shared/data --seeds 1 --only 'OASIS'
    python -m benchmarks.real_heads ../shared/data --left-out

OASIS (subtask 1, folds by concept), COCO (subtasks 2 and 3) and a drawn sample of 600 images (all three), each with a
quarter, a half and all of the groups. In each repetition, five folds by group give every image a prediction by models
that were trained on none of its group; where labels are several, thresholds of a fold are tuned on the other folds. The
heads are the default preset's network, logistic regression with C = "scale", kernel ridge, and `auto`: the average of
the three (its network is a single one) with weights of the other folds' log loss, as `train` would have them.

Printed: the weighted F1, mean over the repetitions and half the width of its 95 % interval (Student's t; the
repetitions are of the same images, so it is that of other folds and seeds, not of other images), the log loss, and the
CPU seconds of the fits as multiples of the network's. Last the mean of all rows.

`--left-out` prints the weighted F1 of `kernel` alone where labels are several: with thresholds of the other folds, and
with those of its own training images, each left out, as `train` has them.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t

from benchmarks.coverage import decide_folds
from benchmarks.photographs import FOLDS, Row, SubtaskData, load_shared, of_preset
from benchmarks.thresholds import load_drawn
from mediaeval.classifiers.auto import average_out_of_fold
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.settings import AutoSettings
from mediaeval.classifiers.thresholds import assign_folds, tune_thresholds
from submission.score import weighted_f1

SHARES = (0.25, 0.5, 1.0)
HEADS = ("network", "logistic", "kernel", "auto")
N_DRAWN = 600
TINY = 1e-15  # the least probability in the log loss


def rows_of(data: SubtaskData) -> dict[str, Row]:
    """Return what is fitted, by name; "one network" is that of `auto`."""
    default = of_preset("default", data.task)
    return {
        "network": default,
        "one network": replace(default, params={**default.params, "ensemble": 1}),
        "logistic": replace(default, classifier="logistic", params={"C": "scale"}),
        "kernel": replace(default, classifier="kernel", params={}, augment=0),
    }


def share_of(data: SubtaskData, share: float, seed: int) -> SubtaskData:
    """Return the images of a share of the groups, drawn at random."""
    if share == 1:
        return data
    names = sorted(set(data.groups))
    kept = np.random.default_rng((seed, 7)).permutation(len(names))[: round(share * len(names))]
    inside = np.isin(data.groups, [names[k] for k in kept])
    groups = [group for group, kept_too in zip(data.groups, inside, strict=True) if kept_too]
    views = None if data.views is None else data.views[inside]
    return replace(data, X=data.X[inside], views=views, labels=data.labels[inside], groups=groups)


def fit_folds(data: SubtaskData, row: Row, fold: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Return out-of-fold probabilities (n_images, n_labels) and the CPU seconds that the fits took."""
    P, seconds = np.zeros(data.labels.shape), 0.0
    for k in range(FOLDS):
        train, held = fold != k, fold == k
        views = data.views[train, : row.augment] if data.views is not None and row.augment else None
        start = time.process_time()
        model = SubtaskModel(data.task, row.classifier, row.params, data.blocks, row.scale, seed)
        model.fit(data.X[train], data.labels[train], views=views)
        seconds += time.process_time() - start
        P[held] = model.predict_matrix(data.X[held]).to_numpy()
    return P, seconds


def measure(data: SubtaskData, seed: int, kept: Path | None) -> np.ndarray:
    """Return weighted F1, log loss and seconds of each of HEADS, (n_heads, 3)."""
    if kept and kept.exists():
        return np.asarray(np.load(kept))
    fold = assign_folds(data.groups, FOLDS, np.random.default_rng(seed))
    rows, Y = rows_of(data), data.labels.to_numpy()
    fits = {name: fit_folds(data, row, fold, seed) for name, row in rows.items()}
    members = [fits[name] for name in ("one network", "logistic", "kernel")]
    averaged, _ = average_out_of_fold(
        np.array([P for P, _ in members]), Y, fold, AutoSettings().shrink, multi_label=data.task.multi_label
    )
    fits["auto"] = averaged, sum(seconds for _, seconds in members)
    found = []
    for P, seconds in (fits[head] for head in HEADS):
        f1 = weighted_f1(Y, decide_folds(data, rows["network"], Y, fold, P))
        truth = np.where(Y == 1, P, 1 - P) if data.task.multi_label else (P * Y).sum(axis=1)
        found.append((f1, -np.log(truth.clip(min=TINY)).mean(), seconds))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.array(found))
    return np.array(found)


def measure_left_out(data: SubtaskData, seed: int) -> tuple[float, float]:
    """Return the weighted F1 of `kernel` with thresholds of the other folds, and of its own images left out."""
    fold = assign_folds(data.groups, FOLDS, np.random.default_rng(seed))
    row, Y = rows_of(data)["kernel"], data.labels.to_numpy()
    P, decided = np.zeros(Y.shape), np.zeros(Y.shape, int)
    for k in range(FOLDS):
        train, held = fold != k, fold == k
        model = SubtaskModel(data.task, row.classifier, row.params, data.blocks, row.scale, seed)
        left_out = model.fit(data.X[train], data.labels[train]).left_out()
        P[held] = model.predict_matrix(data.X[held]).to_numpy()
        decided[held] = P[held] >= tune_thresholds(Y[train], left_out.to_numpy())
    return weighted_f1(Y, decide_folds(data, row, Y, fold, P)), weighted_f1(Y, decided)


def print_left_out(title: str, parts: list[SubtaskData]) -> None:
    """Print a row of the table of `--left-out`."""
    found = np.array([measure_left_out(part, seed) for seed, part in enumerate(parts)])
    cells = [f"{mean:.3f} ± {sd:.3f}" for mean, sd in zip(found.mean(axis=0), found.std(axis=0), strict=True)]
    print(f"| {title} | {' | '.join(cells)} |", flush=True)


def datasets(shared: Path, store: Path, folder: Path) -> Iterator[tuple[str, SubtaskData]]:
    """Yield title and images of each subtask."""
    for name, title in (("oasis", "OASIS"), ("coco", "COCO")):
        for data in load_shared(shared, name, store):
            yield f"{title}, {data.task.name}", data
    for data in load_drawn(folder, N_DRAWN, 1, ("subtask1", "subtask2", "subtask3")):
        yield f"drawn, {data.task.name}", data


def print_row(title: str, found: np.ndarray) -> None:
    """Print a row of the table; `found`: (n_repetitions, n_heads, 3)."""
    f1, losses, seconds = np.moveaxis(found, 2, 0)
    half = np.zeros(len(HEADS))
    if len(f1) > 1:
        half = t.ppf(0.975, len(f1) - 1) * f1.std(axis=0, ddof=1) / np.sqrt(len(f1))
    cells = [f"{mean:.3f} ± {width:.3f}" for mean, width in zip(f1.mean(axis=0), half, strict=True)]
    cells.append(" / ".join(f"{loss:.3f}" for loss in losses.mean(axis=0)))
    cells.append(" / ".join(f"{ratio:.2f}" for ratio in (seconds.sum(axis=0) / seconds[:, 0].sum())[1:]))
    print(f"| {title} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--seeds", type=int, default=5, help="repetitions, each with folds of its own")
    parser.add_argument("--only", default="", help="only rows with this in their title")
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/features"))
    parser.add_argument("--kept", type=Path, help="a folder of what was measured, to go on from")
    parser.add_argument("--left-out", action="store_true", help="the two ways to tune the thresholds of kernel")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.left_out:
        print("| images | the other folds, mean ± sd | left out |\n|---|---|---|")
    else:
        print("| images | " + " | ".join(HEADS) + " | log loss | time |\n|---|" + "---|" * (len(HEADS) + 2))
    every = []
    with tempfile.TemporaryDirectory() as folder:
        for title, data in datasets(options.data, options.store, Path(folder)):
            for share in SHARES if options.only in title else ():
                parts = [share_of(data, share, seed) for seed in range(options.seeds)]
                n_images = round(np.mean([len(part.labels) for part in parts]))
                if options.left_out:
                    if data.task.multi_label:
                        print_left_out(f"{title}, {n_images} images", parts)
                    continue
                kept = [options.kept and options.kept / f"{title}-{share}-{seed}.npy" for seed in range(options.seeds)]
                found = [measure(part, seed, path) for seed, (part, path) in enumerate(zip(parts, kept, strict=True))]
                print_row(f"{title}, {n_images} images", np.array(found))
                every.append(found)
    if every:
        print_row("mean", np.mean(every, axis=0))


if __name__ == "__main__":
    main()
