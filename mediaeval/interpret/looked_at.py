"""What is looked at, in a network or in features: which images, and which of their labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mediaeval.answers.learned import is_numeric
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.data.images import decode, read_image
from mediaeval.errors import ConfigError, DatasetError, ImageError, first_few
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Subtask, Task

LIKELIEST = 3  # labels per image, where it may have several and none are named


def images_of(source: Path, task: Task, limit: int) -> tuple[Dataset, int]:
    """Return one image, or the first of a folder, as a dataset; and how many were left out."""
    if limit < 1:
        raise ConfigError(f"--limit: got {limit}; expected 1 or more.")
    if source.is_file() and source.suffix.lower() != ".csv":
        return Dataset(source.parent, (source.stem,), {source.stem: source}, (), None, task), 0
    dataset = load_dataset(source, task, labelled=False)
    ids = dataset.ids[:limit]
    if absent := [i for i in ids if i in dataset.missing]:
        raise DatasetError(
            f"{dataset.folder}: no image file for {first_few(absent)}. Put them there, or name one image."
        )
    return replace(dataset, ids=ids, missing=()), len(dataset.ids) - len(ids)


def decoded(dataset: Dataset) -> dict[str, Image.Image]:
    """Return the images of a dataset: id → image. Raises ImageError naming all that cannot be decoded."""
    images, problems = {}, []
    for image_id in dataset.ids:
        try:
            images[image_id] = decode(read_image(dataset.image_paths[image_id])[1])
        except ImageError as error:
            problems.append(f"{dataset.image_paths[image_id]}: {error}.")
    if problems:
        raise ImageError(*problems)
    return images


def told_labels(
    run: TrainedRun, subtask: Subtask, outputs: np.ndarray, chosen: Sequence[str]
) -> list[tuple[str, float, bool]]:
    """Return (label, output, whether it is predicted) of the labels of an image to be looked at.

    outputs  probabilities, or scores, (n_labels,)
    chosen   labels that were named; none: all classes, all numbers, or the LIKELIEST of several labels
    """
    table = pd.DataFrame([outputs], columns=list(subtask.labels))
    numeric = is_numeric(subtask)
    predicted = run.labels(subtask, table).iloc[0]
    likeliest = [subtask.labels[k] for k in np.argsort(-outputs, kind="stable")[:LIKELIEST]]
    labels = chosen or (likeliest if subtask.multi_label and not numeric else subtask.labels)
    return [(label, float(table[label].iloc[0]), not numeric and bool(predicted[label])) for label in labels]
