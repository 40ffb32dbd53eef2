"""Writing what was trained: the run folder changes in one rename per subtask, and records what it was made from."""

import json
from dataclasses import dataclass, field

import pandas as pd
import tomli_w

from mediaeval.config import Config, SubtaskSection
from mediaeval.data.dataset import Dataset
from mediaeval.data.split import read_split, write_split
from mediaeval.errors import DatasetError, RunFolderError
from mediaeval.features.extract import Features
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.files import write_atomically
from mediaeval.records import ExtractorRecord, RunManifest
from mediaeval.runs import RunFolder, versions, write_record
from mediaeval.steps.extraction_file import write_bill
from mediaeval.steps.fitting import TrainedSubtask
from mediaeval.steps.run_config import read_config
from mediaeval.tasks import is_of_task, require_task, write_task
from submission.task import Header

SHARED_SECTIONS = ("seed", "data", "split", "features", "extractors")  # one for all subtasks of a run


def require_room(run: RunFolder, config: Config, subtasks: list[str], replace: bool) -> None:
    """Raise RunFolderError when `run` holds one of `subtasks`, or others made from other data or features."""
    if not run.path.exists() or (not run.manifest.is_file() and (replace or not any(run.path.iterdir()))):
        return
    if not run.manifest.is_file():
        raise RunFolderError(
            f"{run.path} exists and is not a finished run. Give another name with --run, or pass --replace to "
            "write over it."
        )
    if not is_of_task(run.path, config.task):
        _require_replaceable(run, config, subtasks, replace)
        return
    taken = [name for name in subtasks if name in run.subtasks(config.task)]
    rest = [name for name in subtasks if name not in taken]
    if taken and not replace:
        raise RunFolderError(
            f"{run.path} already holds {', '.join(taken)}. Give another name with --run, or pass --replace to "
            "train again" + (f"; {', '.join(rest)} can be trained one by one." if rest else ".")
        )
    others = [name for name in run.subtasks(config.task) if name not in subtasks]
    if not others:
        return
    old = read_config(run, config.task)
    # what the subtasks of a run need not share: where features are kept, and how each is scored out of fold
    old.features = old.features.model_copy(update={"store": config.features.store})
    old.split = old.split.model_copy(update={"folds": config.split.folds})
    differing = [f"[{key}]" for key in SHARED_SECTIONS if getattr(old, key) != getattr(config, key)]
    if differing:
        raise RunFolderError(
            f"{run.path} holds {', '.join(others)}, made with another {', '.join(differing)}. One run's subtasks share "
            "these. Give another name with --run."
        )


def _require_replaceable(run: RunFolder, config: Config, subtasks: list[str], replace: bool) -> None:
    """Raise RunFolderError unless all that a run of another task holds is to be trained anew."""
    if not replace:
        require_task(run.path, config.task)
    if others := [name for name in run.trained if name not in subtasks]:
        raise RunFolderError(
            f"{run.path} holds {', '.join(others)}, trained for another task or another version of its task file. "
            "Give another name with --run, or train all of it again: train all --replace."
        )


@dataclass(frozen=True)
class RunWriter:
    """Writes subtasks into a run folder, each with what all of the run's subtasks share."""

    run: RunFolder
    config: Config
    subtasks: list[str]  # those being trained now
    dataset: Dataset
    features: Features
    networks: list[FeatureExtractor]
    sides: pd.Series
    command: str
    written: set[str] = field(default_factory=set)  # subtasks

    def require_same_inputs(self) -> None:
        """Raise RunFolderError when the run holds other subtasks, made from other images, features or split.

        One run has one set of inputs: its manifest, and `predict`, are valid for all of its subtasks.
        """
        others = self._others()
        if others and (differing := self._differences()):
            raise RunFolderError(
                f"{self.run.path} holds {', '.join(others)}, made from other {', '.join(differing)}. One run's "
                "subtasks share these. Give another name with --run, or train all of them again: train all --replace."
            )

    def _differences(self) -> list[str]:
        """Return which inputs of the run on disk are not the present ones."""
        old, new = self.run.read_manifest(), RunManifest.from_dict(json.loads(json.dumps(self._manifest().to_dict())))
        pairs = {
            "features": (old.extractors, new.extractors),
            "images": (old.images, new.images),
            "left-out images": (old.left_out, new.left_out),
            "header": (old.header, new.header),
            "split": (self._recorded_sides(), self.sides.to_dict()),
        }
        return [what for what, (before, now) in pairs.items() if before != now]

    def _recorded_sides(self) -> dict[str, str]:
        """Return the sides of the run on disk; none where its split is not of these images, which is a difference."""
        try:
            return dict(read_split(self.run.split, list(self.sides.index), self.config.task))
        except DatasetError:
            return {}

    def write(self, trained: TrainedSubtask) -> None:
        """Put one finished subtask into the run folder, with what all share; in one rename.

        Predictions and the run file are of the models before: the former go, the latter is kept as superseded. Other
        subtasks that are still to be trained stay as they are, unless they were made from other inputs.
        """
        name = trained.task.name
        with self.run.lock():
            anew = not self._others() and not self.written and self._is_unusable()
            stale = set(self.subtasks) if anew else {name}
            sections = {name: SubtaskSection(**trained.settings)}
            if not anew:  # subtasks that were finished before keep their own settings
                old = read_config(self.run, self.config.task)
                sections |= {
                    other: old.subtask(other) for other in self.run.subtasks(self.config.task) if other not in stale
                }
            config = self.config.with_subtasks(sections)
            unchecked = {*self.subtasks} - self.written | {self.run.run_csv.name}
            replaced = {*stale, self.run.test.name}
            if anew and not is_of_task(self.run.path, self.config.task):
                replaced |= {path.name for path in self.run.path.iterdir()} - {self.run.run_csv.name}
            with self.run.rewritten(replaced=replaced, unchecked=unchecked, trusted=self.written, anew=anew) as new:
                if new.run_csv.exists():
                    new.run_csv.replace(new.superseded)
                new.subtask(name).mkdir()
                trained.write(new.subtask(name), self.run.name)
                write_atomically(new.config, tomli_w.dumps(config.to_dict()).encode())
                write_task(new.path, self.config.task)
                write_split(new.split, self.sides)
                write_record(new.path, self._manifest())
                write_bill(new.path, "train", self.features.bill)
            self.written.add(name)

    def _others(self) -> list[str]:
        """Return the run's subtasks that are not being trained now."""
        return [name for name in self.run.subtasks(self.config.task) if name not in self.subtasks]

    def _is_unusable(self) -> bool:
        """Return whether the run on disk is absent, damaged, or was made from other inputs."""
        try:
            manifest = self.run.read_manifest()
            require_task(self.run.path, self.config.task)
            self.run.require_unchanged(manifest, leave_out={self.run.test.name, self.run.run_csv.name})
            read_config(self.run, self.config.task)
            return bool(self._differences())
        except (RunFolderError, DatasetError):
            return True

    def _manifest(self) -> RunManifest:
        dev_header = self.dataset.table.header if self.dataset.table else ()
        return RunManifest(
            command=self.command,
            versions=versions(),
            header=Header.complete(self.config.task, dev_header).cells,
            extractors={n.name: ExtractorRecord(n.width, n.identity) for n in self.networks},
            images=self.features.contents,
            left_out=self.features.failures,
        )
