"""Feature folders of dual_encoding and video-cnn-feat (`BigFile`), mapped into memory.

shape.txt      "n dim"
id.txt         n names between white space, ISO-8859-1
feature.bin    n × dim float32, little-endian
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mediaeval.errors import FeaturesError


class BigFile:
    """A feature folder: `names` in the file's order, `dim` numbers each, read by name and never by position.

    Raises FeaturesError on opening when a file is absent, the sizes contradict each other, or names stand twice.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        absent = [name for name in ("shape.txt", "id.txt", "feature.bin") if not (self.folder / name).is_file()]
        if absent:
            raise FeaturesError(
                f"{self.folder} has no {', '.join(absent)}. "
                "Name a feature folder with shape.txt, id.txt and feature.bin in it."
            )
        n, self.dim = self._shape()
        # white space of ASCII alone: byte A0 is a space in ISO-8859-1 and half a letter in UTF-8
        self.names = [name.decode("iso-8859-1") for name in (self.folder / "id.txt").read_bytes().split()]
        stored, wanted = (self.folder / "feature.bin").stat().st_size, n * self.dim * 4
        twice = [name for name, times in Counter(self.names).items() if times > 1]
        problems = {
            f"shape.txt says {n} rows, id.txt has {len(self.names)} names": len(self.names) != n,
            f"feature.bin has {stored} bytes, {n} × {self.dim} float32 take {wanted}": stored != wanted,
            f"id.txt names {len(twice)} twice: {', '.join(twice[:3])}": bool(twice),
        }
        if any(problems.values()):
            raise FeaturesError(
                *(f"{self.folder}: {text}. Fetch or write it again." for text, holds in problems.items() if holds)
            )
        self._rows = {name: row for row, name in enumerate(self.names)}
        self._vectors = np.memmap(self.folder / "feature.bin", "<f4", "r", shape=(n, self.dim))

    def _shape(self) -> tuple[int, int]:
        path = self.folder / "shape.txt"
        with path.open("rb") as file:
            words = file.read(100).split()  # two numbers need no more
        if len(words) != 2 or not all(word.isdigit() and int(word) > 0 for word in words):
            came = b" ".join(words).decode("iso-8859-1")
            raise FeaturesError(f"{path} says '{came}'; two numbers above 0 are wanted: rows and width.")
        return int(words[0]), int(words[1])

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> np.ndarray:
        """Return one vector, float32 (dim,). Raises FeaturesError for a name that the folder lacks."""
        return self.get([name])[0]

    def get(self, names: Iterable[str]) -> np.ndarray:
        """Return float32 (n, dim), in the order of `names`. Raises FeaturesError with the names that are lacking."""
        names = list(names)
        if lacking := [name for name in names if name not in self._rows]:
            more = f" … and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            raise FeaturesError(
                f"{self.folder} has no features of {', '.join(lacking[:3])}{more}; it holds {len(self)} names. "
                "Extract what is lacking, or leave it out."
            )
        return np.array(self._vectors[[self._rows[name] for name in names]], np.float32).reshape(len(names), self.dim)
