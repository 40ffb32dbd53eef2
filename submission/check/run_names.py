"""What run files of a task are called: which kind of run a name says, and of which team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from submission.layout import RunKind
from submission.problems import Problem
from submission.task import Task
from submission.wording import either, quoted

if TYPE_CHECKING:
    from submission.patterns import Pattern

UNNAMED = "run"  # a run folder's own file before it is packed: run.csv


@dataclass(frozen=True)
class RunName:
    """A name that fits: the kinds of runs that may be called so, and the team, where the name says it."""

    kinds: tuple[str, ...]
    team: str | None = None


def is_named(task: Task) -> bool:
    """Return whether the task says what run files are called."""
    return any(kind.file or kind.zip for kind in task.runs)


def takes_archives(task: Task) -> bool:
    """Return whether some kind of run is sent inside an archive."""
    return any(kind.zip for kind in task.runs)


def inner_pattern(kind: RunKind) -> Pattern | None:
    """Return what the file in the archive of a kind is called; None: anything."""
    return kind.inner or kind.file


def name_of(task: Task, name: str, *, zipped: bool, packed: bool = False) -> RunName | None:
    """Return what a file name says, None where it fits no kind of run. `zipped`: it is that of an archive.

    A file that is to be sent in an archive is called as it is there; with `packed` such a one fits no kind.
    """
    found = []
    for kind in task.runs:
        if (kind.zip is None) if zipped else (packed and kind.zip is not None):
            continue
        pattern = kind.zip if zipped else inner_pattern(kind) if kind.zip else kind.file
        slots = {} if pattern is None else pattern.matches(name)
        if slots is not None and slots.get("kind", kind.kind) == kind.kind:
            found.append((kind.kind, slots.get("team")))
    if not found:
        return None
    teams = {team for _, team in found}
    return RunName(tuple(kind for kind, _ in found), teams.pop() if len(teams) == 1 else None)


def name_problem(task: Task, path: PurePath, *, zipped: bool) -> Problem | None:
    """Return the problem of a file whose name fits no kind of run; a warning where packing will name it."""
    if not is_named(task) or name_of(task, path.name, zipped=zipped):
        return None
    own = path.stem == UNNAMED and not zipped
    patterns = [kind.zip if zipped else inner_pattern(kind) for kind in task.runs]
    expected = either([quoted(one.text) for one in dict.fromkeys(patterns) if one])
    if zipped and not takes_archives(task):
        expected = f"a file that is not in an archive, {either(_files(task.runs))}"
        return Problem("file-name", "error", None, None, "an archive", expected, "Send the run file as it is.")
    remedy = "Packing gives it its name (mediaeval pack)." if own else "Rename it, or let mediaeval pack name it."
    return Problem("file-name", "warning" if own else "error", None, None, quoted(path.name), expected, remedy)


def _files(kinds: Sequence[RunKind]) -> list[str]:
    return [quoted(kind.file.text) for kind in kinds if kind.file]
