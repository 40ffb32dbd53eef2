"""A leaderboard: many run files scored on one truth, with ranks that runs share which differ by no more than the noise.

board = leaderboard(run_sources([Path("runs")], task), Path("truth.csv"), task)
print(board.text())
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from submission.check import expected_header
from submission.desk.measures import Measure, Score, measures_of
from submission.desk.noise import Rank
from submission.desk.ranking import Entry, averaged_of, ranked, ranking_of
from submission.desk.scoring import score_run
from submission.desk.sources import RunSource
from submission.errors import LabelFileError
from submission.layout import RULES
from submission.score import read_truth
from submission.task import Task
from submission.wording import both, counted, cut


@dataclass(frozen=True)
class Leaderboard:
    """Runs on one truth, the best first; those without a score last."""

    task: Task
    n_images: int
    rule: str
    measures: tuple[Measure, ...]
    entries: tuple[Entry, ...]

    @property
    def signature(self) -> dict[str, str]:
        """Key of a score → everything that its value depends on."""
        return {measure.key: measure.signature for measure in self.measures}

    def to_dict(self) -> dict[str, Any]:
        """Return the leaderboard for `json.dumps`."""
        return {
            "task": self.task.name,
            "signature": self.signature,
            "rule": self.rule,
            "images": self.n_images,
            "runs": [entry.to_dict() for entry in self.entries],
        }

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return headings and a row per run, for people; a rank beside a score is that in its subtask."""
        rows = []
        ranking = {measure.key for measure in self.ranking}
        for entry in self.entries:
            cells = [str(entry.rank), entry.name]
            for measure in self.measures:
                place = entry.places.get(measure.subtask.name) if len(self.ranking) > 1 else None
                cells.append(_cell(entry.run.scores.get(measure.key), place if measure.key in ranking else None))
            rows.append([*cells, entry.problems])
        several = len(self.ranking) > 1
        titles = [f"{one.subtask.name} {one.title}" if several else one.title for one in self.measures]
        return ["rank", "file", *titles, "problems"], rows

    @property
    def ranking(self) -> tuple[Measure, ...]:
        """The measures that rank: the first one of each subtask."""
        return ranking_of(self.measures)

    def notes(self) -> list[str]:
        """Return what a reader of the table must know, a line each."""
        lines = [
            f"{self.task.name}: {counted(len(self.entries), 'run{s}')} on {self.n_images} images, rule {self.rule}"
        ]
        averaged = averaged_of(self.measures)
        if len(averaged) > 1:
            names = both([measure.key for measure in averaged])
            lines.append(f"rank: by the mean of {names}, in which one without an answer counts as the worst there is")
        elif len(self.ranking) > 1:
            lines.append(f"rank: by {averaged[0].key}")
        shared = [entry.rank.shared or any(place.shared for place in entry.places.values()) for entry in self.entries]
        if any(shared):
            lines.append(
                "=: the run does not differ from the best one of this rank by more than the noise (paired exchanges of "
                "answers, 5 % over all pairs by Holm)"
            )
        return lines

    def text(self) -> str:
        """Return the leaderboard as tab-separated lines with a header, after notes that begin with `#`."""
        headings, rows = self.rows()
        lines = [f"# {note}" for note in self.notes()]
        return "\n".join([*lines, *("\t".join(map(_on_one_line, cells)) for cells in (headings, *rows))])

    def csv(self) -> str:
        """Return the leaderboard as a CSV, a column for each number, each line with its end."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        of_scores = [f"{one.key}{suffix}" for one in self.measures for suffix in ("", "_low", "_high")]
        of_ranks = [f"{one.subtask.name}_rank" for one in self.ranking]
        writer.writerow(["rank", "file", "valid", *of_scores, *of_ranks, "problems"])
        for entry in self.entries:
            cells: list[object] = [str(entry.rank), _not_a_formula(entry.name), int(entry.run.valid)]
            for measure in self.measures:
                score = entry.run.scores.get(measure.key)
                cells += ["", "", ""] if score is None else [score.value, *score.interval]
            cells += [str(entry.places.get(measure.subtask.name, "")) for measure in self.ranking]
            writer.writerow([*cells, entry.problems])
        return table.getvalue()


def leaderboard(
    sources: Sequence[RunSource], truth_file: Path, task: Task, *, dev: Path | None = None, rule: str | None = None
) -> Leaderboard:
    """Score run files and rank them; `dev` is the dev set whose header they must have, `rule` one of `RULES`.

    Without `rule` the task's own is followed. Runs are ranked by the mean over the subtasks of the truth of what ranks
    in each, in which a subtask that a run leaves out counts as the worst value there is.

    Raises LabelFileError for a truth or a dev set that cannot be used; what is wrong with a run file is in its entry.
    """
    rule = rule or task.scoring
    assert rule in RULES, f"got {rule!r}; expected one of {RULES}"
    truth, header = read_truth(truth_file, task), expected_header(dev, task)
    measures = measures_of(task, truth)
    if not measures:
        raise LabelFileError(
            f"{truth.path}: got no column of labels ({both([cut(cell) for cell in truth.header])} only); expected the "
            "labels of at least one subtask. Give the truth as released, not a list of ids."
        )
    runs = [score_run(source, truth, measures, header, rule) for source in sources]
    board = Leaderboard(task, len(truth.ids), rule, measures, ())
    return replace(board, entries=tuple(ranked(runs, measures)))


def _cell(score: Score | None, place: Rank | None) -> str:
    if score is None:
        return "-"
    low, high = score.interval
    of_many = "" if place is None else f" {place}"
    return f"{score.value:.4f} ({low:.4f}-{high:.4f}){of_many}"


def _on_one_line(cell: str) -> str:
    return cell.replace("\t", "\\t").replace("\n", "\\n")


def _not_a_formula(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name
