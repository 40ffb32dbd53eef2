"""Labelled CSVs, read leniently: the dev set, the released truth, a list of test ids.

Lenient about how a file is dressed (byte-order mark, line ends, quotes, an index column, ids with an extension), strict
about what it says: every id and every label is understood, or the file is refused with all its problems at once.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from submission.errors import LabelFileError
from submission.tasks import TASKS, official_heading

ID_NAMES = ("id", "filename")  # the dev set's name for its id column, and the released truth's
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")  # in any case
_OTHER_IMAGES = (".avif", ".bmp", ".gif", ".heic", ".jfif", ".jp2", ".tif", ".tiff")
_VIDEOS = (".avi", ".flv", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")

_SHOWN_PROBLEMS = 20  # more than these are counted, not listed
_ZERO_ONE = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}  # pandas writes 1.0 once a column has held a missing value
_UNSAFE = "/\\\0\r\n"


@dataclass(frozen=True)
class LabelTable:
    """A CSV of image ids and labels, read by column name.

    `header` is the id column and then the label columns, cells verbatim, in file order; other columns are left out.
    `ids` are in file order, without extension, each once.
    `labels` is subtask name → image id → `negative`, `neutral` or `positive` for subtask1; a tuple of 0 and 1 in the
    order of `TASKS[subtask].labels` for subtask2 (7) and subtask3 (10). A subtask that the file lacks is no key.
    """

    path: Path
    header: tuple[str, ...]
    ids: tuple[str, ...]
    labels: dict[str, dict[str, str | tuple[int, ...]]]


def read_labels(path: Path) -> LabelTable:
    """Read a dev set, a truth file or a test list.

    Raises LabelFileError with every problem of the file: no file, a folder, not UTF-8, no id column, two columns for
    one heading, a subtask with only some of its columns, a row of another length, an empty, repeated or unsafe id, a
    label outside its domain.
    """
    path = Path(path)
    rows = _rows(path)
    line, header = next(rows)
    problems: list[str] = []
    id_position = _id_position(f"{path}:{line}", header, problems)
    positions = _label_positions(
        f"{path}:{line}", header, problems
    )  # subtask → where its columns stand, in the order of its labels
    labels: dict[str, dict[str, str | tuple[int, ...]]] = {subtask: {} for subtask in positions}
    known: dict[str, dict] = {subtask: {} for subtask in positions}  # cells → label; few distinct ones exist
    ids = _Ids(path, problems)
    for line, cells in _full_rows(path, rows, len(header), problems):
        name = ids.take(line, cells[id_position]) if id_position is not None else None
        for subtask, places in positions.items():
            key = tuple([cells[place] for place in places])
            label = known[subtask].get(key)
            if label is None:
                label = _label(subtask, key, f"{path}:{line}", problems)
                if label is None:
                    continue
                known[subtask][key] = label
            if name is not None:
                labels[subtask][name] = label
    ids.finish()
    _raise(problems)
    places = sorted(place for subtask in positions.values() for place in subtask)
    return LabelTable(path, tuple(header[place] for place in (id_position, *places)), tuple(ids.lines), labels)


def read_ids(path: Path) -> list[str]:
    """The image ids of a test list: a CSV in its own order, or a folder.

    A folder is read by its CSV (see `find_csv`); without one the ids are the names of the image files in `images/`, or
    in the folder itself where it has no `images/`, sorted. Only the id column is looked at.

    Raises LabelFileError with every problem: as `read_labels`, two images of one name, no images.
    """
    path = Path(path)
    if path.is_dir():
        table = find_csv(path)
        if table is None:
            return _image_ids(path / "images" if (path / "images").is_dir() else path)
        path = table
    rows = _rows(path)
    line, header = next(rows)
    problems: list[str] = []
    id_position = _id_position(f"{path}:{line}", header, problems)
    _raise(problems)
    ids = _Ids(path, problems)
    if not ids.take_all([cells[id_position] for _, cells in _full_rows(path, rows, len(header), problems)]):
        problems.clear()  # read again, one by one, to tell the line of each problem
        rows = _rows(path)
        next(rows)
        for line, cells in _full_rows(path, rows, len(header), problems):
            ids.take(line, cells[id_position])
    ids.finish()
    _raise(problems)
    return list(ids.lines)


def find_csv(folder: Path) -> Path | None:
    """The CSV of a dataset folder: `devset.csv`, else `testset.csv`, else the only CSV there; None where there is none.

    Raises LabelFileError when the folder cannot be listed, holds both `devset.csv` and `testset.csv`, or holds several
    other CSVs: the user names the file meant.
    """
    folder = Path(folder)
    found = [path for path in _listed(folder) if path.suffix.lower() == ".csv"]
    named = [path for path in found if path.name.lower() in ("devset.csv", "testset.csv")]
    candidates = named or found
    if len(candidates) > 1:
        names = ", ".join(path.name for path in candidates)
        raise LabelFileError(
            f"{folder}: {len(candidates)} CSVs came ({names}), one was wanted. Give the path of the file that is meant."
        )
    return candidates[0] if candidates else None


def image_id(name: str) -> str:
    """The id that a cell or a file name stands for: without blanks around it and without an image extension."""
    name = name.strip()
    if "." not in name:
        return name
    stem, dot, suffix = name.rpartition(".")
    return stem if dot + suffix.lower() in IMAGE_SUFFIXES else name


class _Ids:
    """The ids of a file as they come; a repeated, empty or unsafe one becomes a problem."""

    def __init__(self, path: Path, problems: list[str]):
        self.path = path
        self.problems = problems
        self.lines: dict[str, int] = {}  # image id → its line, in file order
        self.rows = 0

    def take(self, line: int, cell: str) -> str | None:
        self.rows += 1
        name = image_id(cell)
        if not name:
            self.problems.append(f"{self.path}:{line}: an empty id came. Give the image its id, or remove the line.")
        elif _unsafe(name) or name in (".", ".."):
            self.problems.append(
                f"{self.path}:{line}: the id {name!r} came; ids become file names, so they hold no slash, backslash, "
                "line end or NUL and are not '.' or '..'. Write the bare id of the image."
            )
        elif name in self.lines:
            self.problems.append(
                f"{self.path}:{line}: the id {name!r} came again (first on line {self.lines[name]}); each image is "
                "wanted once. Remove one of the lines."
            )
        else:
            self.lines[name] = line
            return name
        return None

    def take_all(self, cells: Sequence[str]) -> bool:
        """Take all cells at once, several times as fast as one by one; nothing is taken where one has a problem."""
        together = "".join(cells)
        stripped = map(image_id, cells) if "." in together else map(str.strip, cells)
        names = dict.fromkeys(stripped, 0)
        if len(names) < len(cells) or {"", ".", ".."} & names.keys() or _unsafe(together):
            return False
        self.lines, self.rows = names, len(cells)
        return True

    def finish(self) -> None:
        if not self.rows and not self.problems:
            self.problems.append(
                f"{self.path}: a header and no rows came. Wanted a line for each image; check the file."
            )


def _unsafe(name: str) -> bool:
    return any(letter in name for letter in _UNSAFE)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that holds anything, the header first; there is always a header."""
    text = _text(path)
    plain = '"' not in text and "\r" not in text  # then lines are split several times as fast
    reader = csv.reader(text.split("\n") if plain else io.StringIO(text, newline=""), strict=True)
    empty = True
    try:
        for cells in reader:
            if cells:
                empty = False
                yield reader.line_num, cells
    except csv.Error as error:
        raise LabelFileError(
            f"{path}:{reader.line_num}: the quotes cannot be read ({error}). Write the file again without quotes."
        ) from None
    if empty:
        raise LabelFileError(
            f"{path}: an empty file came. Wanted a CSV with a header; check that it was saved in full."
        )


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise LabelFileError(f"{path}: no such file. Wanted a CSV of image ids; check the path.") from None
    except IsADirectoryError:
        raise LabelFileError(f"{path}: a folder came, a CSV was wanted. Give the path of the CSV itself.") from None
    except OSError as error:
        raise LabelFileError(
            f"{path}: cannot be read ({error.strerror}). Check the file and its permissions."
        ) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelFileError(
            f"{path}:{line}: byte 0x{data[error.start]:02x} came, UTF-8 was wanted. Save the file as 'CSV UTF-8'."
        ) from None


def _full_rows(
    path: Path, rows: Iterator[tuple[int, list[str]]], width: int, problems: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """The rows of as many cells as the header; others become problems, rows of nothing but blanks are passed over."""
    for line, cells in rows:
        first = cells[0]
        if (not first or first.isspace()) and not any(map(str.strip, cells)):
            continue
        if len(cells) == width:
            yield line, cells
        else:
            problems.append(
                f"{path}:{line}: {len(cells)} cells came, the header has {width}. "
                "Correct the line, and look for a comma too many or too few."
            )


def _id_position(where: str, header: Sequence[str], problems: list[str]) -> int | None:
    positions = [place for place, cell in enumerate(header) if cell.strip().lower() in ID_NAMES]
    if len(positions) == 1:
        return positions[0]
    if positions:
        names = " and ".join(repr(header[place]) for place in positions)
        problems.append(f"{where}: two columns of ids came ({names}), one was wanted. Rename or remove the other.")
        return None
    found = ", ".join(header[:5]) + (", …" if len(header) > 5 else "")
    separated = next((delimiter for delimiter in ";\t|" if delimiter in header[0]), None)
    remedy = "Rename the column of image ids to 'id'."
    if len(header) == 1 and separated:
        remedy = f"The cells seem to be separated by {separated!r}: save the file with commas."
    problems.append(f"{where}: no column 'id' or 'filename' (found {found}). {remedy}")
    return None


def _label_positions(where: str, header: Sequence[str], problems: list[str]) -> dict[str, list[int]]:
    """Subtask → the places of its columns in the order of its labels, for the subtasks that are there in full."""
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        heading = official_heading(cell)
        if heading in places:
            problems.append(
                f"{where}: two columns for {heading!r} came ({header[places[heading]]!r} and {cell!r}). "
                "One was wanted: remove or rename the other."
            )
        elif heading:
            places[heading] = place
    positions = {}
    for task in TASKS.values():
        missing = [heading for heading in task.headings if heading not in places]
        if not missing:
            positions[task.name] = [places[heading] for heading in task.headings]
        elif len(missing) < len(task.headings):
            problems.append(
                f"{where}: {task.name} has {len(task.headings) - len(missing)} of its {len(task.headings)} columns. "
                f"Add {', '.join(map(repr, missing))}, or remove the subtask's other columns."
            )
    return positions


def _label(subtask: str, cells: tuple[str, ...], where: str, problems: list[str]) -> str | tuple[int, ...] | None:
    """The label that the cells stand for; None when one is outside its domain, which becomes a problem."""
    task = TASKS[subtask]
    if not task.multi_label:
        label = cells[0].strip()
        if label in task.labels:
            return label
        problems.append(
            f"{where}: {task.column}: {label!r} came, negative, neutral or positive was wanted. Correct the cell."
        )
        return None
    values = [_ZERO_ONE.get(cell.strip()) for cell in cells]
    for heading, cell, value in zip(task.headings, cells, values, strict=True):
        if value is None:
            problems.append(f"{where}: {heading}: {cell!r} came, 0 or 1 was wanted. Correct the cell.")
    return None if None in values else tuple(values)


def _image_ids(folder: Path) -> list[str]:
    """The names of the image files in a folder, without extension, sorted."""
    files: dict[str, str] = {}
    problems = []
    for path in _listed(folder):
        if path.suffix.lower() in _OTHER_IMAGES:
            problems.append(
                f"{path}: an image of this format is not read, and without a CSV it would be left out unseen. Convert "
                f"it to one of {', '.join(IMAGE_SUFFIXES)}, or take it out of the folder."
            )
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        if path.stem in files:
            problems.append(
                f"{folder}: two images for the id {path.stem!r} came ({files[path.stem]} and {path.name}). "
                "One was wanted: remove or rename the other."
            )
        files[path.stem] = path.name
    if not files:
        videos = [path.name for path in _listed(folder) if path.suffix.lower() in _VIDEOS]
        came = f"no CSV and no images came, but {len(videos)} videos ({videos[0]} …)" if videos else ""
        problems.append(
            f"{folder}: {came or 'no CSV and no images came'}. Wanted a CSV, or files that end in "
            f"{', '.join(IMAGE_SUFFIXES)}." + (" Save one frame of each video as an image first." if videos else "")
        )
    _raise(problems)
    return sorted(files)


def _listed(folder: Path) -> list[Path]:
    """The files of a folder by name; hidden ones are left out, as some systems put a `._x.jpg` beside every `x.jpg`."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise LabelFileError(f"{folder}: cannot be listed ({error.strerror}). Check the path of the folder.") from None


def _raise(problems: list[str]) -> None:
    if len(problems) > _SHOWN_PROBLEMS:
        rest = len(problems) - _SHOWN_PROBLEMS
        problems = [*problems[:_SHOWN_PROBLEMS], f"… and {rest} more"]
    if problems:
        raise LabelFileError(*problems)
