"""What became of a forecast: the score of a run file that a ledger records, put beside what was expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mediaeval.files import file_digest
from mediaeval.runs import RUNS_DIR
from submission.ledger import Ledger, LedgerEntry, ScoredEntry
from submission.metric_scores import MetricScores
from submission.metrics.reading import metrics_of
from submission.score import SubtaskScore
from submission.task import Task

LEDGER = "ledger.jsonl"


@dataclass(frozen=True)
class Outcome:
    """A score and its forecast, where there was one."""

    subtask: str
    score: float
    expected: float | None
    low: float | None
    high: float | None
    level: float | None

    def in_words(self) -> str:
        """Return it as a line for people."""
        if self.expected is None or self.low is None or self.high is None or self.level is None:
            return f"{self.subtask}: {self.score:.3f}; there was no forecast"
        where = "within" if self.low <= self.score <= self.high else "outside of"
        return (
            f"{self.subtask}: {self.score:.3f}, {where} the forecast {self.expected:.3f} "
            f"({self.level:.0%}: {self.low:.3f} to {self.high:.3f})"
        )


@dataclass(frozen=True)
class Recorded:
    """The ledger that a score was written into, whether it was new there, and the outcome of each subtask."""

    ledger: Path
    new: bool
    outcomes: tuple[Outcome, ...]


def record_scores(
    run_file: Path, truth: Path, task: Task, scores: Mapping[str, SubtaskScore | MetricScores]
) -> Recorded | None:
    """Add the scores of a run file to the ledger that records its bytes; None where no ledger does.

    Ledgers are looked for beside the run file, beside its folder, and in runs/. Raises RunFileError where one cannot be
    read or written.
    """
    digest = file_digest(run_file)
    folder = run_file.resolve().parent
    for path in dict.fromkeys((folder / LEDGER, folder.parent / LEDGER, (RUNS_DIR / LEDGER).resolve())):
        if not path.is_file():
            continue
        ledger = Ledger(path, task)
        if found := [entry for entry in ledger.entries if entry.sha256 == digest]:
            entry = _scored(found[-1], truth, task, scores)
            return Recorded(path, ledger.record_score(entry), tuple(_outcomes(found[-1], scores)))
    return None


def _scored(
    entry: LedgerEntry, truth: Path, task: Task, scores: Mapping[str, SubtaskScore | MetricScores]
) -> ScoredEntry:
    return ScoredEntry(
        run=entry.run,
        sha256=entry.sha256,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        truth=truth.name,
        truth_sha256=file_digest(truth),
        scores={
            name: {
                "f1" if isinstance(one, SubtaskScore) else "value": one.value,
                "low": one.interval[0],
                "high": one.interval[1],
            }
            for name, one in scores.items()
        },
        metrics={name: metrics_of(task[name])[0].signature for name in scores},
    )


def _outcomes(entry: LedgerEntry, scores: Mapping[str, SubtaskScore | MetricScores]) -> list[Outcome]:
    found = []
    for name, one in scores.items():
        told = entry.forecast.get(name, {})
        expected = told.get("f1", told.get("value"))
        found.append(Outcome(name, one.value, expected, told.get("low"), told.get("high"), told.get("level")))
    return found
