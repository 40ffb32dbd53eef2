"""The records of YouTube-8M as batches: vectors of videos, and the classes of each.

The records are read as a stream: memory holds a buffer of examples to shuffle, whatever the size of the dataset.
B examples, L = 1024.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mediaeval.errors import DatasetError, FeaturesError, first_few
from mediaeval.features.networks.yt8m import PICTURE, dequantise
from mediaeval.pretrain.tfrecord import read_sequence_example, records

FRAMES = 360  # of a video, at one a second, that YouTube-8M keeps

VideoBatch = tuple[Tensor, Tensor]  # vectors (B, L), 0/1 labels (B, classes), both float32


class Example(NamedTuple):
    """One video: float32 (L,), and the numbers of its classes, int64 (any number,)."""

    x: np.ndarray
    labels: np.ndarray


def record_files(folder: Path, classes: int) -> tuple[list[Path], list[Path]]:
    """Return the files to train on and those to validate on, each in the order of its names.

    Raises DatasetError, all at once, when there is none to train on, or the first record of any cannot be used.
    """
    folder = Path(folder)
    found = sorted(path for path in folder.glob("*.tfrecord") if path.is_file())
    training = [path for path in found if path.name.startswith("train")]
    validation = [path for path in found if path.name.startswith("validate")]
    if not training:
        there = f"{len(found)} others, such as {found[0].name}, are" if found else "no .tfrecord file is"
        raise DatasetError(f"{folder}: {there} there. Files named train*.tfrecord, of YouTube-8M, are wanted.")
    problems = []
    for path in [*training, *validation]:
        try:
            next(read_examples([path], classes), None)
        except FeaturesError as error:
            problems += error.problems
    if problems:
        raise DatasetError(*first_few(problems))
    return training, validation


def read_examples(files: Iterable[Path], classes: int) -> Iterator[Example]:
    """Give the examples of files, one after the other. Raises FeaturesError with file and record."""
    for path in files:
        for number, record in enumerate(records(path), start=1):
            try:
                yield read_video(*read_sequence_example(record), classes)
            except FeaturesError as error:
                raise FeaturesError(f"{path}, record {number}: {error.problems[0]}") from None


def read_video(context: Mapping, lists: Mapping, classes: int) -> Example:
    """Return the example of one record, of either kind.

    An Example is read as a SequenceExample that has no lists: its `mean_rgb` is the vector. Else `rgb` has a frame
    each, of 8-bit numbers, and their mean is the vector. Raises FeaturesError for anything else.
    """
    if "mean_rgb" in context:
        x = context["mean_rgb"]
        if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.shape != (PICTURE,):
            raise FeaturesError(f"mean_rgb has {len(x)} numbers, wanted {PICTURE} floats.")
    elif "rgb" in lists:
        frames = lists["rgb"][:FRAMES]
        if not frames:
            raise FeaturesError("rgb has no frames.")
        for k, frame in enumerate(frames):
            if not isinstance(frame, list) or [len(part) for part in frame] != [PICTURE]:
                raise FeaturesError(f"frame {k} of rgb is not one string of {PICTURE} bytes.")
        x = dequantise(np.frombuffer(b"".join(frame[0] for frame in frames), np.uint8).reshape(-1, PICTURE)).mean(
            axis=0
        )
    else:
        has = ", ".join(sorted([*context, *lists])) or "nothing"
        raise FeaturesError(f"it has {has}; mean_rgb (video-level) or rgb (frame-level) is wanted.")
    if not np.isfinite(x).all():
        raise FeaturesError("its vector has numbers that are not finite.")
    labels = context.get("labels")
    if labels is None:
        raise FeaturesError("it has no labels. Files of YouTube-8M's test part have none, and cannot be trained on.")
    if len(labels) == 0:
        return Example(x, np.zeros(0, np.int64))
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64:
        raise FeaturesError("its labels are not whole numbers.")
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise FeaturesError(f"label {outside[0]} is outside 0 to {classes - 1}.")
    return Example(x, labels)


def shuffled(stream: Iterable[Example], size: int, rng: np.random.Generator) -> Iterator[Example]:
    """Give all of a stream in another order, holding at most `size` of it: each leaves as another comes."""
    held: list[Example] = []
    for example in stream:
        if len(held) < size:
            held.append(example)
            continue
        place = int(rng.integers(size))
        yield held[place]
        held[place] = example
    for place in rng.permutation(len(held)):
        yield held[place]


def video_batches(
    stream: Iterable[Example], batch_size: int, classes: int, device: torch.device
) -> Iterator[VideoBatch]:
    """Give batches, the last may be smaller: vectors (B, L), and 0/1 float32 (B, classes)."""
    held: list[Example] = []
    for example in stream:
        held.append(example)
        if len(held) == batch_size:
            yield _batch(held, classes, device)
            held = []
    if held:
        yield _batch(held, classes, device)


def _batch(held: list[Example], classes: int, device: torch.device) -> VideoBatch:
    y = torch.zeros(len(held), classes)
    for row, example in enumerate(held):
        y[row, torch.from_numpy(example.labels)] = 1
    return torch.from_numpy(np.stack([example.x for example in held])).to(device), y.to(device)
