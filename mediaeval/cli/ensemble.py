"""mediaeval ensemble."""

from typing import Annotated, Literal

import typer

from mediaeval.cli.options import Json, Replace, Runs, command_line
from mediaeval.cli.output import counted, print_json, print_line, print_table

EXAMPLE = "Example: mediaeval ensemble first second third --run all3 --how vote"
NEEDS_ARGUMENTS = True


def command(
    runs: Runs,
    run: Annotated[str, typer.Option("--run", metavar="NAME", help="Folder below runs/ for the new run.")],
    how: Annotated[
        Literal["mean", "vote"],
        typer.Option("--how", help="Average the probabilities, or take the majority of the predictions."),
    ] = "mean",
    replace: Replace = False,
    json: Json = False,
) -> None:
    """Combine runs into a new one, each subtask from the runs that have it; predict and submit take it like any run."""
    from mediaeval.runs import open_run, run_folder
    from mediaeval.steps.ensemble import make_ensemble
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    folder = run_folder(run)
    members = [open_run(name) for name in runs]
    fitted = make_ensemble(members, folder, VISUAL_SENTIMENT_2021, how=how, replace=replace, command=command_line())
    if json:
        warnings = [warning for one in fitted for warning in one.warnings]
        summaries = [one.record().summary() for one in fitted]
        print_json({"run": str(folder.path), "subtasks": summaries, "warnings": warnings})
        return
    for one in fitted:
        rows = []
        for name in one.settings["ensemble"]["members"]:
            member = open_run(name)
            score = member.read_subtask(one.task.name).score
            rows.append([name, score.weighted_f1, *score.interval])
        rows.append([f"{folder.name} ({how})", one.score.weighted_f1, *one.score.interval])
        title = f"{one.task.name}: {counted(len(one.truth), 'validation image')}"
        print_table(title, ["run", "weighted F1", "low", "high"], rows)
    print_line(f"run: {folder.path}")
