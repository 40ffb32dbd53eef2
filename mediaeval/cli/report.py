"""mediaeval report."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json, TaskName, run_argument
from mediaeval.cli.output import print_json, print_line

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval report first second --out comparison.html"
NEEDS_ARGUMENTS = True
NAMED = 5  # images that are gone


def command(
    run: Annotated[str, run_argument("A run below runs/.")],
    second: Annotated[str | None, run_argument("A second run, to be shown beside it.", name="RUN2")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The page; FILE.json is written beside it.",
            show_default="report.html in the folder of the run",
        ),
    ] = None,
    thumbs: Annotated[
        int, typer.Option("--thumbs", metavar="N", min=16, max=320, help="Pixels of an image in the gallery.")
    ] = 96,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Leave out images, their ids and paths, to show the page to others.")
    ] = False,
    task: TaskName = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write one HTML page that shows a run, or two: scores, wrong images, thresholds, calibration, doubtful labels.

    It opens offline. Images are those of the dev set, each predicted by a model that was not trained on it. The
    numbers of the page are written as JSON too.
    """
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folders = [open_run(name) for name in (run, *([second] if second else []))]
    of = decide_task(task, runs=[folder.path for folder in folders])

    from mediaeval.reports.write import write_report

    page = out or folders[0].path / "report.html"
    written = write_report(folders, of, page, tile=thumbs, anonymous=anonymous, device=device)
    for image, reason in list(written.gone.items())[:NAMED]:
        logger.warning(f"{image}: {reason}; a grey tile stands for it.")
    if len(written.gone) > NAMED:
        logger.warning(f"… and {len(written.gone) - NAMED} more images have a grey tile; {written.data} names them.")
    if written.sampled:
        logger.warning(written.sampled)
    if json:
        print_json(
            {
                "runs": [str(folder.path) for folder in folders],
                "page": str(written.page),
                "data": str(written.data),
                "page_bytes": written.size,
                "images": written.n_images,
                "gone": written.gone,
                "sampled": written.sampled or None,
            }
        )
        return
    print_line(f"{written.page}: {written.n_images} images, {written.size / 1e6:.1f} MB")
    print_line(f"{written.data}: the same as JSON")
