"""How far test images are from the dev images, compared with how far dev images are from one another."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.alignment.ridge import squared_distances, together

if TYPE_CHECKING:
    import numpy as np

_USUAL = 0.95  # the share of dev images that are nearer to another dev image than the test images that count as far
_MOST = 4000  # dev images that are compared; of more, some


@dataclass(frozen=True)
class Remoteness:
    """Distances of features of unit length to the nearest dev image: of test images, and of left-out dev images.

    ratio  median distance of a test image over that of a dev image
    share  of the test images that are farther than 95 % of the dev images are, 0..1; .05 where nothing differs
    """

    ratio: float
    share: float


def remoteness(dev: np.ndarray, test: np.ndarray, groups: Sequence[Hashable] | None = None) -> Remoteness:
    """Compare test features (n_test, d) with dev features (n_dev, d); dev images of a group are left out together."""
    import numpy as np

    step = -(-len(dev) // _MOST)
    dev = dev[::step]
    among = squared_distances(dev, dev)
    np.fill_diagonal(among, np.inf)
    for rows in together(dev, groups[::step] if groups is not None else None):
        among[np.ix_(rows, rows)] = np.inf
    nearest = among.min(axis=1)
    nearest = np.sqrt(nearest[np.isfinite(nearest)])
    of_test = np.sqrt(np.concatenate([squared_distances(part, dev).min(axis=1) for part in _parts(test)]))
    if not len(nearest) or not np.median(nearest) > 0:
        return Remoteness(1.0, 0.0)
    return Remoteness(
        float(np.median(of_test) / np.median(nearest)), float((of_test > np.quantile(nearest, _USUAL)).mean())
    )


def _parts(X: np.ndarray) -> list[np.ndarray]:
    return [X[start : start + _MOST] for start in range(0, len(X), _MOST)]
