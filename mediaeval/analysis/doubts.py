"""Labels that may be wrong: where a model that has not seen an image is sure of the contrary.

As in confident learning (Northcutt, Jiang & Chuang 2021, "Confident learning: estimating uncertainty in dataset
labels"): sure is what is as probable as that label is, on average, for the images that are labelled with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mediaeval.analysis.judged import JudgedImages
from mediaeval.answers.learned import CLASSES, form
from mediaeval.data.duplicates import Fingerprint, find_duplicates

SUSPECTS = 50  # listed at most
GROUPS, IMAGES = 50, 8  # of duplicates, listed at most, and images of each


def label_errors_part(judged: JudgedImages, *, limit: int = SUSPECTS) -> list[dict[str, Any]]:
    """Return suspected label errors, those of most doubt first.

    `label` is the class that the model is sure of, or the label that is decided otherwise; `doubt`, 0..1, is the
    probability that the image is not as it is labelled.
    """
    P, Y = judged.outputs.to_numpy(dtype=float), judged.truth.to_numpy(dtype=int)
    found = _of_classes(judged, P, Y) if form(judged.subtask) == CLASSES else _of_labels(judged, P, Y)
    found.sort(key=lambda one: (-one["doubt"], one["image"]))
    return found[:limit]


def _entry(judged: JudgedImages, row: int, column: int, p: float, doubt: float) -> dict[str, Any]:
    return {
        "image": judged.ids[row],
        "label": judged.subtask.labels[column],
        "truth": int(judged.truth.iat[row, column]),
        "probability": float(p),
        "doubt": float(doubt),
    }


def _of_classes(judged: JudgedImages, P: np.ndarray, Y: np.ndarray) -> list[dict[str, Any]]:
    sure = np.array([P[Y[:, k] == 1, k].mean() if Y[:, k].any() else np.inf for k in range(P.shape[1])])
    confident = (sure <= P) & (Y == 0)
    best = np.where(confident, P, -1).argmax(axis=1)
    own = P[np.arange(len(P)), Y.argmax(axis=1)]
    rows = np.flatnonzero(confident.any(axis=1) & (P[np.arange(len(P)), best] > own))
    return [_entry(judged, row, int(best[row]), P[row, best[row]], 1 - own[row]) for row in rows.tolist()]


def _of_labels(judged: JudgedImages, P: np.ndarray, Y: np.ndarray) -> list[dict[str, Any]]:
    found = []
    for column, (p, y) in enumerate(zip(P.T, Y.T, strict=True)):
        if not 0 < y.sum() < len(y):
            continue
        lacks, has = (y == 0) & (p >= p[y == 1].mean()), (y == 1) & (p <= p[y == 0].mean())
        found += [
            _entry(judged, row, column, p[row], abs(p[row] - y[row])) for row in np.flatnonzero(lacks | has).tolist()
        ]
    return found


def duplicates_part(
    judged: JudgedImages, thumbnails: Mapping[str, np.ndarray], contents: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return images that are the same and have different labels: at most `GROUPS` groups, those of equal files first.

    thumbnails  image id → grey thumbnail (see `mediaeval.data.duplicates.thumbnail`), and `contents`: → sha256 of its
                file; images without are left out
    """
    ids = [image_id for image_id in judged.ids if image_id in thumbnails]
    prints = {image_id: Fingerprint(contents[image_id], "", thumbnails[image_id]) for image_id in ids}
    truth = judged.truth
    groups = [
        group for group in find_duplicates(prints) if len({tuple(truth.loc[image_id]) for image_id in group.images}) > 1
    ]
    return [
        {
            "images": list(group.images[:IMAGES]),
            "n": len(group.images),
            "how": _how(group.how),
            "truth": [judged.names(truth, image_id) for image_id in group.images[:IMAGES]],
        }
        for group in groups[:GROUPS]
    ]


def _how(how: Sequence[str]) -> str:
    words = {"bytes": "the same file", "pixels": "the same pixels", "near": "nearly the same image"}
    return words[how[-1]]
