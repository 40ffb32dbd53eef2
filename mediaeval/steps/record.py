"""Keeping what was trained: the run folder changes in one rename a subtask, and says what it was made from."""

import json
import tomllib
from dataclasses import dataclass

import pandas as pd
import tomli_w

from mediaeval.config import Config, SubtaskSection, parse_config
from mediaeval.data.dataset import Dataset
from mediaeval.data.split import read_csv_by_id, write_split
from mediaeval.errors import ConfigError, RunFolderError
from mediaeval.features.extract import Features
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.files import copy_folder, folder_atomically, write_atomically
from mediaeval.runs import RunFolder, versions, write_json
from mediaeval.steps.fitting import Fitted
from submission.runfile import run_header
from submission.tasks import OFFICIAL_HEADER, TASKS

_INPUTS = {"extractors": "features", "images": "images", "left_out": "left-out images", "header": "header"}  # manifest
SHARED_SECTIONS = ("seed", "data", "split", "features", "extractors")  # one for all subtasks of a run


def read_config(run: RunFolder) -> Config:
    """Return the configuration that a run was made with."""
    try:
        return parse_config(tomllib.loads(run.config.read_text(encoding="utf-8")), run.config)
    except (OSError, tomllib.TOMLDecodeError, ConfigError) as error:
        raise RunFolderError(
            f"{run.path} is half written: run.toml is absent or damaged ({error}). "
            f"Train it again: mediaeval train all --run {run.name} --replace."
        ) from None


def require_room(run: RunFolder, config: Config, subtasks: list[str], replace: bool) -> None:
    """Raise RunFolderError when `run` holds one of `subtasks`, or others made from other data or features."""
    if not run.path.exists() or (not run.manifest.is_file() and (replace or not any(run.path.iterdir()))):
        return
    if not run.manifest.is_file():
        raise RunFolderError(
            f"{run.path} exists and is no finished run. Give another name with --run, or pass --replace to "
            "write over it."
        )
    taken = [name for name in subtasks if name in run.subtasks]
    rest = [name for name in subtasks if name not in taken]
    if taken and not replace:
        raise RunFolderError(
            f"{run.path} already holds {', '.join(taken)}. Give another name with --run, or pass --replace to "
            "train anew" + (f"; {', '.join(rest)} can be trained one by one." if rest else ".")
        )
    others = [name for name in run.subtasks if name not in subtasks]
    if not others:
        return
    old = read_config(run)
    differing = [f"[{key}]" for key in SHARED_SECTIONS if getattr(old, key) != getattr(config, key)]
    if differing:
        raise RunFolderError(
            f"{run.path} holds {', '.join(others)}, made with another {', '.join(differing)}. One run's subtasks share "
            "these. Give another name with --run."
        )


@dataclass(frozen=True)
class Record:
    """What goes into the run folder with every subtask."""

    run: RunFolder
    config: Config
    subtasks: list[str]  # those being trained now
    dataset: Dataset
    features: Features
    networks: list[FeatureExtractor]
    sides: pd.Series
    command: str

    def require_same_inputs(self) -> None:
        """Raise RunFolderError when the run holds other subtasks, made from other images, features or split.

        One run has one set of inputs: its manifest, and `predict`, speak for all of its subtasks.
        """
        others = [name for name in self.run.subtasks if name not in self.subtasks]
        if others and (differing := self._differences()):
            raise RunFolderError(
                f"{self.run.path} holds {', '.join(others)}, made from other {', '.join(differing)}. One run's "
                "subtasks share these. Give another name with --run, or train all of them anew: train all --replace."
            )

    def _differences(self) -> list[str]:
        """Return which inputs of the run on disk are not those of now."""
        old, new = self.run.read(self.run.manifest), json.loads(json.dumps(self._manifest()))
        differing = [what for key, what in _INPUTS.items() if old.get(key) != new[key]]
        sides = read_csv_by_id(self.run.split)["side"]
        return differing + ([] if sides.to_dict() == self.sides.to_dict() else ["split"])

    def keep(self, fitted: Fitted) -> None:
        """Put one finished subtask into the run folder, with what all share; in one rename.

        Predictions and the run file are of the models before: the former go, the latter is kept as superseded. Other
        subtasks that are still to be trained stay as they are, unless they were made from other inputs.
        """
        with self.run.lock():
            self._keep(fitted)

    def _keep(self, fitted: Fitted) -> None:
        stale = {fitted.task.name}
        if self.run.manifest.is_file() and self._differences():
            stale |= set(self.subtasks)
        sections = {fitted.task.name: SubtaskSection(**fitted.settings)}
        if self.run.manifest.is_file():  # subtasks that were finished before keep their own settings
            old = read_config(self.run)
            sections |= {name: old.subtask(name) for name in self.run.subtasks if name not in stale}
        config = self.config.model_copy(update=sections)
        with folder_atomically(self.run.path) as folder:
            if self.run.path.exists():
                copy_folder(self.run.path, folder, leave_out=stale | {self.run.test.name})
            new = RunFolder(folder)
            if new.run_csv.exists():
                new.run_csv.replace(new.superseded)
            new.subtask(fitted.task.name).mkdir()
            fitted.write(new.subtask(fitted.task.name), self.run.name)
            tree = config.model_dump(mode="json", exclude_none=True)
            write_atomically(new.config, tomli_w.dumps(tree).encode())
            write_split(new.split, self.sides)
            write_json(new.manifest, self._manifest())

    def _manifest(self) -> dict:
        header = self.dataset.table.header if self.dataset.table else OFFICIAL_HEADER
        return {
            "format": 1,
            "command": self.command,
            "versions": versions(),
            "header": list(run_header(header, list(TASKS))),
            "extractors": {n.name: {"width": n.width, "identity": n.identity} for n in self.networks},
            "images": self.features.contents,
            "left_out": self.features.failures,
        }
