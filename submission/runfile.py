"""The official run file: the only code that writes or reads it.

A run is written as bytes, those bytes are checked like any other run file, and only then do they get their name.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from submission.check import find_problems
from submission.check.form import check_body
from submission.errors import RunFileError
from submission.labels import LabelTable
from submission.layout import Layout
from submission.names import in_another_form
from submission.problems import Findings, describe
from submission.reading import read_regular
from submission.run_cells import Cells, Shared, cells_by_id, label_of, shared_cells, unwritable
from submission.task import Header, Label, Labels
from submission.wording import quoted_list

_MOST_KNOWN = 100_000  # distinct rows that are kept while a file is read
_SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", " ": "blank"}


def format_run(header: Header, ids: Sequence[str], labels: Labels, shared: Mapping[str, object] | None = None) -> bytes:
    """Return the bytes of a run file, a row per id, laid out as the task has it: in UTF-8 without mark or quotes.

    The subtasks of `header` are written, see `Header.complete` and `Header.only`. `labels` is subtask → image id → a
    class name, a sequence of 0 and 1 (numpy's integers and booleans as well) in the order of `Subtask.labels`, or a
    value for each column of a subtask of another kind; of a ranked list rows of document, rank and score. They are
    joined by id, never by position. `shared` is heading → the value in every row, of columns of free text and
    constants that `labels` says nothing of; those that the task fixes need not be given.

    Raises RunFileError with all of it: a heading or id that cannot be written, an id that is repeated, an id without
    a label, a label without an id, a value other than 0 and 1 (floats among them: a decision is not a probability).
    """
    layout = header.task.layout
    problems = _heading_problems(header) + _id_problems(ids, layout)
    same = shared_cells(header, ids, shared or {}, problems)
    cells = {one.name: cells_by_id(one, ids, labels.get(one.name), same, problems) for one in header.subtasks}
    if problems:
        raise RunFileError(*problems)
    rows = _rows(header, ids, cells, same)
    if not layout.is_table:
        from submission.jsonrun import format_json

        return format_json(header, rows)
    end = "\r\n" if layout.line_end == "crlf" else "\n"
    lines = [layout.separator.join(header.cells)] if layout.header else []
    lines += [layout.separator.join([image_id, *of_row]) for image_id, of_row in rows]
    return (end.join(lines) + end).encode()


def write_run(
    path: Path,
    header: Header,
    ids: Sequence[str],
    labels: Labels,
    *,
    shared: Mapping[str, object] | None = None,
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

    `header` is the header of a run of the whole task, see `find_problems`. Ids are not compared with a test list. The
    label of an id in a ranked list is a row (document, rank, score) for each of its lines; columns that belong to no
    subtask are left out.

    Raises RunFileError with all problems of its form.
    """
    path = Path(path)
    # read once: what was checked is what is taken
    try:
        data: Path | bytes = read_regular(path, header.task.layout.largest)
    except (OSError, ValueError):
        data = path  # the check reports what prevents it
    found = Findings()
    body = check_body(data, None, header, True, found)
    problems = [problem for problem in found.problems() if problem.severity == "error"]
    if problems:
        raise RunFileError(*(describe(problem, path) for problem in problems))
    assert body is not None, "a file that could not be read passed its check"
    meanings = [meaning for meaning in body.columns.meanings if meaning is not None]
    own = Header(header.task, tuple(body.columns.names[meaning] for meaning in meanings))
    places = {subtask: [place - 1 for place in own.places(subtask)] for subtask in own.subtasks}
    labels: dict[str, dict[str, Label]] = {subtask.name: {} for subtask in places}
    lists: dict[str, dict[str, list[Any]]] = {one.name: {} for one in places if one.kind == "rank"}
    known: dict[tuple[str, ...], dict[str, Label]] = {}  # the cells behind the id → subtask → label
    for _, image_id, cells in body.cells():
        rest = tuple(cells)
        of_row = known.get(rest)
        if of_row is None:
            of_row = {one.name: label_of(one, [cells[place] for place in of_one]) for one, of_one in places.items()}
            if len(known) < _MOST_KNOWN:
                known[rest] = of_row
        for name, label in of_row.items():
            if name in lists:
                lists[name].setdefault(image_id, []).append(label)
            else:
                labels[name][image_id] = label
    labels |= {name: {query: tuple(rows) for query, rows in of_list.items()} for name, of_list in lists.items()}
    return LabelTable(path, own.cells, tuple(dict.fromkeys(body.ids)), labels)


def _rows(
    header: Header,
    ids: Sequence[str],
    cells: Mapping[str, Mapping[str, Cells]],
    same: Shared,
) -> Iterator[tuple[str, list[str]]]:
    """Yield the id and the other cells of each row; of a ranked list there are several of an id."""
    # where each column of the file takes its cell: subtask, place among its headings; None: it is in no subtask
    places = [
        next(((one.name, one.headings.index(heading)) for one in header.subtasks if heading in one.headings), None)
        for heading in header.headings
    ]
    columns = list(zip(header.headings, places, strict=True))
    for image_id in ids:
        for number in range(max(len(of_subtask[image_id]) for of_subtask in cells.values())):
            yield (
                image_id,
                [
                    same[heading or ""][image_id] if place is None else cells[place[0]][image_id][number][place[1]]
                    for heading, place in columns
                ],
            )


def _heading_problems(header: Header) -> list[str]:
    take = "Take it from Header.complete."
    problems = []
    first = header.cells[0] if header.cells else ""
    if not first or header.task.official_heading(first):
        problems.append(f"header: got {first!r} as its first column; expected the column of ids. {take}")
    seen: set[str] = set()
    for cell, heading in zip(header.cells[1:], header.headings, strict=True):
        if heading is None:
            problems.append(f"header: got {cell!r}; expected only columns of the task. {take}")
        elif heading in seen:
            problems.append(f"header: got {heading!r} twice; expected each column once. {take}")
        else:
            seen.add(heading)
    missing = {one.name: [heading for heading in one.headings if heading not in seen] for one in header.subtasks}
    problems += [
        f"header: got only some columns of {name}; expected all. Add {', '.join(map(repr, headings))}."
        for name, headings in missing.items()
        if headings
    ]
    if len(header.cells) < 2:
        problems.append("header: got no column of any subtask; expected those that the run covers. Name the subtasks.")
    layout = header.task.layout
    if wrong := [cell for cell in header.cells if unwritable(layout) & set(cell)]:
        problems.append(
            f"header: got headings with a {_separator(layout)}, a quote or a line end: {quoted_list(wrong)}; expected "
            "headings that need no quotes. Rename them."
        )
    return problems


def _separator(layout: Layout) -> str:
    return _SEPARATORS[layout.separator[0]]


def _id_problems(ids: Sequence[str], layout: Layout) -> list[str]:
    problems = []
    if not ids:
        problems.append("ids: got none; expected those of the test list.")
    if not_text := [image_id for image_id in ids if not isinstance(image_id, str)]:
        return [*problems, f"ids: got {quoted_list(not_text)}; expected text. Read ids as text: '007' is not 7."]
    if wrong := [image_id for image_id in ids if unwritable(layout) & set(image_id)]:
        problems.append(
            f"ids: got {quoted_list(wrong)}; expected ids without {_separator(layout)}, quote and line end. Rename the "
            "images."
        )
    if blank := [image_id for image_id in ids if image_id != image_id.strip() or not image_id]:
        problems.append(
            f"ids: got {quoted_list(blank)}; expected ids that are not empty and have no blanks around. Strip them."
        )
    if surrogates := [image_id for image_id in ids if any("\ud800" <= letter <= "\udfff" for letter in image_id)]:
        problems.append(f"ids: got {quoted_list(surrogates)}; expected valid UTF-8. Rename the images.")
    seen: set[str] = set()
    repeated = []
    for image_id in ids:
        if image_id in seen:
            repeated.append(image_id)
        seen.add(image_id)
    if alike := in_another_form(dict.fromkeys(ids)):
        problems.append(
            f"ids: got {quoted_list(alike)} in two Unicode forms; expected each image once. Rename one of the two."
        )
    if repeated:
        problems.append(f"ids: got {quoted_list(repeated)} more than once; expected each image once.")
    return problems


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
