"""Submitting with all proofs: rehearsal, writing, verification, replay, and the record of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mediaeval.devices import resolve_device
from mediaeval.files import file_digest
from mediaeval.proofs.rehearse import Rehearsed, rehearse
from mediaeval.proofs.replay import replay
from mediaeval.proofs.submit import Submitted, submit
from mediaeval.runs import RunFolder
from submission.ledger import Ledger, LedgerEntry
from submission.task import Task


@dataclass(frozen=True)
class SubmissionReceipt:
    """What was written, and what was proved on the way."""

    submitted: Submitted
    rehearsed: Rehearsed | None
    replayed: list[str]
    warnings: list[str]


def send(
    folder: RunFolder,
    task: Task,
    *,
    partial: bool = False,
    rehearsal: bool = True,
    replays: int = 0,
    device: str = "auto",
) -> SubmissionReceipt:
    """Write runs/NAME/run.csv with every proof, and record it in runs/ledger.jsonl.

    Nothing is written when a proof fails, or when the run is recorded with other bytes. Raises as the steps do.
    """
    device = resolve_device(device)
    ledger = Ledger(folder.runs_dir / "ledger.jsonl", task)
    rehearsed = rehearse(folder, task, device=device) if rehearsal else None
    replayed: list[str] = []

    def prove(unpublished: Path) -> None:
        ledger.require_free(folder.name, file_digest(unpublished))
        if replays:
            replayed.extend(replay(folder, task, unpublished, replays, device=device))

    submitted = submit(folder, task, partial=partial, before_publish=prove)
    expected = {name: folder.read_subtask(name).score.weighted_f1 for name in submitted.subtasks}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = LedgerEntry(folder.name, submitted.sha256, now, submitted.subtasks, expected, submitted.n_images)
    return SubmissionReceipt(submitted, rehearsed, replayed, ledger.record(entry))
