"""What resampling needs: the images (or queries) of a metric, and its value when each counts a number of times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np

S = TypeVar("S", bound="Sample")


class Sample(Protocol):
    """The answers of one run, and the truth, prepared for one metric. A unit is an image, or a query."""

    @property
    def n(self) -> int:
        """Number of units."""

    @property
    def keys(self) -> np.ndarray:
        """Numbers, (n, n_keys): units with the same ones are interchangeable. The last column sorts first."""

    @property
    def size(self) -> int:
        """Numbers that are worked on for one resample."""

    def take(self: S, where: np.ndarray) -> S:
        """Return the sample of these units alone."""

    def joined(self: S, other: S) -> S:
        """Return one sample of the units of both, one after the other."""

    def values(self, weights: np.ndarray) -> np.ndarray:
        """Return the metric, (n_resamples,), when units count `weights` times, (n_resamples, n); nan: undefined."""


@dataclass(frozen=True)
class Sums:
    """A metric of sums over units: of counts, of errors, of values per query.

    rows      (n, n_sums): what each unit adds to the sums
    of_sums   sums (n_resamples, n_sums), float64 → values (n_resamples,)
    """

    keys: np.ndarray
    rows: np.ndarray
    of_sums: Callable[[np.ndarray], np.ndarray]

    @property
    def n(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        return self.n

    def take(self, where: np.ndarray) -> Sums:
        return Sums(self.keys[where], self.rows[where], self.of_sums)

    def joined(self, other: Sums) -> Sums:
        import numpy as np

        return Sums(np.concatenate([self.keys, other.keys]), np.concatenate([self.rows, other.rows]), self.of_sums)

    def values(self, weights: np.ndarray) -> np.ndarray:
        import numpy as np

        return self.of_sums((weights @ self.rows).astype(np.float64))


def mean_of_counted(sums: np.ndarray) -> np.ndarray:
    """Return sums (n_resamples, 2) of values and of their number as means; nan where nothing counts."""
    import numpy as np

    total, number = sums.T
    mean: np.ndarray = np.where(number > 0, total / np.where(number > 0, number, 1), np.nan)
    return mean
