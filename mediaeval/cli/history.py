"""mediaeval history."""

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.completion import complete_runs
from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_line, print_table

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval history first second --tensorboard curves"
NEEDS_ARGUMENTS = True


def command(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|FILE",
            autocompletion=complete_runs,
            help="Runs below runs/, or .jsonl files of this command and of pretrain --history.",
        ),
    ],
    jsonl: Annotated[
        Path | None, typer.Option("--jsonl", metavar="FILE", help="Write a line of JSON for each epoch.")
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option("--tensorboard", metavar="FOLDER", help="Write curves: tensorboard --logdir FOLDER shows them."),
    ] = None,
    json: Json = False,
) -> None:
    """Show how trainings went, epoch by epoch, and write it for other programs.

    Epochs are counted from 0. Classifiers that are not trained in epochs have no history.
    """
    from mediaeval.errors import RunFolderError
    from mediaeval.reports.history import histories_of, read_jsonl, write_jsonl, write_tensorboard
    from mediaeval.runs import open_run
    from submission.wording import both

    rows, without = [], []
    for name in dict.fromkeys(runs):
        found = read_jsonl(Path(name)) if name.endswith(".jsonl") else list(histories_of(open_run(name)))
        rows += found
        without += [] if found else [name]
    if not rows:
        raise RunFolderError(
            f"got no history in {both(without)}; expected a training in epochs, of a network on features or of a "
            "system. Give another run: mediaeval ls runs."
        )
    if without:
        logger.info(f"{both(without)}: not trained in epochs, so that there is no history.")
    files = []
    if tensorboard:
        files += write_tensorboard(rows, tensorboard, time=time.time())
    if jsonl:
        write_jsonl(rows, jsonl)
        files.append(jsonl)
    if json:
        print_json({"epochs": rows, "files": [str(file) for file in files]})
        return
    for file in files:
        print_line(str(file))
    if files:
        return
    for run, subtask in dict.fromkeys((row["run"], row["subtask"]) for row in rows):
        own = [row for row in rows if (row["run"], row["subtask"]) == (run, subtask)]
        columns = [key for key in dict.fromkeys(key for row in own for key in row) if key not in ("run", "subtask")]
        cells = [[_cell(key, row.get(key)) for key in columns] for row in own]
        print_table(f"{run}: {subtask}", columns, cells)


def _cell(key: str, value: float | None) -> float | str:
    return "" if value is None else f"{value:g}" if key == "lr" else value
