"""mediaeval task check."""

from typing import Annotated

import typer

from mediaeval.cli.completion import complete_tasks
from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_line

EXAMPLE = "Example: mediaeval task check task.toml"
NEEDS_ARGUMENTS = True


def command(
    files: Annotated[
        list[str],
        typer.Argument(metavar="TASK.toml", help="The task files.", autocompletion=complete_tasks),
    ],
    json: Json = False,
) -> None:
    """Report everything that is wrong with a task file, each problem with its line.

    Of a file without problems: what it describes, and the signature of each metric. Exit status 1 where a file has any.
    """
    from submission.taskfile.report import check_task_file

    reports = [check_task_file(file) for file in files]
    if json:
        print_json([report.to_dict() for report in reports])
    else:
        for report in reports:
            print_line(report.text())
    if not all(report.ok for report in reports):
        raise typer.Exit(1)
