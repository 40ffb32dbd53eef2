"""mediaeval ensemble"""

import sys
from typing import Annotated, Literal

import typer

from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_table

EXAMPLE = "Example: mediaeval ensemble first second third --run all3 --how vote"
NEEDS_ARGUMENTS = True


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Runs trained on the same split.")],
    run: Annotated[str, typer.Option("--run", help="Folder below runs/ for the new run.")],
    how: Annotated[
        Literal["mean", "vote"], typer.Option("--how", help="The mean of probabilities, or the majority of answers.")
    ] = "mean",
    replace: Annotated[bool, typer.Option("--replace", help="Write over a run of this name.")] = False,
    json: Json = False,
) -> None:
    """Make one run of several, each subtask from the runs that hold it; predict and submit take it as any run."""
    from mediaeval.runs import open_run, run_folder
    from mediaeval.steps.ensemble import make_ensemble

    folder = run_folder(run)
    members = [open_run(name) for name in runs]
    fitted = make_ensemble(members, folder, how=how, replace=replace, command="mediaeval " + " ".join(sys.argv[1:]))
    if json:
        print_json({"run": str(folder.path), "subtasks": [one.record().summary() for one in fitted]})
        return
    for one in fitted:
        rows = []
        for name in one.settings["ensemble"]["members"]:
            member = open_run(name)
            score = member.read_subtask(one.task.name).score
            rows.append([name, score.weighted_f1, *score.interval])
        rows.append([f"{folder.name} ({how})", one.score.weighted_f1, *one.score.interval])
        title = f"{one.task.name}: {len(one.truth)} validation images"
        print_table(title, ["run", "weighted F1", "low", "high"], rows)
    print(f"run: {folder.path}")
