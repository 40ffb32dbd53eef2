"""A dev set with a folder for each class: `0_real/`, `1_fake/`, or `negative/`, `neutral/`, `positive/`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mediaeval.errors import DatasetError, first_problems
from submission.image_files import IMAGE_SUFFIXES, stem_and_suffix
from submission.kinds import FlagKind, LabelKind
from submission.labels import LabelTable
from submission.names import same_name_key
from submission.task import Label, Subtask, Task
from submission.wording import both, quoted

_NUMBER = re.compile(r"(\d{1,3})(?:[\s_.-]+(.*))?", re.DOTALL)


def find_class_folders(folder: Path) -> list[Path]:
    """Return the folders of a folder that hold images, by name, if there are two or more and no images beside them."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if any(_is_image(path) for path in entries):
        return []
    found = [path for path in entries if path.is_dir() and any(map(_is_image, path.iterdir()))]
    return found if len(found) > 1 else []


def read_class_folders(
    folder: Path, classes: Sequence[Path], task: Task, *, labelled: bool = True
) -> tuple[LabelTable, dict[str, Path]]:
    """Return the labels that the folders are named after, and image id → file.

    classes   the folders of `folder` that hold images
    labelled  whether labels are read, or ids alone, whatever the folders are called

    Ids are names of files, with extension where the task has them so. Raises DatasetError, with all problems, for a
    task that no folder can answer, folders that are none of its classes, and for a name in two folders.
    """
    values: Mapping[Path, str | int] = {}
    subtask = None
    if labelled:
        subtask = _answered(folder, task)
        values = _values(folder, classes, subtask)
    paths: dict[str, Path] = {}
    known: dict[str, Path] = {}
    twice: list[str] = []
    labels: dict[str, Label] = {}
    for of_class in classes:
        for path in sorted(path for path in of_class.iterdir() if _is_image(path)):
            image_id = path.name if task.layout.extension else stem_and_suffix(path.name)[0]
            other = known.setdefault(same_name_key(image_id), path)
            if other is not path:
                names = (f"{one.parent.name}/{one.name}" for one in (other, path))
                twice.append(f"{folder}: got {both([quoted(name) for name in names])}")
                continue
            paths[image_id] = path
            if subtask is not None:
                value = values[of_class]
                labels[image_id] = value if isinstance(value, str) and subtask.plain else (value,)
    if twice:
        problems = [f"{problem}; expected each name in one folder." for problem in twice]
        raise DatasetError(*first_problems(problems, 10), "Remove or rename one of the two.")
    ids = tuple(sorted(paths))
    paths = {image_id: paths[image_id] for image_id in ids}
    header = (task.id_column, *(subtask.truth_headings if subtask else ()))
    return LabelTable(folder, header, ids, {subtask.name: labels} if subtask else {}), paths


def _answered(folder: Path, task: Task) -> Subtask:
    """Return the one subtask that a folder for each class answers."""
    found = [
        subtask
        for subtask in task.subtasks
        if len(subtask.truth_headings) == 1 and _kind(subtask) in (LabelKind, FlagKind)
    ]
    if len(found) == 1:
        return found[0]
    what = both([subtask.name for subtask in found]) if found else "no subtask of one label or flag"
    raise DatasetError(
        f"{folder}: got a folder for each class, and {what} in {task.name}; expected one subtask that they answer. "
        "Give a CSV of the labels beside images/."
    )


def _kind(subtask: Subtask) -> type:
    return next(type(c.kind) for c in subtask.columns if c.heading == subtask.truth_headings[0])


def _values(folder: Path, classes: Sequence[Path], subtask: Subtask) -> dict[Path, str | int]:
    """Return what each folder is named after: a class name, or 0 or 1."""
    if _kind(subtask) is FlagKind:
        values, expected = _flags(classes, subtask), "0_NAME for images without it and 1_NAME for those with it"
    else:
        labels = next(c.kind.labels for c in subtask.columns if isinstance(c.kind, LabelKind))
        values = {path: label for path in classes if (label := _label(path.name, labels)) is not None}
        expected = f"the names {', '.join(labels)}, alone or after a number"
    problems = [
        f"{path}: got {quoted(path.name)} as the name of a class; expected {expected}. Rename it."
        for path in classes
        if path not in values
    ]
    for value in dict.fromkeys(values.values()):
        same = [path.name for path, own in values.items() if own == value]
        if len(same) > 1:
            heading = subtask.truth_headings[0]
            problems.append(f"{folder}: got {both(same)} for {heading} = {value}; expected one folder. Join them.")
    if problems:
        raise DatasetError(*problems)
    return values


def _flags(classes: Sequence[Path], subtask: Subtask) -> dict[Path, str | int]:
    """Return 0 or 1 for each folder: the number that its name begins with, or whether it is the name of the flag.

    Of two folders, one of which has the flag's name, the other is 0.
    """
    numbers = {path: _NUMBER.fullmatch(path.name) for path in classes}
    values: dict[Path, str | int] = {path: int(n[1]) for path, n in numbers.items() if n and int(n[1]) in (0, 1)}
    names = {_plain(name) for name in (*subtask.truth_headings, *subtask.short_labels)}
    if len(classes) == 2 and not values:
        named = [path for path in classes if _plain(path.name) in names]
        if len(named) == 1:
            values = {path: int(path in named) for path in classes}
    return values


def _label(name: str, labels: Sequence[str]) -> str | None:
    """Return the class that a folder's name stands for: its name, after a number or not, or its place, from 0."""
    by_key = {_plain(label): label for label in labels}
    numbered = _NUMBER.fullmatch(name)
    if _plain(name) in by_key or not numbered:
        return by_key.get(_plain(name))
    if numbered[2]:
        return by_key.get(_plain(numbered[2]))
    return labels[int(numbered[1])] if int(numbered[1]) < len(labels) else None


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", same_name_key(name).strip().lower())).strip()


def _is_image(path: Path) -> bool:
    return not path.name.startswith(".") and stem_and_suffix(path.name)[1].lower() in IMAGE_SUFFIXES and path.is_file()
