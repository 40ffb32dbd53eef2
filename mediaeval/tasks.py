"""Which task a command is of: the one it is given, the run's own, that of mediaeval.toml, or Visual Sentiment 2021.

A leaf. A run folder holds the task file that it was made with, `TASK_FILE`, byte for byte, so that it can be used where
the original is not at hand. A run without one is of Visual Sentiment 2021, or of a task that was made in Python.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from mediaeval.errors import ConfigError, RunFolderError, UserError
from mediaeval.files import write_atomically
from mediaeval.settings import PathText, Settings, parse_settings
from mediaeval.toml_text import read_toml
from submission.task import Task
from submission.taskfile import load_task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

CONFIG_FILE = "mediaeval.toml"
TASK_FILE = "task.toml"  # of a run folder


class TaskSection(Settings):
    """Which task the commands in this folder are of; without it, Visual Sentiment 2021."""

    name: str = Field(
        default="",
        description="Name of a task of mediaeval ls tasks. Not for --set.",
    )
    file: PathText = Field(default="", description="A task file, in place of a name. Not for --set.")


def decide_task(
    given: Task | str | Path | None = None,
    *,
    runs: Sequence[Path] = (),
    settings: Path | None = None,
    replace: bool = False,
) -> Task:
    """Return the task of a command.

    given     what it was given: a task, the name of one that mediaeval has, or a task file; None: nothing
    runs      the folders of the runs that it is about; each is of the task that is returned
    settings  a file like mediaeval.toml; None: the one in this folder, if there is one
    replace   whether the runs are to be written over: then theirs comes after that of the settings, and may be another

    Raises UserError for a task that cannot be read, ConfigError for a [task] section that is not right, and
    RunFolderError for a run of another task.
    """
    task = given if isinstance(given, Task) or given is None else load_task(given)
    if replace and task is None:
        task = task_of_settings(settings)
    if replace and task is not None:
        return task
    for run in runs:
        if task is None:
            task = task_of_run(run)
        else:
            require_task(run, task)
    if task is None:
        task = task_of_settings(settings)
    return VISUAL_SENTIMENT_2021 if task is None else task


def task_of_settings(file: Path | None) -> Task | None:
    """Return the task of a settings file, or of mediaeval.toml in this folder; None where neither has a section [task].

    Of the run.toml in a run folder it is the run's.
    """
    path = Path(CONFIG_FILE) if file is None else Path(file)
    if file is None and not os.path.lexists(path):
        return None
    if path.name == "run.toml" and os.path.lexists(path.with_name(TASK_FILE)):
        return task_of_run(path.parent)
    tree = read_toml(path)
    if "task" not in tree:
        return None
    section = parse_settings(TaskSection, tree["task"], "task")
    if bool(section.name) == bool(section.file):
        got = "a name and a file" if section.name else "neither a name nor a file"
        raise ConfigError(f'{path}: task: got {got}; expected one of them, such as name = "flood2020".')
    try:
        return load_task(section.name or path.parent / section.file)
    except UserError as error:
        raise ConfigError(*(f"{path}: [task]: {problem}" for problem in error.problems)) from None


def task_of_run(folder: Path) -> Task:
    """Return the task that a run was made for. Raises RunFolderError where its task file is damaged."""
    file = Path(folder) / TASK_FILE
    if not os.path.lexists(file):
        return VISUAL_SENTIMENT_2021
    try:
        return load_task(file)
    except UserError as error:
        raise RunFolderError(
            *error.problems, f"{file} is part of the run: put it back, from a copy, or train the run again."
        ) from None


def runs_of(files: Iterable[Path]) -> list[Path]:
    """Return the run folders with a task file in which some files lie, for `decide_task`."""
    return [
        folder for folder in dict.fromkeys(Path(file).parent for file in files) if os.path.lexists(folder / TASK_FILE)
    ]


def is_of_task(folder: Path, task: Task) -> bool:
    """Return whether a run can be one of a task: True where there is none yet, False where its task file is damaged."""
    try:
        if Path(folder).is_dir():
            require_task(folder, task)
    except RunFolderError:
        return False
    return True


def require_task(folder: Path, task: Task) -> None:
    """Raise RunFolderError for a run of another task, or of the same one with a task file that says something else.

    A run without a task file may be of a task that was made in Python: that its subtasks are there is checked when it
    is opened.
    """
    has_file = os.path.lexists(Path(folder) / TASK_FILE)
    if not has_file and (not task.text or task == VISUAL_SENTIMENT_2021):
        return
    own = task_of_run(folder)
    if own == task:
        return
    if own.name == task.name:
        raise RunFolderError(
            f"{folder} was made with another version of the task file of '{task.name}'; {Path(folder) / TASK_FILE} is "
            "its own. Use that one, by not giving another, or train the run again with --replace."
        )
    raise RunFolderError(
        f"{folder} is of the task '{own.name}'; expected one of '{task.name}'. Give another run, or the task of this "
        f"one: --task {Path(folder) / TASK_FILE if has_file else own.name}."
    )


def write_task(folder: Path, task: Task) -> None:
    """Write the task file of a run into its folder; none for Visual Sentiment 2021, nor for a task made in Python."""
    if task.text and task != VISUAL_SENTIMENT_2021:
        write_atomically(Path(folder) / TASK_FILE, task.text.encode())
