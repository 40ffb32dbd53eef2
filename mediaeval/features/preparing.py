"""From image files to the arrays that networks are given: each image is decoded once for all of them.

Decoding, resizing and statistics of images hold the interpreter's lock for a good part, so threads use few of many
processors. Where a GPU waits for them, or nothing else computes, processes prepare images (`mediaeval.workers`).
"""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
from PIL import Image

from mediaeval.batches import map_ahead
from mediaeval.data.images import decode, read_image
from mediaeval.errors import ImageError
from mediaeval.features.feature_extractor import FeatureExtractor, as_prepared
from mediaeval.workers import map_in_workers

Prepared = list[np.ndarray] | str  # the arrays of an image, or why there are none
CHUNK = 8  # images that a process is given at once
PER_PROCESS = 64  # images from which a process is worth its start, a third of a second
# Measured: photographs of 500 × 400 on 2 processors, threads 1,650 a second, processes 1,010, starts included; others
# on 16 processors, threads 1,477 and processes 3,504.
FEWEST_PROCESSES, MOST_PROCESSES = 4, 32

_thread = local()


@dataclass(frozen=True)
class Task:
    """What is to be prepared of one image. `arrays`: (name of a network, view), view 0 is the image as it is."""

    image_id: str
    path: Path
    content: str  # sha256 of the file's bytes, hex
    arrays: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Preparer:
    """Prepares the arrays of a task; it can be sent to another process if the networks' `prepare` can.

    ways  name of a network → (its `prepare`, `from_bytes`, `decoder`)
    seed  of the augmented views
    """

    ways: Mapping[str, tuple[Callable[[Any], np.ndarray], bool, str]]
    seed: int

    @classmethod
    def of(cls, networks: Iterable[FeatureExtractor], seed: int) -> "Preparer":
        """Return the preparer of networks that read images."""
        return cls({n.name: (n.prepare, n.from_bytes, n.decoder) for n in networks}, seed)

    def __call__(self, task: Task) -> Prepared:
        """Return an array for each of `task.arrays`. Networks that prepare images alike share an array."""
        arrays: dict[Any, np.ndarray] = {}
        images: dict[tuple[str, int], Image.Image] = {}
        prepared = []
        try:
            content, data = read_image(task.path)
            if content != task.content:  # else its vector would be stored under the bytes before
                return "the file was changed while features were computed"
            for name, view in task.arrays:
                prepare, from_bytes, decoder = self.ways[name]
                key = (prepare, decoder, view)
                if key not in arrays:
                    arrays[key] = prepare(data if from_bytes else self._view(images, data, decoder, task, view))
                prepared.append(arrays[key])
        except ImageError as error:
            return str(error)
        except MemoryError:
            return "there is not enough memory to prepare the image; close other programs, or leave it out"
        return prepared

    def _view(
        self, images: dict[tuple[str, int], Image.Image], data: bytes, decoder: str, task: Task, view: int
    ) -> Image.Image:
        if (decoder, 0) not in images:
            images[decoder, 0] = _decoded(data, decoder)
        if (decoder, view) not in images:
            images[decoder, view] = _augmenter().view(images[decoder, 0], self.seed, task.image_id, view)
        return images[decoder, view]


def _augmenter() -> Any:
    from mediaeval.features.augment import Augmenter

    if not hasattr(_thread, "augmenter"):
        _thread.augmenter = Augmenter()
    return _thread.augmenter


def _decoded(data: bytes, decoder: str) -> Image.Image:
    if decoder == "opencv":
        from mediaeval.data.opencv import decode_by_opencv

        return decode_by_opencv(data)
    return decode(data, scaled=decoder == "scaled")


def prepare_all(
    preparer: Preparer, tasks: Iterable[Task], total: int, *, processes: bool, workers: int | None = None
) -> Iterator[tuple[Task, Prepared]]:
    """Yield (task, its arrays) in the order of `tasks`; `total` of them, prepared a little ahead.

    processes  whether processes pay: where threads would wait for each other, and images are not few
    workers    threads or processes; None: as many as there are processors
    """
    many = workers or os.cpu_count() or 1
    n_processes = min(many, MOST_PROCESSES, total // PER_PROCESS)
    if processes and n_processes >= FEWEST_PROCESSES and _can_be_sent(preparer):
        return map_in_workers(preparer, tasks, n_processes, CHUNK, _broken)
    return map_ahead(preparer, tasks, many)


def processes_pay(networks: Sequence[FeatureExtractor]) -> bool:
    """Return whether processes should prepare images for these: a GPU computes, or nothing but preparing is left.

    Not where whole images are to be sent, of which those that wait would not fit into memory.
    """
    if any(n.batch == 1 and not n.source for n in networks):
        return False
    return any(n.on_gpu for n in networks) or all(n.forward is as_prepared for n in networks)


def _broken(how: str) -> str:
    return f"the process that decoded it ended ({how})"


def _can_be_sent(preparer: Preparer) -> bool:
    """Return whether other processes can be given the preparer: functions of our own, found by their names."""
    try:
        sent = pickle.dumps(preparer, protocol=5)
    except Exception:  # closures, such as those of timm's transforms: pickle raises several kinds
        return False
    return b"__main__" not in sent
