"""Decisions made the answers of a run file: the label beside its probability and threshold, sets as lists of items."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mediaeval.answers.learned import Learned, decided_column
from mediaeval.answers.targets import positive_value
from submission.kinds import ConstantKind, FlagKind, LabelKind, ProbabilityKind, SetKind
from submission.task import Label, Subtask


def answers_of(
    subtask: Subtask,
    ids: Sequence[str],
    outputs: np.ndarray,
    decisions: np.ndarray,
    thresholds: Sequence[float],
) -> dict[str, Label]:
    """Return image id → answer, in the form of a `LabelTable`.

    subtask     as it is learned
    outputs     of a model, (n_ids, n_labels), and `decisions` as `decided` returns them
    thresholds  one per label
    """
    if subtask.plain:
        return subtask.from_matrix(decisions, ids)
    columns = columns_of(subtask, outputs, decisions, thresholds)
    return dict(zip(ids, zip(*columns.values(), strict=True), strict=True))


def columns_of(
    subtask: Subtask, outputs: np.ndarray, decisions: np.ndarray, thresholds: Sequence[float]
) -> dict[str, list[Any]]:
    """Return heading → the values of a column, one per image; the arguments are those of `answers_of`."""
    return {
        column.heading: _column(subtask, place, outputs, decisions, thresholds)
        for place, column in enumerate(subtask.columns)
    }


def _column(
    subtask: Subtask, place: int, outputs: np.ndarray, decisions: np.ndarray, thresholds: Sequence[float]
) -> list[Any]:
    """Return the values of one column."""
    column, n = subtask.columns[place], len(outputs)
    heading, kind = column.heading, column.kind
    if isinstance(kind, ConstantKind):
        rule = subtask.threshold if isinstance(subtask, Learned) else None
        if rule is not None and heading == rule.threshold:
            return [float(thresholds[0])] * n
        assert kind.value is not None, "constants without a value are refused before training"
        return [kind.read(kind.value)] * n
    if isinstance(kind, SetKind):
        return [
            tuple(label for label, one in zip(subtask.labels, row, strict=True) if one) for row in decisions.tolist()
        ]
    if isinstance(kind, ProbabilityKind) or subtask.kind == "score":
        source = outputs if isinstance(kind, ProbabilityKind) else decisions
        numbers: list[Any] = source[:, subtask.labels.index(heading)].tolist()
        return numbers
    assert isinstance(kind, LabelKind | FlagKind), f"{heading!r} is of a kind that no model answers"
    if subtask.kind == "label":
        return [subtask.labels[k] for k in decisions.argmax(axis=1)]
    if subtask.kind == "flags":
        bits: list[Any] = decisions[:, subtask.labels.index(heading)].tolist()
        return bits
    assert heading == decided_column(subtask), "one label stands beside a probability"
    yes = positive_value(subtask)
    no: str | int = 0 if isinstance(kind, FlagKind) else next(label for label in kind.labels if label != yes)
    return [yes if one else no for one in decisions[:, 0].tolist()]
