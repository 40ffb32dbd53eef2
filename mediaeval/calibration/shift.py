"""Whether new images differ from the dev images: in what is predicted for them, and in how far they are from these.

Both compare means of the new images with means of the dev images, out of fold, in standard errors; groups of the dev
set show how much images of one kind resemble each other, and the new images are taken to be grouped alike.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from submission.intervals import sums_by_group

# Alarms on the halves of photographs in `benchmarks.forecast`, where nothing is shifted, stay below 5 % with these
ERRORS, LEAST = 3.0, 0.1  # of a label: standard errors, and difference of mean probabilities
FARTHER = 2.33  # standard errors of the mean distance, one-sided
NEIGHBOURS = 5
WIDENED = 1.5  # factor of an interval's width where there is a shift: see `benchmarks.forecast`
_BLOCK = 1024  # images compared at a time


def shifted_labels(calibrated: np.ndarray, groups: Sequence[Hashable], new_calibrated: np.ndarray) -> list[int]:
    """Return the labels, by column, whose mean probability differs: by `LEAST` and by `ERRORS` standard errors.

    calibrated  probabilities of the dev images out of fold, 0..1 (n, N), and `new_calibrated` of the new ones (m, N)
    groups      of each dev image
    """
    found = []
    for column in range(calibrated.shape[1]):
        old, new = calibrated[:, column], new_calibrated[:, column]
        if abs(new.mean() - old.mean()) >= LEAST and abs(standard_errors(old, groups, new)) >= ERRORS:
            found.append(column)
    return found


def distance_errors(X: np.ndarray, groups: Sequence[Hashable], new_X: np.ndarray) -> float:
    """Return by how many standard errors the new images are farther from the dev images than these are.

    X       features of the dev images (n, d), and `new_X` of the new ones (m, d)
    groups  of each dev image, at least 2: the distance to images of its own group does not count

    The distance is 1 minus the mean cosine of the nearest `NEIGHBOURS` dev images, of features that are standardised by
    the dev images.
    """
    mean, deviation = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 0, deviation, 1)

    def unit(rows: np.ndarray) -> np.ndarray:
        scaled = ((rows - mean) / deviation).astype(np.float32)
        return scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-12)

    dev, group = unit(X), np.unique(np.array([str(one) for one in groups]), return_inverse=True)[1]
    return standard_errors(_distances(dev, dev, group), groups, _distances(unit(new_X), dev, None))


def _distances(rows: np.ndarray, dev: np.ndarray, group: np.ndarray | None) -> np.ndarray:
    """Return the distance of each row from the dev images; `group`: of rows that are dev images themselves."""
    found = []
    for start in range(0, len(rows), _BLOCK):
        cosines = rows[start : start + _BLOCK] @ dev.T
        if group is not None:
            cosines[group[start : start + _BLOCK, None] == group[None]] = -1
        nearest = np.sort(cosines, axis=1)[:, -NEIGHBOURS:]
        found.append(1 - nearest.mean(axis=1))
    return np.concatenate(found)


def standard_errors(old: np.ndarray, groups: Sequence[Hashable], new: np.ndarray) -> float:
    """Return the difference of two means, new minus old, in standard errors; `groups` of the old values."""
    sums = sums_by_group(np.column_stack([old, np.ones(len(old))]), groups)
    n_groups = len(sums)
    if n_groups < 2:
        return 0.0
    mean = sums[:, 0].sum() / len(old)
    variance = ((sums[:, 0] - mean * sums[:, 1]) ** 2).sum() / len(old) ** 2 * n_groups / (n_groups - 1)
    error = float(np.sqrt(variance * (1 + len(old) / len(new))))
    return float((new.mean() - mean) / error) if error > 0 else 0.0
