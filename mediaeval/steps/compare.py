"""Comparing runs on all dev images, by out-of-fold predictions, or on the validation images that they share."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.errors import DatasetError, RunFolderError
from mediaeval.runs import RunFolder
from mediaeval.steps.out_of_fold import GROUP, same_partition
from mediaeval.steps.scoring import compare_answers
from mediaeval.steps.tables import F1_TOLERANCE, answered, rows_of
from mediaeval.steps.trained_run import TrainedRun
from mediaeval.steps.validation import validation_warnings
from submission.compare import Comparison
from submission.task import Subtask, Task
from submission.wording import both

logger = logging.getLogger(__name__)


def compare_runs(folders: list[RunFolder], task: Task, *, seed: int = 0) -> list[Comparison]:
    """Compare runs on every subtask that all of them have.

    That is by out-of-fold predictions of all dev images where all have them, else by those of the validation images.
    Raises RunFolderError for fewer than two runs, other images, another dev set, or no common subtask.
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
        rng = np.random.default_rng((seed, k))
        subtask = runs[0].task[name]
        lacking = [run.name for run in runs if run.records[name].out_of_fold is None]
        if not lacking:
            results.append(_by_out_of_fold(runs, subtask, dataset, rng))
            continue
        if len(lacking) < len(runs):
            logger.info(
                f"{name}: {both(lacking)} {'has' if len(lacking) == 1 else 'have'} no out-of-fold predictions: "
                "compared on the validation images alone. To compare on all dev images, train again with --folds 5."
            )
        results.append(_by_validation(runs, subtask, dataset, rng))
    return [replace(one, notes=_notes(runs, one.subtask)) for one in results]


def _notes(runs: list[TrainedRun], subtask: str) -> dict[str, str]:
    return {run.name: note for run in runs if (note := run.records[subtask].note)}


def _by_out_of_fold(runs: list[TrainedRun], subtask: Subtask, dataset: Dataset, rng: np.random.Generator) -> Comparison:
    """Compare runs on all dev images. Raises RunFolderError when they are not of the same images and groups."""
    tables = {run.name: run.out_of_fold(subtask) for run in runs}
    first = tables[runs[0].name]
    assert first is not None, "the runs have out-of-fold predictions"
    ids = sorted(first.index)
    answers, scores = {}, {}
    for run in runs:
        table, record = tables[run.name], run.records[subtask.name].out_of_fold
        labels = run.out_of_fold_labels(subtask)
        assert table is not None and record is not None and labels is not None, "the runs have out-of-fold predictions"
        if sorted(table.index) != ids:
            raise RunFolderError(
                f"{runs[0].name} and {run.name} were trained on other images ({len(ids)} and {len(table)}, "
                f"{len(set(ids) & set(table.index))} in common). Train them on one dev set."
            )
        if not same_partition(first.loc[ids, GROUP], table.loc[ids, GROUP]):
            raise RunFolderError(
                f"{runs[0].name} and {run.name} were trained with other groups: the one whose similar images were "
                "divided between folds scores too high. Train both with the same [split] groups."
            )
        answers[run.name] = answered(subtask, table.loc[ids], labels.loc[ids])
        scores[run.name] = (record.f1, *record.interval)
    truth = rows_of(dataset.labels(subtask.name), ids, str(dataset.folder)).to_numpy()
    found = compare_answers(subtask, truth, answers, rng=rng, groups=list(first.loc[ids, GROUP]))
    changed = [name for name, (f1, *_) in found.scores.items() if abs(f1 - scores[name][0]) > F1_TOLERANCE]
    if changed:
        raise DatasetError(
            f"{dataset.folder}: with its present labels, {subtask.name} of {', '.join(changed)} scores otherwise than "
            "in training: the labels have changed. Put them back, or train the runs again."
        )
    return replace(found, scores=scores, out_of_fold=True)


def _by_validation(runs: list[TrainedRun], subtask: Subtask, dataset: Dataset, rng: np.random.Generator) -> Comparison:
    """Compare runs on the validation images. Raises RunFolderError when they are not the same."""
    answers = {}
    ids = sorted(runs[0].validation(subtask).index)
    for run in runs:
        table = run.validation(subtask)
        if sorted(table.index) != ids:
            raise RunFolderError(
                f"{runs[0].name} and {run.name} were validated on other images ({len(ids)} and {len(table)}, "
                f"{len(set(ids) & set(table.index))} in common): what one was trained on, the other is scored on. "
                f"Train on one split: mediaeval train {subtask.name} --split {runs[0].folder.split}."
            )
        answers[run.name] = answered(subtask, table.loc[ids], run.labels(subtask, table.loc[ids]))
    truth = rows_of(dataset.labels(subtask.name), ids, str(dataset.folder)).to_numpy()
    found = compare_answers(subtask, truth, answers, rng=rng)
    for warning in (warnings := validation_warnings(subtask, truth)):
        logger.warning(warning)
    return replace(found, warnings=tuple(warnings))
