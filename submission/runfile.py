"""The official run file: the only code that writes or reads it.

A run is written as bytes, those bytes are checked like any other run file, and only then do they get their name.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from submission.check import find_problems
from submission.check.body import Body
from submission.check.columns import ID
from submission.check.form import check_body
from submission.check.sent import unpacked
from submission.errors import RunFileError
from submission.kinds import Kind, ScoreKind, Value
from submission.labels import LabelTable
from submission.problems import Findings, describe
from submission.reading import read_regular
from submission.run_cells import Shared, answer_places, cells_of_run, shared_columns
from submission.separators import Separator
from submission.task import Header, Label, Labels, Subtask


def format_run(header: Header, ids: Sequence[str], labels: Labels, shared: Shared | None = None) -> bytes:
    r"""Return the bytes of a run file: UTF-8 without mark and quotes, a line end after every line, a row per id.

    The subtasks of `header` are written, see `Header.complete` and `Header.only`. `labels` is subtask → image id → a
    class name, or a sequence of 0 and 1 (numpy's integers and booleans as well) in the order of `Subtask.labels`; of
    other kinds of columns a value of each, in the order of `Subtask.columns`; of a ranked list, query → (document,
    rank, score) rows. They are joined by id, never by position. `shared` is what stands in columns that are no
    answers: heading → a value for all rows, or heading → image id → value (of a ranked list, also a tuple with that of
    each row). What the task fixes need not be given.

    Separator, line ends, header and order of the rows are those of the task. A task that takes runs of a part of the
    ids gets a row for each that has a label, one that takes extra ids also these.

    Raises RunFileError with all of it: a heading or id that cannot be written, an id that is repeated, an id without
    a label, a label without an id, a value other than 0 and 1 (floats among them: a decision is not a probability).
    """
    rows = cells_of_run(header, ids, labels, shared or {})
    layout = header.task.layout
    if not layout.is_table:
        from submission.jsonrun import format_json

        return format_json(header, rows)
    separator, end = Separator.of(header.task).text, "\r\n" if layout.line_end == "crlf" else "\n"
    lines = [separator.join(header.cells)] if layout.header else []
    lines += [separator.join((image_id, *cells)) for image_id, cells in rows]
    return (end.join(lines) + end).encode()


def write_run(
    path: Path,
    header: Header,
    ids: Sequence[str],
    labels: Labels,
    *,
    shared: Shared | None = None,
    partial: bool = False,
    prove: Callable[[Path], object] | None = None,
) -> str:
    """Write a run file and return the sha256 of its bytes, in hex. Arguments as for `format_run`.

    `ids` are those of the test list. Without `partial` all subtasks of the task are expected. `prove` is called with
    the file on disk before it takes its name, and may raise to prevent that. The file appears whole or not at all, and
    an existing one stays as it was on any failure.

    Raises RunFileError with all problems: of the labels, of the bytes as `find_problems` sees them, of the disk.
    """
    path = Path(path)
    data = format_run(header, ids, labels, shared)
    problems = find_problems(data, ids, Header.complete(header.task, header.cells), partial=partial)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise RunFileError(*(describe(problem, path) for problem in errors))
    replace_file(path, data, prove)
    return hashlib.sha256(data).hexdigest()


def read_run(path: Path, header: Header) -> LabelTable:
    """Read a run file of one or more subtasks, strictly: it is what `write_run` writes, byte for byte.

    Where the task takes runs in archives, it may be in one. `header` is the header of a run of the whole task, see
    `find_problems`. Ids are not compared with a test list.

    Raises RunFileError with all problems of its form.
    """
    path = Path(path)
    # read once: what was checked is what is taken
    try:
        data: Path | bytes = unpacked(read_regular(path, header.task.layout.largest), path, header.task)
    except (OSError, ValueError):
        data = path  # the check reports what prevents it
    found = Findings()
    body = check_body(data, None, header, True, found)
    problems = [problem for problem in found.problems() if problem.severity == "error"]
    if problems:
        raise RunFileError(*(describe(problem, path) for problem in problems))
    assert body is not None, "a file that could not be read passed its check"
    return _table(path, body, header)


def _table(path: Path, body: Body, header: Header) -> LabelTable:
    """Return what a sound run file says."""
    task, names = header.task, body.columns.names
    meanings = [meaning for meaning in body.columns.meanings if meaning is not None]
    headings = [meaning for meaning in meanings if meaning != ID]
    columns = dict(zip(headings, body.columns_of_cells(), strict=True))
    labels: dict[str, dict[str, Label]] = {}
    for subtask in task.subtasks:
        if subtask.name not in body.columns.subtasks:
            continue
        cells = [columns[heading] for heading in subtask.headings]
        if task.is_ranked:
            answers = [_values(subtask.columns[place].kind, cells[place]) for place in answer_places(subtask)]
            rows = list(zip(*answers, strict=True))
            labels[subtask.name] = _by_query(body.ids, rows)
        else:
            labels[subtask.name] = dict(zip(body.ids, _labels(subtask, cells), strict=True))
    own = Header(task, tuple(names[meaning] for meaning in meanings))
    shared: dict[str, dict[str, Value | tuple[Value, ...]]] = {}
    for column in shared_columns(own):
        of = _values(column.kind, columns[column.heading])
        shared[column.heading] = _by_query(body.ids, of) if task.is_ranked else dict(zip(body.ids, of, strict=True))
    return LabelTable(path, own.cells, tuple(dict.fromkeys(body.ids)), labels, shared)


def _labels(subtask: Subtask, columns: Sequence[Sequence[str]]) -> Sequence[Label]:
    """Return the label of each row of a subtask's columns of cells."""
    rows = list(zip(*columns, strict=True))
    if subtask.plain:
        known = {row: subtask.from_cells(row) for row in set(rows)}
        return [known[row] for row in rows]
    kinds = [column.kind for column in subtask.columns]
    return list(zip(*(_values(kind, cells) for kind, cells in zip(kinds, columns, strict=True)), strict=True))


def _values(kind: Kind, cells: Sequence[str]) -> list[Value]:
    """Return the values of cells that are allowed."""
    if isinstance(kind, ScoreKind):
        return list(map(float, cells))
    known = {cell: kind.read(cell) for cell in set(cells)}
    return [known[cell] for cell in cells]


def _by_query(queries: Sequence[str], rows: Sequence[Any]) -> dict[str, Any]:
    """Return query → its rows, as a tuple, in the order of the file."""
    lists: dict[str, list[Any]] = {}
    for query, row in zip(queries, rows, strict=True):
        lists.setdefault(query, []).append(row)
    return {query: tuple(of_query) for query, of_query in lists.items()}


def replace_file(path: Path, data: bytes, prove: Callable[[Path], object] | None = None) -> None:
    """Write the bytes beside the target under a temporary name, then give them the target's in one step.

    Raises RunFileError where the disk refuses.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    temporary = target.with_name(f".run-{os.urandom(6).hex()}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if prove:
                prove(temporary)
            temporary.replace(target)
        except BaseException:  # an interrupt as well: nothing half-written stays behind
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or error
        raise RunFileError(
            f"{path}: cannot be written ({reason}). Nothing was changed; check the folder and the free disk space."
        ) from error
