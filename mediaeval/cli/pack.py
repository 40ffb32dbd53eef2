"""mediaeval pack."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediaeval.cli.options import Json, Partial, TaskName, run_argument
from mediaeval.cli.output import print_json, print_line

if TYPE_CHECKING:
    from submission.task import Header

EXAMPLE = "Example: mediaeval pack first --team my-team --kind open"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("A run below runs/ that was submitted, or a run file.")],
    team: Annotated[str, typer.Option("--team", metavar="NAME", help="Your team, as the organisers know it.")],
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="Which kind of run of the task it is.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of what is to be sent.")] = Path("sent"),
    ids: Annotated[
        Path | None,
        typer.Option("--ids", metavar="TESTSET.csv|FOLDER", help="Of a run file: the test list, or its folder."),
    ] = None,
    dev: Annotated[
        Path | None, typer.Option("--dev", metavar="DEV", help="Your dev set, where the task takes its header.")
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("--number", metavar="N", min=0, help="Its number, where names have one.", show_default="the next"),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Its name, where the task leaves that open.")
    ] = None,
    partial: Partial = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a file that was packed before.")] = False,
    task: TaskName = None,
    json: Json = False,
) -> None:
    """Check a run, and write the file that is sent: called and zipped as the task wants it, and read back.

    The same run gives the same bytes. Kinds of runs that the task requires, and that DIR still lacks, are listed.
    """
    from submission.pack import RunSlot, pack_run

    file, header, test_ids = _run_file(run, task, ids, dev)
    packed = pack_run(file, header, test_ids, RunSlot(kind, team, number, name), out, partial=partial, replace=replace)
    if json:
        print_json(packed.to_dict())
    else:
        print_line(packed.text())


def _run_file(run: str, task: str | None, ids: Path | None, dev: Path | None) -> tuple[Path, "Header", Sequence[str]]:
    """Return the run file, its expected header and the ids of its test set."""
    from mediaeval.errors import RunFileError
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task, runs_of
    from submission.check import expected_header
    from submission.labels import read_ids
    from submission.task import Header

    path = Path(run)
    if path.is_file():
        of = decide_task(task, runs=runs_of([path]))
        if ids is None:
            raise RunFileError(f"{path}: --ids TESTSET.csv is required with a run file. Give the test list.")
        return path, expected_header(dev, of), read_ids(ids, of)
    folder = open_run(run)
    of = decide_task(task, runs=[folder.path])
    manifest = folder.read_manifest()
    folder.require_unchanged(manifest)
    if not folder.run_csv.is_file():
        raise RunFileError(f"{folder.run_csv}: no such file. Write it first: mediaeval submit {folder.name}.")
    return folder.run_csv, Header.complete(of, manifest.header), list(folder.read_predictions().ids)
