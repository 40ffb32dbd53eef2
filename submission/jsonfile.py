r"""JSON that a stranger may have written, read strictly: every number as it is written, every object as its pairs.

    for line, value in JsonText('{"id": "a", "prob": 0.50}\n').lines(): ...   # `jsonl`: a value a line
    for line, key, value in JsonText('{"a": 0.50}').entries(): ...            # `json`: one object

A number stays text (`Number`), so that 19 digits survive and a text is not taken for a number; an object is a list of
its pairs (`Pairs`), so that a key that occurs twice is seen. Time and memory are linear in the text.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from json.decoder import JSONDecodeError
from json.decoder import scanstring as _scan_string  # type: ignore[attr-defined]
from typing import Any

NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?"  # as JSON has it
STRING = r'"[^"\\\x00-\x1f]*+"'  # without escapes
BLANKS = r"[ \t\r\n]*+"


class Number(str):
    """A number as it is written: `0.50`, `1e3`; also `NaN` and `Infinity`, which JSON lacks and Python writes."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object: its keys and values, in the order of the file."""

    __slots__ = ()


@dataclass(frozen=True)
class Run:
    """Lines or entries of a known form that follow each other: their lines, and the groups of all in one list."""

    lines: Sequence[int]
    groups: list[str]


class JsonError(ValueError):
    """Text that is not JSON; `line`, from 1, and `reason`, in words."""

    def __init__(self, line: int, reason: str):
        super().__init__(reason)
        self.line = line
        self.reason = reason


_DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_float=Number, parse_int=Number, parse_constant=Number, strict=True
)
_scan: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]
_blanks = re.compile(BLANKS).match
_RUN = 50_000  # lines or entries that are given at once
_FAULTS = (JSONDecodeError, StopIteration, RecursionError)


class JsonText:
    """A text of JSON.

    `known`, if it is set, matches lines or entries of a form that the caller can read from its groups, several times as
    fast: these are given as a `Run`. Of `lines` it must match the line with its end; of `entries` an entry with the
    comma and the blanks behind it, where another one follows.
    """

    def __init__(self, text: str):
        self.text = text
        self.blank_lines: list[int] = []  # the first one, how many
        self.known: Callable[[str, int], re.Match[str] | None] | None = None

    def lines(self) -> Iterator[tuple[int, Any]]:
        """Yield line number, from 1, and value of every line that is not blank.

        It is a JsonError where it is not JSON, and a Run of several lines where they are known.
        """
        text, start, line = self.text, 0, 0
        while start < len(text):
            if self.known and (found := self.known(text, start)):
                groups: list[str] = []
                first = line + 1
                while found and line - first < _RUN:
                    line += 1
                    groups += found.groups()
                    start = found.end()
                    found = self.known(text, start)
                yield first, Run(range(first, line + 1), groups)
                continue
            line += 1
            end = text.find("\n", start)
            end = len(text) if end < 0 else end
            one = text[start:end]
            start = end + 1
            if one and not one.isspace():
                yield line, _value(one, line)
            else:
                first, times = self.blank_lines or (line, 0)
                self.blank_lines = [first, times + 1]

    def items(self) -> Iterator[tuple[int, Any]]:
        """Yield line number, from 1, and value of every item of the one list that the text is.

        Raises JsonError where it is anything else; what precedes the fault has been given by then.
        """
        text, line, counted = self.text, 1, 0
        place = _after_blanks(text, 0)
        try:
            place = _expect("[", text, place)
            while text[place : place + 1] != "]":
                line += text.count("\n", counted, place)
                counted = place
                value, place = _scan(text, place)
                yield line, value
                place = _after_blanks(text, place)
                if text[place : place + 1] != "]":
                    place = _expect(",", text, place)
            place = _after_blanks(text, place + 1)
            if place < len(text):
                raise JSONDecodeError("expecting nothing behind the list", text, place)
        except _FAULTS as error:
            raise _error_of(error, text, 1) from None

    def entries(self) -> Iterator[tuple[int, str, Any]]:
        """Yield line number, from 1, key and value of every entry of the one object that the text is.

        It is a Run of several entries where they are known.

        Raises JsonError where it is anything else; what precedes the fault has been given by then.
        """
        text, line, counted = self.text, 1, 0
        place = _after_blanks(text, 0)
        try:
            place = _expect("{", text, place)
            while text[place : place + 1] != "}":
                line += text.count("\n", counted, place)
                counted = place
                if self.known and (found := self.known(text, place)):
                    groups, lines = list[str](), array("Q")
                    while found and len(lines) < _RUN:
                        line += text.count("\n", counted, place)
                        counted = place
                        lines.append(line)
                        groups += found.groups()
                        place = found.end()
                        found = self.known(text, place)
                    yield line, "", Run(lines, groups)
                    continue
                if text[place : place + 1] != '"':
                    raise JSONDecodeError("expecting a key in double quotes", text, place)
                key, place = _scan_string(text, place + 1, True)
                value, place = _scan(text, _expect(":", text, _after_blanks(text, place)))
                yield line, key, value
                place = _after_blanks(text, place)
                if text[place : place + 1] != "}":
                    place = _expect(",", text, place)
                    if text[place : place + 1] == "}":
                        raise JSONDecodeError("expecting another entry behind ','", text, place)
            place = _after_blanks(text, place + 1)
            if place < len(text):
                raise JSONDecodeError("expecting nothing behind the object", text, place)
        except _FAULTS as error:
            raise _error_of(error, text, 1) from None


def _value(text: str, line: int) -> object:
    """Return the value that a line is, or a JsonError."""
    try:
        value, place = _scan(text, _after_blanks(text, 0))
        place = _after_blanks(text, place)
        if place < len(text):
            raise JSONDecodeError("expecting nothing behind the value", text, place)
    except _FAULTS as error:
        return _error_of(error, text, line)
    return value


def _expect(letter: str, text: str, place: int) -> int:
    """Return the place behind a letter and the blanks that follow it."""
    if text[place : place + 1] != letter:
        raise JSONDecodeError(f"expecting '{letter}'", text, place)
    return _after_blanks(text, place + 1)


def _after_blanks(text: str, place: int) -> int:
    found = _blanks(text, place)
    assert found, "a pattern that allows nothing matched nothing"
    return found.end()


def _error_of(error: Exception, text: str, first: int) -> JsonError:
    """Return what is wrong with a text whose first line has the number `first`."""
    if isinstance(error, RecursionError):
        return JsonError(first, "nested too deeply")
    if isinstance(error, StopIteration):
        place, what = int(error.value), "expecting a value"
    else:
        assert isinstance(error, JSONDecodeError), f"an error of another kind: {error!r}"
        place, what = error.pos, error.msg[:1].lower() + error.msg[1:]
    column = place - text.rfind("\n", 0, place)
    return JsonError(first + text.count("\n", 0, place), f"{what}, at character {column}")
