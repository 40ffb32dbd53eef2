"""The rows of the gallery: each image with its outputs, its loss, and the training images that are nearest to it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mediaeval.analysis.judged import JudgedImages
from mediaeval.answers.learned import is_numeric


def gallery_rows(
    judged: JudgedImages,
    second: JudgedImages | None,
    place: Mapping[str, int],
    neighbours: Mapping[str, Sequence[str]] | None,
) -> dict[str, Any]:
    """Return the columns of a gallery, an entry for each image that is shown.

    place       image id → its index in the report, of the images that are shown, in their order
    neighbours  image id → ids of training images, the nearest first; all of them shown
    """
    own = set(judged.ids)
    ids = [i for i in place if i in own]
    of_second = None if second is None else _predictions(second, ids)
    disagreement = None
    if second is not None:
        differences = (judged.outputs.loc[ids] - second.outputs.loc[ids, list(judged.outputs.columns)]).abs()
        disagreement = shortened(differences.mean(axis=1).to_numpy())
    return {
        "image": [place[i] for i in ids],
        "fold": None if judged.folds is None else judged.folds.loc[ids].tolist(),
        "truth": _answers(judged, judged.truth, ids),
        **_predictions(judged, ids),
        "neighbours": None if neighbours is None else [[place[n] for n in neighbours.get(i, ())] for i in ids],
        "second": of_second,
        "disagreement": disagreement,
    }


def _predictions(judged: JudgedImages, ids: list[str]) -> dict[str, Any]:
    margins = judged.margins()
    return {
        "outputs": shortened(judged.outputs.loc[ids].to_numpy()),
        "decided": _answers(judged, judged.decided, ids),
        "loss": shortened(judged.losses().loc[ids].to_numpy(), 5),
        "margin": None if margins is None else shortened(margins.loc[ids].to_numpy(), 5),
    }


def _answers(judged: JudgedImages, table: Any, ids: list[str]) -> list[list[float]]:
    answers = table.loc[ids].to_numpy()
    return shortened(answers.astype(float)) if is_numeric(judged.subtask) else answers.astype(int).tolist()


def shortened(values: np.ndarray, digits: int = 7) -> list[Any]:
    """Return numbers as nested lists, rounded to so many significant digits."""
    if values.ndim > 1:
        return [shortened(row, digits) for row in values]
    return [float(f"{value:.{digits}g}") for value in values.tolist()]
