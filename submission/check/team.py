"""The runs of a team over several files: how many there are of each kind, and which kinds are absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.check.run_names import RunName, is_named, name_of
from submission.errors import RunFileError
from submission.problems import Problem, describe
from submission.task import Task
from submission.wording import counted, cut, printable, quoted_list


@dataclass(frozen=True)
class TeamReport:
    """The run files of one team; `team` is None where their names say none."""

    team: str | None
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the kinds of runs are as the task wants them."""
        return not self.problems

    def text(self) -> str:
        """Return a line for each problem, and a summary, for people."""
        name = f"runs of {printable(cut(self.team))}" if self.team else "runs"
        lines = [describe(problem, name) for problem in self.problems]
        lines.append(f"{name}: {counted(len(self.files), 'file{s}')}, {self._summary()}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for `json.dumps`."""
        return {
            "team": self.team,
            "files": [str(file) for file in self.files],
            "ok": self.ok,
            "problems": [problem.to_dict() for problem in self.problems],
        }

    def _summary(self) -> str:
        return counted(len(self.problems), "problem{s}") if self.problems else "no problems"


def run_paths(paths: Sequence[Path], task: Task) -> list[Path]:
    """Return the run files at these paths: those in a folder by name, of a task that says how they are called.

    Raises RunFileError for a folder without any, or that cannot be listed. Of another task a folder stays itself,
    which is a problem of the check.
    """
    if not task.runs:
        return list(paths)
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(one for one in path.iterdir() if not one.name.startswith(".") and not one.is_dir())
        except OSError as error:
            raise RunFileError(f"{path}: cannot be listed ({error.strerror}). Check the path of the folder.") from None
        if not inside:
            raise RunFileError(f"{path}: got an empty folder; expected the run files of a team. Give their folder.")
        found += inside
    return found


def check_teams(paths: Sequence[Path], task: Task) -> list[TeamReport]:
    """Return a report for each team on its runs together, in the order of the files at these paths.

    A file whose name fits no kind counts for none, nor does one that is still to be packed. Without kinds of runs, or
    of a single file that is no folder's, there is nothing to say. Raises as `run_paths` does.
    """
    files = run_paths(paths, task)
    if not is_named(task) or (len(files) < 2 and files == list(paths)):
        return []
    teams: dict[str | None, list[tuple[Path, RunName]]] = {}
    for file in files:
        name = name_of(task, file.name, zipped=True) or name_of(task, file.name, zipped=False, packed=True)
        if name:
            teams.setdefault(name.team, []).append((file, name))
    return [_report(team, named, task) for team, named in teams.items()]


def _report(team: str | None, named: Sequence[tuple[Path, RunName]], task: Task) -> TeamReport:
    problems = []
    for kind in task.runs:
        certain = [file for file, name in named if name.kinds == (kind.kind,)]
        possible = [file for file, name in named if kind.kind in name.kinds]
        if kind.required and not possible:
            about = f" ({kind.about})" if kind.about else ""
            problems.append(
                _problem(
                    "runs-kind-missing",
                    f"no run of the kind {kind.kind}",
                    f"at least one{about}",
                    "Send one as well: the organisers require this kind.",
                )
            )
        if kind.most is not None and len(certain) > kind.most:
            names = quoted_list([file.name for file in certain])
            problems.append(
                _problem(
                    "runs-too-many",
                    f"{len(certain)} runs of the kind {kind.kind}: {names}",
                    f"at most {kind.most}",
                    "Choose which of them to send.",
                )
            )
    return TeamReport(team, tuple(file for file, _ in named), tuple(problems))


def _problem(code: str, actual: str, expected: str, remedy: str) -> Problem:
    return Problem(code, "error", None, None, actual, expected, remedy)
