"""The training images that are nearest to an image: by the cosine of features that are standardised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NEIGHBOURS = 5
_BLOCK = 1024  # images compared at a time: a matrix of 20,000² would take 1.6 GB


def nearest_training_images(
    X: np.ndarray, ids: Sequence[str], of: Sequence[str], fold: Mapping[str, Any], *, n: int = NEIGHBOURS
) -> dict[str, list[str]]:
    """Return the training images that are nearest to each image: id → at most `n` ids, the nearest first.

    X     features, float32 (n_ids, d)
    of    those of `ids` whose neighbours are looked for
    fold  image id → the fold in which it was held out: images of other folds were trained on

    Nearest by the cosine of features that are standardised over all images.
    """
    X = _Standardised.over(X).directions(X)
    row = {image_id: k for k, image_id in enumerate(ids)}
    folds = np.array([str(fold[i]) for i in ids])
    found: dict[str, list[str]] = {}
    for start in range(0, len(of), _BLOCK):
        block = [i for i in of[start : start + _BLOCK] if i in row]
        if not block:
            continue
        rows = [row[i] for i in block]
        cosines = X[rows] @ X.T
        cosines[folds[rows][:, None] == folds[None]] = -np.inf
        for image_id, one in zip(block, cosines, strict=True):
            found[image_id] = [name for name, _ in _nearest(one, ids, n)]
    return found


def nearest_of_training(
    X: np.ndarray, ids: Sequence[str], Q: np.ndarray, of: Sequence[str], *, n: int = NEIGHBOURS
) -> dict[str, list[tuple[str, float]]]:
    """Return the training images that are nearest to other images: id → at most `n` (id, cosine), the nearest first.

    X, ids  features of the training images, float32 (n_ids, d), over which these are standardised
    Q, of   those of the others, (n_of, d); one that is itself among `ids` is not its own neighbour
    """
    space = _Standardised.over(X)
    cosines = space.directions(Q) @ space.directions(X).T
    found = {}
    for image_id, one in zip(of, cosines, strict=True):
        if image_id in ids:
            one[list(ids).index(image_id)] = -np.inf
        found[image_id] = _nearest(one, ids, n)
    return found


@dataclass(frozen=True)
class _Standardised:
    """The mean and standard deviation of each feature, (d,), over some images."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def over(cls, X: np.ndarray) -> "_Standardised":
        X = X.astype(np.float32)
        deviation = (X - X.mean(axis=0)).std(axis=0)
        return cls(X.mean(axis=0), np.where(deviation > 0, deviation, 1))

    def directions(self, X: np.ndarray) -> np.ndarray:
        """Return standardised features of length 1, float32."""
        X = (X.astype(np.float32) - self.mean) / self.deviation
        length: np.ndarray = np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)
        return X / length


def _nearest(cosines: np.ndarray, ids: Sequence[str], n: int) -> list[tuple[str, float]]:
    """Return the ids of highest cosine, with it; none whose cosine is -inf."""
    order = np.argsort(-cosines, kind="stable")[:n]
    return [(ids[k], float(cosines[k])) for k in order if np.isfinite(cosines[k])]
