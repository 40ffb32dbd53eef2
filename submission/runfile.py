"""The official run file: the only code that writes or reads it.

A run is written as bytes, those bytes are checked as anybody's would be, and only then do they get their name.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from submission.check import find_problems
from submission.errors import RunFileError
from submission.labels import LabelTable
from submission.problems import describe
from submission.task import Subtask
from submission.tasks import ID_COLUMN, OFFICIAL_HEADER, TASKS, official_heading

# what a cell cannot hold without quotes, or without looking like another id
_UNWRITABLE = frozenset(',"\r\n\0')
_SHOWN_IDS = 5

Labels = Mapping[
    str, Mapping[str, str | Sequence[int]]
]  # subtask → image id → class, or 0/1 in the order of the labels


def run_header(dev_header: Sequence[str], subtasks: Sequence[str]) -> tuple[str, ...]:
    """The header of a run of these subtasks: the id column and their columns, as the user's own dev set writes them.

    `dev_header` is `LabelTable.header`. Cells are echoed byte for byte in the dev set's order; a subtask that the dev
    set lacks gets its official headings, in the official place among the subtasks.

    Raises RunFileError for a subtask that the task does not have.
    """
    unknown = [subtask for subtask in subtasks if subtask not in TASKS]
    if unknown:
        raise RunFileError(f"no subtask {', '.join(map(repr, unknown))}. Choose from {', '.join(TASKS)}.")
    chosen = {heading for subtask in subtasks for heading in TASKS[subtask].headings}
    own = [cell for cell in dev_header[1:] if official_heading(cell) in chosen]
    there = {official_heading(cell) for cell in own}
    absent = [task for task in TASKS.values() if task.name in subtasks and not there & set(task.headings)]
    first = dev_header[0] if dev_header else ID_COLUMN
    if not absent:
        return (first, *own)
    blocks: list[str] = []
    for task in TASKS.values():
        blocks += task.headings if task in absent else [cell for cell in own if official_heading(cell) in task.headings]
    return (first, *(cell for cell in blocks if official_heading(cell) in chosen))


def format_run(header: Sequence[str], ids: Sequence[str], labels: Labels) -> bytes:
    """The bytes of a run file: UTF-8 without mark, commas, no quotes, `\\n` after every line, a row for each of `ids`.

    `header` is the id column and the columns wanted, see `run_header`; it says which subtasks are written. `labels`
    is subtask → image id → a class for subtask1, a sequence of 0 and 1 (numpy's integers and booleans as well) in the
    order of `TASKS[subtask].labels` for the others. They are joined by id, never by position.

    Raises RunFileError with all of it: a heading or id that cannot be written, an id that is repeated, an id without
    a label, a label without an id, a value other than 0 and 1 (floats among them: a decision is no probability).
    """
    problems = _heading_problems(header) + _id_problems(ids)
    columns = [official_heading(cell) for cell in header[1:]]
    written = [task for task in TASKS.values() if set(task.headings) & set(columns)]
    texts: dict[str, dict[str, list[str]]] = {}  # subtask → image id → its cells, in the order of the labels
    for task in written:
        texts[task.name] = _cells_by_id(task, ids, labels.get(task.name), problems)
    if problems:
        raise RunFileError(*problems)
    # where each column of the file takes its cell: subtask, place among its labels
    places = [
        (task.name, task.headings.index(heading)) for heading in columns for task in written if heading in task.headings
    ]
    lines = [",".join(header)]
    lines += [",".join([image_id, *(texts[name][image_id][place] for name, place in places)]) for image_id in ids]
    return ("\n".join(lines) + "\n").encode()


def write_run(
    path: Path,
    header: Sequence[str],
    ids: Sequence[str],
    labels: Labels,
    *,
    partial: bool = False,
    prove: Callable[[Path], object] | None = None,
) -> str:
    """Write a run file and return the sha256 of its bytes, in hex. Arguments as for `format_run`.

    `ids` are those of the test list. Without `partial` all three subtasks are wanted. `prove` is called with the file
    on disk before it takes its name; when it raises, it never does. The file appears whole or not at all, and an
    existing one stays as it was on any failure.

    Raises RunFileError with all problems: of the labels, of the bytes as `find_problems` sees them, of the disk.
    """
    import hashlib

    path = Path(path)
    data = format_run(header, ids, labels)
    problems = find_problems(data, ids, header=run_header(header, list(TASKS)), partial=partial)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise RunFileError(*(describe(problem, path) for problem in errors))
    _replace(path, data, prove)
    return hashlib.sha256(data).hexdigest()


def read_run(path: Path, *, header: Sequence[str] = OFFICIAL_HEADER) -> LabelTable:
    """Read a run file of one or more subtasks, strictly: it is what `write_run` writes, byte for byte.

    `header` is the whole header wanted, see `find_problems`. Ids are not compared with a test list.

    Raises RunFileError with all problems of its form.
    """
    path = Path(path)
    # read once: what was checked is what is taken
    try:
        data: Path | bytes = path.read_bytes()
    except (OSError, ValueError):
        data = path  # the check says what hinders
    problems = [
        problem for problem in find_problems(data, None, header=header, partial=True) if problem.severity == "error"
    ]
    if problems:
        raise RunFileError(*(describe(problem, path) for problem in problems))
    assert isinstance(data, bytes), "a file that could not be read passed its check"
    first, *lines = data.decode().removesuffix("\n").split("\n")
    cells = first.split(",")
    columns = [official_heading(cell) for cell in cells[1:]]
    # subtask → the places of its columns behind the id, in the order of its labels
    places = {
        task.name: [columns.index(heading) for heading in task.headings]
        for task in TASKS.values()
        if task.headings[0] in columns
    }
    labels: dict[str, dict[str, str | tuple[int, ...]]] = {subtask: {} for subtask in places}
    known: dict[str, dict[str, str | tuple[int, ...]]] = {}  # what stands behind the id → subtask → label
    for line in lines:
        image_id, _, rest = line.partition(",")
        if rest not in known:
            values = rest.split(",")
            known[rest] = {
                subtask: tuple(int(values[place]) for place in of_task)
                if TASKS[subtask].multi_label
                else values[of_task[0]]
                for subtask, of_task in places.items()
            }
        for subtask, label in known[rest].items():
            labels[subtask][image_id] = label
    return LabelTable(path, tuple(cells), tuple(line.partition(",")[0] for line in lines), labels)


def _heading_problems(header: Sequence[str]) -> list[str]:
    problems = []
    if not header or not header[0] or official_heading(header[0]):
        problems.append("the header does not begin with the column of ids. Take it from run_header.")
    seen: set[str] = set()
    for cell in header[1:]:
        heading = official_heading(cell)
        if heading is None:
            problems.append(f"the header holds {cell!r}, which is no column of the task. Take it from run_header.")
        elif heading in seen:
            problems.append(f"the header holds {heading!r} twice. Take it from run_header.")
        seen.add(heading or "")
    for task in TASKS.values():
        missing = [heading for heading in task.headings if heading not in seen]
        if 0 < len(missing) < len(task.headings):
            problems.append(f"the header holds only some columns of {task.name}: add {', '.join(map(repr, missing))}.")
    if len(header) < 2:
        problems.append("the header holds no column of any subtask. Name the subtasks that the run is of.")
    unwritable = [cell for cell in header if _UNWRITABLE & set(cell)]
    if unwritable:
        problems.append(
            f"headings with a comma, a quote or a line end: {_some(unwritable)}. A run holds no quotes: rename them."
        )
    return problems


def _id_problems(ids: Sequence[str]) -> list[str]:
    problems = []
    if not ids:
        problems.append("no image ids came, those of the test list were wanted.")
    strange = [image_id for image_id in ids if not isinstance(image_id, str)]
    if strange:
        return [*problems, f"ids that are no text: {_some(strange)}. Read ids as text, '007' is not 7."]
    unwritable = [image_id for image_id in ids if _UNWRITABLE & set(image_id)]
    if unwritable:
        problems.append(f"ids with a comma, a quote or a line end: {_some(unwritable)}. Rename the images.")
    blank = [image_id for image_id in ids if image_id != image_id.strip() or not image_id]
    if blank:
        problems.append(f"ids that are empty or have blanks around them: {_some(blank)}. Strip them.")
    undecodable = [image_id for image_id in ids if any("\ud800" <= letter <= "\udfff" for letter in image_id)]
    if undecodable:
        problems.append(f"ids that are no UTF-8: {_some(undecodable)}. Rename the images.")
    seen: set[str] = set()
    repeated = [image_id for image_id in ids if image_id in seen or seen.add(image_id)]
    if repeated:
        problems.append(f"ids that come more than once: {_some(repeated)}. Each image is wanted once.")
    return problems


def _cells_by_id(
    task: Subtask, ids: Sequence[str], labels: Mapping[str, str | Sequence[int]] | None, problems: list[str]
) -> dict[str, list[str]]:
    """Image id → the cells of this subtask, in the order of its labels; what is wrong becomes problems."""
    if labels is None:
        problems.append(f"{task.name}: no labels came. Predict it, or leave it out of the header.")
        return {}
    missing = [image_id for image_id in ids if image_id not in labels]
    if missing:
        problems.append(f"{task.name}: ids without a label: {_some(missing)}. Every image needs an answer.")
    known = set(ids)
    extra = [image_id for image_id in labels if image_id not in known]
    if extra:
        problems.append(
            f"{task.name}: labels for ids that are not to be written: {_some(extra)}. Predict the images of the list."
        )
    cells: dict[str, list[str]] = {}
    wrong: dict[str, list[str]] = {}  # what was wanted → the ids
    for image_id in ids:
        if image_id in labels:
            cells[image_id], wanted = _cells(task, labels[image_id])
            if wanted:
                wrong.setdefault(wanted, []).append(image_id)
    for wanted, of_ids in wrong.items():
        came = _brief(labels[of_ids[0]])
        problems.append(f"{task.name}: {wanted} wanted, {came} came for the first of these ids: {_some(of_ids)}.")
    return cells


def _cells(task: Subtask, label: object) -> tuple[list[str], str]:
    """The cells of a label in the order of the subtask's labels; or what was wanted, where it cannot be written."""
    if not task.multi_label:
        known = isinstance(label, str) and label in task.labels
        return ([str(label)], "") if known else ([], f"one of {', '.join(task.labels)}")
    # arrays of numpy and torch become Python's own numbers, so that each kind is judged alike
    values = label.tolist() if hasattr(label, "tolist") else label
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(task.labels):
        return [], f"{len(task.labels)} values of 0 or 1"
    values = [value.item() if hasattr(value, "item") else value for value in values]
    if all(type(value) in (int, bool) and value in (0, 1) for value in values):
        return [str(int(value)) for value in values], ""
    return [], "integers of 0 or 1 (apply the threshold first)"


def _some(ids: Sequence[object]) -> str:
    """The first few and how many: `'a', 'b', 'c', 'd', 'e' and 3 more (8)`."""
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    return ", ".join(repr(image_id) for image_id in ids[:_SHOWN_IDS]) + f"{more} ({len(ids)})"


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _replace(path: Path, data: bytes, prove: Callable[[Path], object] | None) -> None:
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
            f"{path}: cannot be written ({reason}). Nothing was changed; check the folder and its space."
        ) from error
