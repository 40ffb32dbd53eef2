"""Options that several commands have, and what they mean where they are not given."""

import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediaeval.cli.completion import (
    complete_devices,
    complete_engines,
    complete_extractors,
    complete_presets,
    complete_runs,
    complete_subtasks,
    complete_tasks,
)

if TYPE_CHECKING:
    from submission.task import Task

logger = logging.getLogger(__name__)

Json = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Continue without images that cannot be decoded.")]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        autocompletion=complete_devices,
        help="Compute on: auto, cpu, cuda (a GPU) or cuda:N (the GPU of that number, from 0).",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration file.", show_default="mediaeval.toml in this folder, if any"
    ),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="NAME|FILE",
        autocompletion=complete_tasks,
        help="The task: a name or a task file. List the names with: mediaeval ls tasks",
        show_default="the run's, else that of mediaeval.toml, else Visual Sentiment 2021",
    ),
]
Use = Annotated[
    str | None,
    typer.Option(
        "--use",
        metavar="NAMES",
        autocompletion=complete_extractors,
        help="Extractors, comma separated; their features are concatenated in this order.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        autocompletion=complete_presets,
        help="Extractors and settings under one name. List them with: mediaeval ls presets",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        autocompletion=complete_engines,
        help="Compute networks with: auto, torch, torch-mixed or torch-fp16 (on a GPU), openvino, openvino-mixed or "
        "openvino-bf16 (on a processor).",
        show_default="auto",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Random seed: equal seeds give equal results.")]
Groups = Annotated[
    str | None,
    typer.Option("--groups", metavar="CSV:COLUMN", help="Keep images of one group on one side of the split."),
]
Subtask = Annotated[
    str | None,
    typer.Option(
        "--subtask",
        metavar="NAME",
        autocompletion=complete_subtasks,
        help="A subtask of the task, such as subtask1.",
        show_default="the run's first",
    ),
]
Partial = Annotated[bool, typer.Option("--partial", help="Allow a run that covers only some subtasks.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace what the run already holds.")]
Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN", autocompletion=complete_runs, help="Runs below runs/, trained on the same dev set."),
]


def run_argument(help: str, *, name: str = "RUN") -> Any:
    """Return an argument that is a folder below runs/."""
    return typer.Argument(metavar=name, autocompletion=complete_runs, help=help)


def split_names(names: str) -> list[str]:
    """Return the names of an option that are separated by commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def choose_data(dev: str, task: "Task") -> str:
    """Return the dev set to work on: the one given, else the drawn sample, which is drawn if it is not there yet.

    Raises ConfigError where the sample would be of another task.
    """
    if dev:
        return dev
    from mediaeval.errors import ConfigError
    from mediaeval.sample.draw import TASK, draw_sample, is_sample

    if task != TASK:
        raise ConfigError(
            f"--data: got no dev set of '{task.name}'; expected its folder, since the drawn sample is of "
            f"'{TASK.name}'. Give --data FOLDER, or set [data] dev in mediaeval.toml."
        )
    folder = Path("sample")
    logger.info(f"No --data and no mediaeval.toml with [data] dev: using the drawn sample in {folder}/.")
    if not is_sample(folder):  # one of another size or seed is what the user drew
        draw_sample(folder)
    return str(folder / "devset")


def command_line() -> str:
    """Return the command that was typed, for the records of a run."""
    return shlex.join(["mediaeval", *sys.argv[1:]])
