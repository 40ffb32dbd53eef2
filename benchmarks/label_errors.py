"""How many suspected label errors are label errors: a table of docs/benchmarks.md.

    python -m benchmarks.label_errors ../shared/data

A share of the labels is made wrong at random before anything is trained: of OASIS an image gets another class, of COCO
a label of an image is flipped. The kernel is trained in five folds by group, and what a report suspects
(`mediaeval.analysis.doubts`) is compared with what was made wrong. Printed, over repetitions: which share of the first
20 suspects, and of as many as labels were made wrong, really was; the same for the plain order by loss; and chance.
Labels that were wrong before count as sound, so the truth is a little better.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.coverage import FOLDS, out_of_fold
from benchmarks.photographs import Row, SubtaskData, load_shared
from mediaeval.analysis.doubts import label_errors_part
from mediaeval.analysis.judged import OUT_OF_FOLD, JudgedImages

FIRST = 20
SHARES = (0.05, 0.1)
KERNEL = Row("kernel", {})


def spoilt(data: SubtaskData, share: float, rng: np.random.Generator) -> tuple[pd.DataFrame, set[tuple[str, str]]]:
    """Return labels of which a share is wrong, and which: (image id, label that it was made to have or to lack)."""
    Y, labels = data.labels.to_numpy().copy(), list(data.labels.columns)
    wrong = set()
    if data.task.multi_label:
        for row, column in zip(*np.nonzero(rng.random(Y.shape) < share * 2 * Y.mean()), strict=True):
            Y[row, column] = 1 - Y[row, column]
            wrong.add((data.labels.index[row], labels[column]))
    else:
        for row in np.flatnonzero(rng.random(len(Y)) < share):
            own = int(Y[row].argmax())
            other = int(rng.choice([k for k in range(len(labels)) if k != own]))
            Y[row] = np.eye(len(labels), dtype=int)[other]
            wrong.add((data.labels.index[row], ""))
    return pd.DataFrame(Y, index=data.labels.index, columns=labels), wrong


def find(data: SubtaskData, share: float, seed: int) -> tuple[list[float], float]:
    """Return precision at FIRST and at the number made wrong, of suspects and by loss, and that of chance."""
    rng = np.random.default_rng((seed, int(share * 100)))
    labels, wrong = spoilt(data, share, rng)
    own = SubtaskData(data.task, data.blocks, data.X, None, labels, data.groups)
    fold, P = out_of_fold(own, KERNEL, np.ones(len(labels), bool), seed)
    outputs = pd.DataFrame(P, index=labels.index, columns=labels.columns)
    nothing = pd.DataFrame(0.5, index=labels.index, columns=labels.columns)
    judged = JudgedImages(
        "", data.task, OUT_OF_FOLD, outputs, labels, labels, nothing, pd.Series(fold, index=labels.index), None
    )
    n = max(len(wrong), 1)
    several = data.task.multi_label
    suspects = [(one["image"], one["label"] if several else "") for one in label_errors_part(judged, limit=10**6)]
    losses = judged.label_losses()
    order = losses.stack() if several else judged.losses()
    by_loss = [key if several else (key, "") for key in order.sort_values(ascending=False, kind="stable").index]
    found = [sum(one in wrong for one in listed[:k]) / k for listed in (suspects, by_loss) for k in (FIRST, n)]
    return found, len(wrong) / (labels.size if several else len(labels))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/features"))
    options = parser.parse_args()
    print(f"{FOLDS} folds, {options.seeds} repetitions\n")
    print(
        f"| data, made wrong | suspects, first {FIRST} | as many as wrong | by loss, first {FIRST} | as many | chance |"
    )
    print("|---|---|---|---|---|---|")
    for dataset in ("oasis", "coco"):
        for data in load_shared(options.data, dataset, options.store):
            for share in SHARES:
                rows = [find(data, share, seed) for seed in range(options.seeds)]
                figures = np.array([found for found, _ in rows])
                error = 1.96 * figures.std(axis=0, ddof=1) / np.sqrt(len(rows))
                cells = [f"{m:.2f} ± {e:.2f}" for m, e in zip(figures.mean(axis=0), error, strict=True)]
                chance = np.mean([one for _, one in rows])
                title = f"{dataset}, {data.task.name}, {chance:.1%} of the labels"
                print(f"| {title} | {' | '.join(cells)} | {chance:.2f} |", flush=True)


if __name__ == "__main__":
    main()
