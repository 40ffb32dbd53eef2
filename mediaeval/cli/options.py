"""Options that several commands have, and what they mean where they are not given."""

import logging
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mediaeval.cli.completion import (
    complete_devices,
    complete_engines,
    complete_extractors,
    complete_presets,
    complete_runs,
    complete_subtasks,
)

logger = logging.getLogger(__name__)

Json = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Continue without images that cannot be decoded.")]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", autocompletion=complete_devices, help="Compute on: auto, cpu or cuda (a GPU)."
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration file.", show_default="mediaeval.toml in this folder, if any"
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
        help="Compute networks with: auto, torch, openvino, openvino-mixed or openvino-bf16.",
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
        help="subtask1, subtask2 or subtask3.",
        show_default="the run's first",
    ),
]
Partial = Annotated[bool, typer.Option("--partial", help="Allow a run that covers only some subtasks.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace what the run already holds.")]
Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN", autocompletion=complete_runs, help="Runs below runs/, trained on the same dev set."),
]


def run_argument(help: str) -> Any:
    """Return the argument RUN, a folder below runs/."""
    return typer.Argument(metavar="RUN", autocompletion=complete_runs, help=help)


def split_names(names: str) -> list[str]:
    """Return the names of an option that are separated by commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def choose_data(dev: str) -> str:
    """Return the dev set to work on: the one given, else the drawn sample, which is drawn if it is not there yet."""
    if dev:
        return dev
    from mediaeval.sample.draw import draw_sample, is_sample

    folder = Path("sample")
    logger.info(f"No --data and no mediaeval.toml with [data] dev: using the drawn sample in {folder}/.")
    if not is_sample(folder):  # one of another size or seed is what the user drew
        draw_sample(folder)
    return str(folder / "devset")


def command_line() -> str:
    """Return the command that was typed, for the records of a run."""
    return shlex.join(["mediaeval", *sys.argv[1:]])
