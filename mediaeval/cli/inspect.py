"""mediaeval inspect."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json, TaskName
from mediaeval.cli.output import print_json, print_table

EXAMPLE = "Example: mediaeval inspect sample/devset"
NEEDS_ARGUMENTS = True


def command(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Dataset folder: images/ and a CSV.")],
    task: TaskName = None,
    json: Json = False,
) -> None:
    """Count images and labels; report missing, damaged and duplicate images, and conflicting labels.

    Exit status 1 when an image is missing or cannot be decoded.
    """
    from mediaeval.data.inspect import inspect
    from mediaeval.tasks import decide_task

    report = inspect(data, decide_task(task))
    if json:
        print_json(report.to_dict())
    else:
        for title, columns, rows in report.tables():
            print_table(title, columns, rows)
    if report.unreadable:
        raise typer.Exit(1)
