"""Explaining a run: what its network looks at in images, as heat maps and one contact sheet."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mediaeval.answers.learned import label_named
from mediaeval.errors import ConfigError, choose
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.pixels import centre_crop
from mediaeval.interpret.gradcam import METHODS, GradCam, default_map, heat_map, heat_map_view
from mediaeval.interpret.inspectable import InspectableRun
from mediaeval.interpret.looked_at import decoded, images_of, told_labels
from mediaeval.interpret.overlay import seen_box, shown, with_heat, with_probabilities
from mediaeval.interpret.sheet import Cell, contact_sheet, save_picture
from mediaeval.progress import progress
from submission.task import Subtask

SHEET = "sheet.png"
LIMIT = 20  # images of a folder; a longer sheet is hard to look through

_LEGENDS = {
    "grad-cam": "Yellow, orange, red: support for the label, on one scale in each row. Dark: no support. "
    "Pale grey: outside the part that the network was given.",
    "heat-map": "The label's probability at each of 8 × 8 places: red for negative, green for positive, blue for "
    "other labels; black is 0.",
}


@dataclass(frozen=True)
class Picture:
    """The heat map of one label on one image.

    `probability`: 0..1, of the one view that is explained. `lit`: whether anything in it supports the label.
    """

    label: str
    probability: float
    predicted: bool
    lit: bool
    path: Path

    def to_dict(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "probability": self.probability,
            "predicted": self.predicted,
            "lit": self.lit,
            "path": str(self.path),
        }


@dataclass(frozen=True)
class Explained:
    """What was drawn: image id → its heat maps; `left_out`: how many images are beyond the limit."""

    subtask: Subtask
    map_name: str  # "" of a heat map
    pictures: dict[str, tuple[Picture, ...]]
    sheet: Path
    left_out: int


def explain(
    opened: InspectableRun,
    source: Path,
    *,
    labels: Sequence[str] = (),
    map_name: str = "",
    method: str = "grad-cam",
    limit: int = LIMIT,
    out: Path | None = None,
) -> Explained:
    """Draw what a run's split model looks at in an image, or in at most `limit` images of a folder.

    labels    whole or short (`Joy`), in any case; without, all labels of a subtask with one label per image, else the
              three most probable ones of each image
    map_name  one of the system's maps, for grad-cam; without, see `default_map`
    out       folder for ID.LABEL.png and sheet.png; without, `explain` in the subtask's folder of the run

    Raises ConfigError for names that are not known or do not fit the system; DatasetError or ImageError, naming all of
    them, for images that are absent or cannot be decoded.
    """
    choose("method", method, METHODS)
    if method == "heat-map" and map_name:
        raise ConfigError(f"--map {map_name}: only --method grad-cam has maps to choose from.")
    subtask, system, folder = opened.subtask, opened.system, opened.run.folder
    chosen = list(dict.fromkeys(label_named(subtask, name) for name in labels))
    dataset, left_out = images_of(source, opened.run.task, limit)
    images = decoded(dataset)
    features = opened.run.images(dataset) if system.blocks else None
    out = out or folder.subtask(subtask.name) / "explain"

    pictures: dict[str, tuple[Picture, ...]] = {}
    rows: list[list[Cell]] = []
    with progress(f"{method} of {folder.path}, {subtask.name}") as advance:
        for done, (image_id, image) in enumerate(images.items()):
            vectors = system.vectors(features.some([image_id])) if features else None
            if method == "grad-cam" and not map_name:
                map_name = default_map(system.built, system.pixels(image), vectors)
            look = _look(system, image, method, map_name, vectors)
            pictures[image_id], row = (), [Cell(shown(image), image_id)]
            named = told_labels(opened.run, subtask, look.probabilities, chosen)
            drawings = look.draw([subtask.labels.index(label) for label, *_ in named])
            for (label, probability, predicted), (drawn, lit) in zip(named, drawings, strict=True):
                path = out / f"{image_id}.{_plain(subtask.short(label))}.png"
                with folder.lock():  # the run may be exchanged for a changed one meanwhile
                    save_picture(drawn, path)
                pictures[image_id] += (Picture(label, probability, predicted, lit, path),)
                notes = ["predicted"] * predicted + ["nothing supports it"] * (not lit)
                row.append(Cell(drawn, f"{subtask.short(label)} {probability:.3f}", ", ".join(notes)))
            rows.append(row)
            advance(done + 1, len(images))
    title = f"{folder.name}, {subtask.name}, {system.system}: {method}{f' of {map_name}' if map_name else ''}"
    with folder.lock():
        save_picture(contact_sheet(rows, title, _LEGENDS[method]), out / SHEET)
    return Explained(subtask, map_name, pictures, out / SHEET, left_out)


@dataclass(frozen=True)
class _Look:
    """One image as the network sees it: probabilities (n_labels,), and columns → (heat map, whether it is lit)."""

    probabilities: np.ndarray
    draw: Callable[[Sequence[int]], list[tuple[Image.Image, bool]]]


def _look(system: SystemModel, image: Image.Image, method: str, map_name: str, vectors: np.ndarray | None) -> _Look:
    built = system.built
    drawn_on, pixels = shown(image), system.pixels(image)
    if method == "heat-map":
        view = heat_map_view(built)
        maps = heat_map(built, centre_crop(view, image), multi_label=system.task.multi_label)

        box, labels = seen_box(view, image), system.task.labels

        def coloured(columns: Sequence[int]) -> list[tuple[Image.Image, bool]]:
            return [(with_probabilities(drawn_on, {labels[k]: maps[k]}, box), True) for k in columns]

        return _Look(system.probabilities(system.scores(pixels[None], vectors))[0], coloured)

    found = GradCam(built, pixels, map_name, vectors)

    def heated(columns: Sequence[int]) -> list[tuple[Image.Image, bool]]:
        cells = [found.cells(k) for k in columns]
        top = max(float(one.max()) for one in cells)  # one scale for all: noise of an improbable label stays dark
        return [(with_heat(drawn_on, one, seen_box(built.view, image), top), bool(one.max() > 0)) for one in cells]

    return _Look(system.probabilities(found.scores)[0], heated)


def _plain(text: str) -> str:
    """Return a label as part of a file's name: `Emphatic pain` → `Emphatic-pain`."""
    return re.sub(r"[^\w-]+", "-", text).strip("-")
