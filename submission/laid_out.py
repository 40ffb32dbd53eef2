"""Dev sets, truths and lists of ids that are no CSV with a header: written as the task's run files are, or in JSON.

15236.jpg<tab>1<tab>0                        cells by their places, where the task's run files have no header
[{"912629686458568704": 0}, …]               one object an id; also {id: answer, …}
{"id": "a", "sky": "clear"}                  records, in a list or one a line
["912629686458568704", …]                    ids alone
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from submission.csvfile import CsvFile, Problems, read_text
from submission.errors import LabelFileError
from submission.jsonfile import JsonError, JsonText, Pairs
from submission.kinds import Kind, SetKind
from submission.names import visible
from submission.separators import DELIMITERS
from submission.task import Task
from submission.wording import both, counted, cut, either, quoted

_Row = tuple[int, list[str]]


def open_labels(path: Path, task: Task) -> CsvFile:
    """Open a table of ids, or of ids and labels, in whatever form of these the task may have it.

    Raises LabelFileError as `CsvFile` does, and for JSON that is damaged or of another form.
    """
    path = Path(path)
    layout = task.layout
    if layout.is_table and layout.header and layout.separator.strip() == "," and path.suffix.lower() not in _JSON:
        return CsvFile(path, task.id_columns)
    text = read_text(path, may_be_json=True)
    if text.lstrip()[:1] in ("{", "["):
        return _json(path, text, task)
    first = next((line for line in text.splitlines() if line.strip()), "")
    names_ids = [visible(cell.strip('"')).lower() in task.id_columns for cell in first.split(",")]
    if any(names_ids) or not layout.is_table:
        return CsvFile(path, task.id_columns)
    return _cells(path, text, task)


_JSON = (".json", ".jsonl")


class LaidOutFile(CsvFile):
    """A table whose rows have been found already; `remedy`: what to do about one of another length."""

    def __init__(
        self, path: Path, line: int, header: Sequence[str], found: Iterable[_Row], remedy: str, id_position: int = 0
    ):
        self.path = path
        self.problems = Problems()
        self.line, self.header = line, list(header)
        self.id_position = id_position
        self._found = list(found)
        self._remedy = remedy

    def rows(self) -> Iterator[_Row]:
        """Yield line number and cells of every row; one of another length is a problem, and left out."""
        width = len(self.header)
        for line, cells in self._found:
            if len(cells) == width:
                yield line, cells
            else:
                self.problems.append(
                    f"{self.path}:{line}: got {counted(len(cells), 'cell{s}')}; expected {width}. {self._remedy}"
                )


def _cells(path: Path, text: str, task: Task) -> CsvFile:
    """Read cells with the separator of the task's run files, or a usual one in its place, with or without a header."""
    separator, rows = _rows(path, text, task)
    if not rows:
        raise LabelFileError(f"{path}: got an empty file; expected ids. Check that it was saved in full.")
    line, first = rows[0]
    remedy = "Look for an extra or a missing separator."
    named = [place for place, cell in enumerate(first) if visible(cell).lower() in task.id_columns]
    if named:
        return LaidOutFile(path, line, first, rows[1:], remedy, named[0])
    if task.layout.header:
        return CsvFile(path, task.id_columns)  # which says what is missing
    headings = [column.heading for column in task.columns]
    of_truth = [heading for subtask in task.subtasks for heading in subtask.truth_headings]
    known = {1: [], 1 + len(of_truth): of_truth, 1 + len(headings): headings}
    if task.is_ranked and len(first) not in known:
        of_judgements = ["", *(f"column {place}" for place in range(2, len(first) + 1))]
        return LaidOutFile(path, 0, [task.id_column, *of_judgements[1:]], rows, remedy)
    if len(first) not in known:
        numbers = either([str(number) for number in sorted(known)])
        names = both([repr(heading) for heading in headings[:5]])
        raise LabelFileError(
            f"{path}:{line}: got {counted(len(first), 'cell{s}')} ({cut(separator.join(first))}); expected {numbers}: "
            f"the id, then {names}. {remedy}"
        )
    return LaidOutFile(path, 0, [task.id_column, *known[len(first)]], rows, remedy)


def _rows(path: Path, text: str, task: Task) -> tuple[str, list[_Row]]:
    """Return what separates the cells, and line number and cells of each row that is not blank."""
    separator = task.layout.separator
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((line for line in lines if line.strip()), "")
    if separator[0] not in first:  # an id holds none of these; in a list of ids there is none either
        separator = next((one for one in DELIMITERS if one in first), separator)
    if '"' not in text:
        split = str.split if separator == " " else partial(_split, separator[0])
        return separator, [(line, split(row)) for line, row in enumerate(lines, 1) if row.strip()]
    padded = separator == ", "
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=separator[0], skipinitialspace=padded, strict=True)
    try:
        return separator, [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        line = reader.line_num
        raise LabelFileError(
            f"{path}:{line}: the quotes cannot be read ({error}). Write the file again without quotes."
        ) from None


def _split(delimiter: str, row: str) -> list[str]:
    return row.split(delimiter)


def _json(path: Path, text: str, task: Task) -> CsvFile:
    """Read ids with their answers, records, or ids alone."""
    try:
        entries = list(_entries(text, task))
    except JsonError as error:
        raise LabelFileError(f"{path}:{error.line}: the JSON is damaged: {error.reason}. Write it again.") from None
    if not entries:
        raise LabelFileError(f"{path}: got JSON without an entry; expected ids. Check that it was saved in full.")
    of_truth = [heading for subtask in task.subtasks for heading in subtask.truth_headings]
    records = [entry for entry in entries if isinstance(entry[2], Pairs)]
    if records:
        present = {task.official_heading(str(key)) for key, _ in records[0][2]}
        headings = [column.heading for column in task.columns if column.heading in present]
    else:
        headings = [] if entries[0][2] is None else of_truth
    if headings and not records and len(headings) != 1:
        raise LabelFileError(
            f"{path}:{entries[0][0]}: got one answer an id; expected an object with {both(list(map(repr, headings)))}."
        )
    kinds = [task.kind_of[heading] for heading in headings]
    rows = [(line, [name, *_of_entry(answer, headings, kinds, task)]) for line, name, answer in entries]
    return LaidOutFile(path, 0, [task.id_column, *headings], rows, "Write each entry like the others.")


def _entries(text: str, task: Task) -> Iterator[tuple[int, str, Any]]:
    """Yield line, id and answer; None for an id alone. Raises JsonError."""
    reader = JsonText(text)
    if text.lstrip()[0] == "[":
        values: Iterable[tuple[int, Any]] = reader.items()
    else:
        lines = reader.lines()
        first = next(lines)
        if isinstance(first[1], JsonError) or not _id_of(first[1], task):
            yield from reader.entries()
            return
        values = chain([first], lines)
    for line, value in values:
        if isinstance(value, JsonError):
            raise value
        if isinstance(value, Pairs) and (name := _id_of(value, task)):
            yield line, name, value
        elif isinstance(value, Pairs) and len(value) == 1:
            yield line, value[0][0], value[0][1]
        elif isinstance(value, str):
            yield line, str(value), None
        else:
            raise JsonError(line, f"got {quoted(value)}; expected an id, or an object with an id and answers")


def _id_of(value: Any, task: Task) -> str:
    """Return the id in a record, or nothing."""
    if not isinstance(value, Pairs):
        return ""
    return next((str(inner) for key, inner in value if key.lower() in task.id_columns and isinstance(inner, str)), "")


def _of_entry(answer: Any, headings: Sequence[str], kinds: Sequence[Kind], task: Task) -> list[str]:
    """Return the cells of an answer: one value, or a record of several."""
    if not isinstance(answer, Pairs):
        return [_cell(answer, kinds[0])] if kinds else []
    values = {task.official_heading(str(key)): value for key, value in answer}
    return [_cell(values.get(heading), kind) for heading, kind in zip(headings, kinds, strict=True)]


def _cell(value: Any, kind: Kind) -> str:
    """Return a value of JSON as a cell has it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list) and not isinstance(value, Pairs) and isinstance(kind, SetKind):
        return kind.separator.join(map(str, value))
    return "" if value is None else str(value)
