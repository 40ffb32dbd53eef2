"""What a report reads: one run or two, their predictions beside the truth, and features where these are at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediaeval.analysis.judged import JudgedImages, judge, load_dev_set
from mediaeval.data.dataset import Dataset
from mediaeval.data.split import read_split
from mediaeval.errors import RunFolderError, UserError, first_few
from mediaeval.features.images import Images
from mediaeval.runs import RunFolder
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Subtask, Task


@dataclass(frozen=True)
class Inputs:
    """Runs and what is known of their dev images.

    judged       of each run: subtask → predictions beside the truth; the second run's on the images of the first
    images       of the first run, with features, or None
    no_features  why there are no features, a sentence; "" where there are
    """

    runs: tuple[TrainedRun, ...]
    dev: Dataset
    judged: tuple[Mapping[str, JudgedImages], ...]
    images: Images | None
    no_features: str

    @property
    def first(self) -> TrainedRun:
        return self.runs[0]

    def subtasks(self) -> tuple[Subtask, ...]:
        """Return the subtasks of the first run, in the task's order."""
        return self.first.subtasks

    def with_features(self, ids: Sequence[str]) -> list[str]:
        """Return those of some images that have features."""
        failed = self.images.features.failures if self.images else ids
        return [i for i in ids if i not in failed]

    def sides(self) -> dict[str, str]:
        """Return the side of the split, train or val, of each image that has features."""
        manifest = self.first.manifest
        sides = read_split(self.first.folder.split, [i for i in manifest.images if i not in manifest.left_out])
        return {i: sides[i] for i in self.with_features([i for i in self.dev.ids if i in sides.index])}

    def matrix(self, ids: Sequence[str]) -> np.ndarray:
        """Return the first run's features of images that have them, float32 (n_ids, sum of widths)."""
        assert self.images is not None, "there are features"
        return self.images.some(ids).matrix([network.name for network in self.first.networks])


def read_inputs(folders: Sequence[RunFolder], task: Task, *, device: str = "cpu") -> Inputs:
    """Open one run or two for a report.

    Features are taken from the store, and computed where it lacks them; where that is not possible, the report goes
    without. Raises RunFolderError for a run that is damaged, or two runs that cannot be shown side by side;
    DatasetError for a dev set that is gone or has other labels than in training.
    """
    runs = tuple(TrainedRun.open(folder, task, device, of_split=True) for folder in folders)
    if len({run.name for run in runs}) < len(runs):
        raise RunFolderError("a report shows one run, or two different ones: mediaeval report first second.")
    _require_common(runs)
    dev = load_dev_set(runs[0])
    judged = [{subtask.name: judge(run, subtask, dev) for subtask in run.subtasks} for run in runs]
    for name in judged[0] if len(runs) > 1 else ():
        if name in judged[1]:
            _require_same_images(judged[0][name], judged[1][name])
    images, reason = _features(runs[0], dev)
    return Inputs(runs, dev, tuple(judged), images, reason)


def _require_common(runs: Sequence[TrainedRun]) -> None:
    """Raise RunFolderError for two runs without a common subtask, or of different dev sets."""
    if len(runs) < 2:
        return
    one, other = runs
    if not one.records.keys() & other.records.keys():
        raise RunFolderError(
            f"{one.name} holds {', '.join(one.records)}, {other.name} holds {', '.join(other.records)}; expected a "
            "subtask that both have. Give runs of the same subtask."
        )
    dev_sets = {str(Path(run.config.data.dev).resolve()) for run in runs}
    if len(dev_sets) > 1:
        raise RunFolderError(
            f"{one.name} was trained on {one.config.data.dev}, {other.name} on {other.config.data.dev}; expected one "
            "dev set. Give runs of the same dev set."
        )


def _require_same_images(one: JudgedImages, other: JudgedImages) -> None:
    only = set(one.ids) ^ set(other.ids)
    if one.where != other.where or only:
        what = f"; {len(only)} images are in one alone ({first_few(sorted(only))})" if only else ""
        raise RunFolderError(
            f"{one.subtask.name}: {one.run} was judged {_of(one)}, {other.run} {_of(other)}{what}. Train both with the "
            "same --folds, on one dev set and one split."
        )


def _of(judged: JudgedImages) -> str:
    return f"{judged.where} on {len(judged.ids)} images"


def _features(run: TrainedRun, dev: Dataset) -> tuple[Images | None, str]:
    if not run.manifest.extractors:
        return None, "the run reads no features."
    try:
        images = run.images(dev, skip_bad=True, thumbnails=True)
    except UserError as error:
        return None, f"features are not at hand: {error.problems[0]}"
    if not images.features.contents:
        return None, "features are not at hand: no image of the dev set can be read."
    return images, ""
