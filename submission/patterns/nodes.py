"""What a pattern is made of."""

from __future__ import annotations

import re
from typing import NamedTuple

from submission.errors import UserError

LONGEST_PATTERN, LONGEST_COUNT = 500, 1000
ANY = ((0, 0x10FFFF),)  # code points


class PatternError(UserError):
    """A pattern that is malformed, or that cannot be filled in; `position`: of the character, from 1."""

    def __init__(self, problem: str, position: int):
        super().__init__(problem)
        self.position = position


class SlotKind(NamedTuple):
    """What may stand for a placeholder: up to `most` characters, each of which fits `one`; `which`: these in words."""

    one: str
    which: str
    most: int
    example: str


SLOTS = {
    "team": SlotKind(r"[\w.+-]", "letters, digits, '.', '+', '-' or '_'", 64, "team"),
    "kind": SlotKind(r"[\w-]", "letters, digits, '-' or '_'", 64, "kind"),
    "run": SlotKind("[A-Za-z0-9-]", "letters, digits or '-'", 16, "1"),
}


class Repeated(NamedTuple):
    """`low` to `high` characters, each in one of these ranges of code points; `position`: where it is, from 1."""

    ranges: tuple[tuple[int, int], ...]
    low: int
    high: int
    position: int

    @property
    def one(self) -> str:
        """The regular expression of one of the characters."""
        if self.ranges == ANY:
            return "."
        if self.is_text:
            return re.escape(chr(self.ranges[0][0]))
        return (
            "[" + "".join(_in_list(first) + f"-{_in_list(last)}" * (last > first) for first, last in self.ranges) + "]"
        )

    @property
    def is_text(self) -> bool:
        """Whether it fits a single text."""
        return self.low == self.high and len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1]

    @property
    def text(self) -> str:
        """The text that it fits where `is_text`."""
        return chr(self.ranges[0][0]) * self.low


class Choice(NamedTuple):
    """One of several sequences."""

    options: tuple[tuple[Repeated, ...], ...]
    position: int


class Slot(NamedTuple):
    """A placeholder: one or more characters, as `SLOTS` has them."""

    name: str
    position: int


class Star(NamedTuple):
    """Any text."""

    position: int


Part = Repeated | Choice | Slot
Node = Part | Star


def _in_list(point: int) -> str:
    letter = chr(point)
    return f"\\{letter}" if letter.isascii() and not letter.isalnum() and letter.isprintable() else re.escape(letter)
