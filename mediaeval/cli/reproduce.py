"""mediaeval reproduce."""

from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json, TaskName, run_argument
from mediaeval.cli.output import print_json, print_line, print_table

EXAMPLE = "Example: mediaeval reproduce first"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("A run below runs/ that was submitted.")],
    seal: Annotated[
        bool, typer.Option("--seal", help="Add digests to a run made before 0.2, if its run file is reproduced.")
    ] = False,
    task: TaskName = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Rebuild a run file from the stored models and the images, and compare it byte for byte.

    Where it differs: which inputs changed, and each changed label with its probability then and now. Exit status 1,
    also when a file of the run is not the one that was recorded.
    """
    from mediaeval.proofs.reproduce import reproduce
    from mediaeval.proofs.reproduce import seal as add_digests
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folder = open_run(run)
    result = reproduce(folder, decide_task(task, runs=[folder.path]), device=device)
    if seal and not result.damaged:
        add_digests(folder, result)
    if json:
        print_json(result.to_dict())
    else:
        for change in result.changed:
            print_line(f"changed: {change}")
        if result.same:
            print_line(f"{result.path}: reproduced byte for byte, sha256 {result.sha256}")
            if seal and not result.covered:
                print_line(f"{folder.manifest}: digests of its files added")
        else:
            rows = [
                [
                    one.flip.image_id,
                    one.flip.label,
                    one.flip.first,
                    one.flip.second,
                    one.before,
                    one.now,
                    "" if one.threshold is None else one.threshold,
                ]
                for one in result.flips
            ]
            columns = ["image", "label", "file", "now", "probability then", "now", "threshold"]
            print_table(f"{result.path}: not reproduced, {len(rows)} labels differ", columns, rows)
    raise typer.Exit(0 if result.same and not result.damaged else 1)
