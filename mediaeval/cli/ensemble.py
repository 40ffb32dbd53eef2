"""mediaeval ensemble."""

from typing import Annotated, Literal

import typer

from mediaeval.cli.options import Json, Replace, Runs, TaskName, command_line
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
    task: TaskName = None,
    json: Json = False,
) -> None:
    """Combine runs into a new one, each subtask from the runs that have it; predict and submit take it like any run."""
    from mediaeval.runs import open_run, run_folder
    from mediaeval.steps.ensemble import make_ensemble
    from mediaeval.tasks import decide_task

    folder = run_folder(run)
    members = [open_run(name) for name in runs]
    of = decide_task(task, runs=[member.path for member in members])
    fitted = make_ensemble(members, folder, of, how=how, replace=replace, command=command_line())
    if json:
        warnings = [warning for one in fitted for warning in one.warnings]
        summaries = [one.record().summary() for one in fitted]
        print_json({"run": str(folder.path), "subtasks": summaries, "warnings": warnings})
        return
    for one in fitted:
        name = one.task.name
        records = {member: open_run(member).read_subtask(name) for member in one.settings["ensemble"]["members"]}
        records[f"{folder.name} ({how})"] = one.record()
        if one.out_of_fold:
            title = f"{name}: {counted(len(one.out_of_fold.truth), 'dev image')}, out of fold"
            scores = {
                run: (folds.f1, *folds.interval) for run, record in records.items() if (folds := record.out_of_fold)
            }
        else:
            title = f"{name}: {counted(len(one.truth), 'validation image')}"
            scores = {run: (record.score.value, *record.score.interval) for run, record in records.items()}
        title = "\n".join([title, *(f"{run}: {record.note}" for run, record in records.items() if record.note)])
        print_table(title, ["run", one.score.metric, "low", "high"], [[run, *score] for run, score in scores.items()])
    print_line(f"run: {folder.path}")
