"""Reading a labelled table of which nothing is known: what separates its cells, and whether it has a header."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from submission.csvfile import LARGEST
from submission.errors import LabelFileError
from submission.filekind import file_kind
from submission.kinds import NUMBER
from submission.reading import read_regular
from submission.wording import counted, quoted

MOST_ROWS = 200_000  # that are looked at; a dev set has a hundredth of that
_MOST_COLUMNS = 10_000
_NUMBER = re.compile(NUMBER)
_LOOKED_AT = 200  # lines from which the separator is told
_SEPARATORS = ("\t", ",", ";", " ")
_NAMES_OF_IDS = ("id", "image", "file", "name", "tweet", "video", "topic", "query", "uuid", "photo", "url")


@dataclass
class SniffedTable:
    """A table as it was read.

    container, separator  as in a task file
    header                the headings, None where the first line is a row
    columns               the cells of each column, without blanks around them
    notes                 what was noticed, a sentence each
    """

    container: str
    separator: str
    header: list[str] | None
    columns: list[list[str]]
    notes: list[str] = field(default_factory=list)

    @property
    def n_rows(self) -> int:
        """Number of rows that were looked at."""
        return len(self.columns[0])


def sniff(path: Path) -> SniffedTable:
    """Read a labelled table: cells with a separator, or JSON.

    Raises LabelFileError for what cannot be read, is no table, or has one column alone.
    """
    text = _text(path)
    table = _json(text, path) if text.lstrip()[:1] in ("{", "[") else _cells(text, path)
    if len(table.columns) < 2:
        raise LabelFileError(
            f"{path}: got one column; expected ids and, beside them, labels or scores. Give the dev set with its "
            "labels, or write the task file by hand: mediaeval task new"
        )
    return table


def _text(path: Path) -> str:
    try:
        data = read_regular(path, LARGEST)
    except FileNotFoundError:
        raise LabelFileError(f"{path}: no such file; expected a labelled table. Check the path.") from None
    except IsADirectoryError:
        raise LabelFileError(f"{path}: got a folder; expected a labelled table. Give its CSV or JSON.") from None
    except OSError as error:
        raise LabelFileError(f"{path}: cannot be read ({error.strerror}). Check the file.") from None
    kind = file_kind(data)
    if kind and kind.name != "JSON":
        raise LabelFileError(f"{path}: got {kind.name}; expected a labelled table. {kind.remedy}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelFileError(f"{path}:{line}: got text that is not UTF-8. Save the file as 'CSV UTF-8'.") from None
    if not text.strip():
        raise LabelFileError(f"{path}: got an empty file; expected a labelled table. Check that it was saved in full.")
    return text


def _cells(text: str, path: Path) -> SniffedTable:
    lines = [line for line in text.splitlines() if line.strip()]
    separator = _separator(lines[:_LOOKED_AT])
    if '"' in text:
        delimiter = separator.strip() or separator
        rows = list(islice(filter(None, csv.reader(io.StringIO(text), delimiter=delimiter)), MOST_ROWS + 1))
    else:
        rows = [line.split(separator) for line in lines[: MOST_ROWS + 1]]
    rows = [[cell.strip() for cell in row] for row in rows]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    if width > _MOST_COLUMNS:
        raise LabelFileError(f"{path}: got {width:,} columns; expected at most {_MOST_COLUMNS:,}. Check the file.")
    notes = []
    if len(lines) > MOST_ROWS:
        notes.append(f"The first {MOST_ROWS:,} of {len(lines):,} lines were looked at.")
    if '"' in text:
        notes.append("Some cells are in quotes; run files are written without.")
    if others := [number for number, row in enumerate(rows, 1) if len(row) != width]:
        notes.append(f"{counted(len(others), 'row{s}')} without {width} cells left out, the first is row {others[0]}.")
    kept = [row for row in rows if len(row) == width]
    header = kept.pop(0) if _is_header(kept) else None
    if not kept:
        raise LabelFileError(f"{path}: got a header and no row; expected a labelled table. Give the dev set.")
    container = "tsv" if separator == "\t" else "csv"
    return SniffedTable(container, separator, header, [list(column) for column in zip(*kept, strict=True)], notes)


def _separator(lines: Sequence[str]) -> str:
    """Return the separator by which the lines have equally many cells, and the most of them."""
    if all(line.count(", ") == line.count(",") > 0 for line in lines):
        return ", "
    best, most = ",", (0.0, 0)
    for separator in _SEPARATORS:
        numbers = Counter(line.count(separator) for line in lines if line.strip())
        number, times = max(numbers.items(), key=lambda item: (item[0] > 0, item[1]))
        fit = (times / len(lines), -_SEPARATORS.index(separator))
        if number and fit > most:
            best, most = separator, fit
    return best


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row names the columns: it has text above numbers, or words that no row has again."""
    first, others = rows[0], rows[1:]
    if not others or len(set(first)) < len(first):
        return False
    for place, cell in enumerate(first[1:], 1):
        if is_number(cell) and not all(row[place] == cell for row in others):
            return False
        if not is_number(cell) and all(is_number(row[place]) for row in others):
            return True
    if not any(map(str.isdigit, first[0])) and any(name in first[0].lower() for name in _NAMES_OF_IDS):
        return True
    seen = [{row[place] for row in others} for place in range(1, len(first))]
    return all(len(cells) * 3 <= len(others) and first[place] not in cells for place, cells in enumerate(seen, 1))


def _json(text: str, path: Path) -> SniffedTable:
    """Read one object id → answer, a list of such objects or of records, or a record a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    container = "json"
    try:
        try:
            tree = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        except json.JSONDecodeError:
            tree = [json.loads(line, parse_int=str, parse_float=str, parse_constant=str) for line in lines]
            container = "jsonl"
    except (json.JSONDecodeError, RecursionError) as error:
        raise LabelFileError(f"{path}: got text that begins like JSON and is none ({error}). Check the file.") from None
    notes = ["The table is JSON. Is a run file, too? Set container = 'csv' if not."]
    if isinstance(tree, list) and tree and all(isinstance(one, dict) and len(one) == 1 for one in tree):
        tree = {key: value for one in tree for key, value in one.items()}
        notes.append("The table is a list of objects with one id each; as a run file it would be one object.")
    if isinstance(tree, dict):
        answers = list(islice(tree.items(), MOST_ROWS))
        if answers and isinstance(answers[0][1], dict):
            records: list[Any] = [{"id": key, **value} for key, value in answers if isinstance(value, dict)]
        else:
            records = [{"id": key, "answer": value} for key, value in answers]
    else:
        records = [one for one in tree[:MOST_ROWS] if isinstance(one, dict)]
        container = "jsonl"
    if not records:
        raise LabelFileError(f"{path}: got JSON without records; expected objects with an id and labels.")
    header = list(records[0])
    columns = [[_plain(record.get(key, "")) for record in records] for key in header]
    return SniffedTable(container, ",", header, columns, notes)


def _plain(value: Any) -> str:
    """Return a value of JSON as the text of a cell; the items of a list are separated by semicolons."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list):
        return ";".join(map(_plain, value))
    return "" if value is None else str(value).strip()


def is_number(cell: str) -> bool:
    """Return whether a cell holds a number."""
    return len(cell) <= 100 and _NUMBER.fullmatch(cell) is not None


def slug(text: str, taken: Iterable[str] = ()) -> str:
    """Return a name for files made of a text: its letters and digits, in lower case.

    >>> slug("Progressive motility (%)")
    'progressive_motility'
    """
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower()).split()
    name = "_".join(words)[:40] or "task"
    return f"{name}_{len(set(taken))}" if name in taken else name


def shown_values(values: Iterable[str], limit: int = 3) -> str:
    """Return the first few values for a comment: `'a', 'b', …`."""
    first = list(islice(values, limit + 1))
    return ", ".join(quoted(value, 30) for value in first[:limit]) + (", …" if len(first) > limit else "")
