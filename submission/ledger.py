"""What was submitted, when, with which bytes: one line of JSON per run file, which is never changed or removed.

ledger = Ledger(Path("runs/ledger.jsonl"), task)
ledger.require_free("first", sha256)     # a recorded run is not written over
warnings = ledger.record(entry)          # one run more than the organisers accept
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.errors import RunFileError
from submission.task import Task


@dataclass(frozen=True)
class LedgerEntry:
    """One run file as it was written: `time` is UTC, ISO 8601; `expected` is subtask → validation weighted F1, 0..1."""

    run: str
    sha256: str
    time: str
    subtasks: tuple[str, ...]
    expected: dict[str, float]
    n_images: int

    def to_dict(self) -> dict[str, Any]:
        """Return the entry for `json.dumps`."""
        return {
            "run": self.run,
            "sha256": self.sha256,
            "time": self.time,
            "subtasks": list(self.subtasks),
            "expected": self.expected,
            "n_images": self.n_images,
        }


class Ledger:
    """The entries of one file, in order. The file is in the folder of the run folders."""

    def __init__(self, path: Path, task: Task):
        """Read the file, if there is one. Raises RunFileError when it cannot be read, or a line of it is damaged."""
        self.path = Path(path)
        self.task = task
        self.entries: list[LedgerEntry] = []
        try:
            text = self.path.read_bytes().decode(errors="replace") if self.path.exists() else ""
        except OSError as error:
            raise RunFileError(
                f"{self.path}: cannot be read ({error.strerror}); expected the record of runs. Check the file and its "
                "permissions."
            ) from None
        self._unfinished = bool(text) and not text.endswith("\n")  # edited by hand: the next entry needs a new line
        for number, line in enumerate(text.splitlines(), 1):
            try:
                self.entries.append(_entry(json.loads(line)))
            except (ValueError, TypeError, KeyError):
                raise RunFileError(
                    f"{self.path}:{number}: this line is not a record of a run. Look at it, and correct or remove it."
                ) from None

    def require_free(self, run: str, sha256: str) -> None:
        """Raise RunFileError when `run` is recorded with other bytes than these."""
        recorded = [entry for entry in self.entries if entry.run == run]
        if recorded and sha256 not in {entry.sha256 for entry in recorded}:
            last, folder = recorded[-1], self.path.parent
            raise RunFileError(
                f"{folder / run / 'run.csv'} was recorded on {last.time} (sha256 {last.sha256[:12]}…), and would "
                f"now be another file (sha256 {sha256[:12]}…). A recorded run is not changed: give the "
                f"new one a name of its own (mv {folder / run} {folder / 'OTHER'}; mediaeval submit OTHER)."
            )

    def record(self, entry: LedgerEntry) -> list[str]:
        """Add an entry, unless the same bytes are recorded for the run; return warnings for people."""
        if any((known.run, known.sha256) == (entry.run, entry.sha256) for known in self.entries):
            return []
        warnings = []
        for name in entry.subtasks:
            before = {known.sha256: known.run for known in self.entries if name in known.subtasks}
            before.pop(entry.sha256, None)  # the same file under another name
            max_runs = self.task[name].max_runs
            if len(before) >= max_runs:
                warnings.append(
                    f"{name}: this is run {len(before) + 1}, after {', '.join(dict.fromkeys(before.values()))}; the "
                    f"organisers accept {max_runs} per subtask. Choose which to send."
                )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # one write of one line, at the end: an interrupted process leaves it whole or absent
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            line = json.dumps(entry.to_dict(), ensure_ascii=False)
            os.write(handle, (("\n" if self._unfinished else "") + line + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        self.entries.append(entry)
        return warnings


def _entry(fields: dict[str, Any]) -> LedgerEntry:
    """Return the entry of a line. Raises TypeError or KeyError for what `record` would not have written."""
    entry = LedgerEntry(**fields | {"subtasks": tuple(fields["subtasks"])})
    texts = (entry.run, entry.sha256, entry.time, *entry.subtasks)
    if not all(isinstance(text, str) for text in texts) or not isinstance(entry.expected, dict):
        raise TypeError("a field has another type than record writes")
    return entry
