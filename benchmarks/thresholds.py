"""What a threshold changes: subtasks 2 and 3 on drawn samples, 0.5 and 0.3 against one per label tuned out of fold.

    python -m benchmarks.thresholds

For each size of the dev set and each seed a sample is drawn, the default preset is trained on it, and its probabilities
for 300 test images become labels in three ways. Printed: the weighted F1 of each, the mean over the seeds.
"""

import argparse
import contextlib
import tempfile
from pathlib import Path

import numpy as np

from mediaeval.config import load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.runs import RunFolder
from mediaeval.sample.draw import draw_sample
from mediaeval.steps.predict import predict
from mediaeval.steps.tables import decide, read_probabilities
from mediaeval.steps.train import train
from submission.labels import read_labels
from submission.score import score_decisions
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

SUBTASKS = ("subtask2", "subtask3")
FIXED = (0.5, 0.3)


def measure(folder: Path, n_dev: int, seed: int) -> np.ndarray:
    """Return weighted F1, (n_subtasks, tuned and then `FIXED`), on 300 test images of a sample drawn in `folder`."""
    sample = draw_sample(folder / f"sample-{n_dev}-{seed}", dev=n_dev, test=300, seed=seed)
    run = RunFolder(folder / f"run-{n_dev}-{seed}")
    fitted = train(load_config(task=VISUAL_SENTIMENT_2021, data=str(sample.devset)), list(SUBTASKS), run)
    predict(run, VISUAL_SENTIMENT_2021, sample.testset)
    ids = load_dataset(sample.testset, VISUAL_SENTIMENT_2021).ids
    truth = read_labels(sample.truth, VISUAL_SENTIMENT_2021).labels
    scores = []
    for one in fitted:
        task = VISUAL_SENTIMENT_2021[one.task.name]
        P = read_probabilities(run.test / f"{task.name}.csv", task).loc[list(ids)]
        Y = np.array([truth[task.name][image_id] for image_id in ids])
        choices = [one.thresholds, *([t] * len(task.labels) for t in FIXED)]
        scores.append([score_decisions(task, Y, decide(task, P, c).to_numpy()).weighted_f1 for c in choices])
    return np.array(scores)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print("| dev images | subtask | tuned (default) | " + " | ".join(f"threshold {t}" for t in FIXED) + " |")
    print("|---|---|" + "---|" * (1 + len(FIXED)))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for n_dev in (240, 600):
            mean = np.mean([measure(Path(folder), n_dev, seed) for seed in range(options.seeds)], axis=0)
            for name, row in zip(SUBTASKS, mean, strict=True):
                print(f"| {n_dev} | {name} | " + " | ".join(f"{f1:.3f}" for f1 in row) + " |", flush=True)


if __name__ == "__main__":
    main()
