"""The values of a run file in JSON: of which type of JSON each must be, and what cell it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from submission.jsonfile import Number, Pairs
from submission.kinds import ConstantKind, FlagKind, Kind, LabelKind, RankKind, ScoreKind, SetKind
from submission.problems import Findings

_TYPES: dict[type, tuple[str, str]] = {  # what JSON reads → what is expected, what to do
    Number: ("a number", "Write it without quotes."),
    str: ("text", "Write it in double quotes."),
    list: ("a list of text, such as ['a', 'b']", "Write a list, of text that is not empty and holds no separator."),
}
_ID_REMEDY = "Write ids in double quotes: as numbers, long ones lose their last digits in many readers."


def json_type(kind: Kind) -> type:
    """Return what a value is in JSON: `Number`, `str`, or `list` of texts.

    Class names are numbers where all of them are whole numbers.
    """
    if isinstance(kind, ConstantKind):
        return json_type(kind.kind)
    if isinstance(kind, LabelKind):
        return Number if all(map(_is_whole, kind.labels)) else str
    if isinstance(kind, SetKind):
        return list
    return Number if isinstance(kind, FlagKind | ScoreKind | RankKind) else str


class JsonCells:
    """Makes cells of the values of some columns, each (key, kind), and reports values of another type."""

    def __init__(self, columns: Sequence[tuple[str, Kind]], found: Findings):
        self.kinds = [kind for _, kind in columns]
        self._columns = [(key, kind, json_type(kind)) for key, kind in columns]
        self._found = found

    def of_id(self, value: Any, line: int, key: str) -> str:
        """Return the id that a value is; empty where it is none."""
        if isinstance(value, str) and not isinstance(value, Number):
            return self.text(value, line)
        if value is None:
            return ""
        self.report_type(value, line, "text", _ID_REMEDY, key)
        return "" if isinstance(value, list) else _shown(value)

    def of_row(self, values: Sequence[Any], line: int) -> list[str] | None:
        """Return the cells of a row, one for each column; None where a value is nothing that a cell could be."""
        cells = [self._cell(value, line, *column) for value, column in zip(values, self._columns, strict=True)]
        known = [cell for cell in cells if cell is not None]
        return known if len(known) == len(cells) else None

    def _cell(self, value: Any, line: int, key: str, kind: Kind, wanted: type) -> str | None:
        if isinstance(value, str) and type(value) is wanted:
            return self.text(value, line)
        if value is None and wanted is not list:
            return ""  # reported as an empty cell
        if type(value) is list and wanted is list:
            assert isinstance(kind, SetKind), "another kind than a set is a list"
            if all(type(item) is str and item and kind.separator not in item for item in value):
                return self.text(kind.separator.join(value), line)
            cell = None
        else:
            cell = None if isinstance(value, list) or value is None else _shown(value)
        if cell is None or (type(value) is not wanted and _allows(kind, cell)):  # otherwise the cell itself is wrong
            self.report_type(value, line, *_TYPES[wanted], key)
        return cell

    def report_type(self, value: Any, line: int, expected: str, remedy: str, key: str | None = None) -> None:
        """Report a value of another type than expected."""
        self._found.count("json-type", line, _json(value), expected, remedy, column=key, noun="value{s}")

    def text(self, text: str, line: int) -> str:
        """Return text as UTF-8 can write it, without half letters."""
        if not text.isascii() and not _is_unicode(text):
            self._found.count("not-utf8", line, text, "UTF-8", "Write the letter itself in place of half a \\u escape.")
            text = text.encode(errors="replace").decode()
        return str(text)


def _allows(kind: Kind, cell: str) -> bool:
    try:
        kind.read(cell)
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    """Return a scalar as text, as JSON has it."""
    return value if isinstance(value, str) else {True: "true", False: "false", None: "null"}[value]


def _json(value: Any) -> str:
    """Return the beginning of a value as it is in the file, for messages."""
    if isinstance(value, Pairs):
        return "{" + ", ".join(f'"{key}": …' for key, _ in value[:2]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value[:3])) + (", …]" if len(value) > 3 else "]")
    return f'"{value}"' if type(value) is str else _shown(value)


def _is_whole(label: str) -> bool:
    return label.isascii() and label.isdecimal() and (label == "0" or label[0] != "0")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
