"""mediaeval explain"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json
from mediaeval.cli.output import print_json, print_table

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval explain first testset --limit 10"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run below runs/, of a system trained end to end.")],
    images: Annotated[
        Path, typer.Argument(metavar="IMAGE|FOLDER", help="A photograph, or a folder of them such as a dataset.")
    ],
    subtask: Annotated[str | None, typer.Option("--subtask", help="subtask1, 2 or 3; else the run's first.")] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME", help="Look for this label, such as positive; may be given again."),
    ] = None,
    map_name: Annotated[
        str, typer.Option("--map", help="The network's map to look at; without, the last one before the scores.")
    ] = "",
    method: Annotated[
        str, typer.Option("--method", help="grad-cam; or heat-map, of the caffenet systems.")
    ] = "grad-cam",
    limit: Annotated[int, typer.Option("--limit", help="The first so many photographs of a folder.")] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to; without, explain/ in the run's subtask.")
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Draw what a run's network looks at: a picture for each photograph and label, and a contact sheet of all.

    The network is the one of the 80 %. Without --label all labels of subtask 1 are drawn, of the others the three
    likeliest of each photograph.
    """
    from mediaeval.runs import open_run

    folder = open_run(run)

    from mediaeval.interpret.explain import explain

    result = explain(
        folder,
        images,
        subtask,
        labels=labels or [],
        map_name=map_name,
        method=method,
        limit=limit,
        out=out,
        device=device,
    )
    if result.left_out:
        logger.info(f"{result.left_out} more photographs are in {images}; --limit takes more of them.")
    if dark := [f"{i}: {p.label}" for i, ps in result.pictures.items() for p in ps if not p.lit]:
        logger.warning(f"nothing in {result.map_name} speaks for the label in {len(dark)} pictures, such as {dark[0]}.")
    if json:
        print_json(
            {
                "run": str(folder.path),
                "subtask": result.task.name,
                "method": method,
                "map": result.map_name,
                "sheet": str(result.sheet),
                "left_out": result.left_out,
                "pictures": [{"id": i, **p.to_dict()} for i, ps in result.pictures.items() for p in ps],
            }
        )
        return
    rows = [
        [i, result.task.short(p.label), p.probability, "yes" if p.predicted else "", str(p.path)]
        for i, ps in result.pictures.items()
        for p in ps
    ]
    print_table(f"{result.task.name}: {method}", ["id", "label", "probability", "predicted", "picture"], rows)
    print(f"sheet\t{result.sheet}")
