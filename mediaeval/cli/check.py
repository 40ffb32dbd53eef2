"""mediaeval check"""

from argparse import Namespace
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.common import Json
from submission.__main__ import check

EXAMPLE = "Example: mediaeval check runs/first/run.csv --ids testset/testset.csv"
NEEDS_ARGUMENTS = True

Dev = Annotated[
    Path | None,
    typer.Option("--dev", metavar="DEVSET.csv", help="Your dev set, where its header is not the official one."),
]


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNFILE...", help="Run files, anybody's.")],
    ids: Annotated[Path, typer.Option("--ids", metavar="TESTSET.csv|FOLDER", help="The test list, or its folder.")],
    dev: Dev = None,
    partial: Annotated[bool, typer.Option("--partial", help="Some subtasks only, and that is meant.")] = False,
    json: Json = False,
) -> None:
    """Tell everything that is wrong with a run file at once: bytes, header, ids, cells.

    Exit status 0 clean, 1 problems, 2 wrong usage. `python -m submission check` does the same without torch or pandas.
    """
    raise typer.Exit(check(Namespace(runs=runs, ids=ids, dev=dev, partial=partial, json=json)))
