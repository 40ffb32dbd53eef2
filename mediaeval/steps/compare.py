"""Comparing runs on the validation images that they share."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from mediaeval.data.dataset import load_dataset
from mediaeval.errors import RunFolderError
from mediaeval.runs import RunFolder
from mediaeval.steps.tables import rows_of
from mediaeval.steps.trained_run import TrainedRun
from mediaeval.steps.validation import validation_warnings
from submission.compare import Comparison, compare
from submission.task import Task

logger = logging.getLogger(__name__)


def compare_runs(folders: list[RunFolder], task: Task, *, seed: int = 0) -> list[Comparison]:
    """Compare runs on every subtask that all of them have, by their probabilities of the validation images.

    Raises RunFolderError for fewer than two runs, other validation images, another dev set, or no common subtask.
    """
    names = [folder.name for folder in folders]
    if len(names) < 2 or len(set(names)) < len(names):
        raise RunFolderError("compare takes two or more runs, each once: mediaeval compare first second.")
    runs = [TrainedRun.open(folder, task) for folder in folders]
    dev_sets = {run.name: str(Path(run.config.data.dev).resolve()) for run in runs}
    if len(set(dev_sets.values())) > 1:
        listed = ", ".join(f"{name}: {dev}" for name, dev in dev_sets.items())
        raise RunFolderError(f"the runs were trained on different dev sets ({listed}). Compare runs of one dev set.")
    common = [name for name in task.names if all(name in run.records for run in runs)]
    if not common:
        raise RunFolderError(f"no subtask was trained in all of {', '.join(run.name for run in runs)}.")
    dataset = load_dataset(Path(runs[0].config.data.dev), task)
    results = []
    for k, name in enumerate(common):
        subtask, answers = task[name], {}
        ids = sorted(runs[0].validation(subtask).index)
        for run in runs:
            table = run.validation(subtask)
            if sorted(table.index) != ids:
                raise RunFolderError(
                    f"{runs[0].name} and {run.name} were validated on other images ({len(ids)} and {len(table)}, "
                    f"{len(set(ids) & set(table.index))} in common): what one was trained on, the other is scored on. "
                    f"Train on one split: mediaeval train {name} --split {runs[0].folder.split}."
                )
            answers[run.name] = run.labels(subtask, table.loc[ids]).to_numpy()
        truth = rows_of(dataset.labels(name), ids, str(dataset.folder)).to_numpy()
        found = compare(subtask, truth, answers, rng=np.random.default_rng((seed, k)))
        for warning in (warnings := validation_warnings(subtask, truth)):
            logger.warning(warning)
        results.append(replace(found, warnings=tuple(warnings)))
    return results
