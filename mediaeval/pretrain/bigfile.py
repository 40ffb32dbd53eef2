"""Feature folders of dual_encoding and video-cnn-feat (there called `BigFile`), mapped into memory.

shape.txt      "n dim"
id.txt         n names separated by white space, ISO-8859-1
feature.bin    n × dim float32, little-endian
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mediaeval.errors import FeaturesError, first_few


class BigFile:
    """A feature folder: a vector of `dim` numbers for each of `names`, read by name and never by position.

    Raises FeaturesError on opening if a file is missing, the sizes contradict each other or a name occurs twice.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        missing = [name for name in ("shape.txt", "id.txt", "feature.bin") if not (self.folder / name).is_file()]
        if missing:
            raise FeaturesError(
                f"{self.folder} has no {', '.join(missing)}. "
                "Expected a feature folder with shape.txt, id.txt and feature.bin."
            )
        n, self.dim = self._shape()
        # split at ASCII white space only: byte A0 is a space in ISO-8859-1 and part of a letter in UTF-8
        self.names = [name.decode("iso-8859-1") for name in (self.folder / "id.txt").read_bytes().split()]
        stored, expected = (self.folder / "feature.bin").stat().st_size, n * self.dim * 4
        twice = [name for name, times in Counter(self.names).items() if times > 1]
        problems = []
        if len(self.names) != n:
            problems.append(f"shape.txt says {n} rows, id.txt has {len(self.names)} names")
        if stored != expected:
            problems.append(f"feature.bin has {stored} bytes; expected {expected} for {n} × {self.dim} float32")
        if twice:
            problems.append(f"id.txt has {len(twice)} names twice: {first_few(twice)}")
        if problems:
            raise FeaturesError(*(f"{self.folder}: {problem}. Download or write it again." for problem in problems))
        self._rows = {name: row for row, name in enumerate(self.names)}
        self._vectors = np.memmap(self.folder / "feature.bin", "<f4", "r", shape=(n, self.dim))

    def _shape(self) -> tuple[int, int]:
        path = self.folder / "shape.txt"
        with path.open("rb") as file:
            words = file.read(100).split()  # two numbers need no more
        if len(words) != 2 or not all(word.isdigit() and int(word) > 0 for word in words):
            got = b" ".join(words).decode("iso-8859-1")
            raise FeaturesError(f"{path}: got '{got}'; expected two whole numbers above 0, rows and width.")
        return int(words[0]), int(words[1])

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the vector of a name, float32 (dim,). Raises FeaturesError for an unknown name."""
        vector: np.ndarray = self.get([name])[0]
        return vector

    def get(self, names: Iterable[str]) -> np.ndarray:
        """Return vectors, float32 (n, dim), in the order of `names`. Raises FeaturesError if any name is missing."""
        names = list(names)
        if missing := [name for name in names if name not in self._rows]:
            raise FeaturesError(
                f"{self.folder} has no features of {first_few(missing)}; it has {len(self)} names. "
                "Extract the missing features, or leave these names out."
            )
        return np.array(self._vectors[[self._rows[name] for name in names]], np.float32).reshape(len(names), self.dim)
