"""The faults of any task, and how a file is spoilt with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from submission.faults.cells import faults_of_cells
from submission.faults.columns import faults_of_columns
from submission.faults.fault import Fault
from submission.faults.file import faults_of_file
from submission.faults.ids import faults_of_ids
from submission.faults.json_file import faults_of_json
from submission.faults.labels import faults_of_labels
from submission.faults.meaning import faults_of_meaning
from submission.faults.rows import faults_of_rows
from submission.faults.sheet import read_sheet, write_sheet
from submission.task import Task

if TYPE_CHECKING:
    import numpy as np


def faults_of(task: Task) -> tuple[Fault, ...]:
    """Return the ways to spoil a run file of a task, faults of form first."""
    if task.layout.as_dev_set and all(subtask.plain for subtask in task.subtasks) and not task.shared_columns:
        return faults_of_labels(task)
    of_container = faults_of_file if task.layout.is_table else faults_of_json
    parts = (of_container, faults_of_columns, faults_of_cells, faults_of_ids, faults_of_rows, faults_of_meaning)
    return tuple(fault for part in parts for fault in part(task))


def spoil(fault: Fault, data: bytes, rng: np.random.Generator) -> bytes | None:
    """Return the bytes of a sound run file with a fault; None if the fault changes nothing or is not possible in it."""
    if fault.task is None:
        table = [line.split(",") for line in data.decode().removesuffix("\n").split("\n")]
    else:
        table = read_sheet(data, fault.task)
    try:
        result = fault.change([list(cells) for cells in table], rng)
    except LookupError:  # a column or a value that this run does not have
        return None
    if isinstance(result, list):
        result = "\n".join(map(",".join, result)) + "\n" if fault.task is None else write_sheet(result, fault.task)
    result = result.encode() if isinstance(result, str) else result
    return None if result == data else result
