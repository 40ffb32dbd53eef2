"""Submitting with all proofs: rehearsal, writing, verification, replay, and the record of it."""

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mediaeval.devices import resolve_device
from mediaeval.files import file_digest
from mediaeval.proofs.rehearse import Rehearsed, rehearse
from mediaeval.proofs.replay import replaying
from mediaeval.proofs.submit import Submitted, submit
from mediaeval.runs import RunFolder
from mediaeval.steps.forecasting import Forecasts, read_forecasts
from submission.ledger import Ledger, LedgerEntry
from submission.metrics.reading import metrics_of
from submission.task import Task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SubmissionReceipt:
    """What was written, and what was proved on the way."""

    submitted: Submitted
    rehearsed: Rehearsed | None
    replayed: list[str]
    warnings: list[str]
    notes: dict[str, str]  # subtask → what its scores must be read with
    forecasts: Forecasts  # see `mediaeval.steps.forecasting`


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
    manifest = folder.read_manifest()
    folder.require_unchanged(manifest)
    if manifest.files is None:
        logger.info(
            f"{folder.path} was made before 0.2: not covered by digests. mediaeval reproduce {folder.name} --seal "
            "adds them."
        )
    ledger = Ledger(folder.runs_dir / "ledger.jsonl", task)
    replayed: list[str] = []
    with replaying(folder, task, replays, device=device) if replays else nullcontext() as compare:
        rehearsed = rehearse(folder, task, device=device) if rehearsal else None

        def prove(unpublished: Path) -> None:
            ledger.require_free(folder.name, file_digest(unpublished))
            if compare:
                replayed.extend(compare(unpublished))

        submitted = submit(folder, task, partial=partial, before_publish=prove)
    records = {name: folder.read_subtask(name) for name in submitted.subtasks}
    forecasts = _forecasts(folder, records)
    entry = LedgerEntry(
        run=folder.name,
        sha256=submitted.sha256,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        subtasks=submitted.subtasks,
        validation={name: record.score.value for name, record in records.items()},
        n_images=submitted.n_images,
        out_of_fold={
            name: {"value" if record.out_of_fold.metric else "f1": record.out_of_fold.f1}
            | dict(zip(("low", "high"), record.out_of_fold.interval, strict=True))
            for name, record in records.items()
            if record.out_of_fold
        },
        task="" if task == VISUAL_SENTIMENT_2021 else task.name,
        manifest=None if folder.read_manifest().files is None else file_digest(folder.manifest),
        signatures={name: metrics_of(task[name])[0].signature for name in records},
        forecast=_in_ledger(forecasts),
        notes={name: record.note for name, record in records.items() if record.note},
    )
    return SubmissionReceipt(submitted, rehearsed, replayed, ledger.record(entry), entry.notes, forecasts)


def _forecasts(folder: RunFolder, subtasks: Iterable[str]) -> Forecasts:
    """Return the forecast of each subtask, or why there is none."""
    again = {"reason": f"these predictions have none. Predict again: mediaeval predict {folder.name}."}
    kept = read_forecasts(folder.test)
    return {name: kept.get(name, again) for name in subtasks}


def _in_ledger(forecasts: Forecasts) -> dict[str, dict[str, float]]:
    keys = ("f1", "value", "low", "high", "level")
    return {
        name: {key: one[key] for key in keys if key in one} for name, one in forecasts.items() if "reason" not in one
    }
