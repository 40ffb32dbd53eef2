"""What was submitted, when, with which bytes: one line of JSON per run file, which is never changed or removed.

ledger = Ledger(Path("runs/ledger.jsonl"), task)
ledger.require_free("first", sha256)     # a recorded run is not written over
warnings = ledger.record(entry)          # one run more than the organisers accept

Lines that this version writes have `"format": 2`. Those of the first versions, without `format`, are read too: they
call the validation scores `expected`. Keys that a later version may add are kept.
Lines of kind `scored` say what a recorded run file scored once its truth was known.
"""

import contextlib
import errno
import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from submission.errors import RunFileError
from submission.reading import NotRegularFileError, read_regular
from submission.task import Task
from submission.wording import quoted

FORMAT = 2


@dataclass(frozen=True)
class LedgerEntry:
    """One run file as it was written.

    time        UTC, ISO 8601
    validation  subtask → weighted F1 of the validation images, 0..1
    out_of_fold  subtask → {"f1", "low", "high"}: weighted F1 of the dev images out of fold, with its 95 % interval;
                 empty where the split alone was scored
    task        name of the run's task; empty: Visual Sentiment 2021, or written before there were others
    manifest    sha256 of the run's manifest.json, which holds the digests of its files; None for a run without them
    signatures  subtask → signature of the metric of both scores; empty in lines of earlier versions
    forecast    subtask → {"f1", "low", "high", "level"}: the score to expect of the test images, and the interval that
                holds it with the probability `level`; empty where there was none
    notes       subtask → what both scores must be read with, such as that thresholds were chosen on the same images
    others      keys of other versions
    """

    run: str
    sha256: str
    time: str
    subtasks: tuple[str, ...]
    validation: dict[str, float]
    n_images: int
    manifest: str | None = None
    out_of_fold: dict[str, dict[str, float]] = field(default_factory=dict)
    task: str = ""
    signatures: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    forecast: dict[str, dict[str, float]] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "LedgerEntry":
        """Return the entry of a line. Raises TypeError or KeyError for what no version would have written."""
        if not isinstance(read, dict):
            raise TypeError("expected a JSON object")
        subtasks = read["subtasks"]
        if not isinstance(subtasks, list):
            raise TypeError("expected a list of subtasks")
        scores = "validation" if "validation" in read else "expected"
        known = {"format", "run", "sha256", "time", "subtasks", scores, "n_images", "manifest", "out_of_fold"}
        known |= {"task", "metrics", "notes", "forecast"}
        entry = cls(
            run=read["run"],
            sha256=read["sha256"],
            time=read["time"],
            subtasks=tuple(subtasks),
            validation=read[scores],
            n_images=read["n_images"],
            manifest=read.get("manifest"),
            out_of_fold=read.get("out_of_fold", {}),
            task=read.get("task", ""),
            signatures=read.get("metrics", {}),
            notes=read.get("notes", {}),
            forecast=read.get("forecast", {}),
            others={key: value for key, value in read.items() if key not in known},
        )
        texts = (entry.run, entry.sha256, entry.time, *entry.subtasks, entry.manifest or "", entry.task)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("expected text")
        if not isinstance(entry.validation, dict) or not all(map(_is_number, entry.validation.values())):
            raise TypeError("expected a number for each subtask")
        for numbers in (entry.out_of_fold, entry.forecast):
            if not isinstance(numbers, dict) or not all(
                isinstance(one, dict) and all(map(_is_number, one.values())) for one in numbers.values()
            ):
                raise TypeError("expected numbers for each subtask")
        for texts_of in (entry.signatures, entry.notes):
            if not isinstance(texts_of, dict) or not all(isinstance(one, str) for one in texts_of.values()):
                raise TypeError("expected text for each subtask")
        if not _is_number(entry.n_images):
            raise TypeError("expected a number of images")
        return entry

    def to_dict(self) -> dict[str, Any]:
        """Return the entry for `json.dumps`."""
        named = {"task": self.task} if self.task else {}
        return {
            "format": FORMAT,
            "run": self.run,
            "sha256": self.sha256,
            "time": self.time,
            "subtasks": list(self.subtasks),
            "validation": self.validation,
            "n_images": self.n_images,
            "manifest": self.manifest,
            "out_of_fold": self.out_of_fold,
            **named,
            **({"metrics": self.signatures} if self.signatures else {}),
            **({"notes": self.notes} if self.notes else {}),
            **({"forecast": self.forecast} if self.forecast else {}),
        } | self.others


@dataclass(frozen=True)
class ScoredEntry:
    """What a recorded run file scored, once its truth was known: a line of kind `scored`.

    time     UTC, ISO 8601
    truth    name of the file of labels, and `truth_sha256`
    scores   subtask → {"f1", "low", "high"}: the score with its 95 % interval; "value" for "f1" where another metric
             ranks
    metrics  subtask → signature of its metric
    """

    KIND: ClassVar[str] = "scored"

    run: str
    sha256: str
    time: str
    truth: str
    truth_sha256: str
    scores: dict[str, dict[str, float]]
    metrics: dict[str, str]

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "ScoredEntry":
        """Return the entry of a line. Raises TypeError or KeyError for what no version would have written."""
        entry = cls(**{field.name: read[field.name] for field in fields(cls)})
        texts = (entry.run, entry.sha256, entry.time, entry.truth, entry.truth_sha256)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("expected text")
        if not isinstance(entry.scores, dict) or not isinstance(entry.metrics, dict):
            raise TypeError("expected scores of each subtask")
        return entry

    def to_dict(self) -> dict[str, Any]:
        """Return the entry for `json.dumps`."""
        return {"format": FORMAT, "kind": self.KIND} | {field.name: getattr(self, field.name) for field in fields(self)}


class Ledger:
    """What one file beside the run folders holds, in order: `entries` of submissions, `scored` of scores."""

    def __init__(self, path: Path, task: Task):
        """Read the file, if there is one.

        A last line that was cut off, by a full disk or a kill, is not an entry: `record` sets it aside. Raises
        RunFileError when the file cannot be read, or another line of it is damaged.
        """
        self.path = Path(path)
        self.task = task
        self.entries: list[LedgerEntry] = []
        self.scored: list[ScoredEntry] = []
        self._read()

    @property
    def set_aside(self) -> Path:
        """The file that lines are moved to that were cut off."""
        return self.path.with_name(f"{self.path.stem}.cut{self.path.suffix}")

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
        """Add an entry, unless it is recorded already; return warnings for people.

        The file is read anew and locked meanwhile, so that of several processes each knows what the others recorded.
        Raises RunFileError when the run is recorded with other bytes, or the line cannot be written; then the file is
        as it was.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path.with_name(f".{self.path.name}.lock")):
                self._read()
                self.require_free(entry.run, entry.sha256)
                warnings = self._set_cut_line_aside()
                known = [one for one in self.entries if (one.run, one.sha256) == (entry.run, entry.sha256)]
                if known and known[-1].manifest == entry.manifest:
                    return warnings
                warnings += self._changed(known, entry) if known else self._too_many(entry)
                self._append(entry)
        except OSError as error:
            where = f"{error.filename}: " if error.filename and str(error.filename) != str(self.path) else ""
            raise RunFileError(
                f"{self.path}: {entry.run} could not be recorded ({where}{error.strerror}), and the file is as it was; "
                f"its run file is written. Correct this, then record it: mediaeval submit {entry.run}."
            ) from error
        self.entries.append(entry)
        return warnings

    def record_score(self, entry: ScoredEntry) -> bool:
        """Add what a recorded run file scored; return whether it was new: the same scores are recorded once.

        Raises RunFileError when the line cannot be written; then the file is as it was.
        """
        try:
            with _locked(self.path.with_name(f".{self.path.name}.lock")):
                self._read()
                known = [replace(one, time=entry.time, truth=entry.truth) for one in self.scored]
                if entry in known:
                    return False
                self._set_cut_line_aside()
                self._append(entry)
        except OSError as error:
            raise RunFileError(
                f"{self.path}: the score of {entry.run} could not be recorded ({error.strerror}), and the file is "
                "as it was. Correct this, and score it again."
            ) from error
        self.scored.append(entry)
        return True

    def _read(self) -> None:
        try:
            data = read_regular(self.path)
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise RunFileError(
                f"{self.path}: cannot be read ({error.strerror}); expected the record of runs. Check the file and its "
                "permissions."
            ) from None
        lines = data.split(b"\n")
        self._size = len(data)  # of the lines that are kept
        self._cut = b""
        entries: list[LedgerEntry] = []
        scored: list[ScoredEntry] = []
        for number, line in enumerate(lines, 1):
            is_last = number == len(lines)
            if is_last and not line:
                break
            if not line.strip():  # left by an editor
                continue
            try:
                read = json.loads(line.decode("utf-8-sig", errors="replace"))
                if isinstance(read, dict) and read.get("kind") == ScoredEntry.KIND:
                    scored.append(ScoredEntry.from_dict(read))
                else:
                    entries.append(self._entry(number, read))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                if is_last and isinstance(error, json.JSONDecodeError) and (line[:1] == b"{" or not line.strip(b"\0")):
                    self._cut, self._size = line, len(data) - len(line)
                    break
                raise RunFileError(
                    f"{self.path}:{number}: this line is not a record of a run. Look at it, and correct or remove it."
                ) from None
        self.entries, self.scored = entries, scored
        self._unfinished = not self._cut and bool(data) and not data.endswith(b"\n")  # edited by hand

    def _entry(self, number: int, read: Any) -> LedgerEntry:
        """Return the entry that a line holds. Raises RunFileError for one that only a later version can read."""
        try:
            return LedgerEntry.from_dict(read)
        except (TypeError, KeyError):
            layout = read.get("format") if isinstance(read, dict) else None
            if not isinstance(layout, int) or layout <= FORMAT:
                raise
            raise RunFileError(
                f"{self.path}:{number}: got a record of format {layout}; this version reads formats up to {FORMAT}. "
                "Update mediaeval."
            ) from None

    def _too_many(self, entry: LedgerEntry) -> list[str]:
        warnings = []
        for name in entry.subtasks:
            before = {
                known.sha256: known.run for known in self.entries if known.task == entry.task and name in known.subtasks
            }
            before.pop(entry.sha256, None)  # the same file under another name
            max_runs = self.task[name].max_runs
            if max_runs and len(before) >= max_runs:
                warnings.append(
                    f"{name}: this is run {len(before) + 1}, after {', '.join(dict.fromkeys(before.values()))}; the "
                    f"organisers accept {max_runs} per subtask. Choose which to send."
                )
        return warnings

    def _changed(self, known: list[LedgerEntry], entry: LedgerEntry) -> list[str]:
        """Return a warning for a run whose file is the recorded one, though made from other files."""
        if known[-1].manifest is None:  # it had no digests then
            return []
        return [
            f"{self.path.parent / entry.run}: its run file is the one recorded on {known[-1].time}, but its other "
            "files are not those of that day (manifest.json has another digest). If it was not predicted again "
            "since, look at what changed. It is recorded as it is now."
        ]

    def _set_cut_line_aside(self) -> list[str]:
        if not self._cut:
            return []
        _append(self.set_aside, self._cut + b"\n")
        os.truncate(self.path, self._size)
        shown = quoted(self._cut.decode(errors="replace"))
        return [
            f"{self.path}: its last line had been cut off while it was written, and is now in {self.set_aside}: "
            f"{shown}. Submit that run again to record it."
        ]

    def _append(self, entry: LedgerEntry | ScoredEntry) -> None:
        line = json.dumps(entry.to_dict(), ensure_ascii=False)
        _append(self.path, (("\n" if self._unfinished else "") + line + "\n").encode())


def _append(path: Path, data: bytes) -> None:
    """Add bytes at the end of a file: all of them, or none when the disk is full. Raises OSError."""
    # a pipe that nobody reads would block in open()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotRegularFileError(errno.EINVAL, "is not a file", str(path))
        size = os.fstat(handle).st_size
        try:
            rest = memoryview(data)
            while rest:  # a nearly full disk takes less than it is given
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        except BaseException:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes out while the ledger is read and written; waits for them."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        except ImportError:  # Windows; the lock goes when the file is closed
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined, unused-ignore]
        yield
    finally:
        os.close(handle)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) != math.inf
