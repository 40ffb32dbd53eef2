"""Which subtasks a training is of: those that were named, or all that the dev set has labels for."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mediaeval.errors import ConfigError, DatasetError, choose
from submission.task import Task

logger = logging.getLogger(__name__)

ALL = "all"


def named_subtasks(subtasks: str | Sequence[str], task: Task) -> list[str]:
    """Return the names that a name, several, or "all" stand for; of "all", those without labels are left out later.

    Raises ConfigError for a name that the task does not have, and for none at all.
    """
    if isinstance(subtasks, str):
        choose("subtask", subtasks, [*task.names, ALL])
        return list(task.names) if subtasks == ALL else [subtasks]
    if not subtasks:
        raise ConfigError(f"subtasks: got none; expected some of {', '.join(task.names)}, or '{ALL}'.")
    return list(dict.fromkeys(choose("subtask", name, task.names) for name in subtasks))


def labelled_subtasks(dev: Path, task: Task) -> list[str]:
    """Return the subtasks that "all" means for a dev set: those that it has labels for.

    Raises DatasetError when there are none.
    """
    from mediaeval.data.dataset import load_dataset  # imports pandas: after settings were found right

    names = list(load_dataset(dev, task).subtasks)
    if not names:
        columns = ", ".join(subtask.column for subtask in task.subtasks)
        raise DatasetError(f"{dev} has no labels. Give a dev set with the columns of {columns}.")
    if len(names) < len(task.names):
        logger.info(f"{dev} has labels for {', '.join(names)} only; no other subtask is trained.")
    return names
