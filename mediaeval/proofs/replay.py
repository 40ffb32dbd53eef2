"""Spot replay: a few test images again, one by one, in a fresh process, from the JPEG to the label.

    python -m mediaeval.proofs.replay RUN TEST    ids on stdin, a line each; JSON on stdout

Nothing is shared with the predictions that are checked: another process, an empty feature store, one image at a time.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from mediaeval.errors import FeaturesError, RunFileError
from mediaeval.runs import RunFolder, open_run
from submission.runfile import read_run, run_header
from submission.tasks import TASKS


def replay(run: RunFolder, file: Path, k: int, *, seed: int = 0, device: str = "cpu") -> list[str]:
    """Predict `k` random test images anew and compare them with a run file; return the ids that were replayed.

    Raises RunFileError that names every id whose labels come out otherwise.
    """
    about = run.read(run.test / "test.json")
    ids = [image_id for image_id in about["ids"] if image_id not in about["fallback"]]
    rng = np.random.default_rng(seed)
    chosen = [ids[int(place)] for place in rng.choice(len(ids), min(k, len(ids)), replace=False)]
    done = subprocess.run(
        [sys.executable, "-m", "mediaeval.proofs.replay", run.name, about["data"], device],
        input="\n".join(chosen),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RunFileError(f"{run.run_csv}: the replay failed: {done.stderr.strip().splitlines()[-1]}")
    anew = json.loads(done.stdout)
    header = run_header(run.read(run.manifest)["header"], list(TASKS))
    labels = read_run(file, header=header).labels
    problems = []
    for image_id in chosen:
        for name in run.subtasks:
            said, again = labels[name][image_id], anew[image_id][name]
            again = tuple(again) if isinstance(again, list) else again
            if said != again:
                problems.append(f"{name}: {image_id}: the file says {said}, its image leads to {again}.")
    if problems:
        raise RunFileError(
            f"{run.run_csv}: {len(problems)} answers of {len(chosen)} replayed images differ.",
            *problems[:10],
            f"Do not send it. Predict again: mediaeval predict {run.name} --data {about['data']}.",
        )
    return chosen


def labels_anew(run: RunFolder, test: Path, ids: list[str], device: str) -> dict[str, dict]:
    """Return image id → subtask → label, each image by itself, with nothing taken from a store."""
    from mediaeval.data.dataset import load_dataset
    from mediaeval.features.extract import extract
    from mediaeval.features.store import FeatureStore
    from mediaeval.steps.models import Images, load_subtask_model, probabilities
    from mediaeval.steps.predict import require_same_features
    from mediaeval.steps.prepare import build_networks
    from mediaeval.steps.record import read_config
    from mediaeval.steps.tables import cells, decide

    dataset = load_dataset(test, labelled=False)
    networks = build_networks(read_config(run), device)
    require_same_features(run, networks)
    models = {name: load_subtask_model(run, TASKS[name], device=device)[0] for name in run.subtasks}
    thresholds = {name: run.read(run.subtask(name) / "subtask.json")["thresholds"] for name in run.subtasks}
    found: dict[str, dict] = {}
    for image_id in ids:
        with tempfile.TemporaryDirectory() as store:
            features = extract(replace(dataset, ids=(image_id,)), networks, FeatureStore(Path(store)), workers=1)
            if features.failures:
                why = features.failures[image_id]
                raise FeaturesError(f"{image_id}: {why}, while a prediction of it is in the run.")
            images = Images(dataset.image_paths, features)
            found[image_id] = {}
            for name, model in models.items():
                task = TASKS[name]
                P = probabilities(model, images, [image_id])
                decided = decide(task, P, [thresholds[name][x] for x in task.labels])
                found[image_id][name] = cells(task, decided)[image_id]
    return found


if __name__ == "__main__":
    from submission.errors import UserError

    try:
        run_name, test_folder, wanted_device = sys.argv[1:]
        print(
            json.dumps(labels_anew(open_run(run_name), Path(test_folder), sys.stdin.read().split("\n"), wanted_device))
        )
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
