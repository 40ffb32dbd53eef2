"""mediaeval repair."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediaeval.cli.check import Dev, EvidenceTime, alignment_checker, wrong_usage
from mediaeval.cli.options import ConfigFile, Device, Json, Partial, TaskName
from mediaeval.cli.output import print_json, print_line

if TYPE_CHECKING:
    from mediaeval.proofs.align import AlignmentReport

EXAMPLE = "Example: mediaeval repair run.csv fixed.csv --ids testset/testset.csv"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[Path, typer.Argument(metavar="IN.csv", help="A run file, from any source; it stays as it is.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.csv", help="The new file.")],
    ids: Annotated[
        Path | None,
        typer.Option(
            "--ids", metavar="TESTSET.csv|FOLDER", help="The test list: ids and the order of rows are corrected."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="TEST", help="Test set folder: also propose the arrangement that fits it best."),
    ] = None,
    dev: Dev = None,
    evidence_time: EvidenceTime = 10.0,
    partial: Partial = False,
    config: ConfigFile = None,
    device: Device = "auto",
    task: TaskName = None,
    json: Json = False,
) -> None:
    """Write a copy of a run file in which everything is corrected that has one reading, and list it and what is left.

    With --data and --dev, it also says which arrangement of rows or columns fits the images best, and on what evidence;
    that is for you to judge, and never applied. Exit status 0: no problems are left; 1: there are some.
    """
    if data is not None and dev is None:
        raise wrong_usage("--data needs --dev DEV, the dev set folder, to learn which labels to expect of images.")

    from mediaeval.tasks import decide_task
    from submission.desk.commands import repair_file

    of = decide_task(task, settings=config)
    repair = repair_file(run, out, of, ids or data, dev, partial=partial)
    found: AlignmentReport | None = None
    if data and dev and repair.data is not None:
        check = alignment_checker(of, data, dev, [out], config, None, device, evidence_time, accept_constant=False)
        found = check(out)
    if json:
        print_json(repair.to_dict(out) | (found.to_dict() if found else {}))
    else:
        print_line(repair.text(out))
        if found:
            print_line(check.evidence.text())
            print_line(found.text())
            if found.alignment and found.alignment.problems:
                print_line(f"{out}: proposed, and not applied: put this right where the file was written")
    raise typer.Exit(0 if repair.ok and (found is None or found.ok) else 1)
