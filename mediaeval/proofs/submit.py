"""Submitting: stored probabilities → labels → the official bytes, read back and compared cell by cell."""

import csv
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediaeval.errors import RunFileError, RunFolderError, first_problems
from mediaeval.files import file_digest, passing_folder, write_atomically
from mediaeval.proofs.expected import expected_answer, is_expected
from mediaeval.runs import RunFolder
from mediaeval.steps.shared_columns import shared_values
from mediaeval.steps.tables import SOURCE, read_probabilities
from mediaeval.steps.trained_run import TrainedRun
from submission.runfile import read_run, write_run
from submission.task import Header, Task

logger = logging.getLogger(__name__)


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
    folder: RunFolder,
    task: Task,
    *,
    partial: bool = False,
    before_publish: Callable[[Path], object] = lambda unpublished: None,
) -> Submitted:
    """Write runs/NAME/run.csv, and prove that it says what the stored probabilities say.

    `before_publish` is called with the verified file before it takes its name, and may raise.

    Raises RunFolderError when there are no predictions, or predictions of older models than the run now holds, and
    RunFileError when the official check rejects the bytes or a cell on disk differs; an older file stays as it was.
    Raises RunFolderError also when a file of the run is not the one that was recorded.
    """
    predicted = folder.read_predictions()
    again = f"Predict again: mediaeval predict {folder.name} --data {predicted.data}."
    folder.require_unchanged(folder.read_manifest())
    run = TrainedRun.open(folder, task)
    if damaged := run.damaged_members():
        raise RunFolderError(
            *first_problems(damaged, 10),
            f"{folder.path} is made of it: put it back, or train it, and make the ensemble again, with --replace.",
        )
    stale = [name for name, one in run.records.items() if predicted.models.get(name) not in one.models.values()]
    if stale:
        raise RunFolderError(f"{folder.path}: {', '.join(stale)} was trained after the predictions were made. {again}")
    changed = [name for name in run.records if file_digest(folder.test / f"{name}.csv") != predicted.tables.get(name)]
    if changed:
        raise RunFolderError(
            f"{folder.test}: the probabilities of {', '.join(changed)} are not those that predict wrote. {again}"
        )
    with passing_folder(folder.runs_dir) as passing:
        target = passing / folder.run_csv.name
        try:
            sha256, n_cells = write_and_verify(
                run,
                folder.test,
                predicted.ids,
                target,
                partial=partial,
                shared=shared_values(task, Path(predicted.data), predicted.ids),
                before_publish=before_publish,
            )
        except RunFileError as error:
            problems = [problem.replace(str(target), str(folder.run_csv)) for problem in error.problems]
            raise RunFileError(*problems) from error
        _publish(run, target, sha256)
    return Submitted(
        folder.run_csv, sha256, tuple(run.records), predicted.data, len(predicted.ids), n_cells, predicted.failures
    )


def _publish(run: TrainedRun, verified: Path, sha256: str) -> None:
    """Put a verified run file into the run folder, and its digest into the manifest, in one rename."""
    folder = run.folder
    with folder.lock():
        run.require_current()
        files = folder.read_manifest().files
        is_there = folder.run_csv.is_file() and file_digest(folder.run_csv) == sha256
        if is_there and (files is None or files.get(folder.run_csv.name) == sha256):
            return
        if files is None and folder.run_csv.is_file() and not is_there:
            logger.warning(f"{folder.run_csv} was not what its predictions lead to, and is replaced.")
        with folder.rewritten(replaced={folder.run_csv.name}) as new:
            write_atomically(new.run_csv, verified.read_bytes())
            if file_digest(new.run_csv) != sha256:
                raise RunFileError(
                    f"{folder.run_csv} is not written: the bytes on disk are not those that were verified. Check the "
                    "disk, and submit again."
                )


def write_and_verify(
    run: TrainedRun,
    tables: Path,
    ids: Sequence[str],
    target: Path,
    *,
    partial: bool,
    shared: Mapping[str, Mapping[str, object]] | None = None,
    before_publish: Callable[[Path], object] = lambda unpublished: None,
) -> tuple[str, int]:
    """Write the run file that the tables of probabilities in a folder lead to, and verify it before it takes its name.

    Returns its sha256 and the number of cells compared. `shared`: see `shared_values`. `before_publish` is called with
    the verified file, and may raise.
    """
    labels = {}
    for subtask in run.subtasks:
        labels[subtask.name] = run.answers(subtask, read_probabilities(tables / f"{subtask.name}.csv", subtask))
    header = run.header.only(run.records)
    compared: list[int] = []

    def prove(unpublished: Path) -> None:
        compared.append(verify(run.folder, tables, unpublished, header))
        before_publish(unpublished)

    sha256 = write_run(target, header, ids, labels, shared=shared, partial=partial, prove=prove)
    return sha256, compared[0]


def verify(folder: RunFolder, tables: Path, path: Path, header: Header) -> int:
    """Compare a file on disk with the stored probabilities, cell by cell; return the number of cells compared.

    Deliberately shares nothing with the writing but the task: all files are read anew, by id and by column name, and
    each label is decided in plain arithmetic. Raises RunFileError that shows the first ids that differ.
    """
    on_disk = read_run(path, Header.complete(header.task, header.cells))
    problems, compared = [], 0
    for name in folder.subtasks(header.task):
        subtask = header.task[name]
        thresholds = json.loads((folder.subtask(name) / "subtask.json").read_text(encoding="utf-8"))["thresholds"]
        with (tables / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            names = [name for name in rows.fieldnames or () if name not in ("id", SOURCE)]
            stored = {row["id"]: {name: float(row[name]) for name in names} for row in rows}
        said = on_disk.labels.get(name, {})
        if said.keys() != stored.keys():
            problems.append(f"{name}: the file holds {len(said)} ids, the predictions {len(stored)}.")
        for image_id in said.keys() & stored.keys():
            expected = expected_answer(header.task, subtask, stored[image_id], thresholds)
            compared += len(expected) if isinstance(expected, tuple) else 1
            if not is_expected(said[image_id], expected):
                problems.append(f"{name}: {image_id}: the file says {said[image_id]}, the probabilities {expected}.")
    if problems:
        raise RunFileError(
            f"{folder.run_csv} is not written: read back, it did not say what was predicted.",
            *first_problems(problems),
            "This is a fault of the tool; please report it with the run folder.",
        )
    return compared
