"""Repairing a run file without loss: what has one reading is written as it must be, and nothing else is touched.

repair = repaired(Path("run.csv"), ids, task.header)
repair.corrected    # problems of the file that are gone
repair.left         # what is still wrong
repair.data         # the bytes of the repaired file; None where the file as a whole has no one reading
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.check import find_problems
from submission.check.form import CheckReport, check_body, report_of
from submission.check.text import read_bytes
from submission.desk.rewriting import Rewriting
from submission.errors import RunFileError
from submission.filekind import encoding_of
from submission.problems import Findings, Problem, describe
from submission.task import Header
from submission.wording import counted, printable

# codes of a file whose lines, or letters, could be read in several ways
_UNCLEAR = ("quotes-unbalanced", "nul-bytes", "json-invalid", "json-layout")


@dataclass(frozen=True)
class Repair:
    """A run file repaired.

    report     what is wrong with the file as it is
    corrected  the problems that are gone, as they are in the file
    left       what is wrong with the repaired file, with its lines; of a file that was not repaired, as it is
    data       the repaired file; None where it was not
    moved      whether rows are in another order than in the file: that of the list
    """

    report: CheckReport
    corrected: tuple[Problem, ...]
    left: tuple[Problem, ...]
    data: bytes | None
    moved: bool = False

    @property
    def ok(self) -> bool:
        """Whether the repaired file can be sent: warnings may remain."""
        return self.data is not None and not any(problem.severity == "error" for problem in self.left)

    def text(self, target: Path) -> str:
        """Return a line for each correction and for each problem that is left, and a summary, for people."""
        name = printable(str(target))
        lines = [f"corrected: {describe(problem, self.report.file)}" for problem in self.corrected]
        if self.data is None:
            lines += [describe(problem, self.report.file) for problem in self.left]
            return "\n".join([*lines, f"{name}: not written: what the file says as a whole has no single reading"])
        if self.moved and all(problem.code != "row-order" for problem in self.corrected):
            lines.append(f"corrected: {printable(str(self.report.file))}: rows are in the order of the list")
        lines += [f"not touched: {describe(problem, target)}" for problem in self.left]
        left = counted(len(self.left), "problem{s}") if self.left else "no problems"
        lines.append(f"{name}: {counted(len(self.corrected), 'correction{s}')}, {left} left")
        return "\n".join(lines)

    def to_dict(self, target: Path) -> dict[str, Any]:
        """Return the repair for `json.dumps`."""
        return {
            "file": str(self.report.file),
            "out": str(target),
            "written": self.data is not None,
            "ok": self.ok,
            "corrected": [problem.to_dict() for problem in self.corrected],
            "left": [problem.to_dict() for problem in self.left],
            "rows_moved": self.moved,
        }


def repaired(path: Path, ids: Sequence[str] | None, header: Header, *, partial: bool = False) -> Repair:
    """Return a run file repaired; arguments as for `find_problems`. It is checked again, whatever was done.

    Without `ids` those of the file are only stripped of blanks, and rows stay in their order.
    """
    found = Findings()
    data = read_bytes(Path(path), found, header.task.layout.largest)
    body = check_body(data, ids, header, partial, found) if data is not None else None
    report = report_of(Path(path), body, found)
    codes = {problem.code for problem in report.problems}
    if data is None or body is None or body.columns.id_position is None or codes & set(_UNCLEAR):
        return Repair(report, (), report.problems, None)
    if not report.problems:
        return Repair(report, (), (), data)
    rewriting = Rewriting(body, ids, header, report.problems)
    exact = "not-utf8" not in codes or encoding_of(data) is not None or rewriting.letters_are_known
    rewritten = rewriting.data() if exact else None
    if rewritten is None:
        return Repair(report, (), report.problems, None)
    left = tuple(find_problems(rewritten, ids, header, partial=partial))
    remaining = {(problem.code, problem.column) for problem in left}
    corrected = tuple(problem for problem in report.problems if (problem.code, problem.column) not in remaining)
    return Repair(report, corrected, left, rewritten, rewriting.moves_rows)


def write_repaired(repair: Repair, target: Path) -> None:
    """Write the repaired file under a new name.

    Raises RunFileError where there is a file of this name, or where the disk refuses.
    """
    if repair.data is None:
        return
    try:
        with target.open("xb") as file:
            file.write(repair.data)
    except FileExistsError:
        raise RunFileError(
            f"{target}: got a file that exists; expected a new name. Nothing was written; give another."
        ) from None
    except OSError as error:
        raise RunFileError(f"{target}: cannot be written ({error.strerror}). Check the folder.") from None
