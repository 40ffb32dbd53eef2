"""Checking run files against a test list and a dev set that are files, too."""

from collections.abc import Sequence
from pathlib import Path

from submission.check.form import CheckReport, check_file
from submission.errors import LabelFileError
from submission.labels import find_csv, read_ids, read_labels
from submission.task import Header, Task


def check_files(
    runs: Sequence[Path], test: Path | Sequence[str], task: Task, *, dev: Path | None = None, partial: bool = False
) -> list[CheckReport]:
    """Check the form of each run file against the test list and the header of the dev set.

    `test` and `dev` are CSVs, or the folders that hold them; `test` may be the ids themselves. Without `dev` the
    official header is expected. With `partial` runs may leave out whole subtasks.

    Raises LabelFileError when the test list or the dev set cannot be read. A run file that cannot is a problem.
    """
    ids, header = read_ids(test, task) if isinstance(test, Path) else test, expected_header(dev, task)
    return [check_file(run, ids, header, partial=partial) for run in runs]


def expected_header(dev: Path | None, task: Task) -> Header:
    """Return the header of a run of all subtasks: as a dev set writes it, a CSV or its folder, else the official one.

    A task that fixes its headings has the official one. Raises LabelFileError when the dev set cannot be read.
    """
    if dev is None or not task.layout.as_dev_set:
        return task.header
    table = find_csv(dev) if dev.is_dir() else dev
    if table is None:
        raise LabelFileError(f"{dev}: got a folder without a CSV; expected a dev set. Give its folder or its CSV.")
    return Header.complete(task, read_labels(table, task).header)
