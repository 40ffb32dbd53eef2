"""Scoring on Codabench: what runs inside the scoring program of a bundle that `organise` writes.

input/ref/truth.csv   the truth; header.json beside it where runs have the header of a dev set
input/res             the files that a participant sent, unpacked
output/scores.json    a value per column of the leaderboard
output/detailed_results.html

Whatever a participant sends, the exit status is 0 and every score is there. It is 1 where the scoring program or the
reference is at fault; then the reason is on stderr and on the page.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from submission.desk.measures import Measure, measures_of
from submission.desk.page import fault_page, run_page
from submission.desk.ranking import mean_of
from submission.desk.received import received_run
from submission.desk.scoring import ScoredRun, score_run
from submission.errors import UserError
from submission.labels import LabelTable
from submission.score import read_truth
from submission.task import Header, Task
from submission.taskfile import read_task

TASK_FILE, HEADER_FILE, TRUTH = "task.toml", "header.json", "truth"
SCORES, PAGE = "scores.json", "detailed_results.html"
MEAN, VALID, PROBLEMS = "mean", "valid", "problems"  # keys beside those of the measures


@dataclass(frozen=True)
class Reference:
    """What a run is scored on."""

    task: Task
    truth: LabelTable
    header: Header
    measures: tuple[Measure, ...]

    def score(self, folder: Path) -> ScoredRun:
        """Score what a participant sent."""
        source, problems = received_run(folder, self.task)
        run = score_run(source, self.truth, self.measures, self.header, self.task.scoring)
        if not problems:
            return run
        report = replace(run.report, problems=(*problems, *run.report.problems))
        return replace(run, report=report) if self.task.scoring == "lenient" else ScoredRun(report)


def read_reference(program: Path, folder: Path) -> Reference:
    """Read the task and the truth. Raises UserError for what is wrong with them."""
    task = read_task(program / TASK_FILE)
    truths = sorted(path for path in folder.glob(f"{TRUTH}.*") if path.is_file()) if folder.is_dir() else []
    if len(truths) != 1:
        raise UserError(f"{folder}: got {len(truths)} files {TRUTH}.*; expected one, as `organise` writes it.")
    truth = read_truth(truths[0], task)
    header = task.header
    if (folder / HEADER_FILE).exists():
        header = Header(task, tuple(json.loads((folder / HEADER_FILE).read_text(encoding="utf-8"))))
    measures = measures_of(task, truth)
    if not measures:
        raise UserError(f"{truths[0]}: got no column of labels; expected those of at least one subtask.")
    return Reference(task, truth, header, measures)


def score_folder(program: Path, given: Path, output: Path) -> int:
    """Score what lies in `given`/res on `given`/ref, write scores and page into `output`, return the exit status."""
    title = "Scoring"
    try:
        output.mkdir(parents=True, exist_ok=True)
        reference = read_reference(program, given / "ref")
        title = reference.task.title or reference.task.name
        run = reference.score(given / "res")
        scores = all_scores(run, reference.measures)
        page = run_page(
            reference.task, run, reference.measures, reference.task.scoring, n_images=len(reference.truth.ids)
        )
        _write(output / SCORES, json.dumps(scores, indent=2, allow_nan=False) + "\n")
        _write(output / PAGE, page)
        print(f"{run.report.text()}\n{json.dumps(scores)}".encode("ascii", "backslashreplace").decode())
        return 0
    except Exception as error:  # whatever it is: the platform must not show a run as scored
        reason = str(error) if isinstance(error, UserError) else traceback.format_exc()
        print(reason.encode("ascii", "backslashreplace").decode(), file=sys.stderr)
        shown = reason if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        try:
            _write(output / PAGE, fault_page(title, shown))
        except OSError as of_disk:
            print(f"{output / PAGE}: {of_disk}", file=sys.stderr)
        return 1


def all_scores(run: ScoredRun, measures: Sequence[Measure]) -> dict[str, float | int]:
    """Return a value for each column of the leaderboard: the lowest there is of what cannot be scored."""
    limit = sys.float_info.max
    scores: dict[str, float | int] = {}
    for measure in measures:
        value = run.scores[measure.key].value if measure.key in run.scores else measure.lowest
        scores[measure.key] = min(max(value, -limit), limit)
    if (mean := mean_of(run, measures)) is not None:
        scores[MEAN] = min(max(mean, -limit), limit)
    return scores | {VALID: int(run.valid), PROBLEMS: len(run.report.problems)}


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def main(program: Path, arguments: Sequence[str]) -> int:
    """Run the scoring program that lies in `program`; arguments: the folders of the input and of the output."""
    given, output = arguments or ("/app/input", "/app/output")
    return score_folder(program, Path(given), Path(output))
