"""Columns that are no answers and that the task does not fix, such as a second key: taken from the test list."""

from collections.abc import Sequence
from pathlib import Path

from mediaeval.data.split import read_csv_by_id
from mediaeval.errors import DatasetError, first_few
from submission.kinds import Column, ConstantKind
from submission.labels import find_csv
from submission.task import Task
from submission.wording import both, quoted


def free_columns(task: Task) -> list[Column]:
    """Return the columns that belong to no subtask and have no fixed value."""
    return [c for c in task.shared_columns if not isinstance(c.kind, ConstantKind) or c.kind.value is None]


def shared_values(task: Task, data: Path, ids: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return heading → image id → value of these columns, of these images.

    data  a dataset folder or its CSV, as `load_dataset` takes it

    Raises DatasetError where its CSV lacks such a column, or a value that the task allows in it, for any image.
    """
    columns = free_columns(task)
    if not columns:
        return {}
    csv = data if data.is_file() else find_csv(data)
    names = both([quoted(column.heading) for column in columns])
    if csv is None:
        raise DatasetError(
            f"{data}: got no CSV; expected one with {names}, which {task.name} has in every row of a run file beside "
            "the answers. Add a CSV of the ids and of this."
        )
    frame = read_csv_by_id(csv, task, ids)
    problems: list[str] = []
    found: dict[str, dict[str, object]] = {}
    for column in columns:
        if column.heading not in frame.columns:
            problems.append(
                f"{csv}: got no column {quoted(column.heading)}; expected it, since {task.name} has it in every row of "
                "a run file beside the answers. Add it."
            )
            continue
        cells = frame[column.heading].to_dict()
        found[column.heading] = {}
        wrong = []
        for image_id in ids:
            try:
                found[column.heading][image_id] = column.kind.read(cells.get(image_id, ""))
            except ValueError:
                wrong.append(image_id)
        if wrong:
            problems.append(
                f"{csv}: {column.heading}: got no usable value for {len(wrong)} images ({first_few(wrong)}); expected "
                f"{column.kind.expected}. Correct the cells."
            )
    if problems:
        raise DatasetError(*problems)
    return found
