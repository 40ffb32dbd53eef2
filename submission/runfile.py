"""The official run file: the only code that writes or reads it.

A run is written as bytes, those bytes are checked like any other run file, and only then do they get their name.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from submission.check import find_problems
from submission.errors import RunFileError
from submission.labels import LabelTable
from submission.names import in_another_form
from submission.problems import describe
from submission.reading import read_regular
from submission.task import Header, Label, Labels, Subtask
from submission.wording import quoted, quoted_list

# characters that a cell cannot contain without quotes, or without looking like another id
_UNWRITABLE = frozenset(',"\r\n\0')


def format_run(header: Header, ids: Sequence[str], labels: Labels) -> bytes:
    r"""Return the bytes of a run file: UTF-8 without mark, commas, no quotes, `\n` after every line, a row per id.

    The subtasks of `header` are written, see `Header.complete` and `Header.only`. `labels` is subtask → image id → a
    class name, or a sequence of 0 and 1 (numpy's integers and booleans as well) in the order of `Subtask.labels`. They
    are joined by id, never by position.

    Raises RunFileError with all of it: a heading or id that cannot be written, an id that is repeated, an id without
    a label, a label without an id, a value other than 0 and 1 (floats among them: a decision is not a probability).
    """
    problems = _heading_problems(header) + _id_problems(ids)
    cells: dict[str, dict[str, tuple[str, ...]]] = {}  # subtask → image id → its cells
    for subtask in header.subtasks:
        cells[subtask.name] = _cells_by_id(subtask, ids, labels.get(subtask.name), problems)
    if problems:
        raise RunFileError(*problems)
    # where each column of the file takes its cell: subtask, place among its headings
    places = [
        (subtask.name, subtask.headings.index(heading))
        for heading in header.headings
        for subtask in header.subtasks
        if heading in subtask.headings
    ]
    rows = ((image_id, [cells[name][image_id][place] for name, place in places]) for image_id in ids)
    if not header.task.layout.is_table:
        from submission.jsonrun import format_json

        return format_json(header, rows)
    lines = [",".join(header.cells), *(",".join([image_id, *of_row]) for image_id, of_row in rows)]
    return ("\n".join(lines) + "\n").encode()


def write_run(
    path: Path,
    header: Header,
    ids: Sequence[str],
    labels: Labels,
    *,
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
    data = format_run(header, ids, labels)
    problems = find_problems(data, ids, Header.complete(header.task, header.cells), partial=partial)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise RunFileError(*(describe(problem, path) for problem in errors))
    replace_file(path, data, prove)
    return hashlib.sha256(data).hexdigest()


def read_run(path: Path, header: Header) -> LabelTable:
    """Read a run file of one or more subtasks, strictly: it is what `write_run` writes, byte for byte.

    `header` is the header of a run of the whole task, see `find_problems`. Ids are not compared with a test list.

    Raises RunFileError with all problems of its form.
    """
    path = Path(path)
    # read once: what was checked is what is taken
    try:
        data: Path | bytes = read_regular(path, header.task.layout.largest)
    except (OSError, ValueError):
        data = path  # the check reports what prevents it
    problems = [problem for problem in find_problems(data, None, header, partial=True) if problem.severity == "error"]
    if problems:
        raise RunFileError(*(describe(problem, path) for problem in problems))
    assert isinstance(data, bytes), "a file that could not be read passed its check"
    own, rows = _rows(data, header)
    places = {subtask: [place - 1 for place in own.places(subtask)] for subtask in own.subtasks}
    labels: dict[str, dict[str, Label]] = {subtask.name: {} for subtask in places}
    known: dict[tuple[str, ...], dict[str, Label]] = {}  # the cells behind the id → subtask → label
    ids = []
    for image_id, *cells in rows:
        ids.append(image_id)
        rest = tuple(cells)
        if rest not in known:
            known[rest] = {
                subtask.name: subtask.from_cells([cells[place] for place in of_subtask])
                for subtask, of_subtask in places.items()
            }
        for name, label in known[rest].items():
            labels[name][image_id] = label
    return LabelTable(path, own.cells, tuple(ids), labels)


def _rows(data: bytes, header: Header) -> tuple[Header, Iterable[Sequence[str]]]:
    """Return the header of a sound run file, and the cells of each row, the id first."""
    if not header.task.layout.is_table:
        from submission.jsonrun import read_json_rows

        return read_json_rows(data, header)
    first, *lines = data.decode().removesuffix("\n").split("\n")
    return Header(header.task, tuple(first.split(","))), (line.split(",") for line in lines)


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
    if unwritable := [cell for cell in header.cells if _UNWRITABLE & set(cell)]:
        problems.append(
            f"header: got headings with a comma, a quote or a line end: {quoted_list(unwritable)}; expected headings "
            "that need no quotes. Rename them."
        )
    return problems


def _id_problems(ids: Sequence[str]) -> list[str]:
    problems = []
    if not ids:
        problems.append("ids: got none; expected those of the test list.")
    if not_text := [image_id for image_id in ids if not isinstance(image_id, str)]:
        return [*problems, f"ids: got {quoted_list(not_text)}; expected text. Read ids as text: '007' is not 7."]
    if unwritable := [image_id for image_id in ids if _UNWRITABLE & set(image_id)]:
        problems.append(
            f"ids: got {quoted_list(unwritable)}; expected ids without comma, quote and line end. Rename the images."
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


def _cells_by_id(
    subtask: Subtask, ids: Sequence[str], labels: Mapping[str, object] | None, problems: list[str]
) -> dict[str, tuple[str, ...]]:
    """Return image id → the cells of this subtask, in the order of its headings; what is wrong becomes problems."""
    name = subtask.name
    if labels is None:
        problems.append(f"{name}: got no labels. Predict it, or leave it out of the header.")
        return {}
    if missing := [image_id for image_id in ids if image_id not in labels]:
        problems.append(f"{name}: got ids without a label: {quoted_list(missing)}. Every image needs an answer.")
    known = set(ids)
    if extra := [image_id for image_id in labels if image_id not in known]:
        problems.append(
            f"{name}: got labels for ids that are not in the test list: {quoted_list(extra)}. Predict the images of "
            "the list."
        )
    cells: dict[str, tuple[str, ...]] = {}
    wrong: dict[str, list[str]] = {}  # what was expected → the ids
    for image_id in ids:
        if image_id in labels:
            try:
                cells[image_id] = subtask.to_cells(labels[image_id])
            except ValueError as error:
                wrong.setdefault(str(error), []).append(image_id)
    for expected, of_ids in wrong.items():
        first, *others = of_ids
        similar = f", and similar labels for {quoted_list(others)}" if others else ""
        problems.append(f"{name}: got {quoted(labels[first])} for {first!r}{similar}; expected {expected}.")
    return cells


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
