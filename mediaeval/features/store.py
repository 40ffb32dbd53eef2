"""The feature store: a file per extractor identity, records that carry their own key, safe against being killed.

    header    magic, length, identity as JSON, padding to 64 bytes
    record    key (32 bytes) · vector (float32, little-endian, width) · crc32 (4 bytes)      repeated

A record is appended in one write and checked when it is read: when a writer is cut off, whole records stay valid and
the torn tail is dropped. Keys come from the sha256 of image bytes: a renamed image keeps its features, a changed one
loses them, and no vector is ever found by its position.
"""

import contextlib
import hashlib
import json
import os
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from mediaeval.errors import FeaturesError
from mediaeval.features.extractors import require_file_name
from mediaeval.files import write_atomically
from submission.reading import open_regular

_MAGIC = b"MEDIAEVAL-FEATURES-1\n"
_ALIGN = 64
_AT_ONCE = 1 << 22  # numbers that are copied at once: 16 MB


def identity_digest(identity: dict[str, Any]) -> str:
    """Return the sha256 hex digest of an identity: a JSON-like dict of all that changes a feature."""
    return hashlib.sha256(_canonical(identity)).hexdigest()


def _canonical(identity: dict[str, Any]) -> bytes:
    return json.dumps(identity, sort_keys=True, ensure_ascii=False).encode()


class FeatureFile:
    """The vectors of one extractor identity, by key (32 bytes)."""

    def __init__(self, path: Path, identity: dict[str, Any], width: int):
        """Open the file; one that does not exist is begun by `begin`. `width`: numbers per vector.

        Raises FeaturesError when it belongs to another identity or is damaged.
        """
        self.path = Path(path)
        self.width = width
        self._record = np.dtype([("key", "V32"), ("vector", "<f4", (width,)), ("crc", "<u4")])
        head = _MAGIC + len(_canonical(identity)).to_bytes(4, "little") + _canonical(identity)
        self._header = head + b"\0" * (-len(head) % _ALIGN)
        self._forget()
        self.reload()

    def begin(self) -> None:
        """Find out, before anything is computed, whether vectors can be added; begin a file that does not exist.

        Raises FeaturesError when not.
        """
        with self._writing():
            self._begin()
            with self.path.open("r+b"):
                pass

    def _begin(self) -> None:
        if not self.path.exists():
            write_atomically(self.path, self._header)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Within, no other process writes. An OSError of what is done becomes a FeaturesError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock")):
                yield
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _forget(self) -> None:
        self._read = 0  # records read so far
        self._sound = 0  # of these, undamaged ones
        self._keys = np.zeros(0, "S32")  # of the undamaged ones, sorted: a dictionary would take six times the memory
        self._rows = np.zeros(0, np.int64)  # the record of each key
        self._data: np.memmap | None = None

    def reload(self) -> None:
        """Read what was appended since opening, by this process or another; nothing where there is no file."""
        if not os.path.lexists(self.path):
            self._forget()
            return
        with open_regular(self.path) as file:
            if file.read(len(self._header)) != self._header:
                raise FeaturesError(
                    f"{self.path} does not hold the features that its name says. Delete it: they are computed again."
                )
        size = self._record.itemsize
        whole = (self.path.stat().st_size - len(self._header)) // size
        if whole < self._read:  # the file was deleted and begun again
            self._forget()
        new_keys, new_rows = bytearray(), array("q")
        # Checked by reading, not through the map below: mapped pages would count as this process's memory.
        with self.path.open("rb") as file:
            file.seek(len(self._header) + self._read * size)
            for row in range(self._read, whole):
                record = memoryview(file.read(size))
                if zlib.crc32(record[:-4]) == int.from_bytes(record[-4:], "little"):
                    new_keys += record[:32]
                    new_rows.append(row)
        self._read = whole
        self._sound += len(new_rows)
        keys = np.append(self._keys, np.frombuffer(new_keys, "S32"))
        rows = np.append(self._rows, np.frombuffer(new_rows, "q"))
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], rows[order]
        last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]  # two processes may write the same key
        self._keys, self._rows = keys[last], rows[last]
        # An empty file cannot be mapped.
        self._data = (
            np.memmap(self.path, self._record, mode="r", offset=len(self._header), shape=(whole,)) if whole else None
        )

    def __contains__(self, key: bytes) -> bool:
        return bool(self._places([key])[0] >= 0)

    def __len__(self) -> int:
        return len(self._keys)

    def keys(self) -> list[bytes]:
        """Return the keys of all undamaged records."""
        return [key.ljust(32, b"\0") for key in self._keys.tolist()]  # numpy takes trailing zeros for padding

    @property
    def doubles(self) -> int:
        """How many undamaged records hold a vector that another one holds too: two processes computed it."""
        return self._sound - len(self._keys)

    @property
    def damaged(self) -> int:
        """How many records do not have the bytes that were written; they are not used."""
        return self._read - self._sound

    def holds(self, keys: Sequence[bytes]) -> np.ndarray:
        """Return for each of `keys` whether it is stored, bool (n_keys,)."""
        return self._places(keys) >= 0

    def count(self, keys: Sequence[bytes]) -> int:
        """Return how many of `keys` are stored."""
        return int(self.holds(keys).sum())

    def _places(self, keys: Sequence[bytes]) -> np.ndarray:
        """Return where in `_keys` each of `keys` is, -1 for one that is absent; int (n_keys,)."""
        if not len(self):
            return np.full(len(keys), -1)
        sought = np.array(keys, "S32")
        places = np.searchsorted(self._keys, sought)
        return np.where(self._keys.take(places, mode="clip") == sought, places, -1)

    def get(self, keys: Sequence[bytes]) -> np.ndarray:
        """Return the vectors of `keys`, float32 (n_keys, width). Raises KeyError for a key that is absent."""
        if not keys:
            return np.zeros((0, self.width), np.float32)
        places = self._places(keys)
        if (places < 0).any():
            raise KeyError(keys[int(places.argmin())])
        assert self._data is not None, "a file without records has no keys"
        return np.ascontiguousarray(self._data["vector"][self._rows[places]])

    def read(self, keys: Sequence[bytes]) -> np.ndarray:
        """Return what `get` does, read from the file: mapped pages would count as memory of whoever copies it all."""
        records = np.zeros(len(keys), self._record)
        with self.path.open("rb") as file:
            for k, place in enumerate(self._places(keys)):
                if place < 0:
                    raise KeyError(keys[k])
                file.seek(len(self._header) + int(self._rows[place]) * self._record.itemsize)
                records[k] = np.frombuffer(file.read(self._record.itemsize), self._record)[0]
        return np.ascontiguousarray(records["vector"])

    def append(self, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        """Add vectors, float32 (n_keys, width). Raises FeaturesError when one is not finite, or the disk is full."""
        assert vectors.shape == (len(keys), self.width), f"{vectors.shape} for {len(keys)} keys of width {self.width}"
        if not np.isfinite(vectors).all():
            raise FeaturesError(
                f"{self.path.name}: got features that are NaN or infinite. Check that the weights of the network are "
                "complete."
            )
        records = np.zeros(len(keys), self._record)
        records["key"] = np.frombuffer(b"".join(keys), "V32")
        records["vector"] = vectors
        for row in records:
            row["crc"] = zlib.crc32(row.tobytes()[:-4])
        with self._writing():
            self._begin()
            with self.path.open("r+b") as file:
                size = file.seek(0, 2)
                whole = (size - len(self._header)) // self._record.itemsize
                file.seek(len(self._header) + whole * self._record.itemsize)  # over a torn tail
                file.write(records.tobytes())
                file.truncate()


class FeatureStore:
    """A folder of feature files, one per identity."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def open(self, name: str, identity: dict[str, Any], width: int) -> FeatureFile:
        """Return the file of an identity; `name` is for people who look into the folder.

        Raises ConfigError for a name that is a path, and FeaturesError as `FeatureFile` does.
        """
        return FeatureFile(self.path(name, identity), identity, width)

    def path(self, name: str, identity: dict[str, Any]) -> Path:
        """Return where the file of an identity is. Raises ConfigError for a name that is a path."""
        require_file_name(name)
        return self.folder / f"{name}-{identity_digest(identity)[:16]}.features"

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Within, an OSError becomes a FeaturesError that says what to do."""
        try:
            yield
        except OSError as error:
            raise _unwritable(self.folder, error) from error


def copy_vectors(source: FeatureFile, target: FeatureFile, keys: Sequence[bytes]) -> int:
    """Add the vectors of `keys` that the target lacks, and return how many; the memory needed is the same for any."""
    copied, step = 0, max(1, _AT_ONCE // source.width)
    for k in range(0, len(keys), step):
        part = keys[k : k + step]
        lacking = [key for key, there in zip(part, target.holds(part), strict=True) if not there]
        if lacking:
            target.append(lacking, source.read(lacking))
            copied += len(lacking)
    target.reload()
    return copied


def _unwritable(path: Path, error: OSError) -> FeaturesError:
    return FeaturesError(
        f"{path} cannot be written: {error.strerror}. What was computed before is kept. Free some space, or set the "
        "environment variable MEDIAEVAL_FEATURES to a folder that you may write to, and run the command again: it "
        "continues from there."
    )


def image_key(content: str) -> bytes:
    """Return the key, 32 bytes, of an image as it is, from the sha256 hex digest of its bytes."""
    return bytes.fromhex(content)


def view_key(content: str, image_id: str, view: int) -> bytes:
    """Return the key, 32 bytes, of an augmented view, which is drawn from the image id too, not from bytes alone."""
    return hashlib.sha256(f"{content}\0{image_id}\0{view}".encode()).digest()
