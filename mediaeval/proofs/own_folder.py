"""What the folder of a run file tells when it is a run of this package: its extractors, and its own held-out answers.

Whatever is wrong with such a folder is no reason against the run file: a warning says what, and nothing of it is used.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mediaeval.config import Config
from mediaeval.errors import UserError, first_few
from mediaeval.runs import RunFolder
from mediaeval.steps.run_config import read_config
from mediaeval.steps.trained_run import TrainedRun
from submission.labels import LabelTable
from submission.task import Task

logger = logging.getLogger(__name__)


def with_extractors_of(config: Config, runs: Iterable[Path]) -> tuple[Config, list[str]]:
    """Return the configuration with the extractors of the runs' settings as well, and the names in use, its own first.

    Where two settings have an extractor of one name, the configuration's counts, then the first run's. A folder that is
    damaged is passed over: `held_out_answers` reports it.
    """
    extractors, used = dict(config.extractors), list(config.features.use)
    for folder in dict.fromkeys(RunFolder(Path(path).parent) for path in runs):
        if not folder.manifest.is_file():
            continue
        try:
            settings = read_config(folder, config.task)
        except UserError:
            continue
        extractors = settings.extractors | extractors
        used += settings.features.use
    return config.model_copy(update={"extractors": extractors}), used


def held_out_answers(path: Path, dev: LabelTable, task: Task) -> dict[str, pd.DataFrame]:
    """Return subtask → answers, dev ids × labels, of the run to dev images that it was not trained on.

    They are 0 and 1, or scores and probabilities where these are the answers.

    Empty where the file lies in no run's folder, or in one without out-of-fold predictions, and, with a warning, where
    the folder is damaged or the run was trained on other images than those of `dev`.
    """
    folder = RunFolder(Path(path).parent)
    if not folder.manifest.is_file():
        return {}
    found = {}
    try:
        run = TrainedRun.open(folder, task)
        for subtask in (subtask for subtask in run.subtasks if subtask.name in dev.labels):
            table = run.out_of_fold_labels(subtask)
            if table is None:
                continue
            if others := set(table.index) - dev.labels[subtask.name].keys():
                logger.warning(
                    f"{folder.path} was trained on other images than those of {dev.path} "
                    f"({first_few(sorted(others))}): its own answers to held-out dev images are not used."
                )
                return {}
            found[subtask.name] = table[list(subtask.labels)]
    except UserError as error:
        logger.warning(f"{folder.path} is a run, but nothing of it is used: {str(error.problems[0]).rstrip('.')}.")
        return {}
    return found
