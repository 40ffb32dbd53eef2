"""The drawn sample benchmark: images of disasters drawn from random numbers, in the official layout.

It lets everybody run the whole toolkit without the organisers' data: the files have their names, headers and labels,
and what the labels depend on can be seen in the images. The same seed draws the same bytes.

    DIR/devset/devset.csv, DIR/devset/images/<id>.jpg
    DIR/testset/testset.csv (ids only), DIR/testset/images/<id>.jpg
    DIR/truth.csv       the test labels, which a participant would not have
    DIR/sample.json     how it was drawn, and the traps that were planted
"""

import io
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mediaeval.errors import ConfigError, DatasetError
from mediaeval.files import folder_atomically
from mediaeval.sample.labels import draw_labels
from mediaeval.sample.paths import SamplePaths, is_sample, sample_of
from mediaeval.sample.scenes import Scene, draw_scene
from mediaeval.sample.traps import MIN_DEV, MIN_TEST, plant_dev_traps, plant_test_traps
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

__all__ = ["SamplePaths", "draw_labels", "draw_sample", "is_sample", "sample_of"]

VERSION = 1  # of the drawing; raise it when the same seed no longer draws the same bytes


def draw_sample(directory: Path, *, dev: int = 240, test: int = 80, seed: int = 0, traps: bool = False) -> SamplePaths:
    """Draw a sample benchmark of `dev` labelled and `test` unlabelled images into a new folder.

    The folder appears whole or not at all; one that already holds the same sample is not changed. `traps` adds what
    real datasets contain: duplicates with conflicting labels, rotated, grey, CMYK, truncated and empty files. Raises
    ConfigError for numbers that are too small, and DatasetError for a folder that holds anything else.
    """
    paths = SamplePaths(Path(directory))
    _refuse_bad_sizes(dev, test, seed, traps)
    if _is_there(paths.directory, dev, test, seed, traps):
        return paths
    try:
        with folder_atomically(paths.directory.resolve()) as partial:
            _draw_into(SamplePaths(partial), dev, test, seed, traps)
    except OSError as error:
        raise DatasetError(
            f"{paths.directory}: the sample could not be written ({error.strerror or error}). "
            "Nothing was left behind. Free some space or choose another folder."
        ) from error
    return paths


def _refuse_bad_sizes(dev: int, test: int, seed: int, traps: bool) -> None:
    min_dev, min_test = (MIN_DEV, MIN_TEST) if traps else (20, 1)
    why = " with traps" if traps else ""
    problems = []
    if dev < min_dev:
        problems.append(f"dev: got {dev}; expected at least {min_dev} dev images for a sample{why}.")
    if test < min_test:
        problems.append(f"test: got {test}; expected at least {min_test} test images for a sample{why}.")
    if seed < 0:
        problems.append(f"seed: got {seed}; expected 0 or more.")
    if problems:
        raise ConfigError(*problems)


def _is_there(directory: Path, dev: int, test: int, seed: int, traps: bool) -> bool:
    """Return whether the directory holds this very sample already. Raises DatasetError if it holds anything else."""
    if not directory.exists():
        return False
    if not directory.is_dir():
        raise DatasetError(f"{directory} is a file; expected a folder. Choose another name.")
    if not any(directory.iterdir()):
        return False
    found, expected = is_sample(directory), {"seed": seed, "dev": dev, "test": test, "version": VERSION}
    if found is None:
        raise DatasetError(f"{directory} is not empty and holds no drawn sample. Choose another folder, or empty it.")
    if {key: found[key] for key in expected} != expected or bool(found["traps"]) != traps:
        was = ", ".join(f"{key} {found[key]}" for key in expected)
        was += ", with traps" if found["traps"] else ", no traps"
        raise DatasetError(
            f"{directory} already holds another sample ({was}). Choose another folder, or delete this one first."
        )
    return True


def _draw_into(paths: SamplePaths, dev: int, test: int, seed: int, traps: bool) -> None:
    label_rng, order_rng, trap_rng = np.random.default_rng(seed).spawn(3)
    scenes, labels = draw_labels(dev + test, label_rng)
    # The truth is sorted by id and the test list is not: joining them by position is then noticed.
    truth = labels.iloc[dev:].sort_index()
    test_ids = [truth.index[i] for i in order_rng.permutation(test)]

    for folder, ids in ((paths.devset, labels.index[:dev]), (paths.testset, truth.index)):
        (folder / "images").mkdir(parents=True)
        for image_id in ids:
            jpeg = draw_jpeg(image_id, scenes.loc[image_id])
            (folder / "images" / f"{image_id}.jpg").write_bytes(jpeg)

    planted: dict[str, Any] | bool = False
    devset = labels.iloc[:dev].copy()
    if traps:
        planted = plant_dev_traps(paths.devset / "images", scenes.iloc[:dev], devset, trap_rng)
        planted["test"] = plant_test_traps(paths.testset / "images", test_ids, trap_rng)
    _write_labels(paths.devset / "devset.csv", devset)
    _write_labels(paths.truth, truth)
    _write_lines(paths.testset / "testset.csv", [TASK.id_column, *test_ids])
    description = {"seed": seed, "dev": dev, "test": test, "traps": planted, "version": VERSION}
    _write_lines(paths.description, [json.dumps(description, indent=1)])


def draw_jpeg(image_id: str, scene: pd.Series) -> bytes:
    """Return the JPEG of a row of scenes. Its random numbers follow from the id alone: other images never change it."""
    rng = np.random.default_rng(uuid.UUID(image_id).int)
    image = draw_scene(Scene(**scene.to_dict()), rng)
    encoded = io.BytesIO()
    image.save(encoded, format="JPEG", quality=int(rng.integers(60, 96)))
    return encoded.getvalue()


def _write_labels(path: Path, labels: pd.DataFrame) -> None:
    header = TASK.header.cells
    assert (TASK.id_column, *labels.columns) == header, "labels are drawn in the order of the official header"
    rows = (",".join(map(str, row)) for row in labels.itertuples(name=None))
    _write_lines(path, [",".join(header), *rows])


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8"))
