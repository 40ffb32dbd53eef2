"""mediaeval explain."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediaeval.cli.options import Device, Json, Subtask, TaskName, run_argument
from mediaeval.cli.output import print_json, print_line, print_table
from mediaeval.errors import first_few

if TYPE_CHECKING:
    from mediaeval.interpret.inspectable import FeatureRun, InspectableRun

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval explain first testset --limit 10"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("A run below runs/: of a system trained end to end, or on features.")],
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
    """Show what a run sees in images: of a network heat maps, of a classifier on features the nearest training images.

    Of a network a heat map of each image and label is drawn (Grad-CAM); of a classifier, it is computed what each block
    of features adds to each label's probability, and the nearest training images are shown with their labels. Both have
    a contact sheet. The model is that of the split, which has not seen the validation images. Without --label, all
    labels of a subtask with one label per image are shown, and the three most probable of each image in the others.
    """
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folder = open_run(run)
    of = decide_task(task, runs=[folder.path])

    from mediaeval.interpret.inspectable import FeatureRun, open_explainable

    opened = open_explainable(folder, of, subtask, device)
    if isinstance(opened, FeatureRun):
        _require_no_network(map_name, method)
        _features(opened, images, labels or [], limit, out, json=json)
    else:
        _network(opened, images, labels or [], map_name, method, limit, out, json=json)


def _require_no_network(map_name: str, method: str) -> None:
    """Raise ConfigError for options that a run on features does not have."""
    from mediaeval.errors import ConfigError

    given = [f"--map {map_name}"] * bool(map_name) + [f"--method {method}"] * (method != "grad-cam")
    if given:
        raise ConfigError(f"{given[0]}: the run was trained on features, so there is no network. Leave it out.")


def _features(
    opened: "FeatureRun", images: Path, labels: list[str], limit: int, out: Path | None, *, json: bool
) -> None:
    from mediaeval.answers.learned import SCORES, form
    from mediaeval.interpret.errors import answer_text
    from mediaeval.interpret.explain_features import explain_features

    result = explain_features(opened, images, labels=labels, limit=limit, out=out)
    _say_left_out(result.left_out, images)
    if seen := [image.id for image in result.images if image.trained_on]:
        logger.warning(f"{first_few(seen)}: the model was trained on it, so it is surer than of other images.")
    subtask = result.subtask
    if json:
        print_json(
            {
                "run": str(opened.run.folder.path),
                "subtask": subtask.name,
                "method": "features",
                "blocks": dict(result.blocks),
                "sheet": str(result.sheet),
                "left_out": result.left_out,
                "images": [image.to_dict() for image in result.images],
            }
        )
        return
    what = "score" if form(subtask) == SCORES else "probability"
    rows = [
        [image.id, subtask.short(one.label), one.output, "yes" if one.predicted else "", *one.contributions.values()]
        for image in result.images
        for one in image.labels
    ]
    title = f"{subtask.name}: the {what}, and what each block of features adds to it"
    print_table(title, ["image", "label", what, "predicted", *result.blocks], rows)
    near = [
        [image.id, one.id, one.cosine, answer_text(one.truth), one.path or ""]
        for image in result.images
        for one in image.neighbours
    ]
    print_table("the nearest training images", ["image", "training image", "cosine", "truth", "path"], near)
    print_line(f"sheet\t{result.sheet}")


def _network(
    opened: "InspectableRun",
    images: Path,
    labels: list[str],
    map_name: str,
    method: str,
    limit: int,
    out: Path | None,
    *,
    json: bool,
) -> None:
    from mediaeval.interpret.explain import explain

    result = explain(opened, images, labels=labels, map_name=map_name, method=method, limit=limit, out=out)
    drawn = [(image_id, picture) for image_id, pictures in result.pictures.items() for picture in pictures]
    _say_left_out(result.left_out, images)
    if dark := [f"{image_id}: {picture.label}" for image_id, picture in drawn if not picture.lit]:
        logger.warning(f"nothing in {result.map_name} supports the label in {len(dark)} heat maps, such as {dark[0]}.")
    if json:
        print_json(
            {
                "run": str(opened.run.folder.path),
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


def _say_left_out(left_out: int, images: Path) -> None:
    if left_out:
        logger.info(f"{left_out} more images are in {images}; a higher --limit draws more of them.")
