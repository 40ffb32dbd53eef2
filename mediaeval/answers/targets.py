"""The labels of a dev set as a matrix: 0 and 1 for each label of a subtask as it is learned, or scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mediaeval.answers.learned import PROBABILITIES, SCORES, decided_column, form
from mediaeval.errors import DatasetError, first_few
from submission.kinds import SetKind
from submission.task import Label, Subtask

BINS = 4  # of scores, for splits with similar scores on both sides


def target_matrix(subtask: Subtask, labels: Mapping[str, Label], ids: Sequence[str]) -> np.ndarray:
    """Return the labels of these images, (n_ids, n_labels): 0/1 int8, or float64 where they are scores.

    subtask  as it is learned: see `learned_task`
    labels   image id → answer, as in a `LabelTable`; of the columns of a truth, or of all

    Raises DatasetError for probabilities other than 0 and 1: a model learns decisions.
    """
    T = answer_matrix(subtask, labels, ids)
    if form(subtask) == PROBABILITIES:
        if between := [i for i, row in zip(ids, T, strict=True) if not np.isin(row, (0, 1)).all()]:
            raise DatasetError(
                f"{subtask.name}: got probabilities other than 0 and 1 for {len(between)} images "
                f"({first_few(between)}); expected 0 or 1, which a model learns to give probabilities of. Give the "
                "columns type = 'score', low = 0, high = 1 in the task file to learn numbers between."
            )
        return T.astype(np.int8)
    return T


def answer_matrix(subtask: Subtask, labels: Mapping[str, Label], ids: Sequence[str]) -> np.ndarray:
    """Return the answers for these images, (n_ids, n_labels): 0/1 int8, or float64 scores or probabilities.

    Arguments as for `target_matrix`. Of a probability beside its label, it is the label.
    """
    if subtask.plain:
        return subtask.to_matrix(labels, ids)
    rows = [labels[image_id] for image_id in ids]
    if subtask.kind == "label":
        [column] = _values(subtask, rows, [decided_column(subtask) or ""])
        return (np.array(column, dtype=object)[:, None] == np.array(subtask.labels, dtype=object)).astype(np.int8)
    if subtask.kind == "set":
        heading = next(c.heading for c in subtask.columns if isinstance(c.kind, SetKind))
        [column] = _values(subtask, rows, [heading])
        return np.array([[label in items for label in subtask.labels] for items in map(set, column)], dtype=np.int8)
    if subtask.kind == "flags":
        return np.array(_values(subtask, rows, subtask.labels), dtype=np.int8).T
    if (decided := decided_column(subtask)) and subtask.kind == "probability":
        [column] = _values(subtask, rows, [decided])
        positive = positive_value(subtask)
        return np.array([[value == positive] for value in column], dtype=np.int8)
    return np.array(_values(subtask, rows, subtask.labels), dtype=np.float64).T


def probabilities_of(subtask: Subtask, labels: Mapping[str, Label], ids: Sequence[str]) -> np.ndarray:
    """Return the probabilities in the answers of a run, float64 (n_ids, n_labels), of a subtask that asks for them."""
    return np.array(_values(subtask, [labels[image_id] for image_id in ids], subtask.labels), dtype=np.float64).T


def positive_value(subtask: Subtask) -> str | int:
    """Return the value of the label beside a probability that it is the probability of."""
    rule = getattr(subtask, "threshold", None)
    if rule is not None:
        return rule.positive
    kind = next(c.kind for c in subtask.columns if c.heading == decided_column(subtask))
    return 1 if not kind.values or kind.values == ("0", "1") else kind.values[-1]


def strata(subtask: Subtask, T: np.ndarray) -> np.ndarray:
    """Return what a split is balanced by, 0/1 (n_ids, n): the labels, or in which quarter of its column a score is.

    T  as `target_matrix` returns it
    """
    if form(subtask) != SCORES:
        return T
    edges = np.quantile(T, np.linspace(0, 1, BINS + 1)[1:-1], axis=0)  # (BINS − 1, n_labels)
    place = (T[None] > edges[:, None]).sum(axis=0)  # (n_ids, n_labels)
    return (place[:, :, None] == np.arange(BINS)).reshape(len(T), -1).astype(np.int8)


def _values(subtask: Subtask, rows: Sequence[Any], headings: Sequence[str]) -> list[list[Any]]:
    """Return the values of some columns, a list each; rows hold all columns of the subtask, or those of a truth."""
    if not rows:
        return [[] for _ in headings]
    width = len(rows[0])
    of = subtask.headings if width == len(subtask.headings) else subtask.truth_headings
    assert width == len(of), f"{subtask.name}: got {width} values; expected {len(subtask.headings)}"
    places = [of.index(heading) for heading in headings]
    return [[row[place] for row in rows] for place in places]
