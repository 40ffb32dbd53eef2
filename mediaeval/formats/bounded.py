"""A binary file read from front to back, where no length that it states goes beyond what it holds."""

import math
import struct
from pathlib import Path

import numpy as np

from mediaeval.errors import UserError


class BoundedFile:
    """A file opened for reading; `with BoundedFile(path, error, "An MXNet .params file") as file`.

    Every read is held against the bytes that are left before anything is allocated. What fails is an `error`, the
    class given, that names the file, what was read and the place in bytes.
    """

    def __init__(self, path: Path, error: type[UserError], what: str):
        self.path, self._error, self._what = Path(path), error, what
        if not self.path.is_file():
            raise error(f"{self.path} is no file. {what} is wanted.")
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
        """Return the error to raise: the file and the place, what is wrong there, what to do."""
        return self._error(f"{self.path}, byte {self.place}: {problem}. {self._what} is wanted. {remedy}")

    def need(self, n_bytes: int, of: str) -> None:
        """Raise unless `n_bytes` more are in the file."""
        if n_bytes > self.left:
            raise self.wrong(f"{of} takes {n_bytes} bytes, {self.left} are left; the file is cut short or damaged")

    def read(self, n_bytes: int, of: str) -> bytes:
        """Return the next `n_bytes`."""
        self.need(n_bytes, of)
        data = self._file.read(n_bytes)
        if len(data) != n_bytes:
            raise self.wrong(f"{of} takes {n_bytes} bytes, {len(data)} came; the file became shorter while it was read")
        self.place += n_bytes
        return data

    def numbers(self, layout: str, of: str) -> tuple[int, ...]:
        """Return what `struct` reads, little-endian: numbers("Qi", "a header") → two integers."""
        return struct.unpack("<" + layout, self.read(struct.calcsize("<" + layout), of))

    def array(self, shape: tuple[int, ...], dtype: np.dtype, of: str) -> np.ndarray:
        """Return the next numbers as an array of its own, writable."""
        self.need(math.prod(shape) * dtype.itemsize, of)
        # an array without numbers takes no bytes, so what the file holds does not bound its other dims
        if math.prod(max(n, 1) for n in shape) > 2**48:
            raise self.wrong(f"{of} is of shape {shape}")
        array = np.empty(shape, dtype)
        if array.size:
            array.reshape(-1).view(np.uint8)[:] = np.frombuffer(self.read(array.nbytes, of), np.uint8)
        return array
