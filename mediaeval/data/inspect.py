"""What a dataset holds, and what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediaeval.answers.learned import SCORES, form
from mediaeval.data.dataset import load_dataset
from mediaeval.data.duplicates import HOW, DuplicateGroup, DuplicatePair, examine, find_duplicates
from mediaeval.errors import first_few
from submission.task import Task
from submission.wording import counted


@dataclass(frozen=True)
class Inspection:
    """The findings on one dataset folder."""

    folder: str
    n_images: int
    prevalence: dict[str, dict[str, int]]  # subtask → label → images that have it; of scores, see `scores`
    unlabelled: dict[str, int]  # subtask → images without any label of it
    unreadable: dict[str, str]  # image id → why it cannot be decoded; absent files included
    groups: list[DuplicateGroup]  # of duplicates
    task: Task
    scores: dict[str, dict[str, tuple[float, float, float]]]  # subtask → column → lowest, median and highest score

    @property
    def pairs(self) -> list[DuplicatePair]:
        """The pairs that join the groups, equal bytes first; of three images that are the same, two pairs."""
        return sorted((pair for group in self.groups for pair in group.pairs), key=lambda pair: HOW.index(pair.how))

    def to_dict(self) -> dict[str, Any]:
        """Return the findings for `--json`."""
        return {
            "folder": self.folder,
            "n_images": self.n_images,
            "prevalence": self.prevalence,
            "unlabelled": self.unlabelled,
            "unreadable": self.unreadable,
            "pairs": [pair.to_dict() for pair in self.pairs],
            "groups": [group.to_dict() for group in self.groups],
        } | ({"scores": self.scores} if self.scores else {})

    def tables(self) -> list[tuple[str, list[str], list[list[Any]]]]:
        """Return (title, columns, rows) of each table for people; the title also says where nothing was found."""
        labels = [
            [name, self.task[name].short(label), count, count / self.n_images]
            for name, counts in self.prevalence.items()
            for label, count in counts.items()
        ]
        labels += [[name, "(none)", count, count / self.n_images] for name, count in self.unlabelled.items() if count]
        bad = [[image_id, reason] for image_id, reason in self.unreadable.items()]
        groups = [
            [
                group.images[0],
                first_few(group.images[1:]),
                ", ".join(group.how),
                ", ".join(group.conflicts) or "nothing",
            ]
            for group in self.groups
        ]
        conflicting = sum(bool(group.conflicts) for group in self.groups)
        scores = [[name, column, *of] for name, columns in self.scores.items() for column, of in columns.items()]
        return [
            (f"{self.folder}: {self.n_images} images", ["subtask", "label", "images", "share"], labels),
            *([("scores", ["subtask", "column", "lowest", "median", "highest"], scores)] if scores else []),
            (f"{len(bad)} images missing or damaged", ["image", "reason"], bad),
            (
                f"{counted(len(groups), 'group{s} of duplicates')}, {conflicting} with conflicting labels",
                ["image", "duplicates", "same", "differ in"],
                groups,
            ),
        ]


def inspect(folder: Path, task: Task) -> Inspection:
    """Read a dataset, decode every image and find those that are the same. Raises as `load_dataset` does."""
    dataset = load_dataset(folder, task)
    prints, unreadable = examine(dataset)
    frames = {name: dataset.labels(name) for name in dataset.subtasks}
    assert dataset.task is not None, "it was read with a task"
    numeric = [name for name in frames if form(dataset.task[name]) == SCORES]
    labels = {name: frame for name, frame in frames.items() if name not in numeric}
    return Inspection(
        str(folder),
        len(dataset.ids),
        {name: {label: int(n) for label, n in frame.sum().items()} for name, frame in labels.items()},
        {name: int((frame.sum(axis=1) == 0).sum()) for name, frame in labels.items()},
        unreadable,
        find_duplicates(prints, dataset),
        dataset.task,
        {name: {column: (of.min(), of.median(), of.max()) for column, of in frames[name].items()} for name in numeric},
    )
