"""The run folder: what lies where, and the manifest that says where it came from.

runs/NAME/
    run.toml          every choice that changes a number, resolved
    split.csv         id,side
    manifest.json     command, versions, header and images of the dev set, identity and width of each feature block
    subtask1/ …       model.safetensors (the 80 %), refit.safetensors (the whole dev set), subtask.json,
                      validation.csv, history.csv, curves.svg, confusion.svg; ensemble.json in place of models
    test/             subtask1.csv … (probabilities by id), test.json
    run.csv           the official run file; run.superseded.csv, one of models or predictions replaced since
"""

import contextlib
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mediaeval.errors import RunFolderError
from mediaeval.files import recover, write_atomically
from submission.tasks import TASKS

RUNS = Path("runs")
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

# what each of a run's JSON files cannot do without
_WANTED = {
    "manifest.json": {"header", "extractors", "images", "left_out"},
    "subtask.json": {"thresholds", "fallback", "validation", "models"},
    "ensemble.json": {"how", "members"},
    "test.json": {"data", "ids", "images", "fallback", "config", "tables", "models", "versions"},
}


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
        return self.path / "manifest.json"

    @property
    def test(self) -> Path:
        return self.path / "test"

    @property
    def run_csv(self) -> Path:
        return self.path / "run.csv"

    @property
    def superseded(self) -> Path:
        """The run file of models or predictions that have been replaced since."""
        return self.path / "run.superseded.csv"

    def lock(self) -> FileLock:
        """Return the lock that whoever changes the run holds."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_name(f".{self.name}.lock"))

    @contextlib.contextmanager
    def being_trained(self) -> Iterator[None]:
        """Hold the run against other trainings. Raises RunFolderError where another is under way."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path.with_name(f".{self.name}.training.lock"), timeout=0):
                yield
        except Timeout:
            raise RunFolderError(
                f"{self.path} is being trained by another command. Wait for it, or give another name with --run."
            ) from None

    def subtask(self, name: str) -> Path:
        return self.path / name

    def training(self, subtask: str) -> Path:
        """Return the folder of a training that is not finished, beside the run: a run is whole or not there."""
        return self.path.with_name(f".{self.name}.training") / subtask

    @property
    def subtasks(self) -> tuple[str, ...]:
        """The subtasks trained in this run, in the task's order."""
        return tuple(name for name in TASKS if self.subtask(name).is_dir())

    def read(self, file: Path) -> dict[str, Any]:
        """Read one of the run's JSON files. Raises RunFolderError when it is absent or damaged: a half-written run."""
        try:
            read = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(read, dict) or not _WANTED.get(file.name, set()) <= read.keys():
                raise ValueError("not what was written")
            return read
        except (OSError, ValueError):
            raise RunFolderError(
                f"{self.path} is half written: {file.relative_to(self.path)} is absent or damaged. "
                f"Train it again: mediaeval train all --run {self.name} --replace."
            ) from None


def run_folder(name: str) -> RunFolder:
    """Return the folder of a run to be written, `runs/NAME`; the path itself may be given too.

    Raises RunFolderError for a name that is no plain folder name.
    """
    name = name.removeprefix("./").rstrip("/").removeprefix("runs/")
    if not re.fullmatch(r"\w[\w.+-]{0,99}", name):
        raise RunFolderError(f"run name '{name}': up to 100 letters, digits and . _ + - are wanted, such as 'first'.")
    run = RunFolder(RUNS / name)
    if run.path.exists() and not run.path.is_dir():
        raise RunFolderError(f"{run.path} is a file. Give the run another name with --run.")
    return run


def open_run(name: str) -> RunFolder:
    """Return an existing run. Raises RunFolderError, naming the runs there are, when it is absent or half written."""
    run = run_folder(name)
    recover(run.path)
    recover(run.test)
    if not run.path.is_dir():
        there = ", ".join(r.name for r in all_runs()) or "none yet; make one: mediaeval train all"
        raise RunFolderError(f"{run.path} does not exist. Runs in this folder: {there}.")
    run.read(run.manifest)
    for file in (run.config, run.split):
        if not file.is_file():
            raise RunFolderError(
                f"{run.path} is half written: {file.name} is absent. "
                f"Train it again: mediaeval train all --run {run.name} --replace."
            )
    if not run.subtasks:
        raise RunFolderError(f"{run.path} holds no trained subtask. Train one: mediaeval train all --run {run.name}.")
    return run


def all_runs() -> list[RunFolder]:
    """Return the runs below `runs/`, by name."""
    return [
        RunFolder(p) for p in sorted(RUNS.glob("*")) if (p / "manifest.json").is_file() and not p.name.startswith(".")
    ]


def write_json(path: Path, value: Any) -> None:
    """Write JSON for programs and people: indented, sorted as given, one last newline."""
    write_atomically(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that can change a number."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
