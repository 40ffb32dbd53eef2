"""mediaeval notes."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json, Runs, Seed, TaskName
from mediaeval.cli.output import print_json, print_line

EXAMPLE = "Example: mediaeval notes first second --out notes"
NEEDS_ARGUMENTS = True


def command(
    runs: Runs,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write to.")] = Path("notes"),
    seed: Seed = 0,
    task: TaskName = None,
    json: Json = False,
) -> None:
    r"""Write LaTeX for the working notes: scores, differences to the first run, labels, and the runs in sentences.

    Each number has the hash of its run. notes.tex holds all and compiles alone; \input it, or a table, in your paper.
    """
    from mediaeval.reports.notes import make_notes, write_notes
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folders = [open_run(run) for run in runs]
    of = decide_task(task, runs=[folder.path for folder in folders])
    notes = make_notes(folders, of, seed=seed)
    files = write_notes(notes, out)
    if json:
        print_json({"files": [str(file) for file in files]} | notes.to_dict())
        return
    for file in files:
        print_line(str(file))
