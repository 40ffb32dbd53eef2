"""Rows of JSON in the form that every library writes: read by one regular expression, three times as fast as values."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from operator import itemgetter

from submission.check.json_cells import json_type
from submission.jsonfile import BLANKS, NUMBER, STRING, Number
from submission.kinds import Kind, SetKind


class UsualForm:
    """Objects with certain keys in one order, all values of their type, and no escapes.

    members  key and kind of each value in the order of the file; a kind of None: the id. A key of None: the answer is
             that one value, without an object
    order    the places among them of the id, if it is there, and of the cells
    by_id    whether the text is one object id → answer, rather than an object a line
    """

    def __init__(self, members: Sequence[tuple[str | None, Kind | None]], order: Sequence[int], by_id: bool):
        blanks = BLANKS if by_id else r"[ \t]*+"
        values = [f'"({STRING[1:-1]})"' if kind is None else _value(kind) for _, kind in members]
        if members[0][0] is None:
            whole = values[0]
        else:
            keys = [_key(key) for key, _ in members if key is not None]
            parts = [f"{key}{blanks}:{blanks}{value}" for key, value in zip(keys, values, strict=True)]
            whole = rf"\{{{blanks}{f'{blanks},{blanks}'.join(parts)}{blanks}\}}"
        if by_id:
            whole = rf'"({STRING[1:-1]})"{blanks}:{blanks}{whole}{blanks},{blanks}(?=")'
            order = [0, *(place + 1 for place in order)]
        else:
            whole = rf"{blanks}{whole}[ \t\r]*+(?:\n|\Z)"
        self.match = re.compile(whole).match
        self._take = itemgetter(*order)
        shift = int(by_id)
        self._width = len(members) + shift
        self._sets = [(place + shift, kind) for place, (_, kind) in enumerate(members) if isinstance(kind, SetKind)]

    def columns(self, groups: Sequence[str]) -> list[Sequence[str]]:
        """Return the ids, and the cells of each column, of the groups of several matches."""
        columns = [groups[place :: self._width] for place in range(self._width)]
        for place, kind in self._sets:
            columns[place] = [kind.separator.join(_items(group)) for group in columns[place]]
        return list(self._take(columns))


_items = re.compile('"([^"]*)"').findall


def _key(key: str) -> str:
    """Return what matches a key in quotes, with other letters than ASCII as they are or escaped."""
    return "(?:" + "|".join({re.escape(json.dumps(key, ensure_ascii=ascii_only)) for ascii_only in (True, False)}) + ")"


def _value(kind: Kind) -> str:
    """Return what matches a value, with one group."""
    if isinstance(kind, SetKind):
        item = rf'"[^"\\\x00-\x1f{re.escape(kind.separator)}]++"'
        return rf"\[((?:{item}(?:, ?{item})*+)?+)\]"
    return f"({NUMBER})" if json_type(kind) is Number else f'"({STRING[1:-1]})"'
