"""mediaeval score."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.check import Dev
from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_line

EXAMPLE = "Example: mediaeval score runs/first/run.csv --truth sample/truth.csv"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[Path, typer.Argument(metavar="RUNFILE", help="A run file, from any source.")],
    truth: Annotated[Path, typer.Option("--truth", metavar="TRUTH.csv", help="The released labels.")],
    dev: Dev = None,
    json: Json = False,
) -> None:
    """Score a run file: weighted F1 with its 95 % interval, and the F1 and support of each label, tab-separated."""
    from submission.score import as_text, score_file
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    scores = score_file(run, truth, VISUAL_SENTIMENT_2021, dev=dev)
    if json:
        print_json({name: of_subtask.to_dict() for name, of_subtask in scores.items()})
    else:
        print_line(as_text(scores))
