"""Outputs of a model made decisions, 0 or 1 for each label, or scores as they are written."""

import math
from collections.abc import Sequence

import numpy as np

from mediaeval.answers.learned import CLASSES, SCORES, Learned, form
from mediaeval.answers.projection import summing_up
from submission.kinds import ScoreKind, SetKind
from submission.task import Subtask


def decided(subtask: Subtask, outputs: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Return what outputs (n_images, n_labels) lead to, of the same shape: 0/1 int8, or scores as they are written.

    subtask     as it is learned
    thresholds  one per label, 0..1; without meaning for classes, none for numbers

    The most probable class, the first of equals; or every label at or above its threshold: of a set at most so many as
    it may have, and one if it must not be empty, those that are farthest above theirs. Scores are cut at the bounds of
    their columns, and where a rule asks for a sum, the nearest ones that have it; probabilities stay as they are.
    """
    of = form(subtask)
    if of == CLASSES:
        return (outputs.argmax(axis=1)[:, None] == np.arange(outputs.shape[1])).astype("int8")
    if of == SCORES:
        return _scores(subtask, outputs)
    if not len(thresholds):
        return outputs
    chosen = np.asarray(thresholds) <= outputs
    if subtask.kind == "set":
        chosen = _fitting(subtask, outputs - np.asarray(thresholds), chosen)
    return chosen.astype("int8")


def _fitting(subtask: Subtask, above: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the items of sets, bool, as many as allowed; `above`: how far each is above its threshold."""
    kind = next(c.kind for c in subtask.columns if isinstance(c.kind, SetKind))
    order = np.argsort(-above, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(order.shape[1])[None].repeat(len(order), axis=0), axis=1)
    if kind.most is not None:
        chosen = chosen & (places < kind.most)
    if not kind.empty:
        chosen = chosen | ((places == 0) & ~chosen.any(axis=1, keepdims=True))
    return chosen


def _scores(subtask: Subtask, outputs: np.ndarray) -> np.ndarray:
    bounds = bounds_of(subtask)
    scores: np.ndarray = outputs.astype(np.float64).clip([low for low, _ in bounds], [high for _, high in bounds])
    for rule in subtask.sums if isinstance(subtask, Learned) else ():
        places = [subtask.labels.index(heading) for heading in rule.columns]
        own = [bounds[place] for place in places]
        scores[:, places] = [summing_up(row, own, rule.total) for row in outputs[:, places].tolist()]
    return scores


def bounds_of(subtask: Subtask) -> list[tuple[float, float]]:
    """Return the lowest and highest value of each score, infinite where there is none."""
    kinds = {column.heading: column.kind for column in subtask.columns}
    found = []
    for label in subtask.labels:
        kind = kinds[label]
        assert isinstance(kind, ScoreKind), "the labels of scores are their headings"
        low, high = kind.low, kind.high
        found.append((-math.inf if low is None else low, math.inf if high is None else high))
    return found
