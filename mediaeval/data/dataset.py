"""Datasets: `images/<id>.jpg` and a CSV, a folder of images alone as a test set, or a folder for each class."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from mediaeval.answers.learned import SCORES, form, items_seen, learned_task
from mediaeval.answers.targets import BINS, strata, target_matrix
from mediaeval.data.class_folders import find_class_folders, read_class_folders
from mediaeval.errors import DatasetError
from submission.image_files import ImageFiles, names_of
from submission.labels import LabelTable, find_csv, read_ids, read_labels
from submission.task import Task
from submission.wording import quoted


@dataclass(frozen=True)
class Dataset:
    """Image ids with their files and, where the CSV holds them, their labels.

    `ids` are in the order of the CSV (of the file names, without one). `image_paths` has an entry for every id; a file
    that is absent is listed in `missing`. `table` is the CSV as read, None for a folder without one; where there is a
    folder for each class, it holds what these say. `task` is as it is learned: sets have the items that occur.
    """

    folder: Path
    ids: tuple[str, ...]
    image_paths: dict[str, Path] = field(repr=False)
    missing: tuple[str, ...]
    table: LabelTable | None = field(repr=False)
    task: Task | None = field(default=None, repr=False)  # whose labels `table` holds

    @property
    def subtasks(self) -> tuple[str, ...]:
        """The subtasks this dataset is labelled for, in the task's order."""
        return tuple(name for name in self.task.names if name in self.table.labels) if self.task and self.table else ()

    def some(self, ids: Sequence[str]) -> "Dataset":
        """Return the dataset of `ids` alone, in that order."""
        paths = {image_id: self.image_paths[image_id] for image_id in ids}
        missing = tuple(image_id for image_id in self.missing if image_id in paths)
        return replace(self, ids=tuple(ids), image_paths=paths, missing=missing)

    def labels(self, subtask: str) -> pd.DataFrame:
        """Return the labels of one subtask as 0/1 int8, ids × `Subtask.labels`; of scores float64, ids × headings.

        A single-label subtask has exactly one 1 per row. Raises DatasetError when the CSV does not hold the subtask.
        """
        if self.task is None or self.table is None or subtask not in self.subtasks:
            have = ", ".join(self.subtasks) or "none"
            columns = f" with the columns {', '.join(self.task[subtask].truth_headings)}" if self.task else ""
            raise DatasetError(
                f"{self.folder} has no labels for {subtask} (it has: {have}). "
                f"Train another subtask, or give a dev set{columns}."
            )
        learned = self.task[subtask]
        matrix = target_matrix(learned, self.table.labels[subtask], self.ids)
        return pd.DataFrame(matrix, index=pd.Index(self.ids, name="id"), columns=list(learned.labels))

    def strata(self, subtask: str) -> pd.DataFrame:
        """Return what a split is balanced by, 0/1: the labels of one subtask, or in which quarter each score is."""
        labels = self.labels(subtask)
        assert self.task is not None, "it has labels"
        if form(self.task[subtask]) != SCORES:
            return labels
        quarters = [f"{label}, quarter {k + 1}" for label in labels for k in range(BINS)]
        return pd.DataFrame(strata(self.task[subtask], labels.to_numpy()), index=labels.index, columns=quarters)


def load_dataset(folder: Path, task: Task, *, labelled: bool = True) -> Dataset:
    """Read a dataset folder, or a CSV in it.

    folder    the folder, or one of its CSV files where it holds several
    task      whose labels are read
    labelled  whether labels are read, or ids alone: in a test list the label columns may be blank

    Ids and labels are those of the CSV; image files are matched by id, whatever their suffix and its case, and in
    whichever Unicode form a name is written. Absent images are not an error: they are named in `missing`. A file of
    another format in an image's place is its path, so that decoding it says what it is. Raises DatasetError (absent
    folder, two files for one id) or LabelFileError (a CSV that cannot be read), each with all problems.
    """
    folder = Path(folder)
    try:
        is_file = folder.is_file()
    except (OSError, ValueError) as error:  # a name that is too long
        raise DatasetError(f"{quoted(str(folder))}: {getattr(error, 'strerror', error)}. Check the path.") from None
    named = folder if is_file and folder.suffix.lower() == ".csv" else None
    task = learned_task(task)
    if named:
        folder = named.parent
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DatasetError(f"{folder} {what}. Give the folder that holds images/ and devset.csv or testset.csv.")
    csv = named or find_csv(folder)
    if not csv and not (folder / "images").is_dir() and (classes := find_class_folders(folder)):
        named_after, paths = read_class_folders(folder, classes, task, labelled=labelled)
        return Dataset(folder, named_after.ids, paths, (), named_after if labelled else None, task)
    images = folder / "images" if (folder / "images").is_dir() else folder
    table = read_labels(csv, task) if csv and labelled else None
    if table:
        task = learned_task(task, {name: items_seen(task[name], of) for name, of in table.labels.items()})
    ids = table.ids if table else tuple(read_ids(csv or folder, task))
    if not ids:
        raise DatasetError(f"{csv} lists no images. Expected a row per image below the header.")
    try:
        files = ImageFiles(sorted(path for path in images.iterdir() if not path.name.startswith(".")))
    except OSError as error:
        raise DatasetError(f"{images} cannot be listed ({error.strerror}). Check its permissions.") from None
    found = {i: (files.called(i) if task.layout.extension else []) or files.of(i) for i in ids}
    if problems := [
        f"{i}: {'two' if len(paths) == 2 else len(paths)} image files ({names_of(paths)}); keep one"
        for i, paths in found.items()
        if len(paths) > 1
    ]:
        raise DatasetError(*problems)
    instead = {i: files.instead(i) for i, paths in found.items() if not paths}
    paths = {i: (found[i] or [instead[i] or images / f"{i}.jpg"])[0] for i in ids}
    missing = tuple(i for i, path in instead.items() if path is None)
    return Dataset(folder, ids, paths, missing, table, task)
