"""Spot replay: a few test images again, one by one, in a fresh process, from the JPEG to the label.

    python -m mediaeval.proofs.replay RUN_FOLDER TEST DEVICE    ids on stdin, one per line; JSON on stdout

Nothing is shared with the predictions that are checked: another process, an empty feature store, one image at a time.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mediaeval.errors import FeaturesError, RunFileError
from mediaeval.runs import RunFolder, open_run
from submission.runfile import read_run
from submission.task import Header
from submission.visual_sentiment import VISUAL_SENTIMENT_2021


def replay(folder: RunFolder, file: Path, k: int, *, seed: int = 0, device: str = "cpu") -> list[str]:
    """Predict `k` random test images anew and compare them with a run file; return the ids that were replayed.

    Raises RunFileError that names every id whose labels come out otherwise.
    """
    predicted = folder.read_predictions()
    ids = [image_id for image_id in predicted.ids if image_id not in predicted.failures]
    rng = np.random.default_rng(seed)
    chosen = [ids[int(place)] for place in rng.choice(len(ids), min(k, len(ids)), replace=False)]
    done = subprocess.run(
        [sys.executable, "-m", "mediaeval.proofs.replay", str(folder.path), predicted.data, device],
        input="\n".join(chosen),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RunFileError(f"{folder.run_csv}: the replay failed: {done.stderr.strip().splitlines()[-1]}")
    anew = json.loads(done.stdout)
    labels = read_run(file, Header.complete(VISUAL_SENTIMENT_2021, folder.read_manifest().header)).labels
    problems = []
    for image_id in chosen:
        for name in folder.subtasks:
            said, again = labels[name][image_id], anew[image_id][name]
            again = tuple(again) if isinstance(again, list) else again
            if said != again:
                problems.append(f"{name}: {image_id}: the file says {said}, its image leads to {again}.")
    if problems:
        raise RunFileError(
            f"{folder.run_csv}: {len(problems)} answers of {len(chosen)} replayed images differ.",
            *problems[:10],
            f"Do not send it. Predict again: mediaeval predict {folder.name} --data {predicted.data}.",
        )
    return chosen


def labels_anew(folder: RunFolder, test: Path, ids: list[str], device: str) -> dict[str, dict[str, Any]]:
    """Return image id → subtask → label, each image by itself, with nothing taken from a store."""
    from mediaeval.data.dataset import load_dataset
    from mediaeval.steps.trained_run import TrainedRun

    run = TrainedRun.open(folder, device)
    dataset = load_dataset(test, run.config.task, labelled=False)
    found: dict[str, dict[str, Any]] = {}
    for image_id in ids:
        with tempfile.TemporaryDirectory() as store:
            images = run.images_anew(replace(dataset, ids=(image_id,)), Path(store))
            if image_id not in images.ids:
                why = images.features.failures[image_id]
                raise FeaturesError(f"{image_id}: {why}, while a prediction of it is in the run.")
            tables = run.probabilities(images)
        rows = {subtask: run.labels(subtask, tables[subtask.name]).loc[image_id].tolist() for subtask in run.subtasks}
        found[image_id] = {subtask.name: subtask.from_row(row) for subtask, row in rows.items()}
    return found


if __name__ == "__main__":
    from submission.errors import UserError

    try:
        run_path, test_folder, on_device = sys.argv[1:]
        opened = open_run(Path(run_path).name, Path(run_path).parent)
        print(json.dumps(labels_anew(opened, Path(test_folder), sys.stdin.read().split("\n"), on_device)))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
