"""What the network of a system looks at in the images of a report that have a larger picture: Grad-CAM."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from mediaeval.data.dataset import Dataset
from mediaeval.data.images import decode, read_image
from mediaeval.errors import ImageError
from mediaeval.interpret.gradcam import GradCam, default_map
from mediaeval.interpret.inspectable import InspectableRun
from mediaeval.interpret.overlay import seen_box, with_heat

SIDE = 200  # pixels: maps have few cells, and lie beside the picture of 320
LABELS = 2  # of an image, so that maps take less room than tiles


def labels_to_explain(subtask: Mapping[str, Any]) -> dict[int, list[str]]:
    """Return the labels of which an image's map tells most: index → at most LABELS full names.

    subtask  of a report; its `hard` images are taken

    First those that the image is given wrongly, then those that it lacks, then those that it is given rightly.
    """
    rows, names = subtask["rows"], [label["name"] for label in subtask["labels"]]
    place = {image: i for i, image in enumerate(rows["image"])}
    found = {}
    for image in subtask["hard"]:
        given, truth = rows["decided"][place[image]], rows["truth"][place[image]]
        orders = ((1, 0), (0, 1), (1, 1))
        chosen = [name for order in orders for name, g, t in zip(names, given, truth, strict=True) if (g, t) == order]
        found[image] = chosen[:LABELS]
    return found


def system_maps(
    opened: InspectableRun, dataset: Dataset, ids: Mapping[int, str], labels: Mapping[int, Sequence[str]]
) -> dict[int, list[tuple[str, Image.Image]]]:
    """Return what a system looks at: index → (short label, picture of at most SIDE pixels).

    opened   see `open_inspectable`; its split model is explained, which may have been trained on an image
    dataset  that holds the images
    ids      index of an image in the report → its id; images that cannot be decoded are left out
    labels   index → full names, see `labels_to_explain`

    Raises ConfigError where no map of the system can be drawn; FeaturesError for a system that reads features as well,
    where these cannot be computed.
    """
    system, images = opened.system, _decoded(dataset, ids)
    features = None
    if system.blocks:
        features = opened.run.images(replace(dataset, ids=tuple(ids[index] for index in images), missing=()))
    map_name, found = "", {}
    for index, image in images.items():
        vectors = system.vectors(features.some([ids[index]])) if features else None
        pixels = system.pixels(image)
        map_name = map_name or default_map(system.built, pixels, vectors)
        seen = GradCam(system.built, pixels, map_name, vectors)
        cells = {label: seen.cells(opened.subtask.labels.index(label)) for label in labels[index]}
        top = max((float(one.max()) for one in cells.values()), default=0.0)  # one scale for an image, as in explain
        box = seen_box(system.built.view, image)
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        found[index] = [(opened.subtask.short(label), with_heat(image, one, box, top)) for label, one in cells.items()]
    return found


def _decoded(dataset: Dataset, ids: Mapping[int, str]) -> dict[int, Image.Image]:
    images = {}
    for index, image_id in ids.items():
        try:
            images[index] = decode(read_image(dataset.image_paths[image_id])[1])
        except (KeyError, ImageError):
            continue  # the page names it
    return images
