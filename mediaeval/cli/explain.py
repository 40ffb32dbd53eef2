"""mediaeval explain."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json, Subtask, TaskName, run_argument
from mediaeval.cli.output import print_json, print_line, print_table

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval explain first testset --limit 10"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("A run below runs/, of a system trained end to end.")],
    images: Annotated[
        Path, typer.Argument(metavar="IMAGE|FOLDER", help="An image, or a folder of images such as a dataset.")
    ],
    subtask: Subtask = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME", help="Draw this label, such as positive; may be repeated."),
    ] = None,
    map_name: Annotated[
        str,
        typer.Option(
            "--map", metavar="NAME", help="The network's feature map to use.", show_default="the last before the scores"
        ),
    ] = "",
    method: Annotated[
        str, typer.Option("--method", metavar="NAME", help="grad-cam; or heat-map, for the caffenet systems.")
    ] = "grad-cam",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Draw at most N images of a folder.")] = 20,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Folder to write to.", show_default="explain/ in the folder of the subtask"
        ),
    ] = None,
    task: TaskName = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Draw what the network of a run looks at: a heat map of each image and label, and a contact sheet of them all.

    The network is the split model, which has not seen the validation images. Without --label, all labels of a subtask
    with one label per image are drawn, and the three most probable of each image in the others.
    """
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folder = open_run(run)
    of = decide_task(task, runs=[folder.path])

    from mediaeval.interpret.explain import explain

    result = explain(
        folder,
        of,
        images,
        subtask,
        labels=labels or [],
        map_name=map_name,
        method=method,
        limit=limit,
        out=out,
        device=device,
    )
    drawn = [(image_id, picture) for image_id, pictures in result.pictures.items() for picture in pictures]
    if result.left_out:
        logger.info(f"{result.left_out} more images are in {images}; a higher --limit draws more of them.")
    if dark := [f"{image_id}: {picture.label}" for image_id, picture in drawn if not picture.lit]:
        logger.warning(f"nothing in {result.map_name} supports the label in {len(dark)} heat maps, such as {dark[0]}.")
    if json:
        print_json(
            {
                "run": str(folder.path),
                "subtask": result.subtask.name,
                "method": method,
                "map": result.map_name,
                "sheet": str(result.sheet),
                "left_out": result.left_out,
                "pictures": [{"id": image_id, **picture.to_dict()} for image_id, picture in drawn],
            }
        )
        return
    rows = [
        [image_id, result.subtask.short(p.label), p.probability, "yes" if p.predicted else "", str(p.path)]
        for image_id, p in drawn
    ]
    print_table(f"{result.subtask.name}: {method}", ["image", "label", "probability", "predicted", "file"], rows)
    print_line(f"sheet\t{result.sheet}")
