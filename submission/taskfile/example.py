"""An example of a run file: a few rows that keep to the task, for people to read and for tests to check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from submission.kinds import (
    Column,
    ConstantKind,
    DocumentKind,
    FlagKind,
    Kind,
    LabelKind,
    RankKind,
    ScoreKind,
    SetKind,
)
from submission.rules import SumRule, ThresholdRule
from submission.task import Task

_FEW = 5  # documents of a query
_CONSTANTS = {"probability": "0.5", "score": "1", "flag": "1", "text": "text"}


def example_run(task: Task, rows: int = 3) -> bytes:
    """Return a run file of so many rows: of different ids, or of one query of a ranked list."""
    return _written(task, [(image_id, _cells(task, number)) for number, image_id in enumerate(_ids(task, rows))])


def run_of(task: Task, ids: Sequence[str]) -> bytes:
    """Return a run file that has a row for each of these ids, or a few for each query of a ranked list."""
    if _is_ranked(task):
        most = min((kind.most or _FEW for kind in task.kind_of.values() if isinstance(kind, RankKind)), default=_FEW)
        return _written(task, [(query, _cells(task, number)) for query in ids for number in range(min(_FEW, most))])
    return _written(task, [(image_id, _cells(task, number)) for number, image_id in enumerate(ids)])


def _written(task: Task, filled: list[tuple[str, list[str]]]) -> bytes:
    if not task.layout.is_table:
        from submission.jsonrun import format_json

        return format_json(task.header, filled)
    separator = task.layout.separator
    lines = [separator.join([image_id, *cells]) for image_id, cells in filled]
    if task.layout.header:
        lines.insert(0, separator.join(task.header.cells))
    end = "\r\n" if task.layout.line_end == "crlf" else "\n"
    return "".join(line + end for line in lines).encode()


def example_ids(task: Task, rows: int) -> list[str]:
    """Return different ids as the task has them, sorted."""
    pattern = task.layout.id_pattern
    if pattern:
        ids = {pattern.example(number) for number in range(rows)}
    else:
        suffix = ".jpg" if task.layout.extension else ""
        ids = {f"image{number:0{len(str(rows))}d}{suffix}" for number in range(1, rows + 1)}
    return sorted(ids)


def _ids(task: Task, rows: int) -> list[str]:
    if _is_ranked(task):
        return example_ids(task, 1) * rows
    return example_ids(task, rows)


def _is_ranked(task: Task) -> bool:
    return any(isinstance(column.kind, RankKind) for column in task.columns)


def _cells(task: Task, number: int) -> list[str]:
    """Return the cells of a row, the id left out."""
    ranked = _is_ranked(task)
    cells = {column.heading: _cell(column, place, number, ranked) for place, column in enumerate(task.columns)}
    for rule in task.rules:
        if isinstance(rule, SumRule):
            kinds = [task.kind_of[heading] for heading in rule.columns]
            cells |= zip(rule.columns, _summed_up(kinds, rule.total, number), strict=True)
        else:
            cells |= _decided(task, rule, number)
    return [cells[column.heading] for column in task.columns]


def _cell(column: Column, place: int, number: int, ranked: bool) -> str:
    """Return the cell of the `number`-th row in the `place`-th column; scores fall where documents are `ranked`."""
    kind = column.kind
    if isinstance(kind, ConstantKind):
        return kind.value if kind.value is not None else _CONSTANTS[kind.kind.type]
    if isinstance(kind, LabelKind):
        return kind.labels[number % len(kind.labels)]
    if isinstance(kind, FlagKind):
        return str((number + place) % 2)
    if isinstance(kind, ScoreKind):
        return _plain(_between(kind, 1 / (number + 2) if ranked else (1 + (number + place) % 3) / 4))
    if isinstance(kind, SetKind):
        return kind.separator.join(_items(kind, number))
    if isinstance(kind, RankKind):
        return str(kind.first + number)
    if isinstance(kind, DocumentKind):
        return f"doc{number + 1}"
    return "text1"


def _between(kind: ScoreKind, share: float) -> float:
    """Return a value within the bounds of a column, a higher one for a higher share, 0..1."""
    if kind.low is not None and kind.high is not None:
        return kind.low + (kind.high - kind.low) * share
    if kind.high is not None:
        return kind.high - 10 * (1 - share)
    return (kind.low or 0.0) + 10 * share


def _items(kind: SetKind, number: int) -> Iterator[str]:
    """Yield one or two items of a set."""
    for place in range(min(1 + number % 2, kind.most or 2, len(kind.items) or 2)):
        if kind.items:
            yield kind.items[(number + place) % len(kind.items)]
        else:
            yield kind.item.example(number + place) if kind.item else f"item{number + place + 1}"


def _summed_up(kinds: list[Kind], total: float, number: int) -> list[str]:
    """Return values of columns that sum up to a total: parts of what is left of it above the lowest values."""
    bounds = [(kind.low or 0.0, kind.high) if isinstance(kind, ScoreKind) else (0.0, 1.0) for kind in kinds]
    left = total - sum(low for low, _ in bounds)
    weights = [1.0 + (number + place) % len(kinds) for place in range(len(kinds))]
    widths = [high - low for low, high in bounds if high is not None]
    if len(widths) == len(kinds) and any(
        left * w > sum(weights) * width for w, width in zip(weights, widths, strict=True)
    ):
        weights = widths
    values = [low + left * weight / sum(weights) for (low, _), weight in zip(bounds, weights, strict=True)]
    rounded = [round(value, 2) for value in values[:-1]]
    return [_plain(value) for value in (*rounded, total - sum(rounded))]


def _decided(task: Task, rule: ThresholdRule, number: int) -> dict[str, str]:
    """Return probability, threshold and label of a row, which keep to a rule; the label says yes in every other row."""
    kind, of_threshold, of_label = (task.kind_of[name] for name in (rule.probability, rule.threshold, rule.label))
    assert isinstance(kind, ScoreKind), "the probability of a rule is no number"
    threshold = _between(kind, 0.5)
    if isinstance(of_threshold, ConstantKind) and of_threshold.value is not None:
        threshold = float(of_threshold.value)
    top, bottom = _between(kind, 1), _between(kind, 0)
    yes = number % 2 == 0 or threshold <= bottom
    value = (threshold + top) / 2 if yes else (threshold + bottom) / 2
    labels = of_label.labels if isinstance(of_label, LabelKind) else ("0", "1")
    (no,) = (text for text in labels if text != str(rule.positive))
    return {
        rule.probability: _plain(value),
        rule.threshold: _plain(threshold),
        rule.label: str(rule.positive) if yes else no,
    }


def _plain(value: float) -> str:
    """Return a number as people write it: `0.25`, `33.3`, `7`."""
    return f"{round(value, 4):.10g}"
