"""Spot replay: a few test images again, one by one, in a fresh process, from the JPEG to the label.

    python -m mediaeval.proofs.replay    the run, the task, the test set and its ids on stdin; JSON on stdout

Nothing is shared with the predictions that are checked: another process, an empty feature store, one image at a time.
"""

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mediaeval.errors import FeaturesError, RunFileError, UserError
from mediaeval.files import passing_folder
from mediaeval.proofs.expected import is_same
from mediaeval.runs import RunFolder, open_run
from submission.runfile import read_run
from submission.task import Header, Task


def replay(folder: RunFolder, task: Task, file: Path, k: int, *, seed: int = 0, device: str = "cpu") -> list[str]:
    """Predict `k` random test images anew and compare them with a run file; return the ids that were replayed.

    Raises RunFileError that names every id whose labels come out otherwise.
    """
    with replaying(folder, task, k, seed=seed, device=device) as compare:
        return compare(file)


@contextmanager
def replaying(
    folder: RunFolder, task: Task, k: int, *, seed: int = 0, device: str = "cpu"
) -> Iterator[Callable[[Path], list[str]]]:
    """Begin a replay, and give what waits for it and compares it with a run file, as `replay` does.

    Most of a replay is importing torch, for which nothing else has to wait. One that is not waited for is ended.
    """
    predicted = folder.read_predictions()
    ids = [image_id for image_id in predicted.ids if image_id not in predicted.failures]
    if not ids:
        raise RunFileError(
            f"{folder.run_csv}: --replay: none of the {len(predicted.ids)} test images has features, so that there is "
            "nothing to predict again. Leave --replay out, or mend the images and predict again."
        )
    rng = np.random.default_rng(seed)
    chosen = [ids[int(place)] for place in rng.choice(len(ids), min(k, len(ids)), replace=False)]
    job = {"run": str(folder.path), "task": task, "data": predicted.data, "device": device, "ids": chosen}
    with tempfile.TemporaryFile() as stdin:
        stdin.write(pickle.dumps(job))  # for our own process, in a file without a name: none is read in this way
        stdin.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "mediaeval.proofs.replay"],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    with process:
        try:
            yield lambda file: _compared(folder, task, file, chosen, predicted.data, process)
        finally:
            process.kill()  # nothing where it has ended


def _compared(
    folder: RunFolder, task: Task, file: Path, chosen: list[str], data: str, process: "subprocess.Popen[bytes]"
) -> list[str]:
    """Wait for a replay of the images `chosen` of the test set `data`; return them, or raise what differs in `file`."""
    stdout, stderr = process.communicate()
    if process.returncode:
        lines = stderr.decode(errors="replace").strip().splitlines() or [f"exit status {process.returncode}"]
        raise RunFileError(f"{folder.run_csv}: the replay failed: {lines[-1]}")
    anew = json.loads(stdout)
    labels = read_run(file, Header.complete(task, folder.read_manifest().header)).labels
    problems = []
    for image_id in chosen:
        for name in folder.subtasks(task):
            said, again = labels[name][image_id], anew[image_id][name]
            again = _as_answer(again)
            if not is_same(said, again):
                problems.append(f"{name}: {image_id}: the file says {said}, its image leads to {again}.")
    if problems:
        raise RunFileError(
            f"{folder.run_csv}: {len(problems)} answers of {len(chosen)} replayed images differ.",
            *problems[:10],
            f"Do not send it. Predict again: mediaeval predict {folder.name} --data {data}.",
        )
    return chosen


def _as_answer(read: Any) -> Any:
    """Return an answer as it was before it was JSON, which has lists for tuples."""
    return tuple(map(_as_answer, read)) if isinstance(read, list) else read


def labels_anew(folder: RunFolder, task: Task, test: Path, ids: list[str], device: str) -> dict[str, dict[str, Any]]:
    """Return image id → subtask → label, each image by itself, with nothing taken from a store."""
    from mediaeval.data.dataset import load_dataset
    from mediaeval.steps.trained_run import TrainedRun

    run = TrainedRun.open(folder, task, device)
    dataset = load_dataset(test, task, labelled=False)
    found: dict[str, dict[str, Any]] = {}
    for image_id in ids:
        with passing_folder(folder.runs_dir) as store:
            images = run.images_anew(replace(dataset, ids=(image_id,)), store)
            if image_id not in images.ids:
                why = images.features.failures[image_id]
                raise FeaturesError(f"{image_id}: {why}, while a prediction of it is in the run.")
            tables = run.probabilities(images)
        found[image_id] = {
            subtask.name: run.answers(subtask, tables[subtask.name])[image_id] for subtask in run.subtasks
        }
    return found


def _main() -> int:
    job = pickle.load(sys.stdin.buffer)
    run = Path(job["run"])
    try:
        opened = open_run(run.name, run.parent)
        print(json.dumps(labels_anew(opened, job["task"], Path(job["data"]), job["ids"], job["device"])))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
