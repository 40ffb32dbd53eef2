"""mediaeval organise."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.check import Dev
from mediaeval.cli.options import Json, TaskName
from mediaeval.cli.output import print_json, print_line

EXAMPLE = "Example: mediaeval organise --task flood2020 --truth truth.csv --out desk"
NEEDS_ARGUMENTS = True


def command(
    truth: Annotated[Path, typer.Option("--truth", metavar="TRUTH.csv", help="The labels of the test set.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The new folder.")],
    dev: Dev = None,
    task: TaskName = None,
    json: Json = False,
) -> None:
    """Write what takes runs of a task on a platform, with the scores of mediaeval score.

    A bundle for Codabench whose scoring program needs Python and numpy alone, a metric for Kaggle, a run file that
    passes, and forty that must not.
    """
    from mediaeval.tasks import decide_task
    from submission.desk.organise import organise

    organised = organise(decide_task(task), truth, out, dev=dev)
    if json:
        print_json(organised.to_dict())
    else:
        print_line(organised.text())
