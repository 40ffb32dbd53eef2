"""How well labels fit their images, in standard deviations over random orders of rows, and how well they should.

Let a(j) be what image j leads to expect and b(i) the labels of row i, both standardised over the images and weighted
by how well each label can be predicted at all. z is Σ a(i) · b(i) in standard deviations over all orders of the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ALIGNED_Z = 4.0  # from which on the labels of a file of unknown quality count as related to its images
ALIGNED_Z_OF_KNOWN = 3.5  # and those of a run whose own answers on held-out images lead to expect as much
# Below, labels count as unrelated: 998 in 1,000 shuffled files are below 3. Where good predictions have more than 30, a
# tenth of that, up to the z from which on labels count as related.
_UNRELATED_Z = 3.0
_OF_STRONG = 0.1
# At the least:
_LEAST_UNRELATED_Z = 1.65  # 19 in 20
_SURE = 1.645  # standard deviations: 19 of 20 runs
# The strength of a poor but honest run, as a share of that of labels as good as the expectation itself. With networks
# for evidence, runs trained on 24 photographs have .5 to .75 of it, and good ones 1.5.
POOR = 0.55
_LEAST_ROWS = 20  # fewer decide nothing
_SPREAD = 1.1  # of z, for runs of one quality
_OTHER_IMAGES = 0.2  # relative spread of the quality on other images (measured on halves of OASIS' concepts)
_FAR_BELOW = 3.0  # standard deviations
_PREVALENCE_FLOOR = 0.02  # so that the few rows of a rare label do not decide alone
LEAST_HELD_OUT = 50  # held-out answers from which on they say how good a run is


@dataclass(frozen=True)
class Strength:
    """How well the labels of a file fit their images.

    n_rows    rows of the file
    z         standard deviations better than in random order
    z_sound   what z is for labels as good as the expectation itself
    z_own     what z is by the run's own answers on held-out dev images; None if they are not known
    """

    n_rows: int
    z: float
    z_sound: float
    z_own: float | None = None
    own_error: float = 0.0  # standard deviation of z about z_own

    @property
    def related(self) -> bool:
        """Whether labels and images are related beyond doubt."""
        return self.z >= (ALIGNED_Z if self.z_own is None else ALIGNED_Z_OF_KNOWN)

    @property
    def unrelated_below(self) -> float:
        """What z 19 of 20 poor but honest runs have at least, 3 to 4 at most: labels that fit less are unrelated."""
        poor = POOR * self.z_sound if self.z_own is None else self.z_own
        return min(poor - _SURE, max(_UNRELATED_Z, min(_OF_STRONG * self.z_sound, ALIGNED_Z)))

    @property
    def unrelated(self) -> bool:
        """Whether a poor but honest run would have fitted better than in random order, and this one does not."""
        enough = self.unrelated_below >= _LEAST_UNRELATED_Z and self.n_rows >= _LEAST_ROWS
        return enough and self.z < self.unrelated_below

    def beside(self, others: Strength) -> Strength:
        """Return this strength of one subtask, to be expected as far as the others of the file are."""
        reached = min(max(others.z / others.z_sound, 0.0), 1.0) if others.z_sound > 0 else 0.0
        z_own = None if self.z_own is None else reached * self.z_own
        return replace(self, z_sound=reached * self.z_sound, z_own=z_own)

    @property
    def below_own(self) -> bool:
        """Whether the labels fit far less than the run's own answers on held-out images."""
        return self.z_own is not None and self.z < self.z_own - _FAR_BELOW * self.own_error


def measure(
    expected: np.ndarray,
    skill: np.ndarray,
    labels: np.ndarray,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
) -> Strength:
    """Return the strength of labels or scores (n_rows, n_columns), with what the images of their rows lead to expect.

    `held_out`: the same two of dev images, labels being the run's own answers when these images were held out.
    """
    import numpy as np

    z, sd = _fit(expected, skill, labels)
    if sd < 1e-9:
        return Strength(len(labels), 0.0, 0.0)
    sound = len(labels) * float(np.sum(skill**2 / (1 - skill**2) * _scaled(labels).std(axis=0))) / sd
    if held_out is None:
        return Strength(len(labels), z, sound)
    share = len(labels) / len(held_out[1])
    own, _ = _fit(held_out[0], skill, held_out[1])
    own *= math.sqrt(share)
    return Strength(len(labels), z, sound, own, math.sqrt(_SPREAD**2 * (1 + share) + (_OTHER_IMAGES * own) ** 2))


def _fit(expected: np.ndarray, skill: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return z, and the standard deviation of Σ a · b over orders of the rows."""
    import numpy as np

    a = (expected * (skill / (1 - skill**2))).astype(np.float32)
    b = _scaled(labels).astype(np.float32)
    sd = float(np.sqrt(np.sum((a.T @ a).astype(np.float64) * (b.T @ b)) / max(len(a) - 1, 1)))
    return (float(np.einsum("ij,ij->i", a, b).sum(dtype=np.float64)) / sd if sd >= 1e-9 else 0.0), sd


def _scaled(labels: np.ndarray) -> np.ndarray:
    """Return labels, centred and on the scale of their standard deviation; scores may be in any unit."""
    import numpy as np

    mean = labels.mean(axis=0)
    binary = ((labels == 0) | (labels == 1)).all(axis=0)
    variance = np.where(binary, mean * (1 - mean) + _PREVALENCE_FLOOR, labels.var(axis=0))
    scaled: np.ndarray = (labels - mean) / np.sqrt(np.maximum(variance, 1e-12))
    return scaled
