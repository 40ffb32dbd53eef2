"""On which line of a TOML file each key is, which Python's reader does not tell.

The text is one that `tomllib` has read, so that only what is allowed has to be recognised: tables, tables of a list,
dotted keys, lists over several lines and inline tables.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

Place = tuple[str | int, ...]  # keys, and positions in lists from 0: ("columns", 1, "type")

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*""")
_TEXT = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}' + r"|'''(?:[^']|'(?!''))*'{3,5}" + r'|"(?:[^"\\]|\\.)*"' + r"|'[^']*'",
    re.DOTALL,
)
_OTHER = re.compile(r"[^,\]}\n#]*")  # numbers, dates, true and false
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_LETTERS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def lines_of(text: str) -> Mapping[Place, int]:
    """Return place → line, from 1, of every table, key and item of a list."""
    return _Scanner(text).scan()


def line_of(place: Place, lines: Mapping[Place, int]) -> int | None:
    """Return the line of a place, or of what is around it where the place itself is not in the file."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


class _Scanner:
    def __init__(self, text: str):
        self.text = text
        self.at = 0
        self.lines: dict[Place, int] = {}
        self.last: dict[Place, int] = {}  # list of tables → position of the last one
        self.ends = list(accumulate(len(line) + 1 for line in text.split("\n")))

    def scan(self) -> dict[Place, int]:
        table: Place = ()
        while self._skip() < len(self.text):
            if self.text.startswith("[", self.at):
                table = self._table()
            else:
                self._pair(table)
        return self.lines

    def _skip(self) -> int:
        found = _BLANK.match(self.text, self.at)
        assert found, "the expression matches nothing too"
        self.at = found.end()
        return self.at

    def _line(self, at: int) -> int:
        return bisect_right(self.ends, at) + 1

    def _table(self) -> Place:
        """Read `[a.b]` or `[[a.b]]`, and return the place of what follows."""
        start = self.at
        of_list = self.text.startswith("[[", self.at)
        self.at += 1 + of_list
        *outer, name = self._keys()
        self.at += 1 + of_list
        place: Place = ()
        for key in outer:
            place = self._into((*place, key))
        place = (*place, name)
        if of_list:
            self.lines.setdefault(place, self._line(start))
            self.last[place] = self.last.get(place, -1) + 1
        place = self._into(place)
        self.lines.setdefault(place, self._line(start))
        return place

    def _into(self, place: Place) -> Place:
        """Return the place of the last table of a list, or the place itself."""
        return (*place, self.last[place]) if place in self.last else place

    def _keys(self) -> list[str]:
        """Read a dotted key."""
        keys = []
        while found := _KEY.match(self.text, self.at):
            self.at = found.end()
            quoted, literal, bare = found.groups()
            keys.append(_ESCAPED.sub(_letter, quoted) if quoted is not None else literal if bare is None else bare)
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        return keys

    def _pair(self, table: Place) -> None:
        """Read `key = value`."""
        line = self._line(self.at)
        place = table
        for key in self._keys():
            place = (*place, key)
            self.lines.setdefault(place, line)
        self.at += 1  # =
        self._skip()
        self._value(place)

    def _value(self, place: Place) -> None:
        sign = self.text[self.at]
        if sign == "[":
            self._items(place)
        elif sign == "{":
            self.at += 1
            while self._skip() < len(self.text) and self.text[self.at] != "}":
                if self.text[self.at] == ",":
                    self.at += 1
                else:
                    self._pair(place)
            self.at += 1
        else:
            found = _TEXT.match(self.text, self.at) or _OTHER.match(self.text, self.at)
            assert found, "the expression matches nothing too"
            self.at = found.end()

    def _items(self, place: Place) -> None:
        self.at += 1
        number = 0
        while self._skip() < len(self.text) and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                number += 1
                continue
            self.lines[(*place, number)] = self._line(self.at)
            self._value((*place, number))
        self.at += 1


def _letter(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else _LETTERS.get(found[3], found[3])
