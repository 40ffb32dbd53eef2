"""Everything that is wrong with a run file, reported at once.

    problems = find_problems(Path("run.csv"), read_ids(Path("testset.csv"), task), task.header)

The work is done in the order of the file: its bytes (text.py), its header (columns.py), its lines (body.py) with their
cells (cells.py) and what several cells show (rows.py, across.py), its ids (ids.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.check.body import Body
from submission.check.columns import names_columns, read_header
from submission.check.ids import check_ids
from submission.check.text import read_bytes, read_lines
from submission.problems import Findings, Problem, describe
from submission.separators import Separator
from submission.task import Header
from submission.wording import both, counted, printable


@dataclass(frozen=True)
class CheckReport:
    """A run file checked: `rows` is the number of its lines with an answer, `subtasks` those of its header.

    `inner`: where the file is an archive, the name of the run file in it.
    """

    file: Path
    rows: int
    subtasks: tuple[str, ...]
    problems: tuple[Problem, ...]
    inner: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the run can be sent: warnings may remain."""
        return not any(problem.severity == "error" for problem in self.problems)

    def text(self) -> str:
        """Return a line for each problem, and a summary, for people."""
        lines = [describe(problem, self._place(problem)) for problem in self.problems]
        subtasks = both(self.subtasks) or "no subtask"
        lines.append(f"{printable(str(self.file))}: {counted(self.rows, 'row{s}')} of {subtasks}, {self._summary()}")
        return "\n".join(lines)

    def errors(self) -> list[str]:
        """Return a line for each problem for which the run cannot be sent."""
        return [describe(problem, self._place(problem)) for problem in self.problems if problem.severity == "error"]

    def to_dict(self) -> dict[str, Any]:
        """Return the report for `json.dumps`."""
        return {
            "file": str(self.file),
            **({} if self.inner is None else {"inner": self.inner}),
            "ok": self.ok,
            "rows": self.rows,
            "subtasks": list(self.subtasks),
            "problems": [problem.to_dict() for problem in self.problems],
        }

    def _place(self, problem: Problem) -> Path:
        of_archive = problem.code.startswith("zip-") or problem.code == "file-name"
        return self.file if self.inner is None or of_archive else self.file / self.inner

    def _summary(self) -> str:
        warnings = sum(problem.severity == "warning" for problem in self.problems)
        errors = len(self.problems) - warnings
        if not self.problems:
            return "no problems"
        parts = [counted(errors, "problem{s}") if errors else "no errors"]
        if warnings:
            parts.append(counted(warnings, "warning{s}"))
        return ", ".join(parts)


def check_file(path: Path, ids: Sequence[str] | None, header: Header, *, partial: bool = False) -> CheckReport:
    """Check a run file; arguments as for `find_problems`. A file that cannot be read is a problem, not an error.

    Where the task says how run files are called and in which archives they are sent, that is checked as well.
    """
    if header.task.runs:
        from submission.check.sent import check_sent

        return check_sent(Path(path), ids, header, partial=partial)
    found = Findings()
    body = check_body(Path(path), ids, header, partial, found)
    return report_of(Path(path), body, found)


def report_of(path: Path, body: Body | None, found: Findings) -> CheckReport:
    """Return the report of a file whose lines were checked; None where they cannot be read."""
    rows, subtasks = (body.rows, body.columns.subtasks) if body else (0, ())
    return CheckReport(path, rows, subtasks, tuple(found.problems()))


def find_problems(
    source: Path | bytes, ids: Sequence[str] | None, header: Header, *, partial: bool = False
) -> list[Problem]:
    """Return all problems of a run file, or of its bytes; an empty list for a sound one.

    `ids` are those of the test list, each once; None compares no ids. `header` is the header of a run of the whole
    task: `task.header`, or the user's own dev set's where it differs (`Header.complete`). With `partial` a run may
    leave out whole subtasks.
    """
    found = Findings()
    check_body(source, ids, header, partial, found)
    return found.problems()


def check_body(
    source: Path | bytes, ids: Sequence[str] | None, header: Header, partial: bool, found: Findings
) -> Body | None:
    """Report all problems; return the lines after the header as they were understood, None where there are none."""
    task = header.task
    data = read_bytes(source, found, task.layout.largest)
    if data is None:
        return None
    expected = frozenset(ids or ())
    if task.layout.is_table:
        body = _read_table(data, header, partial, expected, found)
    else:
        from submission.check.json_body import read_json

        body = read_json(data, header, partial, expected, found)
    if body is None:
        return None
    if not body.rows:
        remedy = "Check that the run was written in full."
        empty = "a header and no rows" if task.layout.header else "no rows"
        actual = empty if task.layout.is_table else "no answers"
        found.add("no-rows", actual, "a line for each image", remedy)
    elif body.columns.id_position is not None and body.complete:
        check_ids(body.ids, body.numbers, ids, task, found)
    return body


def _read_table(data: bytes, header: Header, partial: bool, expected: frozenset[str], found: Findings) -> Body | None:
    """Return the lines after the header as they were understood, and report what is wrong with them and the header."""
    task = header.task
    lines = read_lines(data, found, lambda cells: names_columns(cells, task), Separator.of(task), task.layout)
    if lines is None:
        return None
    columns = read_header(lines.header_cells, lines.header + 1, header, partial, expected, found)
    body = Body(lines, columns, header, expected, found)
    body.read()
    return body
