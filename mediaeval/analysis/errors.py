"""Which answers are wrong, the worst first: of images that the models were not trained on, see `analysis.judged`.

Where answers are numbers none is right or wrong: all images are listed, those with the largest loss first.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from mediaeval.analysis.judged import JudgedImages
from mediaeval.answers.learned import CLASSES, form, is_numeric

FALSE_NEGATIVE, FALSE_POSITIVE = "false negative", "false positive"
_SMALLEST = 1e-7  # a probability counts as this at least, as in `JudgedImages.label_losses`


@dataclass(frozen=True)
class WrongAnswer:
    """An image that is answered wrongly, or with a number.

    truth, answer  short names of labels, or numbers in the order of the labels
    label          the output that this is about: of classes the answer, of labels the wrong one that costs most; full
    output         its probability, 0..1, or its score
    threshold      what that is compared with, 0..1; None but of labels that are decided for themselves
    what           FALSE_NEGATIVE or FALSE_POSITIVE of `label`; "" where it is about the whole image, or numbers
    loss           see `JudgedImages.losses`; of one label its own: log loss in nats, or error in standard deviations
    margin         see `JudgedImages.margins`; None of numbers
    error          absolute error of a number, in its own unit; None of labels
    """

    id: str
    truth: tuple[str | float, ...]
    answer: tuple[str | float, ...]
    label: str
    output: float
    threshold: float | None
    what: str
    loss: float
    margin: float | None
    error: float | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ErrorCount:
    """How many images are answered wrongly; of labels that are decided for themselves, how many of these as well.

    errors  label → mean absolute error, where answers are numbers; then nothing is counted as wrong
    """

    subtask: str
    where: str
    images: int
    wrong: int | None
    labels: int | None
    wrong_labels: int | None
    errors: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def count_errors(judged: JudgedImages) -> ErrorCount:
    """Return how many answers of a subtask are wrong."""
    name, right, n = judged.subtask.name, judged.right(), len(judged.ids)
    if right is None:
        errors = (judged.decided - judged.truth).abs().mean()
        return ErrorCount(name, judged.where, n, None, None, None, {k: float(v) for k, v in errors.items()})
    wrong = ~right
    labels, wrong_labels = None, None
    if judged.thresholds is not None:
        labels, wrong_labels = right.size, int(wrong.to_numpy().sum())
    return ErrorCount(name, judged.where, n, int(wrong.any(axis=1).sum()), labels, wrong_labels, {})


def worst_images(judged: JudgedImages, limit: int) -> list[WrongAnswer]:
    """Return the images that are answered wrongly, or all where answers are numbers, by loss, the highest first.

    limit  how many at most; `count_errors` says how many there are
    """
    losses, margins, right = judged.losses(), judged.margins(), judged.right()
    label_losses = judged.label_losses()
    ids = judged.ids if right is None else tuple(right.index[~right.all(axis=1)])
    found = []
    for image_id in _by(losses, ids)[:limit]:
        if form(judged.subtask) == CLASSES:
            label = judged.decided.loc[image_id].idxmax()
        else:
            costs = label_losses.loc[image_id]
            label = (costs if right is None else costs[~right.loc[image_id]]).idxmax()
        margin = None if margins is None else float(margins[image_id])
        found.append(_error(judged, image_id, str(label), "", float(losses[image_id]), margin))
    return found


@dataclass(frozen=True)
class LabelErrors:
    """The images that are wrong in one label: the worst false negatives, then the worst false positives.

    Of a column of numbers `found` has the images of largest error, and the counts are None.
    """

    label: str
    found: tuple[WrongAnswer, ...]
    positives: int | None  # images that have the label
    negatives: int | None
    false_negatives: int | None
    false_positives: int | None


def worst_of_label(judged: JudgedImages, label: str, limit: int) -> LabelErrors:
    """Return the errors in a label, or column of numbers; `limit`: how many at most, of each kind.

    label  full name
    """
    margins = judged.label_margins()
    if margins is None:
        losses = judged.label_losses()[label]
        worst = _by(losses, judged.ids)[:limit]
        found = [_error(judged, i, label, "", float(losses[i]), None) for i in worst]
        return LabelErrors(label, tuple(found), None, None, None, None)
    has, given = judged.truth[label] == 1, judged.decided[label] == 1
    P = judged.outputs[label].clip(_SMALLEST, 1 - _SMALLEST)
    losses = -np.log(P.where(has, 1 - P))  # of a class as well: against all others
    missed, added = (list(P.index[wrong]) for wrong in (has & ~given, ~has & given))
    found = [
        _error(judged, i, label, what, float(losses[i]), float(margins.at[i, label]))
        for what, ids in ((FALSE_NEGATIVE, missed), (FALSE_POSITIVE, added))
        for i in _by(losses, ids)[:limit]
    ]
    return LabelErrors(label, tuple(found), int(has.sum()), int((~has).sum()), len(missed), len(added))


def _by(losses: pd.Series, ids: Sequence[str]) -> list[str]:
    """Return ids by their loss, the highest first; of equals the first."""
    return [str(i) for i in losses.loc[list(ids)].sort_values(ascending=False, kind="stable").index]


def _error(
    judged: JudgedImages, image_id: str, label: str, what: str, loss: float, margin: float | None
) -> WrongAnswer:
    numeric = is_numeric(judged.subtask)
    truth, answer = (
        tuple(map(float, table.loc[image_id])) if numeric else tuple(judged.names(table, image_id))
        for table in (judged.truth, judged.decided)
    )
    return WrongAnswer(
        id=image_id,
        truth=truth,
        answer=answer,
        label=label,
        output=float(judged.outputs.at[image_id, label]),
        threshold=None if judged.thresholds is None else float(judged.thresholds.at[image_id, label]),
        what=what,
        loss=loss,
        margin=margin,
        error=float(abs(judged.decided.at[image_id, label] - judged.truth.at[image_id, label])) if numeric else None,
    )
