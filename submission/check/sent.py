"""A run file as a team sends it: what it is called, the archive that it may be in, and then what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from submission.archive import Fault, Opened, base_name, open_archive
from submission.check.body import Body
from submission.check.form import CheckReport, check_body, report_of
from submission.check.run_names import inner_pattern, name_of, name_problem, takes_archives
from submission.check.text import read_bytes
from submission.errors import RunFileError
from submission.filekind import file_kind
from submission.problems import Findings, Problem, describe
from submission.task import Header, Task
from submission.wording import either, quoted


def check_sent(path: Path, ids: Sequence[str] | None, header: Header, *, partial: bool = False) -> CheckReport:
    """Check a run file of a task that says what its files are called; arguments as for `check_file`."""
    found = Findings()
    data = read_bytes(path, found, header.task.layout.largest)
    if data is None:
        return report_of(path, None, found)
    return check_bytes(data, path, ids, header, partial=partial)


def check_bytes(
    data: bytes, path: Path, ids: Sequence[str] | None, header: Header, *, partial: bool = False
) -> CheckReport:
    """Check the bytes of a file that is, or will be, called `path`."""
    return check_named(data, path, ids, header, partial=partial)[0]


def check_named(
    data: bytes, path: Path, ids: Sequence[str] | None, header: Header, *, partial: bool = False
) -> tuple[CheckReport, Body | None]:
    """Check the bytes of a file with this name, and return its lines as they were understood."""
    task, found = header.task, Findings()
    zipped = _is_archive(data)
    named = name_problem(task, path, zipped=zipped)
    problems = [named] if named else []
    inner = None
    if zipped and takes_archives(task):
        opened = open_run_archive(data, task, path.name)
        problems += map(_as_problem, opened.faults)
        if opened.content is None:
            return CheckReport(path, 0, (), tuple(problems)), None
        inner, data = opened.name, opened.content
    body = check_body(data, ids, header, partial, found)
    report = report_of(path, body, found)
    return CheckReport(path, report.rows, report.subtasks, (*problems, *report.problems), inner), body


def unpacked(data: bytes, path: Path, task: Task) -> bytes:
    """Return the run file in an archive called `path`, if the task takes runs in archives; else the bytes as they are.

    Raises RunFileError with all that is wrong with the archive.
    """
    if not takes_archives(task) or not _is_archive(data):
        return data
    opened = open_run_archive(data, task, path.name)
    problems = [describe(_as_problem(one), path) for one in opened.faults]
    if problems or opened.content is None:
        raise RunFileError(*problems)
    return opened.content


def open_run_archive(data: bytes, task: Task, name: str) -> Opened:
    """Return the run file in an archive of this name, and everything that is wrong with the archive."""
    fitting = name_of(task, name, zipped=True)
    kinds = [kind for kind in task.runs if kind.zip and (fitting is None or kind.kind in fitting.kinds)]
    patterns = [inner_pattern(kind) for kind in kinds]
    expected = [pattern for pattern in patterns if pattern]

    def fits(inner: str) -> bool:
        return len(expected) < len(patterns) or any(one.matches(inner) is not None for one in expected)

    opened = open_archive(data, task.layout.largest, fits)
    if opened.name is not None and not fits(base_name(opened.name)):
        wanted = either([quoted(one.text) for one in dict.fromkeys(expected)])
        opened.add(
            "zip-inner-name", f"the file {quoted(opened.name)}", wanted, "Rename the file, and make the archive anew."
        )
    return opened


def _as_problem(fault: Fault) -> Problem:
    return Problem(fault.code, "error", None, None, fault.actual, fault.expected, fault.remedy)


def _is_archive(data: bytes) -> bool:
    kind = file_kind(data[:4])
    return kind is not None and kind.name == "a zip archive"
