"""Comparing runs on the validation images that they share."""

from pathlib import Path

import numpy as np

from mediaeval.data.dataset import load_dataset
from mediaeval.errors import RunFolderError
from mediaeval.runs import RunFolder
from mediaeval.steps.record import read_config
from mediaeval.steps.tables import decide, read_probabilities
from submission.compare import Comparison, compare
from submission.tasks import TASKS


def compare_runs(runs: list[RunFolder], *, seed: int = 0) -> list[Comparison]:
    """Compare runs on every subtask that all of them have, by their probabilities of the validation images.

    Raises RunFolderError for fewer than two runs, other validation images, another dev set, or no common subtask.
    """
    if len({run.name for run in runs}) < 2 or len({run.name for run in runs}) < len(runs):
        raise RunFolderError("compare takes two or more runs, each once: mediaeval compare first second.")
    folders = {run.name: str(Path(read_config(run).data.dev).resolve()) for run in runs}
    if len(set(folders.values())) > 1:
        told = ", ".join(f"{name}: {folder}" for name, folder in folders.items())
        raise RunFolderError(f"the runs were trained on different dev sets ({told}). Compare runs of one.")
    common = [name for name in TASKS if all(name in run.subtasks for run in runs)]
    if not common:
        raise RunFolderError(f"no subtask was trained in all of {', '.join(run.name for run in runs)}.")
    dataset = load_dataset(Path(read_config(runs[0]).data.dev))
    results = []
    for k, name in enumerate(common):
        task, answers, ids = TASKS[name], {}, None
        for run in runs:
            table = read_probabilities(run.subtask(name) / "validation.csv", task)
            ids = sorted(table.index) if ids is None else ids
            if sorted(table.index) != ids:
                raise RunFolderError(
                    f"{runs[0].name} and {run.name} were validated on other images ({len(ids)} and {len(table)}, "
                    f"{len(set(ids) & set(table.index))} in common): what one was trained on, the other is scored on. "
                    f"Train on one split: mediaeval train {name} --split runs/{runs[0].name}/split.csv."
                )
            thresholds = run.read(run.subtask(name) / "subtask.json")["thresholds"]
            answers[run.name] = decide(task, table.loc[ids], [thresholds[x] for x in task.labels]).to_numpy()
        truth = dataset.labels(name).loc[ids].to_numpy()
        results.append(compare(task, truth, answers, rng=np.random.default_rng((seed, k))))
    return results
