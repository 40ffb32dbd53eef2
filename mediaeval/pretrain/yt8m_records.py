"""The records of YouTube-8M: reading, shuffling and batching videos and their classes.

Records are read as a stream: memory holds only a buffer of examples to shuffle, whatever the size of the dataset.
B examples, L = 1024.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mediaeval.errors import DatasetError, FeaturesError, first_few, first_problems
from mediaeval.features.networks.yt8m import PICTURE, dequantise
from mediaeval.pretrain.tfrecord import Feature, read_sequence_example, records
from submission.wording import quoted

FRAMES = 360  # most frames per video, one per second, that YouTube-8M has

VideoBatch = tuple[Tensor, Tensor]  # vectors (B, L), 0/1 labels (B, classes), both float32


class Example(NamedTuple):
    """One video: its vector, float32 (L,), and the numbers of its classes, int64 (n,) with any n."""

    x: np.ndarray
    labels: np.ndarray


def record_files(folder: Path, classes: int) -> tuple[list[Path], list[Path]]:
    """Return the training and the validation files of a folder, each sorted by name.

    classes  number of classes; labels must be below it

    Raises DatasetError if there is no training file, or, for all files at once, if the first record cannot be used.
    """
    folder = Path(folder)
    found = sorted(path for path in folder.glob("*.tfrecord") if path.is_file())
    training = [path for path in found if path.name.startswith("train")]
    validation = [path for path in found if path.name.startswith("validate")]
    if not training:
        got = f"{len(found)} other .tfrecord files, such as {found[0].name}" if found else "no .tfrecord file"
        raise DatasetError(f"{folder}: got {got}; expected files of YouTube-8M named train*.tfrecord.")
    problems: list[str] = []
    for path in [*training, *validation]:
        try:
            next(read_examples([path], classes), None)
        except FeaturesError as error:
            problems += error.problems
    if problems:
        raise DatasetError(*first_problems(problems))
    return training, validation


def read_examples(files: Iterable[Path], classes: int) -> Iterator[Example]:
    """Yield the examples of all files in turn. Raises FeaturesError, naming file and record."""
    for path in files:
        for number, record in enumerate(records(path), start=1):
            try:
                yield read_video(*read_sequence_example(record), classes)
            except FeaturesError as error:
                raise FeaturesError(f"{path}, record {number}: {error.problems[0]}") from None


def read_video(context: Mapping[str, Feature], lists: Mapping[str, list[Feature]], classes: int) -> Example:
    """Return the example of one record, video-level or frame-level.

    A video-level record is an Example, read as a SequenceExample without lists; `mean_rgb` is its vector. A frame-level
    record has a list `rgb` of frames, each of 8-bit numbers; the vector is their mean. Raises FeaturesError for
    anything else, and for labels outside 0..classes − 1.
    """
    if "mean_rgb" in context:
        x = context["mean_rgb"]
        if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.shape != (PICTURE,):
            raise FeaturesError(f"mean_rgb: got {len(x)} values; expected {PICTURE} floats.")
    elif "rgb" in lists:
        frames = lists["rgb"][:FRAMES]
        if not frames:
            raise FeaturesError("rgb has no frames.")
        for k, frame in enumerate(frames):
            if not isinstance(frame, list) or [len(part) for part in frame] != [PICTURE]:
                raise FeaturesError(f"frame {k} of rgb is not a string of {PICTURE} bytes.")
        bytes_of_frames = b"".join(frame[0] for frame in frames)
        x = dequantise(np.frombuffer(bytes_of_frames, np.uint8).reshape(-1, PICTURE)).mean(axis=0)
    else:
        names = first_few(sorted(quoted(name) for name in (*context, *lists))) or "nothing"
        raise FeaturesError(f"got {names}; expected mean_rgb (video-level) or rgb (frame-level).")
    if not np.isfinite(x).all():
        raise FeaturesError("its vector has NaN or infinite values.")
    labels = context.get("labels")
    if labels is None:
        raise FeaturesError("it has no labels. The test files of YouTube-8M have none and cannot be trained on.")
    if len(labels) == 0:
        return Example(x, np.zeros(0, np.int64))
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64:
        raise FeaturesError("its labels are not whole numbers.")
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise FeaturesError(f"label {outside[0]} is outside 0 to {classes - 1}.")
    return Example(x, labels)


def shuffled(stream: Iterable[Example], size: int, rng: np.random.Generator) -> Iterator[Example]:
    """Yield the examples of a stream in random order, keeping at most `size` of them in memory."""
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
    """Yield batches of `batch_size` examples; the last one may be smaller."""
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
