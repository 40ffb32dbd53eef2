"""mediaeval task show."""

from typing import Annotated

import typer

from mediaeval.cli.completion import complete_tasks
from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_whole

EXAMPLE = "Example: mediaeval task show synthim2025"
NEEDS_ARGUMENTS = True


def command(
    task: Annotated[
        str,
        typer.Argument(metavar="NAME|FILE", help="The task: a name or a task file.", autocompletion=complete_tasks),
    ],
    json: Json = False,
) -> None:
    """Print the format of a task's run files as its organisers would write it, with an example of three rows."""
    from submission.taskfile import load_task
    from submission.taskfile.show import as_text, to_dict

    loaded = load_task(task)
    if json:
        print_json(to_dict(loaded))
    else:
        print_whole(as_text(loaded))
