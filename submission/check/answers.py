"""The answers of a run file as far as they can be understood, whatever else is wrong with the file.

The check finds out what lines, columns and ids mean, and reports every fault; here the same lines are taken by these
meanings. An answer that is absent, that has more than one reading, or that is given twice is none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from submission.check.body import Body
from submission.check.form import CheckReport, check_body, report_of
from submission.check.ids import KnownIds
from submission.check.lenient import lenient_value
from submission.check.sent import check_named
from submission.check.text import read_bytes
from submission.kinds import Kind, Value
from submission.problems import Findings
from submission.task import Header, Task

Cells = tuple[Value | None, ...]  # a value per column of the task; None where there is none that can be understood


@dataclass(frozen=True)
class Answers:
    """What a run file answers.

    report      everything that is wrong with the file
    values      image id → a value per column of `task.columns`
    lists       of ranked lists: query → these values of each of its rows; `values` is empty then
    lines       image id → its line
    double      ids with several lines, in the order of the file; none of these lines counts
    extra       ids that the list lacks, in the order of the file
    subtasks    names of the subtasks of which the file has at least one column
    """

    report: CheckReport
    values: dict[str, Cells] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    double: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    subtasks: tuple[str, ...] = ()
    lists: dict[str, list[Cells]] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is any answer."""
        return bool(self.values or self.lists)


def read_answers(
    source: Path | bytes, ids: Sequence[str], header: Header, *, name: Path | None = None, partial: bool = True
) -> Answers:
    """Return the answers of a run file, or of its bytes, to these ids; `name` is what its report calls it.

    Arguments as for `find_problems`. Where the task says what runs are called and in which archives they are sent, that
    is checked as well. Nothing is raised for whatever file.
    """
    found = Findings()
    name = name or (source if isinstance(source, Path) else Path("run"))
    data = read_bytes(source, found, header.task.layout.largest)
    if data is not None and header.task.runs and not found.problems():
        report, body = check_named(data, name, ids, header, partial=partial)
    else:
        body = None if data is None else check_body(data, ids, header, partial, found)
        report = report_of(name, body, found)
    report = without_order(report, header.task)
    if body is None or body.columns.id_position is None:
        return Answers(report)
    rows = _rows(body, ids, header.task)
    times = Counter(image_id for image_id, _, _ in rows)
    listed = set(ids)
    extra = tuple(image_id for image_id in times if image_id not in listed)
    if any(subtask.kind == "rank" for subtask in header.task.subtasks):
        lists: dict[str, list[Cells]] = {image_id: [] for image_id in times if image_id in listed}
        for image_id, _, cells in rows:
            if image_id in lists:
                lists[image_id].append(cells)
        return Answers(report, lists=lists, extra=extra, subtasks=body.columns.subtasks)
    counted = [row for row in rows if times[row[0]] == 1 and row[0] in listed]
    return Answers(
        report,
        values={image_id: cells for image_id, _, cells in counted},
        lines={image_id: line for image_id, line, _ in counted},
        double=tuple(image_id for image_id, number in times.items() if number > 1 and image_id in listed),
        extra=extra,
        subtasks=body.columns.subtasks,
    )


def without_order(report: CheckReport, task: Task) -> CheckReport:
    """Return a report on a file that was checked against a truth, without its order where the task has none."""
    if task.layout.order != "any":
        return report
    return replace(report, problems=tuple(one for one in report.problems if one.code != "row-order"))


def _rows(body: Body, ids: Sequence[str], task: Task) -> list[tuple[str, int, Cells]]:
    """Return the id that is meant, the line and the values of each row; a row without an id is none."""
    position = body.columns.id_position
    meanings = [meaning for place, meaning in enumerate(body.columns.meanings) if place != position]
    columns = [
        (column.kind, meanings.index(column.heading) if column.heading in meanings else None) for column in task.columns
    ]
    known = KnownIds(body.ids, ids, extension=task.layout.extension)
    read: dict[tuple[str, ...], Cells] = {}  # few distinct ones exist, but where there are numbers
    rows = []
    for line, actual, cells in body.cells():
        _, image_id = known.look_up(actual)
        if not image_id:
            continue
        key = tuple(cells)
        if (values := read.get(key)) is None:
            values = read[key] = _values(key, len(meanings), columns)
        rows.append((image_id, line, values))
    return rows


def _values(cells: Sequence[str], width: int, columns: Sequence[tuple[Kind, int | None]]) -> Cells:
    """Return the values of the columns in a line; none where it has another number of cells than the header."""
    if len(cells) < width or any(cells[width:]):
        return (None,) * len(columns)
    return tuple(None if place is None else lenient_value(cells[place], kind) for kind, place in columns)
