"""Labelled CSVs, read leniently: the dev set, the released truth, a list of test ids.

Lenient about how a file is written (byte-order mark, line ends, quotes, an index column, ids with an extension), strict
about its content: every id and every label is understood, or the file is refused with all its problems at once.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from submission.csvfile import CsvFile, Problems
from submission.errors import LabelFileError
from submission.image_files import IMAGE_SUFFIXES, USUAL_SUFFIXES, VIDEO_SUFFIXES, ImageFiles, names_of
from submission.kinds import Column, FlagKind, Value
from submission.laid_out import open_labels
from submission.names import same_name_key
from submission.task import Label, Subtask, Task
from submission.wording import counted, cut, either, in_ascii, quoted

_FLOATS = {"0.0": "0", "1.0": "1"}  # pandas writes 1.0 once a column has held a missing value
_MOST_VALUES = 1000  # distinct wrong cells that are kept; the others count with the first of them
_MOST_KNOWN = 100_000  # distinct answers that are kept, so that each is read once
_Columns = list[tuple[Column, int]]  # each with its place in the file
_UNSAFE = "/\\\0\r\n"


@dataclass(frozen=True)
class LabelTable:
    """A CSV of image ids and labels, read by column name.

    `header` is the id column and then the label columns, cells verbatim, in file order; other columns are left out.
    `ids` are in file order, each once, without extension unless the task has ids with it.
    `labels` is subtask name → image id → a class name, or a tuple of 0 and 1 in the order of `Subtask.labels`; of a
    subtask that is not `plain` a tuple of values, in the order of `Subtask.truth_headings`. It has no key for a subtask
    that is not in the file. Of a ranked list it is query → (document, rank, score) rows.
    `shared` is heading → image id → value of the columns that are no answers, as far as the file has them; of a ranked
    list a tuple with the value of each row.
    """

    path: Path
    header: tuple[str, ...]
    ids: tuple[str, ...]
    labels: dict[str, dict[str, Label]]
    shared: dict[str, dict[str, Any]] = field(default_factory=dict)

    def with_ids_as_in(self, ids: Iterable[str]) -> "LabelTable":
        """Return the table with each id written as in `ids`, where that has the same name in another Unicode form."""
        ids = list(ids)
        if all(map(str.isascii, self.ids)) and all(map(str.isascii, ids)):
            return self
        written = {same_name_key(image_id): image_id for image_id in ids}
        names = {image_id: written.get(same_name_key(image_id), image_id) for image_id in self.ids}
        labels = {
            subtask: {names[image_id]: label for image_id, label in of_subtask.items()}
            for subtask, of_subtask in self.labels.items()
        }
        shared = {
            heading: {names[image_id]: value for image_id, value in of.items()} for heading, of in self.shared.items()
        }
        return replace(self, ids=tuple(names.values()), labels=labels, shared=shared)


def read_labels(path: Path, task: Task, *, whole: bool = False) -> LabelTable:
    """Read a dev set, a truth file or a test list.

    `whole`: read what only a run has, too, such as a probability beside its label: labels of a subtask that is not
    `plain` are then in the order of its headings, and all of its columns must be there.

    Raises LabelFileError with every problem of the file: no file, a folder, not UTF-8, no id column, two columns for
    one heading, a subtask with only some of its columns, a row of another length, an empty, repeated or unsafe id, a
    label outside its domain.
    """
    file = open_labels(path, task)
    shared, of_subtasks = _positions(file, task, whole)
    positions = {name: [place for _, place in columns] for name, columns in of_subtasks.items()}
    columns = {name: [column for column, _ in of_subtask] for name, of_subtask in of_subtasks.items()}
    labels: dict[str, dict[str, Label]] = {subtask: {} for subtask in positions}
    others: dict[str, dict[str, Any]] = {column.heading: {} for column, _ in shared}
    known: dict[str, dict[tuple[str, ...], Label]] = {subtask: {} for subtask in positions}  # few distinct ones exist
    ids = Ids(file, extension=task.layout.extension)
    wrong = _WrongCells(file)
    for line, cells in file.rows():
        name = ids.take(line, cells[file.id_position]) if file.id_position is not None else None
        for subtask, places in positions.items():
            key = tuple([cells[place] for place in places])
            label = known[subtask].get(key)
            if label is None:
                label = _label(task[subtask], columns[subtask], key, line, wrong)
                if label is None:
                    continue
                if len(known[subtask]) < _MOST_KNOWN:  # of scores there are as many as images
                    known[subtask][key] = label
            if name is not None:
                labels[subtask][name] = label
        for column, place in shared:
            value = _value(column, cells[place], line, wrong)
            if name is not None and value is not None:
                others[column.heading][name] = value
    ids.finish()
    wrong.finish()
    file.problems.raise_any()
    assert file.id_position is not None, "a file without ids passed"
    places = sorted(place for of_subtask in positions.values() for place in of_subtask)
    header = tuple(file.header[place] for place in (file.id_position, *places))
    return LabelTable(file.path, header, tuple(ids.lines), labels, others)


def read_ids(path: Path, task: Task) -> list[str]:
    """Return the image ids of a test list: a CSV in its own order, or a folder.

    A folder is read by its CSV (see `find_csv`); without one the ids are the names of the image files in `images/`, or
    in the folder itself where it has no `images/`, sorted. Only the id column is read.

    Raises LabelFileError with every problem: as `read_labels`, two images of one name, no images.
    """
    path = Path(path)
    if path.is_dir():
        table = find_csv(path)
        if table is None:
            return _image_ids(path / "images" if (path / "images").is_dir() else path, task.layout.extension)
        path = table
    file = open_labels(path, task)
    file.problems.raise_any()
    place = file.id_position
    assert place is not None, "a file without ids passed"
    ids = Ids(file, extension=task.layout.extension)
    names = [cells[place] for _, cells in file.rows()]
    if task.is_ranked:  # judgements have a row for each document of a query
        names = list(dict.fromkeys(names))
    if not ids.take_all(names):
        file.problems.clear()  # read again, one by one, to report the line of each problem
        for line, cells in file.rows():
            if not (task.is_ranked and cells[place].strip() in ids.lines):
                ids.take(line, cells[place])
    ids.finish()
    file.problems.raise_any()
    return list(ids.lines)


def find_csv(folder: Path) -> Path | None:
    """Return the CSV of a dataset folder: `devset.csv`, else `testset.csv`, else the only CSV there, else None.

    Raises LabelFileError when the folder cannot be listed, holds both `devset.csv` and `testset.csv`, or holds several
    other CSVs: the user must name the file.
    """
    folder = Path(folder)
    found = [path for path in _listed(folder) if path.suffix.lower() == ".csv"]
    named = [path for path in found if path.name.lower() in ("devset.csv", "testset.csv")]
    candidates = named or found
    if len(candidates) > 1:
        names = ", ".join(path.name for path in candidates)
        raise LabelFileError(
            f"{folder}: got {len(candidates)} CSVs ({names}); expected one. Give the path of the file."
        )
    return candidates[0] if candidates else None


def image_id(name: str) -> str:
    """Return the id in a cell or a file name: without blanks around it and without the extension of an image."""
    name = name.strip()
    if "." not in name:
        return name
    stem, dot, suffix = name.rpartition(".")
    return stem if dot + suffix.lower() in IMAGE_SUFFIXES else name


class Ids:
    """The ids of a file in its order; a repeated, empty or unsafe one becomes a problem of the file.

    lines  image id → its line, in file order
    known  ids that are taken as they are, even where they seem to have an extension
    extension  whether all are, since they are names of files
    """

    def __init__(self, file: CsvFile, known: Collection[str] = (), *, extension: bool = False):
        self._known = frozenset(known)
        self._extension = extension
        self.path = file.path
        self.problems = file.problems
        self.lines: dict[str, int] = {}
        self._by_key: dict[str, str] = {}  # `same_name_key` of the ids that are not ASCII → id
        self._rows = 0
        self._again: list[tuple[int, str]] = []  # line and id
        self._unsafe: dict[str, list[tuple[int, str]]] = {}  # what must not be in it → the same

    def take(self, line: int, cell: str) -> str | None:
        """Return the id in a cell, None where it is a problem."""
        self._rows += 1
        name = cell.strip()
        if not self._extension and name not in self._known:
            name = image_id(name)
        if not name:
            self.problems.append(
                f"{self.path}:{line}: got an empty id; expected an image id. Write the id, or remove the line."
            )
        elif _unsafe(name) or name in (".", ".."):
            self._unsafe.setdefault("".join(letter for letter in _UNSAFE if letter in name), []).append((line, name))
        elif name in self.lines:
            self._again.append((line, name))
        elif (other := self._alike(name)) is not None:
            self.problems.append(
                f"{self.path}:{line}: got the id {quoted(name)} in two Unicode forms, {in_ascii(other)} on line "
                f"{self.lines[other]} and {in_ascii(name)} here; expected each image once. Remove one of the lines, or "
                "rename one of the images."
            )
        else:
            self.lines[name] = line
            return name
        return None

    def take_all(self, cells: Sequence[str]) -> bool:
        """Take all cells at once, several times as fast as one by one; nothing is taken where one has a problem."""
        together = "".join(cells)
        stripped = map(image_id, cells) if "." in together and not self._extension else map(str.strip, cells)
        names = dict.fromkeys(stripped, 0)
        if len(names) < len(cells) or {"", ".", ".."} & names.keys() or _unsafe(together):
            return False
        if not together.isascii() and len(set(map(same_name_key, names))) < len(names):
            return False
        self.lines, self._rows = names, len(cells)
        return True

    def finish(self) -> None:
        """Report what several ids share, and a file without rows; call it after the last one."""
        for rows in self._unsafe.values():
            line, name = rows[0]
            self.problems.append(
                f"{self.path}:{line}: got the id {quoted(name)}{_others(rows)}; expected one that can be a file name, "
                "without slash, backslash, line end or NUL, and not '.' or '..'. Write only the id of the image."
            )
        if self._again:
            line, name = self._again[0]
            self.problems.append(
                f"{self.path}:{line}: got the id {quoted(name)} again (first on line {self.lines[name]})"
                f"{_others(self._again)}; expected each image once. Remove one of the lines."
            )
        if not self._rows and not self.problems:
            self.problems.append(
                f"{self.path}: got a header and no rows; expected a line for each image. Check the file."
            )

    def _alike(self, name: str) -> str | None:
        """Return the id that was taken before and differs from this one only in its Unicode form."""
        key = same_name_key(name)
        other = self._by_key.get(key, key if key in self.lines else name)
        if not name.isascii():
            self._by_key.setdefault(key, name)
        return None if other == name else other


def _others(found: Sequence[tuple[int, str]]) -> str:
    """Return `, and so with 2 other rows: 'b' on line 5, 'c' on line 7`; nothing for a single one."""
    if len(found) < 2:
        return ""
    shown = ", ".join(f"{quoted(name)} on line {line}" for line, name in found[1:5])
    return f", and so in {counted(len(found) - 1, 'other row{s}')}: {shown}{', …' if len(found) > 5 else ''}"


def _unsafe(name: str) -> bool:
    return any(letter in name for letter in _UNSAFE)


def _positions(file: CsvFile, task: Task, whole: bool) -> tuple[_Columns, dict[str, _Columns]]:
    """Return where the columns are that belong to no subtask, and those of each subtask that has all it needs."""
    places: dict[str, int] = {}
    for place, cell in enumerate(file.header):
        heading = task.official_heading(cell)
        if heading in places:
            file.problems.append(
                f"{file.where}: got two columns for {heading!r} ({quoted(file.header[places[heading]])} and "
                f"{quoted(cell)}); expected one. Remove or rename the other."
            )
        elif heading:
            places[heading] = place
    positions = {}
    for subtask in task.subtasks:
        headings = subtask.headings if whole else subtask.truth_headings
        missing = [heading for heading in headings if heading not in places]
        if not missing:
            of_subtask = [column for column in subtask.columns if column.heading in headings]
            positions[subtask.name] = [(column, places[column.heading]) for column in of_subtask]
        elif len(missing) < len(headings):
            n_columns = len(headings)
            file.problems.append(
                f"{file.where}: {subtask.name}: got {n_columns - len(missing)} columns; expected {n_columns}. "
                f"Add {', '.join(map(repr, missing))}, or remove the subtask's other columns."
            )
    shared = [(column, places[column.heading]) for column in task.shared_columns if column.heading in places]
    return shared, positions


class _WrongCells:
    """The cells that their columns do not allow; one value of many cells is one problem of the file."""

    def __init__(self, file: CsvFile):
        self._file = file
        self._first: dict[tuple[str, str], list[int]] = {}  # value and what is expected → first line, number of cells
        self._columns: dict[tuple[str, str], dict[str, None]] = {}  # … → headings, in the order in which they are found

    def add(self, line: int, heading: str, value: str, expected: str) -> None:
        """Count a cell."""
        cause = (value, expected)
        if cause not in self._first and len(self._first) >= _MOST_VALUES:
            cause = next(iter(self._first))
        self._first.setdefault(cause, [line, 0])[1] += 1
        self._columns.setdefault(cause, {})[heading] = None

    def finish(self) -> None:
        """Report them."""
        for (value, expected), (line, times) in self._first.items():
            columns = list(self._columns[value, expected])
            of_one = f"{columns[0]}: " if len(columns) == 1 else ""
            of_several = "" if of_one else f" of {len(columns)} columns ({', '.join(map(cut, columns))})"
            count = f" in {counted(times, 'cell{s}')}{of_several}, first on this line" if times > 1 else ""
            self._file.problems.append(
                f"{self._file.path}:{line}: {of_one}got {quoted(value)}{count}; expected {expected}. Correct the "
                f"cell{'s' if times > 1 else ''}."
            )


def _value(column: Column, cell: str, line: int, found: _WrongCells) -> Value | None:
    """Return the value in a cell; None if its column does not allow it, which is counted."""
    value = cell.strip()
    try:
        return column.kind.read(_FLOATS.get(value, value) if isinstance(column.kind, FlagKind) else value)
    except ValueError as error:
        found.add(line, column.heading, cell, str(error))
        return None


def _label(
    subtask: Subtask, columns: Sequence[Column], cells: tuple[str, ...], line: int, found: _WrongCells
) -> Label | None:
    """Return the label in the cells; None if the subtask does not allow one of them, which is counted."""
    if not subtask.plain:
        read = [_value(column, cell, line, found) for column, cell in zip(columns, cells, strict=True)]
        known = tuple(value for value in read if value is not None)
        return known if len(known) == len(read) else None
    values = [cell.strip() for cell in cells]
    if subtask.multi_label:
        values = [_FLOATS.get(value, value) for value in values]
    wrong = [place for place, value in enumerate(values) if value not in subtask.values]
    for place in wrong:
        found.add(line, subtask.headings[place], cells[place], subtask.expected)
    return None if wrong else subtask.from_cells(values)


def _image_ids(folder: Path, extension: bool) -> list[str]:
    """Return the names of the image files in a folder, sorted; without extension unless ids have it."""
    listed = _listed(folder)
    files = ImageFiles(listed)
    problems = Problems()
    for path in files.left_out():
        problems.append(
            f"{path}: got an image in a format that is not supported; without a CSV it would be left out "
            f"unnoticed. Convert it to {either(USUAL_SUFFIXES)}, or remove it from the folder."
        )
    for paths in files.read.values():
        if len(paths) > 1:
            problems.append(
                f"{folder}: got {len(paths)} images for the id {quoted(paths[0].stem)} ({names_of(paths)}); expected "
                "one. Remove or rename the others."
            )
    if not files.read:
        videos = [path.name for path in listed if path.suffix.lower() in VIDEO_SUFFIXES]
        actual = f"no CSV and no images, but {len(videos)} videos ({videos[0]} …)" if videos else "no CSV and no images"
        remedy = " Save one frame of each video as an image first." if videos else ""
        problems.append(
            f"{folder}: got {actual}; expected a CSV, or files that end in {either(USUAL_SUFFIXES)}.{remedy}"
        )
    problems.raise_any()
    return sorted(paths[0].name if extension else paths[0].stem for paths in files.read.values())


def _listed(folder: Path) -> list[Path]:
    """Return the files of a folder by name, without hidden ones: some systems put a `._x.jpg` beside every `x.jpg`."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise LabelFileError(f"{folder}: cannot be listed ({error.strerror}). Check the path of the folder.") from None
