"""The run folder: what lies where, and how a run is found.

runs/NAME/
    run.toml          every choice that changes a number, resolved
    task.toml         the task file; absent from runs of Visual Sentiment 2021
    split.csv         id,side
    manifest.json     command, versions, header and images of the dev set, identity and width of each feature block;
                      digests of all files that are read again
    subtask1/ …       model.safetensors (the split model), refit.safetensors (trained on the whole dev set),
                      subtask.json, out_of_fold.csv, calibration.json, validation.csv, history.csv, curves.svg,
                      confusion.svg; ensemble.json in place of models
    test/             subtask1.csv … (probabilities by id), test.json; subtask1.calibrated.csv … for people alone
    extraction.json   what computing the features cost; for people alone
    run.csv           the official run file; run.superseded.csv, one of models or predictions replaced since

What the JSON files hold: `mediaeval.records`.
"""

import contextlib
import json
import platform
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from mediaeval.digests import RUN_CSV, TEST, ChangedFile, changed_files, covered_files, digests_of, write_manifest
from mediaeval.errors import RunFolderError, first_problems
from mediaeval.files import clear_leftovers, folder_atomically, link_folder, wait_for, write_atomically
from mediaeval.records import LAYOUT, EnsembleRecord, PredictionRecord, RunManifest, SubtaskRecord
from submission.reading import read_regular
from submission.task import Task

RUNS_DIR = Path("runs")  # where runs are kept when nothing else is given
_LIBRARIES = (
    "mediaeval",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pandas",
    "scikit-learn",
    "pillow",
    "albumentations",
    "opencv-python-headless",
    "scikit-image",
)
_Record = TypeVar("_Record", RunManifest, SubtaskRecord, EnsembleRecord, PredictionRecord)


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "run.toml"

    @property
    def split(self) -> Path:
        return self.path / "split.csv"

    @property
    def manifest(self) -> Path:
        return self.path / RunManifest.FILE

    @property
    def test(self) -> Path:
        return self.path / TEST

    @property
    def run_csv(self) -> Path:
        return self.path / RUN_CSV

    @property
    def superseded(self) -> Path:
        """The run file of models or predictions that have been replaced since."""
        return self.path / "run.superseded.csv"

    def lock(self) -> FileLock:
        """Return the lock to hold while the run is changed."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_name(f".{self.name}.lock"))

    @contextlib.contextmanager
    def being_trained(self) -> Iterator[None]:
        """Keep other trainings out of the run. Raises RunFolderError where another is under way."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path.with_name(f".{self.name}.training.lock"), timeout=0):
                yield
        except Timeout:
            raise RunFolderError(
                f"{self.path} is being trained by another command. Wait for it, or give another name with --run."
            ) from None

    def require_unchanged(self, manifest: RunManifest, *, leave_out: Collection[str] = ()) -> None:
        """Raise RunFolderError, naming them, when files are not those whose digests the manifest holds.

        leave_out: files and folders that are not looked at. A run without digests passes.
        """
        if changed := changed_files(self.path, manifest, leave_out=leave_out):
            raise RunFolderError(*first_problems([str(one) for one in changed], 10), self._remedy(changed))

    def _remedy(self, changed: Collection[ChangedFile]) -> str:
        """Return what to do about changed files: what makes them anew."""
        parts = {one.name.split("/")[0] for one in changed}
        if parts == {RUN_CSV}:
            return f"Move it out of the run, and submit again: mediaeval submit {self.name}."
        if parts <= {RUN_CSV, TEST}:
            return f"Put back what was there, or predict again: mediaeval predict {self.name} --data TEST."
        return f"Put back what was there, from a copy, or train again: {self.retrain}."

    @contextlib.contextmanager
    def rewritten(
        self,
        *,
        replaced: Collection[str] = (),
        unchecked: Collection[str] = (),
        trusted: Collection[str] = (),
        anew: bool = False,
    ) -> Iterator["RunFolder"]:
        """Give a copy of the run to change; on leaving, its digests are renewed and it takes the run's place.

        All in one rename, while the caller holds `lock`. An exception leaves the run as it was. What is copied must be
        what was recorded, and keeps the digest that it has: only what is written here gets a new one.

        replaced   files and folders that are not copied
        unchecked  copied without being checked, since they are about to be replaced by the same command
        trusted    written by the same command before, though into a run that had no digests
        anew       nothing that is covered is kept, so that it does not matter what is on disk

        Raises RunFolderError when a file is not the one that was recorded.
        """
        old = self.read_manifest() if self.manifest.is_file() and not anew else None
        if old is not None:
            self.require_unchanged(old, leave_out={*replaced, *unchecked})
        with folder_atomically(self.path) as folder:
            if self.path.exists():
                link_folder(self.path, folder, leave_out=replaced)
            copied = {name: _signature(folder / name) for name in covered_files(folder)}
            new = RunFolder(folder)
            yield new
            names = covered_files(folder)
            kept = [name for name in names if copied.get(name) == _signature(folder / name)]
            recorded = old.files if old is not None else {}
            if recorded is None and all(name.split("/")[0] in trusted for name in kept):
                recorded = digests_of(folder, kept)
            manifest = new.read_manifest()
            if recorded is not None:
                files = {name: recorded[name] for name in kept if name in recorded}
                files |= digests_of(folder, [name for name in names if name not in kept])
                manifest = replace(manifest, files=dict(sorted(files.items())))
            write_manifest(folder, manifest)

    def subtask(self, name: str) -> Path:
        return self.path / name

    def training(self, subtask: str) -> Path:
        """Return the folder of a training that is not finished; it lies beside the run, which is always complete."""
        return self.path.with_name(f".{self.name}.training") / subtask

    def subtasks(self, task: Task) -> tuple[str, ...]:
        """Return the names of the task's subtasks that were trained in this run, in the task's order."""
        return tuple(name for name in task.names if self.subtask(name).is_dir())

    @property
    def trained(self) -> tuple[str, ...]:
        """The names of all subtasks that were trained in this run, of whichever task, sorted."""
        return tuple(sorted(path.parent.name for path in self.path.glob(f"*/{SubtaskRecord.FILE}")))

    @property
    def runs_dir(self) -> Path:
        """The folder that this run and others lie in, and the ledger."""
        return self.path.parent

    def with_folds(self, subtask: str, folds: int = 5) -> str:
        """Return the command that trains a subtask with the run's own settings, and in folds, into another run."""
        return f"mediaeval train {subtask} --config {self.config} --folds {folds} --run NEW"

    @property
    def retrain(self) -> str:
        """The command that trains the run again, for error messages."""
        return f"mediaeval train all --run {self.name} --replace"

    def read_manifest(self) -> RunManifest:
        """Read manifest.json.

        Raises RunFolderError when it is absent or damaged (a half-written run), or of a layout that is not known.
        """
        return self._read(self.manifest, RunManifest)

    def read_subtask(self, name: str) -> SubtaskRecord:
        """Read a subtask's subtask.json. Raises RunFolderError when it is absent or damaged."""
        return self._read(self.subtask(name) / SubtaskRecord.FILE, SubtaskRecord)

    def read_ensemble(self, name: str) -> EnsembleRecord:
        """Read ensemble.json of a subtask that other runs make up. Raises RunFolderError when absent or damaged."""
        return self._read(self.subtask(name) / EnsembleRecord.FILE, EnsembleRecord)

    def read_predictions(self) -> PredictionRecord:
        """Read test/test.json. Raises RunFolderError when there are no predictions, or those of a first version."""
        if not self.test.is_dir():
            raise RunFolderError(
                f"{self.path} holds no predictions. Make them: mediaeval predict {self.name} --data TEST."
            )
        return self._read(self.test / PredictionRecord.FILE, PredictionRecord)

    def _read(self, file: Path, record: type[_Record]) -> _Record:
        try:
            read = json.loads(read_regular(file).decode())
            if record is RunManifest:
                self._require_known_layout(read.get("format", LAYOUT))
            return record.from_dict(read)
        except PermissionError as error:
            raise RunFolderError(f"{file} cannot be read ({error.strerror}). Correct its permissions.") from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            again = f"Train it again: {self.retrain}."
            if record is PredictionRecord:
                again = f"Predict again: mediaeval predict {self.name} --data TEST."
            raise RunFolderError(
                f"{self.path} is half written: {file.relative_to(self.path)} is absent or damaged. {again}"
            ) from None

    def _require_known_layout(self, layout: Any) -> None:
        if layout != LAYOUT:
            raise RunFolderError(
                f"{self.path} has layout {layout!r}, and this version of mediaeval reads layout {LAYOUT}. Update "
                "mediaeval, or train the run again under another name."
            )


def write_record(folder: Path, record: RunManifest | SubtaskRecord | EnsembleRecord | PredictionRecord) -> None:
    """Write a record into a folder, under the name of its kind: JSON for programs and people."""
    if isinstance(record, RunManifest):
        write_manifest(folder, record)
        return
    text = json.dumps(record.to_dict(), indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / record.FILE, text.encode())


def _signature(file: Path) -> tuple[int, ...]:
    """Return what changes when a file is replaced by another."""
    status = file.lstat()
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def run_folder(name: str, runs_dir: Path = RUNS_DIR) -> RunFolder:
    """Return the folder of a run to be written, `RUNS_DIR/NAME`; the path itself may be given too.

    Raises RunFolderError for a name that is not a plain folder name, or where a file is in the way.
    """
    if runs_dir.exists() and not runs_dir.is_dir():
        raise RunFolderError(f"{runs_dir} is a file; expected the folder that runs are kept in. Move or rename it.")
    name = name.removeprefix("./").rstrip("/").removeprefix(f"{runs_dir}/")
    if not re.fullmatch(r"\w[\w.+-]{0,99}", name):
        raise RunFolderError(
            f"run name '{name}': expected up to 100 letters, digits and . _ + -, beginning with a letter or digit, "
            "such as 'first'."
        )
    run = RunFolder(runs_dir / name)
    if run.path.exists() and not run.path.is_dir():
        raise RunFolderError(f"{run.path} is a file. Give the run another name with --run.")
    return run


def open_run(name: str, runs_dir: Path = RUNS_DIR) -> RunFolder:
    """Return an existing run. Raises RunFolderError, naming the runs there are, when it is absent or half written."""
    run = run_folder(name, runs_dir)
    wait_for(run.path)
    clear_leftovers(run.path)
    if not run.path.is_dir():
        there = ", ".join(r.name for r in all_runs(runs_dir)) or "none yet; make one: mediaeval train all"
        raise RunFolderError(f"{run.path} does not exist. Runs in this folder: {there}.")
    run.read_manifest()
    for file in (run.config, run.split):
        if not file.is_file():
            raise RunFolderError(f"{run.path} is half written: {file.name} is absent. Train it again: {run.retrain}.")
    if not any((folder / SubtaskRecord.FILE).is_file() for folder in run.path.iterdir()):
        raise RunFolderError(f"{run.path} holds no trained subtask. Train one: mediaeval train all --run {run.name}.")
    return run


def all_runs(runs_dir: Path = RUNS_DIR) -> list[RunFolder]:
    """Return the runs below a folder, by name."""
    return [
        RunFolder(path)
        for path in sorted(runs_dir.glob("*"))
        if (path / RunManifest.FILE).is_file() and not path.name.startswith(".")
    ]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that can change a number."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
