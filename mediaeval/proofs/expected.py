"""The answer that stored probabilities or scores lead to, in plain arithmetic.

Deliberately shares nothing with what writes run files but the task: it is what these are verified with.
"""

from collections.abc import Mapping
from typing import Any

from submission.kinds import ConstantKind, FlagKind, LabelKind, ProbabilityKind, ScoreKind, SetKind
from submission.rules import SumRule
from submission.task import Subtask, Task

TOLERANCE = 1e-4  # within which a probability or score that is predicted again is the same
CLOSE = 5e-6  # within which scores that were made to sum up, and rounded, must be those that are expected


def expected_answer(
    task: Task, subtask: Subtask, stored: Mapping[str, float], thresholds: Mapping[str, float]
) -> str | tuple[Any, ...]:
    """Return the answer for one image, in the form of a `LabelTable`.

    stored      label, item or heading → probability or score
    thresholds  the same → threshold; empty where answers are numbers
    """
    if subtask.plain and not subtask.multi_label:
        return max(subtask.labels, key=lambda label: stored[label])
    if subtask.plain:
        return tuple(1 if stored[label] >= thresholds[label] else 0 for label in subtask.labels)
    rule = task.threshold_rule(subtask)
    probability = next((c.heading for c in subtask.columns if isinstance(c.kind, ProbabilityKind)), None)
    yes = probability in thresholds and stored[str(probability)] >= thresholds[str(probability)]
    answer: list[Any] = []
    for column in subtask.columns:
        kind, heading = column.kind, column.heading
        if isinstance(kind, ConstantKind):
            is_threshold = rule is not None and heading == rule.threshold
            answer.append(thresholds[str(probability)] if is_threshold else kind.read(kind.value or ""))
        elif isinstance(kind, ProbabilityKind):
            answer.append(stored[heading])
        elif isinstance(kind, ScoreKind):
            answer.append(min(max(stored[heading], _bound(kind.low, -1)), _bound(kind.high, 1)))
        elif isinstance(kind, SetKind):
            answer.append(_items(kind, stored, thresholds))
        elif isinstance(kind, FlagKind):
            answer.append(int(stored[heading] >= thresholds[heading]) if probability is None else int(yes))
        elif probability is None:
            answer.append(max(subtask.labels, key=lambda label: stored[label]))
        else:
            assert isinstance(kind, LabelKind), "other columns are answered by no model"
            positive = kind.labels[-1] if rule is None else rule.positive
            answer.append(next(label for label in kind.labels if (label == positive) == yes))
    for sums in task.rules:
        if isinstance(sums, SumRule) and set(sums.columns) <= set(subtask.headings):
            places = [subtask.headings.index(heading) for heading in sums.columns]
            for place, number in zip(places, _summing_up(subtask, places, stored, sums.total), strict=True):
                answer[place] = number
    return tuple(answer)


def is_expected(said: object, expected: object) -> bool:
    """Whether an answer of a run file is the expected one; scores that must sum up are rounded."""
    return _is_close(said, expected, CLOSE)


def is_same(said: object, again: object) -> bool:
    """Whether an answer of a run file is the one that its image leads to again; its numbers may differ a little."""
    return _is_close(said, again, TOLERANCE)


def _is_close(one: object, other: object, tolerance: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= tolerance * max(1.0, abs(one))
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(_is_close(a, b, tolerance) for a, b in zip(one, other, strict=True))
    return one == other


def _items(kind: SetKind, stored: Mapping[str, float], thresholds: Mapping[str, float]) -> tuple[str, ...]:
    by_excess = sorted(thresholds, key=lambda item: thresholds[item] - stored[item])
    chosen = [item for item in by_excess if stored[item] >= thresholds[item]][: kind.most]
    if not chosen and not kind.empty:
        chosen = by_excess[:1]
    return tuple(item for item in thresholds if item in chosen)


def _summing_up(subtask: Subtask, places: list[int], stored: Mapping[str, float], total: float) -> list[float]:
    """Return the projection onto the sum, by the shifts at which a column reaches one of its bounds."""
    columns = [subtask.columns[place] for place in places]
    values = [stored[column.heading] for column in columns]
    bounds = [(_bound(c.kind.low, -1), _bound(c.kind.high, 1)) for c in columns if isinstance(c.kind, ScoreKind)]

    def at(shift: float) -> list[float]:
        return [min(max(value + shift, low), high) for value, (low, high) in zip(values, bounds, strict=True)]

    reached = [bound - value for value, pair in zip(values, bounds, strict=True) for bound in pair]
    edges = sorted(shift for shift in reached if abs(shift) != float("inf"))
    below = max((shift for shift in edges if sum(at(shift)) <= total), default=None)
    above = min((shift for shift in edges if sum(at(shift)) > total), default=None)
    if below is None and above is None:
        return at((total - sum(values)) / len(values))
    # between two edges, those columns move that are not at a bound
    start = below if below is not None else above
    assert start is not None, "there is an edge"
    probe = start + (1e-9 if below is not None else -1e-9) * max(1.0, abs(start))
    moving = sum(low < value + probe < high for value, (low, high) in zip(values, bounds, strict=True))
    return at(start + (total - sum(at(start))) / moving) if moving else at(start)


def _bound(bound: float | None, sign: int) -> float:
    return sign * float("inf") if bound is None else bound
