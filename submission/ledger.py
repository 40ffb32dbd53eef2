"""What was submitted, when, with which bytes: one line of JSON a run file, only ever added to.

ledger = Ledger(Path("runs/ledger.jsonl"))
ledger.require_free("first", sha256)     # a recorded run is not written over
warnings = ledger.record(entry)          # the third run of a subtask is one too many
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from submission.errors import RunFileError
from submission.tasks import TASKS


@dataclass(frozen=True)
class Entry:
    """One run file as it was written: `time` is UTC, ISO 8601; `expected` is subtask → validation weighted F1, 0..1."""

    run: str
    sha256: str
    time: str
    subtasks: tuple[str, ...]
    expected: dict[str, float]
    n_images: int


class Ledger:
    """The entries of one file, in the order they came."""

    def __init__(self, path: Path):
        """Read the file, if there is one. Raises RunFileError when it cannot be read, or a line of it is damaged."""
        self.path = Path(path)
        self.entries: list[Entry] = []
        try:
            text = self.path.read_bytes().decode(errors="replace") if self.path.exists() else ""
        except OSError as error:
            raise RunFileError(f"{self.path} cannot be read ({error.strerror}). It is the record of runs.") from None
        self._torn = bool(text) and not text.endswith("\n")  # edited by hand: the next line must begin anew
        for number, line in enumerate(text.splitlines(), 1):
            try:
                self.entries.append(_entry(json.loads(line)))
            except (ValueError, TypeError, KeyError):
                raise RunFileError(
                    f"{self.path}:{number}: this line is no record of a run. Take it out by hand, after a look at it."
                ) from None

    def require_free(self, run: str, sha256: str) -> None:
        """Raise RunFileError when `run` is recorded with other bytes than these."""
        recorded = [entry for entry in self.entries if entry.run == run]
        if recorded and sha256 not in {entry.sha256 for entry in recorded}:
            last = recorded[-1]
            raise RunFileError(
                f"runs/{run}/run.csv was recorded on {last.time} (sha256 {last.sha256[:12]}…), and what would be "
                f"written now is another file (sha256 {sha256[:12]}…). A recorded run stays as it is: give the new one "
                f"a name of its own (mv runs/{run} runs/OTHER; mediaeval submit OTHER)."
            )

    def record(self, entry: Entry) -> list[str]:
        """Add an entry, unless the same bytes are recorded for the run; return warnings, in words."""
        if any((known.run, known.sha256) == (entry.run, entry.sha256) for known in self.entries):
            return []
        warnings = []
        for name in entry.subtasks:
            before = {known.sha256: known.run for known in self.entries if name in known.subtasks}
            before.pop(entry.sha256, None)  # the same file under another name
            if len(before) >= TASKS[name].max_runs:
                warnings.append(
                    f"{name}: this is run {len(before) + 1}, after {', '.join(dict.fromkeys(before.values()))}; the "
                    f"organisers take {TASKS[name].max_runs} a subtask. Choose which to send."
                )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # one write of one line, at the end: a kill leaves it whole or not there
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, ("\n" * self._torn + json.dumps(asdict(entry), ensure_ascii=False) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        self.entries.append(entry)
        return warnings


def _entry(fields: dict) -> Entry:
    """Return the entry of a line. Raises TypeError or KeyError for what `record` would not have written."""
    entry = Entry(**fields | {"subtasks": tuple(fields["subtasks"])})
    texts = (entry.run, entry.sha256, entry.time, *entry.subtasks)
    if not all(isinstance(text, str) for text in texts) or not isinstance(entry.expected, dict):
        raise TypeError("not what was written")
    return entry
