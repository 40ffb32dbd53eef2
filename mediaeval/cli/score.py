"""mediaeval score"""

from argparse import Namespace
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.check import Dev
from mediaeval.cli.options import Json
from submission.__main__ import score

EXAMPLE = "Example: mediaeval score runs/first/run.csv --truth sample/truth.csv"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[Path, typer.Argument(metavar="RUNFILE", help="A run file, anybody's.")],
    truth: Annotated[Path, typer.Option("--truth", metavar="TRUTH.csv", help="The labels as released.")],
    dev: Dev = None,
    json: Json = False,
) -> None:
    """Score a run file: weighted F1 with its 95 % interval, and each label's F1 and support, tab-separated."""
    raise typer.Exit(score(Namespace(runs=run, truth=truth, dev=dev, json=json)))
