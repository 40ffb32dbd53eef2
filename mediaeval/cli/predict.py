"""mediaeval predict"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json, SkipBad
from mediaeval.cli.output import print_json

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval predict first --data testset"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run below runs/.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Test set folder; else that of mediaeval.toml, or the sample's when trained on it."
        ),
    ] = None,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Predict the test images with a run's models, and keep the probabilities in the run.

    With --skip-bad an image that cannot be decoded gets the share of each label in the training data instead.
    """
    from mediaeval.runs import open_run

    folder = open_run(run)

    from mediaeval.steps.predict import predict, test_set_of

    test = data or test_set_of(folder)
    result = predict(folder, test, skip_bad=skip_bad, device=device)
    for image_id, reason in result.failures.items():
        logger.info(f"{image_id}: {reason}. It gets the share of each label in the training data.")
    if result.trained_on:
        n, some = len(result.trained_on), ", ".join(result.trained_on[:3])
        logger.warning(f"{n} of {result.n_images} images are images of the dev set ({some}). Is {test} the test set?")
    if json:
        print_json(
            {
                "run": str(folder.path),
                "data": str(test),
                "images": result.n_images,
                "models": result.models,
                "fallback": result.failures,
                "trained_on": result.trained_on,
            }
        )
        return
    for name, model in result.models.items():
        print(f"{name}\t{result.n_images} images by {model}")
    print(f"next: mediaeval submit {folder.name}{'' if len(result.models) == 3 else ' --partial'}")
