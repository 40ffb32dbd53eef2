"""Whether the answers of a run file belong where they are, by the truth: which other arrangement would score higher.

found = arrangement(answers, truth, task)
print(found.text())
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.check import expected_header
from submission.check.answers import Answers, read_answers
from submission.desk.changes import LEVEL, Change, Rows, mean_value, p_of_gain
from submission.desk.measures import Measure, measures_of
from submission.desk.moved_columns import moved_columns
from submission.desk.moved_rows import moved_rows
from submission.labels import LabelTable
from submission.problems import Problem, describe
from submission.score import read_truth
from submission.task import Task
from submission.wording import printable

_MOST_CHANGES = 3  # faults of one file, one on top of the other
_EXPECTED = "answers that belong to their images and headings"
_REMEDY = "Ask for a file that is written by joining answers and ids, by name; scored is what the file says."


@dataclass(frozen=True)
class Misplacement:
    """A rearrangement that scores higher by more than the noise.

    scores  key → score as sent (with the rearrangements before it put right), and put right; of those that change
    p       chance of such a gain without a fault, after all rearrangements that were tried
    """

    problem: Problem
    scores: dict[str, tuple[float, float]]
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Return it for `json.dumps`."""
        scores = {key: {"as_sent": sent, "put_right": right} for key, (sent, right) in self.scores.items()}
        return self.problem.to_dict() | {"scores": scores, "p": self.p}


@dataclass(frozen=True)
class Arrangement:
    """What the truth shows about the arrangement of a file's answers; empty `found`: no other one scores higher."""

    file: Path
    scores: dict[str, float]
    found: tuple[Misplacement, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no other arrangement scores higher."""
        return not self.found

    def text(self) -> str:
        """Return a line for each rearrangement, or one that there is none, for people."""
        if not self.scores:
            return f"{printable(str(self.file))}: its arrangement is not known: no answer can be read"
        if self.found:
            return "\n".join(describe(one.problem, self.file) for one in self.found)
        scores = ", ".join(f"{key} {_short(value)}" for key, value in self.scores.items())
        return f"{printable(str(self.file))}: no other arrangement of rows, columns or classes scores higher ({scores})"

    def to_dict(self) -> dict[str, Any]:
        """Return the same for `json.dumps`."""
        return {"arrangement": {"scores": self.scores, "found": [one.to_dict() for one in self.found]}}


class ArrangementChecker:
    """Checks files against one truth; `dev` is the dev set whose header they must have."""

    def __init__(self, truth: Path, task: Task, *, dev: Path | None = None):
        """Read the truth. Raises LabelFileError where it or the dev set cannot be used."""
        self.task = task
        self.truth = read_truth(truth, task)
        self.header = expected_header(dev, task)
        self.measures = measures_of(task, self.truth)

    def __call__(self, run: Path) -> Arrangement:
        """Return what the truth shows about one file, whatever is wrong with its form."""
        return arrangement(run, read_answers(run, self.truth.ids, self.header), self.truth, self.measures)


def arrangement(file: Path, answers: Answers, truth: LabelTable, measures: Sequence[Measure]) -> Arrangement:
    """Return which rearrangements of its answers raise the scores of a file by more than the noise."""
    answered = [one for one in measures if one.subtask.name in answers.subtasks and one.subtask.kind != "rank"]
    ranking = list({one.subtask.name: one for one in reversed(answered)}.values())[::-1]
    if not answers.values or not ranking:
        return Arrangement(file, {})
    rows: Rows = [answers.values.get(image_id) for image_id in truth.ids]
    scores = {measure.key: measure.value(rows) for measure in answered}
    found: list[Misplacement] = []
    while len(found) < _MOST_CHANGES and (best := _best(answers, ranking, truth, rows)):
        change, p = best
        after = change.apply(rows)
        found.append(_misplacement(change, p, answered, rows, after))
        rows = after
    return Arrangement(file, scores, tuple(found))


def _best(answers: Answers, ranking: Sequence[Measure], truth: LabelTable, rows: Rows) -> tuple[Change, float] | None:
    """Return the rearrangement with the greatest gain of those whose gain is no noise, and its p."""
    now = mean_value(ranking, rows)
    changes = [*moved_rows(answers, ranking, truth.ids, rows), *moved_columns(ranking, rows)]
    gains = {k: mean_value(ranking, change.apply(rows)) - now for k, change in enumerate(changes)}
    for k in sorted((k for k, gain in gains.items() if gain > 0), key=lambda k: -gains[k]):
        p = p_of_gain(ranking, rows, changes[k].apply(rows), changes[k].tried)
        if p < LEVEL:
            return changes[k], p
    return None


def _misplacement(change: Change, p: float, measures: Sequence[Measure], before: Rows, after: Rows) -> Misplacement:
    scores = {measure.key: (measure.value(before), measure.value(after)) for measure in measures}
    scores = {key: pair for key, pair in scores.items() if pair[0] != pair[1]}
    told = "; ".join(f"{key} {_short(a)} as sent, {_short(b)} put right" for key, (a, b) in scores.items())
    problem = Problem(change.code, "error", change.line, change.column, f"{change.actual}: {told}", _EXPECTED, _REMEDY)
    return Misplacement(problem, scores, p)


def _short(value: float) -> str:
    """Return a score as people say it: .731; an error or a correlation below nought with what is before the point."""
    return f"{value:.3f}".removeprefix("0") if 0 <= value < 1 else f"{value:.3f}"
