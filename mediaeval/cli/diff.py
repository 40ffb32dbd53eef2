"""mediaeval diff."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json, TaskName
from mediaeval.cli.output import print_json, print_line, print_table

EXAMPLE = "Example: mediaeval diff runs/first/run.csv runs/second/run.csv"
NEEDS_ARGUMENTS = True


def command(
    first: Annotated[Path, typer.Argument(metavar="A.csv", help="A run file.")],
    second: Annotated[Path, typer.Argument(metavar="B.csv", help="Another run file.")],
    task: TaskName = None,
    json: Json = False,
) -> None:
    """List the ids and labels that differ between two run files, joined by id. Exit status 1 when any differ."""
    from mediaeval.errors import first_few
    from mediaeval.tasks import decide_task, runs_of
    from submission.compare import difference, read_compared

    of = decide_task(task, runs=runs_of([first, second]))
    found = difference(read_compared(first, of), read_compared(second, of), of)
    if json:
        print_json(found.to_dict())
    else:
        for path, ids in ((first, found.only_first), (second, found.only_second)):
            if ids:
                print_line(f"only in {path}: {len(ids)} ids ({first_few(ids, 5)})")
        if found.one_sided:
            print_line(f"only in one of the files: {', '.join(found.one_sided)}")
        for name, compared in found.compared.items():
            rows = [[f.image_id, f.label, f.first, f.second] for f in found.flips if f.subtask == name]
            print_table(f"{name}: {len(rows)} of {compared} labels differ", ["image", "label", "A", "B"], rows)
    raise typer.Exit(1 if found.flips or found.only_first or found.only_second or found.one_sided else 0)
