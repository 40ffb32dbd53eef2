"""A metric for Kaggle in one file, which holds the task and this package; and what it computes.

Kaggle calls `score(solution, submission, row_id_column_name)` with the truth and what a participant sent, read by
pandas; the value is what ranks in the leaderboard of the task: the first metric, or the mean of those of its subtasks.
"""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from submission.desk.bundle import package_files
from submission.desk.measures import measures_of
from submission.desk.ranking import averaged_of, mean_of
from submission.desk.scoring import score_run
from submission.desk.sources import RunSource
from submission.layout import STRICT
from submission.problems import describe
from submission.score import read_truth
from submission.task import Task
from submission.taskfile import parse_task
from submission.wording import shown

_FILE = '''\
"""The metric of {title}, for Kaggle."""

import atexit
import base64
import functools
import io
import shutil
import sys
import tempfile
import zipfile

TASK = {task!r}
PACKAGE = (
{package}
)


class ParticipantVisibleError(Exception):
    """What is wrong with a submission, for its participant."""


@functools.cache
def unpacked():
    """Return the folder that the package is unpacked into, until the process ends."""
    package = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, package, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(base64.b85decode("".join(PACKAGE)))) as archive:
        archive.extractall(package)
    return package


def score(solution, submission, row_id_column_name):
    """Return the score of a submission; both are data frames."""
    package = unpacked()
    sys.path.insert(0, package)
    try:
        from submission.desk.kaggle import score_frames

        value, problems = score_frames(TASK, solution, submission, row_id_column_name)
    finally:
        sys.path.remove(package)
    if value is None:
        raise ParticipantVisibleError(problems)
    return value
'''
_WIDTH = 110  # characters of the package on a line


class Frame(Protocol):
    """What a data frame must be able to do."""

    @property
    def columns(self) -> Any:
        """The headings."""

    def rename(self, *, columns: dict[str, str]) -> Frame:
        """Return a frame with other headings."""

    def to_csv(self, target: None, *, index: bool) -> str:
        """Return the text of a CSV."""


def kaggle_metric(task: Task) -> str:
    """Return the text of the metric's file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in package_files():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    text = base64.b85encode(target.getvalue()).decode()
    lines = [f"    {text[start : start + _WIDTH]!r}" for start in range(0, len(text), _WIDTH)]
    title = " ".join((task.title or task.name).split()).replace("\\", "").replace('"', "'")
    return _FILE.format(title=title, task=task.text, package="\n".join(lines))


def score_frames(task_text: str, solution: Frame, submission: Frame, row_id: str) -> tuple[float | None, str]:
    """Return the score of a submission, or None and all that is wrong with it.

    None is for a submission of which nothing can be scored, and under the strict rule for one with a problem.
    """
    task = _as_read_by_pandas(parse_task(task_text, "task.toml"))
    with TemporaryDirectory() as folder:
        truth_file = Path(folder) / "truth.csv"
        truth_file.write_text(_text(solution, row_id, task), encoding="utf-8")
        truth = read_truth(truth_file, task)
    measures = measures_of(task, truth)
    data = _text(submission, row_id, task).encode()
    run = score_run(RunSource(Path("submission.csv"), data), truth, measures, task.header, task.scoring)
    problems = "\n".join(shown(describe(problem, "submission")) for problem in run.report.problems)
    if not run.scores:
        why = "the task takes no file with problems" if task.scoring == STRICT else "no answer can be read"
        return None, f"Nothing is scored, since {why}.\n{problems}"
    mean = mean_of(run, measures)
    first = averaged_of(measures)[0]
    value = run.scores[first.key].value if first.key in run.scores else first.lowest
    return value if mean is None else mean, problems


def _as_read_by_pandas(task: Task) -> Task:
    """Return a task whose run files are CSVs with a header, in whatever container they were sent."""
    layout = replace(task.layout, container="csv", separator=",", header=True, line_end="lf")
    return replace(task, layout=layout, runs=())


def _text(frame: Frame, row_id: str, task: Task) -> str:
    """Return a frame as a CSV whose column of ids is called as in the task."""
    return frame.rename(columns={row_id: task.id_column}).to_csv(None, index=False)
