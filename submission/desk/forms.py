"""The truth and the answers of a run in the form that a metric reads, with a wrong answer where there is none.

Wrong is: none of the classes; the opposite of a 0 or 1; no item of a set, or an unknown one where none is right; a
score below every other for a 1 and above every other for a 0; an error as large as can be; in a correlation, the other
end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from submission.check.answers import Cells
from submission.kinds import DocumentKind, LabelKind, RankKind, ScoreKind, SetKind, Value
from submission.labels import LabelTable
from submission.metrics.definition import Metric
from submission.task import Subtask, Task

if TYPE_CHECKING:
    import numpy as np

_CURVES, _ERRORS, _CORRELATIONS = ("auc", "ap", "eer"), ("mae", "rmse"), ("spearman", "pearson")
_UNKNOWN_ITEM = "\0"

Column = Sequence[Value | None]  # a value per image; None where there is none


def truth_columns(subtask: Subtask, truth: LabelTable) -> dict[str, Column]:
    """Return heading → the values of the truth, in its order, of the columns that a truth has."""
    return table_columns(subtask, truth, truth.ids)


def table_columns(subtask: Subtask, table: LabelTable, ids: Sequence[str]) -> dict[str, Column]:
    """Return heading → the values of these images, of the columns that the table has of a subtask; None: no answer."""
    labels = table.labels[subtask.name]
    rows = [labels.get(image_id) for image_id in ids]
    width = next((1 if isinstance(row, str) else len(row) for row in labels.values()), len(subtask.headings))
    headings = subtask.headings if width == len(subtask.headings) else subtask.truth_headings
    values = [(row,) if isinstance(row, str) else row for row in rows]
    return {heading: [None if row is None else row[place] for row in values] for place, heading in enumerate(headings)}


def answer_columns(task: Task, subtask: Subtask, rows: Sequence[Cells | None]) -> dict[str, Column]:
    """Return heading → the values that a run answers; `rows`: cells per image, in the order of the truth."""
    places = dict(zip(subtask.headings, task.places_of(subtask), strict=True))
    return {heading: [None if cells is None else cells[place] for cells in rows] for heading, place in places.items()}


def known_rows(task: Task, subtask: Subtask, lists: Mapping[str, Sequence[Cells]]) -> dict[str, list[Cells]]:
    """Return query → (document, rank, score) of the rows of a list of which all are known; 0 for a column it lacks."""
    columns = list(zip(subtask.columns, task.places_of(subtask), strict=True))
    taken = [
        next((place for column, place in columns if isinstance(column.kind, kind)), None)
        for kind in (DocumentKind, RankKind, ScoreKind)
    ]
    rows = {
        query: [tuple(0 if place is None else cells[place] for place in taken) for cells in of_query]
        for query, of_query in lists.items()
    }
    return {query: [row for row in of_query if None not in row] for query, of_query in rows.items()}


def metric_forms(
    metric: Metric, subtask: Subtask, truth: Mapping[str, Column], answers: Mapping[str, Column]
) -> tuple[Any, Any]:
    """Return truth and answers as `metrics.evaluation.prepare` takes them."""
    kinds = {column.heading: column.kind for column in subtask.columns}
    kind = kinds[metric.columns[0]]
    if isinstance(kind, SetKind):
        true = [tuple(map(str, _items(value))) for value in truth[metric.columns[0]]]
        return true, [
            _wrong_set(items) if value is None else tuple(map(str, _items(value)))
            for items, value in zip(true, answers[metric.columns[0]], strict=True)
        ]
    if isinstance(kind, LabelKind):
        names, given = truth[metric.columns[0]], answers[metric.columns[0]]
        if metric.average == "positive":
            decided = _decisions([[name == metric.positive for name in names]])
            return decided, _filled([[_is(value, metric.positive) for value in given]], 1 - decided)
        table = _decisions([[name == label for name in names] for label in kind.labels])
        return table, _decisions([[value == label for value in given] for label in kind.labels])
    given_columns = [answers[heading] for heading in metric.columns]
    if metric.metric in _CURVES or metric.threshold is not None:
        true_columns = [truth[heading] for heading in metric.truth or metric.columns]
        of_class = [isinstance(kinds[heading], LabelKind) for heading in metric.truth or metric.columns]
        decided = _decisions(
            [
                [value == metric.positive for value in column] if is_class else _bits(column, metric)
                for column, is_class in zip(true_columns, of_class, strict=True)
            ]
        )
        filled = _filled(given_columns, _beyond(decided))
        if metric.threshold is None or not _of_two_classes(metric):
            return decided, filled
        return _both_classes(decided), _beyond(1 - _both_classes(filled >= metric.threshold))
    if metric.metric in _ERRORS or metric.metric in _CORRELATIONS:
        numbers = _numbers([truth[heading] for heading in metric.columns])
        wrong = _farthest(numbers, metric) if metric.metric in _ERRORS else _other_end(numbers, given_columns)
        return numbers, _filled(given_columns, wrong)
    bits = _decisions([_bits(truth[heading], metric) for heading in metric.columns])
    given_bits = _filled([_as_positive(column, metric) for column in given_columns], 1 - bits)
    return (_both_classes(bits), _both_classes(given_bits)) if _of_two_classes(metric) else (bits, given_bits)


def ranked_forms(
    truth: Mapping[str, Any], answers: Mapping[str, Any]
) -> tuple[dict[str, dict[str, int]], dict[str, list[tuple[str, int, float]]]]:
    """Return relevance and ranked lists as `metrics.evaluation.prepare` takes them, of query → rows.

    A row begins with document, rank and score; in the truth the score is the relevance.
    """
    relevance = {query: {str(row[0]): int(row[2]) for row in rows} for query, rows in truth.items()}
    return relevance, {query: [(str(row[0]), row[1], row[2]) for row in rows] for query, rows in answers.items()}


def _items(value: Value | None) -> Sequence[str]:
    return value if isinstance(value, tuple) else ()


def _wrong_set(true: Sequence[str]) -> tuple[str, ...]:
    return () if true else (_UNKNOWN_ITEM,)


def _is(value: Value | None, positive: str | None) -> float | None:
    return None if value is None else float(value == positive)


def _bits(column: Column, metric: Metric) -> list[bool]:
    """Return which values of the truth are positive."""
    least = 0.5 if metric.threshold is None else metric.threshold
    return [(float(str(value)) >= least) is (metric.positive != "0") for value in column]


def _as_positive(column: Column, metric: Metric) -> Column:
    """Return flags with 1 for the positive class."""
    if metric.positive != "0":
        return column
    return [None if value is None else 1 - int(str(value)) for value in column]


def _of_two_classes(metric: Metric) -> bool:
    """Return whether one column of 0 and 1 is averaged over its two classes, as scikit-learn does."""
    return metric.metric == "f1" and len(metric.columns) == 1 and metric.average in ("macro", "micro", "weighted")


def _both_classes(table: np.ndarray) -> np.ndarray:
    """Return a column of 0 and 1 as two, of 0 and of 1, int8 (n_images, 2)."""
    import numpy as np

    return np.hstack([1 - table, table]).astype(np.int8)


def _decisions(columns: Sequence[Sequence[bool]]) -> np.ndarray:
    """Return columns as 0 and 1, int8 (n_images, n_columns)."""
    import numpy as np

    return np.array(columns, dtype=np.int8).T


def _numbers(columns: Sequence[Column]) -> np.ndarray:
    """Return columns as float64 (n_images, n_columns), nan where there is no value."""
    import numpy as np

    return np.array([[np.nan if value is None else value for value in column] for column in columns], dtype=float).T


def _filled(columns: Sequence[Column], wrong: np.ndarray) -> np.ndarray:
    """Return columns as float64 (n_images, n_columns), with what is wrong where there is no value."""
    import numpy as np

    numbers = _numbers(columns)
    filled: np.ndarray = np.where(np.isnan(numbers), wrong, numbers)
    return filled


def _beyond(decided: np.ndarray) -> np.ndarray:
    """Return scores that are wrong at every threshold."""
    import numpy as np

    return np.where(decided == 1, -np.inf, np.inf)


def _farthest(truth: np.ndarray, metric: Metric) -> np.ndarray:
    """Return the bound that is farthest from each number; without bounds, the farthest number of the truth."""
    import numpy as np

    bounds = metric.bounds or ((None, None),) * truth.shape[1]
    low = np.array([truth[:, k].min() if one is None else one for k, (one, _) in enumerate(bounds)])
    high = np.array([truth[:, k].max() if one is None else one for k, (_, one) in enumerate(bounds)])
    farthest: np.ndarray = np.where(truth - low > high - truth, low, high)
    return farthest


def _other_end(truth: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """Return the least of a column's answers for what is above the middle of the truth, and the greatest below it."""
    import numpy as np

    answers = _numbers(columns)
    answered = [column[~np.isnan(column)] for column in answers.T]
    low = np.array([column.min() if len(column) else 0.0 for column in answered])
    high = np.array([column.max() if len(column) else 0.0 for column in answered])
    other: np.ndarray = np.where(truth > np.median(truth, axis=0), low, high)
    return other
