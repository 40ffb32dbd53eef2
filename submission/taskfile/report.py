"""What `task check` says of a task file: everything that is wrong with it, or what it describes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.task import Task
from submission.taskfile import load_task
from submission.taskfile.problems import TaskFileError
from submission.wording import counted


@dataclass(frozen=True)
class TaskReport:
    """A checked task file: the task that it describes, or None and its problems, each with its line."""

    file: str
    task: Task | None
    problems: tuple[tuple[int | None, str], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the file describes a task."""
        return self.task is not None

    def text(self) -> str:
        """The problems, a line each; or what the task is, and the signature of each of its metrics."""
        if self.task is None:
            last = f"{self.file}: {counted(len(self.problems), 'problem{s}')}"
            return "\n".join([*(problem for _, problem in self.problems), last])
        task = self.task
        parts = [
            counted(len(task.columns) + 1, "column{s}"),
            counted(len(task.subtasks), "subtask{s}"),
            *([counted(len(task.runs), "kind{s} of runs")] if task.runs else []),
            *([counted(len(task.rules), "rule{s} across columns")] if task.rules else []),
        ]
        lines = [f"{self.file}: no problems. {task.name}: {', '.join(parts)}; {task.scoring} scoring"]
        lines += [f"{subtask.name}\t{metric.signature}" for subtask in task.subtasks for metric in subtask.metrics]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The same as data."""
        subtasks = self.task.subtasks if self.task else ()
        return {
            "file": self.file,
            "ok": self.ok,
            "problems": [{"line": line, "problem": problem} for line, problem in self.problems],
            "task": self.task.name if self.task else None,
            "subtasks": [
                {
                    "subtask": subtask.name,
                    "kind": subtask.kind,
                    "columns": list(subtask.headings),
                    "metrics": [metric.signature for metric in subtask.metrics],
                }
                for subtask in subtasks
            ],
        }


def check_task_file(name_or_path: str | Path) -> TaskReport:
    """Return the report about a task file, or about a task that comes with the package."""
    file = str(name_or_path)
    try:
        return TaskReport(file, load_task(name_or_path))
    except TaskFileError as error:
        return TaskReport(file, None, tuple(zip(error.lines, error.problems, strict=True)))
