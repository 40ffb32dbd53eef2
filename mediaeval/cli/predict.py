"""mediaeval predict."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json, SkipBad, TaskName, run_argument
from mediaeval.cli.output import print_json, print_line

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval predict first --data testset"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("A run below runs/.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FOLDER",
            help="Test set folder.",
            show_default="that of mediaeval.toml, or of the sample for runs trained on it",
        ),
    ] = None,
    skip_bad: SkipBad = False,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated",
            help="Write calibrated probabilities, too: test/SUBTASK.calibrated.csv, which gives no label.",
        ),
    ] = False,
    task: TaskName = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Predict the test images with the models of a run, and store the probabilities in the run.

    With --skip-bad, an image that cannot be decoded gets the label frequencies of the training data.
    """
    from mediaeval.errors import first_few
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folder = open_run(run)
    of = decide_task(task, runs=[folder.path])

    from mediaeval.steps.predict import predict, test_set_of

    test = data or test_set_of(folder, of)
    result = predict(folder, of, test, skip_bad=skip_bad, calibrated=calibrated, device=device)
    for image_id, reason in result.failures.items():
        logger.warning(f"{image_id}: {reason}; it gets the label frequencies of the training data.")
    if result.trained_on:
        images = f"{len(result.trained_on)} of {result.n_images} images ({first_few(result.trained_on)})"
        logger.warning(f"{images} are images of the dev set. Is {test} the test set?")
    if json:
        print_json(
            {
                "run": str(folder.path),
                "data": str(test),
                "images": result.n_images,
                "models": result.models,
                "fallback": result.failures,
                "trained_on": result.trained_on,
                "calibrated": result.calibrated,
            }
        )
        return
    for name, model in result.models.items():
        print_line(f"{name}\t{result.n_images} images by {model}")
    for name, file in result.calibrated.items():
        unchanged = ", as they are: no calibration made other dev images better" if name in result.as_they_are else ""
        print_line(f"{name}\tcalibrated: {file}{unchanged}")
    for name in result.models if calibrated else ():
        if name not in result.calibrated:
            print_line(f"{name}\tnot calibrated: its answers are scores")
    partial = "" if len(result.models) == len(of.names) else " --partial"
    print_line(f"next: mediaeval submit {folder.name}{partial}")
