"""The parts of a report that look at a subtask's predictions as a whole: curves, calibration, doubts, slices, flips."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mediaeval.analysis.confusions import confusion_part, cooccurrence_part, prevalence_part, scatter_part
from mediaeval.analysis.curves import curves_part
from mediaeval.analysis.doubts import duplicates_part, label_errors_part
from mediaeval.analysis.flips import flips_part
from mediaeval.analysis.judged import JudgedImages
from mediaeval.analysis.reliability import calibration_part
from mediaeval.analysis.slices import Look, find_slices, slices_part
from mediaeval.answers.learned import CLASSES, DECISIONS, PROBABILITIES, SCORES, form
from mediaeval.batches import map_ahead
from mediaeval.data.images import decode, header_of, read_image
from mediaeval.errors import ImageError, RunFolderError
from mediaeval.progress import progress
from mediaeval.reports.inputs import Inputs
from mediaeval.steps.tables import read_probabilities

# parts of a subtask in a report → what stands for one that is left out
EMPTY: dict[str, Any] = {
    "calibration": None,
    "curves": None,
    "confusion": None,
    "cooccurrence": None,
    "prevalence": [],
    "scatter": None,
    "label_errors": [],
    "duplicates": [],
    "slices": [],
    "flips": None,
}


@dataclass(frozen=True)
class Parts:
    """Parts by name, in which images are named by their ids, and why others are left out."""

    found: Mapping[str, Any]
    left_out: tuple[dict[str, str], ...] = field(default=())

    def images(self) -> set[str]:
        """Return the images that the parts name."""
        return set(_images(self.found))

    def to_dict(self, place: Mapping[str, int]) -> dict[str, Any]:
        """Return all parts as a report has them; `place`: image id → its index there."""
        return {name: _placed(self.found.get(name, empty), place) for name, empty in EMPTY.items()}


_ONE, _SEVERAL = ("image",), ("images", "better", "worse")  # keys under which parts name images


def _images(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in _ONE:
                yield item
            elif key in _SEVERAL:
                yield from item
            else:
                yield from _images(item)
    elif isinstance(value, list):
        for item in value:
            yield from _images(item)


def _placed(value: Any, place: Mapping[str, int]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: place[item] if key in _ONE else [place[i] for i in item] if key in _SEVERAL else _placed(item, place)
            for key, item in value.items()
        }
    return [_placed(item, place) for item in value] if isinstance(value, list) else value


def parts_of(inputs: Inputs, judged: JudgedImages, looks: Mapping[str, Look], *, seed: int = 0) -> Parts:
    """Return the parts of one subtask, in which images are named by their ids.

    looks  of images that can be decoded: see `looks_of`
    """
    found: dict[str, Any] = {}
    left_out: list[dict[str, str]] = []

    def leave_out(names: Iterable[str], reason: str) -> None:
        left_out.extend({"part": name, "reason": reason} for name in names)

    _of_predictions(inputs, judged, found, leave_out, seed)
    ids = inputs.with_features(judged.ids)
    slices = find_slices(judged, inputs.matrix(ids) if ids else None, ids, looks, seed=seed)
    found["slices"] = slices_part(judged, slices)
    if not slices:
        leave_out(["slices"], "there are neither features nor images to divide the dev set by.")
    if inputs.images is None:
        leave_out(["duplicates"], inputs.no_features)
    else:
        thumbnails = inputs.images.features.block("thumbnail", ids)
        by_id = dict(zip(ids, thumbnails.to_numpy(), strict=True))
        found["duplicates"] = duplicates_part(judged, by_id, inputs.images.features.contents)
    if len(inputs.judged) > 1 and (second := inputs.judged[1].get(judged.subtask.name)):
        found["flips"] = flips_part(judged, second, seed=seed)
    return Parts(found, tuple(left_out))


def _of_predictions(
    inputs: Inputs,
    judged: JudgedImages,
    found: dict[str, Any],
    leave_out: Callable[[Iterable[str], str], None],
    seed: int,
) -> None:
    """Find the parts that need nothing but predictions and truth."""
    of = form(judged.subtask)
    if of == SCORES:
        found["scatter"] = scatter_part(judged)
        names = ("calibration", "curves", "confusion", "cooccurrence", "prevalence", "label_errors", "thresholds")
        leave_out(names, "answers are scores.")
        return
    found["calibration"] = calibration_part(judged, seed=seed)
    found["curves"] = curves_part(judged)
    found["prevalence"] = prevalence_part(judged, _test_answers(inputs, judged))
    found["label_errors"] = label_errors_part(judged)
    if of == CLASSES:
        found["confusion"] = confusion_part(judged)
    if of == DECISIONS and len(judged.subtask.labels) > 1:
        found["cooccurrence"] = cooccurrence_part(judged)
    if of == PROBABILITIES:
        found["scatter"] = scatter_part(judged)
        leave_out(["thresholds"], "probabilities are the answers themselves.")


def _test_answers(inputs: Inputs, judged: JudgedImages) -> pd.DataFrame | None:
    """Return what the first run answers for its test images, ids × labels; None where it was not predicted."""
    run = inputs.first
    try:
        table = read_probabilities(run.folder.test / f"{judged.subtask.name}.csv", judged.subtask)
    except RunFolderError:
        return None
    return run.labels(judged.subtask, table)


def looks_of(inputs: Inputs) -> dict[str, Look]:
    """Return how the dev images look; those that cannot be decoded are left out."""
    ids = [image_id for image_id in inputs.dev.ids if image_id not in inputs.dev.missing]

    def look(image_id: str) -> Look | None:
        try:
            data = read_image(inputs.dev.image_paths[image_id])[1]
            header, image = header_of(data), decode(data, scaled=True)
        except ImageError:
            return None
        grey = np.asarray(image.convert("L").reduce(max(1, min(image.size) // 64)), dtype=np.float32)
        return Look(float(grey.mean()), header.width * header.height)

    with progress(f"images of {inputs.dev.folder}") as advance:
        found = {}
        for done, (image_id, one) in enumerate(map_ahead(look, ids, os.cpu_count() or 1)):
            if one is not None:
                found[image_id] = one
            advance(done + 1, len(ids))
    return found
