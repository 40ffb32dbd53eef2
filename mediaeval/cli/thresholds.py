"""mediaeval thresholds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediaeval.cli.options import Json, Replace, TaskName, command_line, run_argument
from mediaeval.cli.output import counted, print_json, print_line, print_table

if TYPE_CHECKING:
    from mediaeval.records import SubtaskRecord
    from mediaeval.steps.thresholds import Rethresholded

EXAMPLE = "Example: mediaeval thresholds first thresholds.json --run byhand"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("The run below runs/ that the thresholds were chosen on.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="thresholds.json, as the page of report exports it.")],
    new: Annotated[str, typer.Option("--run", metavar="NEW", help="Folder below runs/ for the new run.")],
    replace: Replace = False,
    task: TaskName = None,
    json: Json = False,
) -> None:
    """Make a run of the same models and predictions with thresholds chosen by hand; submit takes it like any run.

    It is scored anew on the dev set, on which the thresholds were chosen: its scores are higher than what to expect.
    """
    from mediaeval.runs import open_run, run_folder
    from mediaeval.steps.thresholds import choose_thresholds
    from mediaeval.tasks import decide_task

    folder, source = run_folder(new), open_run(run)
    of = decide_task(task, runs=[source.path])
    found = choose_thresholds(source, file, folder, of, replace_run=replace, command=command_line())
    predicted = folder.test.is_dir()
    if json:
        summaries = [one.after.summary() for one in found]
        print_json({"run": str(folder.path), "of": source.name, "predicted": predicted, "subtasks": summaries})
        return
    for one in found:
        _print(one)
    print_line(f"run: {folder.path}")
    step = f"mediaeval submit {folder.name}" if predicted else f"mediaeval predict {folder.name} --data TEST"
    print_line(f"next: {step}{' (it has the predictions of ' + source.name + ')' if predicted else ''}")


def _print(one: "Rethresholded") -> None:
    """Print the scores before and after, and a row for each label."""
    title = [
        f"{one.task.name}: {one.after.score.metric} {_scored(one.after)}",
        f"{one.after.note}: expect less of other images",
        f"before: {_scored(one.before)}",
    ]
    before, after = (record.out_of_fold or record.score for record in (one.before, one.after))
    rows = [
        [one.task.short(new.label), new.support, old.f1, new.f1, one.before.thresholds[new.label], chosen]
        for old, new in zip(before.per_label, after.per_label, strict=True)
        for chosen in [one.after.thresholds[new.label]]
    ]
    print_table("\n".join(title), ["label", "images", "F1 before", "F1", "threshold before", "threshold"], rows)


def _scored(record: "SubtaskRecord") -> str:
    """Return the score out of fold, where there is one, and of the split alone."""
    split = (
        f"{_with_interval(record.score.value, record.score.interval)} on {counted(record.n_val, 'validation image')}"
    )
    of_folds = record.out_of_fold
    return f"{_with_interval(of_folds.f1, of_folds.interval)} out of fold, {split}" if of_folds else split


def _with_interval(score: float, interval: tuple[float, float]) -> str:
    return f"{score:.3f} (95 % interval {interval[0]:.3f} to {interval[1]:.3f})"
