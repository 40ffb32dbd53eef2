"""mediaeval errors."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediaeval.cli.options import Json, Subtask, TaskName, run_argument
from mediaeval.cli.output import counted, print_json, print_line, print_table

if TYPE_CHECKING:
    from mediaeval.analysis.errors import ErrorCount
    from mediaeval.interpret.errors import ShownErrors

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval errors first --subtask subtask2 --label Joy"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("A run below runs/.")],
    subtask: Subtask = None,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="NAME", help="List what is wrong in this label alone, such as positive."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", help="List at most N images; of a label, N of each kind of error.")
    ] = 20,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The contact sheet, a PNG.",
            show_default="errors.png in the folder of the subtask",
        ),
    ] = None,
    task: TaskName = None,
    json: Json = False,
) -> None:
    """List the images that a run answers wrongly, the worst first, and draw them on a contact sheet.

    These are dev images, each predicted by a model that was not trained on it: all of them out of fold, or in a run
    without folds its validation images. Where answers are numbers, those of the largest errors are listed.
    """
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folder = open_run(run)
    of = decide_task(task, runs=[folder.path])

    from mediaeval.interpret.errors import MOST_DRAWN, show_errors

    shown = show_errors(folder, of, subtask, label=label, limit=limit, out=out)
    for image_id, reason in shown.gone.items():
        logger.warning(f"{image_id}: {reason}; it is grey on the sheet.")
    if len(shown.errors) > MOST_DRAWN:
        logger.info(f"The sheet has the first {MOST_DRAWN} images; the table has all.")
    if shown.left_out:
        more = "more" if shown.counts[0].wrong is None else "more wrong"
        logger.info(f"{counted(shown.left_out, f'{more} image')}; list them with a higher --limit.")
    if json:
        print_json(_as_json(str(folder.path), shown))
        return
    for count in shown.counts:
        print_line(_in_words(count, shown))
    if not shown.errors:
        print_line(_title(shown) if shown.of_label else f"{shown.judged.subtask.name}: nothing to list")
        return
    _print_images(shown)
    print_line(f"sheet\t{shown.sheet}")


def _as_json(run: str, shown: "ShownErrors") -> dict[str, Any]:
    of_label, outputs = shown.of_label, shown.judged.outputs
    return {
        "run": run,
        "subtask": shown.judged.subtask.name,
        "where": shown.judged.where,
        "counts": [count.to_dict() | {"note": shown.notes.get(count.subtask)} for count in shown.counts],
        "label": of_label
        and {
            "label": of_label.label,
            "positives": of_label.positives,
            "negatives": of_label.negatives,
            "false_negatives": of_label.false_negatives,
            "false_positives": of_label.false_positives,
        },
        "images": [
            error.to_dict()
            | {
                "outputs": {name: float(p) for name, p in outputs.loc[error.id].items()},
                "fold": None if shown.judged.folds is None else int(shown.judged.folds[error.id]),
                "path": str(shown.paths[error.id]) if error.id in shown.paths else None,
                "gone": shown.gone.get(error.id),
            }
            for error in shown.errors
        ],
        "left_out": shown.left_out,
        "sheet": shown.sheet and str(shown.sheet),
    }


def _in_words(count: "ErrorCount", shown: "ShownErrors") -> str:
    """Return how much is wrong in a subtask: `subtask1: 26 of 60 images are wrong, out of fold`."""
    where = count.where if count.where == "out of fold" else "of the validation side"
    note = f" ({shown.notes[count.subtask]})" if count.subtask in shown.notes else ""
    images = counted(count.images, "image")
    if count.wrong is None:
        errors = ", ".join(f"{name} {error:.4g}" for name, error in count.errors.items())
        return f"{count.subtask}: mean absolute error of {images} {where}: {errors}{note}"
    labels = f" in {count.wrong_labels} of {count.labels} labels" if count.labels is not None else ""
    return f"{count.subtask}: {count.wrong} of {images} {where} are wrong{labels}{note}"


def _print_images(shown: "ShownErrors") -> None:
    from mediaeval.answers.learned import CLASSES, form
    from mediaeval.interpret.errors import answer_text

    subtask, of_label = shown.judged.subtask, shown.of_label
    several = len(subtask.labels) > 1
    numeric = shown.errors[0].error is not None
    columns = {
        "image": [error.id for error in shown.errors],
        "error": [error.what for error in shown.errors] if of_label and not numeric else None,
        "truth": [answer_text(error.truth) for error in shown.errors],
        "answer": [answer_text(error.answer) for error in shown.errors],
        "most wrong": [subtask.short(error.label) for error in shown.errors]
        if several and not of_label and form(subtask) != CLASSES
        else None,
        "probability": None if numeric else [error.output for error in shown.errors],
        "threshold": [error.threshold for error in shown.errors] if shown.judged.thresholds is not None else None,
        "absolute error": [error.error for error in shown.errors] if numeric else None,
        "loss": [error.loss for error in shown.errors],
        "path": [str(shown.paths.get(error.id, "")) for error in shown.errors],
    }
    kept = {name: cells for name, cells in columns.items() if cells is not None}
    print_table(_title(shown), list(kept), list(zip(*kept.values(), strict=True)))


def _title(shown: "ShownErrors") -> str:
    name, of_label = shown.judged.subtask.name, shown.of_label
    if of_label is None:
        return f"{name}, the highest loss first"
    short = shown.judged.subtask.short(of_label.label)
    if of_label.positives is None:
        return f"{name}, {short}: the largest error first"
    return (
        f"{name}, {short}: {of_label.false_negatives} of {counted(of_label.positives, 'image')} with it missed, "
        f"{of_label.false_positives} of {of_label.negatives} without it given it"
    )
