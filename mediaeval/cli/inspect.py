"""mediaeval inspect."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_table
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

EXAMPLE = "Example: mediaeval inspect sample/devset"
NEEDS_ARGUMENTS = True


def command(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Dataset folder: images/ and a CSV.")],
    json: Json = False,
) -> None:
    """Count images and labels; report missing, damaged and duplicate images, and conflicting labels.

    Exit status 1 when an image is missing or cannot be decoded.
    """
    from mediaeval.data.inspect import inspect

    report = inspect(data, VISUAL_SENTIMENT_2021)
    if json:
        print_json(report.to_dict())
    else:
        for title, columns, rows in report.tables():
            print_table(title, columns, rows)
    if report.unreadable:
        raise typer.Exit(1)
