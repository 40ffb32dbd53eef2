"""The digests of a run folder: manifest.json holds the sha256 of every file that predict, submit or reproduce reads.

They show accidents and edits by hand: a changed threshold, exchanged files, a byte that a disk lost. They do not guard
against someone who computes them anew. Covered are run.toml, task.toml, split.csv, run.csv, the predictions in test/,
and of each subtask its models, records, calibration, validation and out-of-fold probabilities; manifest.json covers
itself.
Pictures, training histories, explain/, extraction.json and run.superseded.csv are not read again, and not covered.
"""

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mediaeval.files import file_digest, write_atomically
from mediaeval.records import EnsembleRecord, RunManifest, SubtaskRecord
from mediaeval.tasks import TASK_FILE

RUN_CSV = "run.csv"  # the official run file
TEST = "test"  # the folder of the predictions

_IN_RUN = ("run.toml", "split.csv", TASK_FILE, RUN_CSV)
_NOT_READ = ("history.csv",)
_SUFFIXES = (".csv", ".json", ".safetensors")
# manifest.json ends with its own digest, computed with zeros in its place
_OWN = re.compile(rb'"digest": "([0-9a-f]{64})"\s*\}\s*$')
_ZEROS = b"0" * 64


def covered_files(folder: Path) -> list[str]:
    """Return the files of a run folder that are covered, but for manifest.json: paths relative to it, sorted."""
    folder = Path(folder)
    found = [name for name in _IN_RUN if os.path.lexists(folder / name)]
    for part in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        records = (SubtaskRecord.FILE, EnsembleRecord.FILE)
        if part.name == TEST or any(os.path.lexists(part / name) for name in records):
            found += [f"{part.name}/{path.name}" for path in part.iterdir() if _is_read(path)]
    return sorted(found)


def _is_read(path: Path) -> bool:
    """Return whether a file of a subtask or of the predictions is covered; a hidden one, as other systems make, not."""
    return (
        path.suffix in _SUFFIXES and path.name not in _NOT_READ and not path.name.startswith(".") and not path.is_dir()
    )


def write_manifest(folder: Path, manifest: RunManifest) -> None:
    """Write manifest.json; where it holds the digests of files, with its own at the end."""
    write_atomically(Path(folder) / RunManifest.FILE, _written(manifest))


def _written(manifest: RunManifest) -> bytes:
    covered = {} if manifest.files is None else {"digest": _ZEROS.decode()}
    text = json.dumps(manifest.to_dict() | covered, indent=2, ensure_ascii=False) + "\n"
    data = text.encode()
    if covered:
        place = _OWN.search(data)
        assert place is not None, "the digest is the last key"
        data = data[: place.start(1)] + hashlib.sha256(data).hexdigest().encode() + data[place.end(1) :]
    return data


def digests_since_training(folder: Path, manifest: RunManifest) -> tuple[str, ...]:
    """Return the sha256 of manifest.json as it is, and as it was before `submit` and `predict` added their files.

    By these a run is known that was submitted or predicted since something was written about it.
    """
    found = [file_digest(Path(folder) / RunManifest.FILE)]
    for part in (RUN_CSV, TEST):
        files = {name: one for name, one in (manifest.files or {}).items() if name.split("/")[0] != part}
        if files != (manifest.files or {}):
            manifest = replace(manifest, files=files)
            found.append(hashlib.sha256(_written(manifest)).hexdigest())
    return tuple(found)


def digests_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return file → sha256, of files given by their paths relative to `folder`."""
    return {name: file_digest(Path(folder) / name) for name in names}


@dataclass(frozen=True)
class ChangedFile:
    """A covered file that is not the one that was recorded; `name` is relative to the run folder."""

    name: str
    folder: Path
    what: str

    def __str__(self) -> str:
        return f"{self.folder / self.name} {self.what}."


def changed_files(folder: Path, manifest: RunManifest, *, leave_out: Collection[str] = ()) -> list[ChangedFile]:
    """Return the covered files that are not those that were recorded; [] for a run without digests.

    leave_out  files, and folders such as `test`, that are not looked at
    """
    folder = Path(folder)
    changed = []
    if own := _own_digest_problem(folder / RunManifest.FILE, manifest):
        changed.append(ChangedFile(RunManifest.FILE, folder, own))
    if manifest.files is None:
        return changed
    there = {name for name in covered_files(folder) if not _is_left_out(name, leave_out)}
    recorded = {name: digest for name, digest in manifest.files.items() if not _is_left_out(name, leave_out)}
    for name in sorted(there | recorded.keys()):
        if name not in recorded:
            changed.append(ChangedFile(name, folder, "was not written by mediaeval: manifest.json does not list it"))
        elif name not in there:
            if name != RUN_CSV:  # moved away by its owner: nothing is read from it, and submit writes it again
                changed.append(ChangedFile(name, folder, "is absent"))
        elif what := _difference(folder / name, recorded[name]):
            changed.append(ChangedFile(name, folder, what))
    return changed


def _is_left_out(name: str, leave_out: Collection[str]) -> bool:
    return name in leave_out or name.split("/")[0] in leave_out


def _own_digest_problem(path: Path, manifest: RunManifest) -> str | None:
    data = path.read_bytes()
    place = _OWN.search(data)
    if place is None:
        return None if manifest.files is None else "was changed since mediaeval wrote it: its digest is absent"
    before = data[: place.start(1)] + _ZEROS + data[place.end(1) :]
    if manifest.files is None or hashlib.sha256(before).hexdigest().encode() != place[1]:
        return "was changed since mediaeval wrote it"
    return None


def _difference(path: Path, recorded: str) -> str:
    """Return what makes a file another than the one with the recorded digest, nothing where it is the one."""
    try:
        return "" if file_digest(path) == recorded else "was changed since mediaeval wrote it"
    except OSError as error:  # no permission; a folder, a pipe or a broken link in its place
        return f"cannot be read ({error.strerror})"
