"""Tables by image id that hold no labels: groups, splits, norms."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from submission.csvfile import CsvFile
from submission.labels import Ids

ID_COLUMNS = ("id", "filename")  # in lower case


@dataclass(frozen=True)
class Table:
    """A CSV by image id: `rows` is id → cells in the order of `columns`, all text, without blanks around them.

    The column of ids is none of `columns`, among which two may be equal. Ids are without extension, in file order.
    """

    path: Path
    columns: tuple[str, ...]
    rows: dict[str, list[str]]


def read_table(
    path: Path, id_columns: Sequence[str] = ID_COLUMNS, known: Collection[str] = (), *, extension: bool = False
) -> Table:
    """Read a CSV that has a column of ids.

    id_columns  the headings that this column may have, in lower case
    known       ids that are taken as they are, even where they seem to have an extension
    extension   whether all are

    Raises LabelFileError with every problem of the file, as `submission.labels.read_labels` does.
    """
    file = CsvFile(path, id_columns)
    columns = [cell.strip() for cell in file.header]
    ids = Ids(file, known, extension=extension)
    rows: dict[str, list[str]] = {}
    for line, cells in file.rows():
        if file.id_position is None:
            continue
        name = ids.take(line, cells.pop(file.id_position))
        if name is not None:
            rows[name] = [cell.strip() for cell in cells]
    if file.id_position is not None:
        ids.finish()
        columns.pop(file.id_position)
    file.problems.raise_any()
    return Table(file.path, tuple(columns), rows)
