"""A binary file read from front to back, where no length that it states goes beyond what it holds."""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from mediaeval.errors import UserError


def most_unpacked(n_bytes: int) -> int:
    """Return how many bytes a compressed file of `n_bytes` may unpack to; networks' weights hardly compress."""
    return 16 * n_bytes + 2**26


class BoundedFile:
    """A file opened for reading; `with BoundedFile(path, error, "an MXNet .params file") as file`.

    Every read is checked against the bytes that are left before anything is allocated. A failure is an `error`, the
    class given, that names the file, what was read and the position in bytes.
    """

    def __init__(self, path: Path, error: type[UserError], what: str):
        self.path, self._error, self._what = Path(path), error, what
        if not self.path.is_file():
            raise error(f"{self.path} is not a file; expected {what}.")
        self._file = self.path.open("rb")
        self.size = self.path.stat().st_size  # bytes
        self.place = 0  # bytes

    def __enter__(self) -> "BoundedFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return self.size - self.place

    def wrong(self, problem: str, remedy: str = "Fetch it again.") -> UserError:
        """Return the error to raise: the file and the position, what is wrong there, what to do."""
        return self._error(f"{self.path}, byte {self.place}: {problem}; expected {self._what}. {remedy}")

    def need(self, n_bytes: int, of: str) -> None:
        """Raise unless `n_bytes` more are in the file."""
        if n_bytes > self.left:
            raise self.wrong(f"{of} takes {n_bytes} bytes, {self.left} are left: the file is cut short or damaged")

    def read(self, n_bytes: int, of: str) -> bytes:
        """Return the next `n_bytes`."""
        self.need(n_bytes, of)
        data = self._file.read(n_bytes)
        if len(data) != n_bytes:
            raise self.wrong(f"{of} takes {n_bytes} bytes, got {len(data)}: the file became shorter while it was read")
        self.place += n_bytes
        return data

    def numbers(self, layout: str, of: str) -> tuple[int, ...]:
        """Return the numbers that `struct` reads, little-endian: numbers("Qi", "a header") → two integers."""
        return struct.unpack("<" + layout, self.read(struct.calcsize("<" + layout), of))

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any], of: str) -> np.ndarray[Any, Any]:
        """Return the next numbers as a writable array."""
        self.need(math.prod(shape) * dtype.itemsize, of)
        # an array without numbers takes no bytes, so what the file holds does not bound its other dims
        if math.prod(max(n, 1) for n in shape) > 2**48:
            raise self.wrong(f"{of} has shape {shape}")
        array = np.empty(shape, dtype)
        if array.size:
            array.reshape(-1).view(np.uint8)[:] = np.frombuffer(self.read(array.nbytes, of), np.uint8)
        return array
