"""A feature store that several workers write to: each writes files of its own, which are absorbed into the common ones.

    STORE/workers/NAME/             held by a lock while its worker lives
        alive.lock
        EXTRACTOR-DIGEST.features   as in the store
        EXTRACTOR-DIGEST.json       the identity and width of these vectors

A worker that is killed leaves whole records. They are absorbed by the command that notices, or by the next one.
"""

import contextlib
import json
import logging
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from mediaeval.errors import FeaturesError
from mediaeval.features.store import FeatureFile, FeatureStore, copy_vectors
from mediaeval.files import write_atomically

logger = logging.getLogger(__name__)

FOLDER = "workers"
ALIVE = "alive.lock"
TO_BEGIN = 600.0  # seconds that a worker may take to begin, after its folder was made


class WorkerFile(FeatureFile):
    """A worker's file of one identity: vectors of the common file count as its own, and are never written."""

    def __init__(self, common: FeatureFile, path: Path, identity: dict[str, Any], width: int):
        self.common = common
        super().__init__(path, identity, width)

    def __contains__(self, key: bytes) -> bool:
        return super().__contains__(key) or key in self.common

    def holds(self, keys: Sequence[bytes]) -> np.ndarray:
        """See `FeatureFile.holds`."""
        held: np.ndarray = super().holds(keys) | self.common.holds(keys)
        return held

    def get(self, keys: Sequence[bytes]) -> np.ndarray:
        """See `FeatureFile.get`."""
        own = FeatureFile.holds(self, keys)
        vectors = np.zeros((len(keys), self.width), np.float32)
        vectors[own] = super().get([key for key, there in zip(keys, own, strict=True) if there])
        vectors[~own] = self.common.get([key for key, there in zip(keys, own, strict=True) if not there])
        return vectors


class WorkerStore(FeatureStore):
    """A worker's files in `folder`, beside those of the common store."""

    def __init__(self, common: Path, folder: Path):
        super().__init__(folder)
        self.common = FeatureStore(common)
        self.opened: dict[str, WorkerFile] = {}

    def open(self, name: str, identity: dict[str, Any], width: int) -> WorkerFile:
        """Return the worker's file of an identity, up to date; see `FeatureStore.open`."""
        path = self.path(name, identity)
        if path.name not in self.opened:
            about = {"name": name, "identity": identity, "width": width}
            with self.writing():
                write_atomically(path.with_suffix(".json"), json.dumps(about).encode())
            self.opened[path.name] = WorkerFile(self.common.open(name, identity, width), path, identity, width)
        file = self.opened[path.name]
        file.common.reload()
        file.reload()
        return file


@contextlib.contextmanager
def worker_store(common: Path, name: str) -> Iterator[WorkerStore]:
    """Give a worker the store that `new_worker` made for it, which is its own until it leaves or dies.

    Raises FeaturesError where the folder is not seen from here, or cannot be written to.
    """
    store = WorkerStore(common, folder_of(common, name))
    if not store.folder.is_dir():
        raise FeaturesError(
            f"the store {common} is not the one of the command, which lies on another machine. Put it on a file system "
            "that all nodes share: set the environment variable MEDIAEVAL_FEATURES."
        )
    lock = FileLock(store.folder / ALIVE)
    with store.writing():
        lock.acquire(timeout=0)
    try:
        yield store
    finally:
        lock.release()


def new_worker(common: Path) -> str:
    """Make the folder of a worker in a store and return its name. Raises FeaturesError where that fails."""
    name = secrets.token_hex(6)
    with FeatureStore(common).writing():
        folder_of(common, name).mkdir(parents=True)
    return name


def folder_of(common: Path, name: str) -> Path:
    """Return the folder of a worker."""
    return common / FOLDER / name


class Absorbed(NamedTuple):
    """Vectors of workers that ended: how many they had stored, and how many of these were there already."""

    stored: int = 0
    twice: int = 0

    def __add__(self, other: "Absorbed") -> "Absorbed":  # type: ignore[override]  # not of tuples
        return Absorbed(self.stored + other.stored, self.twice + other.twice)


def absorb(common: Path, *, wait: float = 0.0, only: str = "") -> Absorbed:
    """Take the vectors of workers that ended into the common store.

    wait  seconds for a worker that ended to let go of its folder; one that holds it after that is left alone
    only  the name of the worker whose folder is looked at

    A kill loses nothing: a worker's folder is removed when all of it was taken.
    """
    absorbed = Absorbed()
    folder = common / FOLDER
    found = [folder / only] if only else sorted(folder.iterdir()) if folder.is_dir() else []
    for one in found:
        if not one.is_dir() or (not only and _is_about_to_begin(one)):
            continue
        try:
            with FileLock(one / ALIVE, timeout=wait):
                absorbed += _taken(FeatureStore(common), one)
                shutil.rmtree(one, ignore_errors=True)
        except Timeout:
            logger.debug(f"{one} belongs to a worker that runs")
        except OSError as error:
            raise FeaturesError(
                f"{one} cannot be absorbed: {error.strerror}. Its vectors are kept: make {common} writable, and run "
                "the command again."
            ) from error
    with contextlib.suppress(OSError):  # there are others, or none was
        folder.rmdir()
    return absorbed


def _is_about_to_begin(folder: Path) -> bool:
    """Return whether a folder was made just now for a worker, which has not begun."""
    return not (folder / ALIVE).exists() and time.time() - folder.stat().st_mtime < TO_BEGIN


def _taken(store: FeatureStore, folder: Path) -> Absorbed:
    absorbed = Absorbed()
    for about in sorted(folder.glob("*.json")):
        try:
            kept = json.loads(about.read_text(encoding="utf-8"))
            name, identity, width = kept["name"], kept["identity"], kept["width"]
        except (ValueError, KeyError, TypeError):  # not written by a worker
            continue
        target, source = store.open(name, identity, width), FeatureStore(folder).open(name, identity, width)
        keys = source.keys()
        copied = copy_vectors(source, target, keys)
        absorbed += Absorbed(len(keys) + source.doubles, len(keys) - copied + source.doubles)
    return absorbed
