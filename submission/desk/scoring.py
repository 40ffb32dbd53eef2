"""The scores of one run file, whatever is wrong with it.

Under the rule `lenient` an answer that is absent, cannot be understood or is given twice counts as wrong, and one for
an image that the truth lacks is ignored; under `strict` a file with any error of the check is not scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from submission.check.answers import Answers, Cells, read_answers
from submission.check.form import CheckReport
from submission.desk.measures import Measure, Score
from submission.desk.sources import RunSource
from submission.labels import LabelTable
from submission.layout import STRICT
from submission.problems import Findings
from submission.task import Header, Subtask, Task


@dataclass(frozen=True)
class Counts:
    """How many answers there are of one subtask, of as many images as the truth has.

    absent      images without a line in the file
    unreadable  images with a line whose answer, or a part of it, cannot be understood
    double      images with several lines
    extra       ids of the file that the truth lacks
    """

    images: int
    absent: int
    unreadable: int
    double: int
    extra: int

    @property
    def wrong(self) -> int:
        """How many images count as wrong for no answer that can be understood."""
        return self.absent + self.unreadable + self.double

    def to_dict(self) -> dict[str, int]:
        """Return the counts for `json.dumps`."""
        names = ("images", "absent", "unreadable", "double", "extra")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class ScoredRun:
    """A run file with its scores.

    report  what is wrong with its form
    scores  key of a measure → score, of the subtasks that the file answers; empty where it is not scored
    counts  subtask → how many answers there are
    """

    report: CheckReport
    scores: Mapping[str, Score] = field(default_factory=dict)
    counts: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether the check finds no error in the file."""
        return self.report.ok

    @property
    def kinds_of_problems(self) -> dict[str, int]:
        """Code → number of problems, in the order in which they are reported."""
        return dict(Counter(problem.code for problem in self.report.problems))


def score_run(
    source: RunSource, truth: LabelTable, measures: Sequence[Measure], header: Header, rule: str
) -> ScoredRun:
    """Score a run file, whatever it is; `header` is that of a run of the whole task, `rule` one of `RULES`."""
    if source.problem:
        found = Findings()
        found.add("file-unreadable", source.problem, "a run file", "Send the run file again, on its own.")
        return ScoredRun(CheckReport(source.name, 0, (), tuple(found.problems())))
    some = any(name not in truth.labels for name in header.task.names)  # then runs of these alone are whole
    answers = read_answers(source.content, truth.ids, header, name=source.name, partial=some)
    if not answers.any or (rule == STRICT and not answers.report.ok):
        return ScoredRun(answers.report)
    answered = [measure for measure in measures if measure.subtask.name in answers.subtasks]
    rows = [answers.values.get(image_id) for image_id in truth.ids]
    scores = {measure.key: measure.score(rows, answers.lists) for measure in answered}
    subtasks = dict.fromkeys(measure.subtask for measure in answered)
    return ScoredRun(answers.report, scores, {one.name: _counts(one, answers, truth, header.task) for one in subtasks})


def _counts(subtask: Subtask, answers: Answers, truth: LabelTable, task: Task) -> Counts:
    places = task.places_of(subtask)
    of_rows: Collection[Cells] = answers.values.values()
    if subtask.kind == "rank":  # a list is unreadable where a cell of it is
        lists = answers.lists.values()
        of_rows = [tuple(None if None in cells else "" for cells in zip(*rows, strict=True)) for rows in lists]
    return Counts(
        images=len(truth.ids),
        absent=len(truth.ids) - len(of_rows) - len(answers.double),
        unreadable=sum(any(cells[place] is None for place in places) for cells in of_rows),
        double=len(answers.double),
        extra=len(answers.extra),
    )
