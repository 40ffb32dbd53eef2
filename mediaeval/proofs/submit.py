"""Submitting: stored probabilities → labels → the official bytes, read back and compared cell by cell."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediaeval.errors import RunFileError, RunFolderError
from mediaeval.files import file_digest
from mediaeval.runs import RunFolder
from mediaeval.steps.tables import cells, decide, read_probabilities
from submission.runfile import read_run, run_header, write_run
from submission.tasks import TASKS


@dataclass(frozen=True)
class Submitted:
    """The run file that was written, and what is in it."""

    path: Path
    sha256: str
    subtasks: tuple[str, ...]
    data: str  # the test set
    n_images: int
    n_cells: int  # cells compared with the stored probabilities after writing
    fallback: dict[str, str]  # image id → why its labels are the fallback's


def submit(
    run: RunFolder, *, partial: bool = False, also: Callable[[Path], object] = lambda unproved: None
) -> Submitted:
    """Write runs/NAME/run.csv, and prove that it says what the stored probabilities say.

    `also` is called with the verified file before it takes its name, and may raise.

    Raises RunFolderError when there are no predictions, or predictions of older models than the run now holds, and
    RunFileError when the official check rejects the bytes or a cell on disk differs; an older file stays as it was.
    """
    if not run.test.is_dir():
        raise RunFolderError(f"{run.path} holds no predictions. Make them: mediaeval predict {run.name} --data TEST.")
    about = run.read(run.test / "test.json")
    stale = [name for name in run.subtasks if about["models"].get(name) not in _model_digests(run, name)]
    if stale:
        raise RunFolderError(
            f"{run.path}: {', '.join(stale)} was trained after the predictions were made. "
            f"Predict again: mediaeval predict {run.name} --data {about['data']}."
        )
    changed = [name for name in run.subtasks if file_digest(run.test / f"{name}.csv") != about["tables"].get(name)]
    if changed:
        raise RunFolderError(
            f"{run.test}: the probabilities of {', '.join(changed)} are not those that predict wrote. "
            f"Predict again: mediaeval predict {run.name} --data {about['data']}."
        )
    subtasks, ids = run.subtasks, about["ids"]
    sha256, n_cells = write_and_verify(run, run.test, ids, run.run_csv, partial=partial, also=also)
    return Submitted(run.run_csv, sha256, subtasks, about["data"], len(ids), n_cells, about["fallback"])


def write_and_verify(
    run: RunFolder,
    tables: Path,
    ids: Sequence[str],
    target: Path,
    *,
    partial: bool,
    also: Callable[[Path], object] = lambda unproved: None,
) -> tuple[str, int]:
    """Write the run file that the tables of probabilities in a folder say, and verify it before it takes its name.

    Returns its sha256 and the number of cells compared. `also` is called with the verified file first, and may raise.
    """
    thresholds = {name: run.read(run.subtask(name) / "subtask.json")["thresholds"] for name in run.subtasks}
    labels = {}
    for name in run.subtasks:
        task = TASKS[name]
        table = read_probabilities(tables / f"{name}.csv", task)
        labels[name] = cells(task, decide(task, table, [thresholds[name][label] for label in task.labels]))
    header = run_header(run.read(run.manifest)["header"], list(run.subtasks))
    compared: list[int] = []

    def prove(unproved: Path) -> None:
        compared.append(verify(run, tables, unproved, header, thresholds))
        also(unproved)

    sha256 = write_run(target, header, ids, labels, partial=partial, prove=prove)
    return sha256, compared[0]


def verify(
    run: RunFolder, tables: Path, path: Path, header: Sequence[str], thresholds: dict[str, dict[str, float]]
) -> int:
    """Compare a file on disk with the stored probabilities, cell by cell; return the number of cells compared.

    Deliberately shares nothing with the writing but the task table: both files are read anew, by id and by column
    name, and each label is decided in plain arithmetic. Raises RunFileError that shows the first ids that differ.
    """
    on_disk = read_run(path, header=run_header(header, list(TASKS)))
    problems, compared = [], 0
    for name in run.subtasks:
        task = TASKS[name]
        with (tables / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            stored = {row["id"]: {label: float(row[label]) for label in task.labels} for row in csv.DictReader(file)}
        said = on_disk.labels.get(name, {})
        if said.keys() != stored.keys():
            problems.append(f"{name}: the file holds {len(said)} ids, the predictions {len(stored)}.")
        for image_id in said.keys() & stored.keys():
            p = stored[image_id]
            if task.multi_label:
                wanted = tuple(1 if p[label] >= thresholds[name][label] else 0 for label in task.labels)
                compared += len(wanted)
            else:
                wanted = max(task.labels, key=lambda label: p[label])
                compared += 1
            if said[image_id] != wanted:
                problems.append(f"{name}: {image_id}: the file says {said[image_id]}, the probabilities {wanted}.")
    if problems:
        raise RunFileError(
            f"{run.run_csv} is not written: read back, it did not say what was predicted.",
            *problems[:5],
            *([f"… and {len(problems) - 5} more"] if len(problems) > 5 else []),
            "This is a fault of the tool; please report it with the run folder.",
        )
    return compared


def _model_digests(run: RunFolder, subtask: str) -> set[str]:
    return set(run.read(run.subtask(subtask) / "subtask.json")["models"].values())
