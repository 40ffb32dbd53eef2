"""The run file among the files of a folder that a platform unpacked from what a participant sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from submission.check.run_names import name_problem
from submission.desk.sources import SUFFIXES, RunSource
from submission.problems import Problem
from submission.task import Task
from submission.wording import quoted_list

_SYSTEM = ("__macosx", "thumbs.db", "desktop.ini")
_MOST = 1000  # files that are looked at
_ANEW = "Send the run file alone, zipped without a folder."


def received_run(folder: Path, task: Task) -> tuple[RunSource, list[Problem]]:
    """Return the run file, and what is wrong with the files around it; one that cannot be told is a problem itself."""
    found = _files(folder)
    if not found:
        return RunSource(Path("run"), problem="no file"), [_problem("zip-empty", "no file", "one run file")]
    fitting = _fitting(found, task)
    if len(fitting) != 1:
        names = quoted_list([str(path.relative_to(folder)) for path in found])
        problem = f"{len(found)} files, {names}, and no telling which is the run"
        return RunSource(Path("run"), problem=problem), []
    (path,) = fitting
    name = path.relative_to(folder)
    problems = []
    if len(found) > 1:
        others = quoted_list([str(one.relative_to(folder)) for one in found if one != path])
        problems.append(_problem("zip-files", f"other files beside the run file: {others}", "one run file"))
    if len(name.parts) > 1:
        problems.append(_problem("zip-folder", f"a folder: {quoted_list([str(name)])}", "the run file itself"))
    limit = task.layout.largest
    if path.stat().st_size > limit:
        return RunSource(Path(name.name), problem=f"a file of more than {limit / 1e6:.0f} MB"), problems
    return RunSource(Path(name.name), path.read_bytes()), problems


def _files(folder: Path) -> list[Path]:
    """Return the files that somebody meant to send, in the order of their names."""
    found: list[Path] = []
    for path in folder.rglob("*") if folder.is_dir() else ():
        parts = PurePosixPath(path.relative_to(folder)).parts
        if path.is_symlink() or not path.is_file():
            continue
        if not any(part.startswith(".") or part.lower() in _SYSTEM for part in parts):
            found.append(path)
        if len(found) >= _MOST:
            break
    return sorted(found)


def _fitting(files: Sequence[Path], task: Task) -> Sequence[Path]:
    """Return the files that may be the run: the only one, else those with a name, or an ending, of one."""
    if len(files) == 1:
        return files
    if task.runs:
        named = [path for path in files if name_problem(task, path, zipped=path.suffix.lower() == ".zip") is None]
        if named:
            return named
    return [path for path in files if path.suffix.lower() in SUFFIXES]


def _problem(code: str, actual: str, expected: str) -> Problem:
    return Problem(code, "error", None, None, actual, expected, _ANEW)
