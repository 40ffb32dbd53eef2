"""Submitting with all proofs: rehearsal, writing, verification, replay, and the record of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mediaeval.devices import resolve_device
from mediaeval.files import file_digest
from mediaeval.proofs.rehearse import Rehearsed, rehearse
from mediaeval.proofs.replay import replay
from mediaeval.proofs.submit import Submitted, submit
from mediaeval.runs import RUNS, RunFolder
from submission.ledger import Entry, Ledger


@dataclass(frozen=True)
class Sent:
    """What was written, and what was proved on the way."""

    submitted: Submitted
    rehearsed: Rehearsed | None
    replayed: list[str]
    warnings: list[str]


def send(
    run: RunFolder, *, partial: bool = False, rehearsal: bool = True, replays: int = 0, device: str = "auto"
) -> Sent:
    """Write runs/NAME/run.csv with every proof, and record it in runs/ledger.jsonl.

    Nothing is written when a proof fails, or when the run is recorded with other bytes. Raises as the steps do.
    """
    device = resolve_device(device)
    ledger = Ledger(RUNS / "ledger.jsonl")
    rehearsed = rehearse(run, device=device) if rehearsal else None
    replayed: list[str] = []

    def also(unproved: Path) -> None:
        ledger.require_free(run.name, file_digest(unproved))
        if replays:
            replayed.extend(replay(run, unproved, replays, device=device))

    submitted = submit(run, partial=partial, also=also)
    expected = {n: run.read(run.subtask(n) / "subtask.json")["validation"]["weighted_f1"] for n in submitted.subtasks}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = Entry(run.name, submitted.sha256, now, submitted.subtasks, expected, submitted.n_images)
    return Sent(submitted, rehearsed, replayed, ledger.record(entry))
