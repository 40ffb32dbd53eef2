"""The kinds of columns that a run file may have: what a cell may hold, and how it is read and written.

A kind is data, taken from a task file. It reads a cell to a value and writes a value to a cell:

    kind          value in Python                    cells
    label         str, one of `labels`               `positive`
    flag          int, 0 or 1                        `1`
    probability   float, 0..1                        `0.73`
    score         float, within bounds where given   `-1.25`
    set           tuple of str, in the file's order  `C0001;C0002`
    rank          int, from `first` on               `1`
    document      str, not empty                     `doc-17`
    constant      what `kind` reads, or str          `Q0`
    text          str                                `team1`
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from submission.wording import either, quoted

if TYPE_CHECKING:
    from submission.patterns import Pattern

Value = str | int | float | tuple[str, ...]

# a decimal number as every program writes it; Python's float() reads more: `1_0`, `infinity`, blanks around it
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_NUMBER = re.compile(NUMBER)
LONGEST_NUMBER = 100  # characters
_NOT_IN_CELLS = ',;\\t|"\\r\\n'  # what separates or quotes cells in some container


@dataclass(frozen=True)
class Kind:
    """What the cells of a column may hold."""

    type: ClassVar[str]  # its name in a task file

    @property
    def expected(self) -> str:
        """What a cell may hold, in words: `0 or 1`."""
        raise NotImplementedError

    @property
    def values(self) -> tuple[str, ...]:
        """All cells that are allowed, where these are few and known; none otherwise."""
        return ()

    @property
    def pattern(self) -> str:
        """A regular expression that every allowed cell matches; where `values` are known, no other cell does."""
        return "(?:" + "|".join(map(re.escape, sorted(self.values))) + ")"

    def read(self, cell: str) -> Value:
        """Return the value in a cell.

        Raises ValueError, whose message is `expected`, for a cell that is not allowed.
        """
        raise NotImplementedError

    def write(self, value: object) -> str:
        """Return the cell of a value, one of Python, numpy or torch.

        Raises ValueError, whose message is what was expected, for a value that is not allowed.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class LabelKind(Kind):
    """One of a list of class names; `ordered` if they are in order, from the lowest to the highest."""

    labels: tuple[str, ...]
    ordered: bool = False
    type: ClassVar[str] = "label"

    @property
    def expected(self) -> str:
        return either(self.labels)

    @property
    def values(self) -> tuple[str, ...]:
        return self.labels

    def read(self, cell: str) -> str:
        if cell in self.labels:
            return cell
        raise ValueError(self.expected)

    def write(self, value: object) -> str:
        if isinstance(value, str) and value in self.labels:
            return value
        raise ValueError(f"one of {', '.join(self.labels)}")


@dataclass(frozen=True)
class FlagKind(Kind):
    """0 or 1."""

    type: ClassVar[str] = "flag"

    @property
    def expected(self) -> str:
        return "0 or 1"

    @property
    def values(self) -> tuple[str, ...]:
        return ("0", "1")

    def read(self, cell: str) -> int:
        if cell in ("0", "1"):
            return int(cell)
        raise ValueError(self.expected)

    def write(self, value: object) -> str:
        value = plain(value)
        if isinstance(value, int) and value in (0, 1):
            return str(int(value))
        raise ValueError("an integer of 0 or 1 (apply the threshold first)")


@dataclass(frozen=True)
class ScoreKind(Kind):
    """A real number, at least `low` and at most `high` where these are given."""

    low: float | None = None
    high: float | None = None
    type: ClassVar[str] = "score"

    @property
    def expected(self) -> str:
        low, high = (None if bound is None else f"{bound:g}" for bound in (self.low, self.high))
        if low is not None and high is not None:
            return f"a number of {low} to {high}"
        if low is not None:
            return f"a number of at least {low}"
        return "a number" if high is None else f"a number of at most {high}"

    @property
    def pattern(self) -> str:
        return NUMBER

    def read(self, cell: str) -> float:
        if len(cell) <= LONGEST_NUMBER and _NUMBER.fullmatch(cell) and self.allows(number := float(cell)):
            return number
        raise ValueError(self.expected)

    def write(self, value: object) -> str:
        value = plain(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and self.allows(value):
            return repr(float(value)).removesuffix(".0")
        raise ValueError(self.expected)

    def allows(self, number: float) -> bool:
        """Return whether a number is finite and within the bounds."""
        low, high = (self.low, self.high)
        return math.isfinite(number) and (low is None or number >= low) and (high is None or number <= high)


@dataclass(frozen=True)
class ProbabilityKind(ScoreKind):
    """A number of 0 to 1."""

    low: float | None = field(default=0.0, init=False)
    high: float | None = field(default=1.0, init=False)
    type: ClassVar[str] = "probability"


@dataclass(frozen=True)
class SetKind(Kind):
    """Any number of items, each once.

    separator  between items; not the one between cells
    item       what each item must look like; None: anything without the separator
    items      the items there are; empty: any that `item` matches
    most       how many items a cell may hold; None: any number
    empty      whether a cell may hold none
    """

    separator: str = ";"
    item: Pattern | None = None
    items: tuple[str, ...] = ()
    most: int | None = None
    empty: bool = False
    type: ClassVar[str] = "set"

    @property
    def expected(self) -> str:
        like = f" like {self.item.text}" if self.item else ""
        number = "items" if self.most is None else f"at most {self.most} items"
        known = f" (of {len(self.items)} known ones)" if self.items else ""
        none = ", or nothing" if self.empty else ""
        return f"{number}{like}{known}, each once, separated by {self.separator!r}{none}"

    @property
    def pattern(self) -> str:
        return ".*"

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.items)

    def read(self, cell: str) -> tuple[str, ...]:
        items = tuple(cell.split(self.separator)) if cell else ()
        if self._allows(items):
            return items
        raise ValueError(self.expected)

    def write(self, value: object) -> str:
        value = plain(value)
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise ValueError(f"a set of text, not one text: {self.expected}")
        items = tuple(sorted(value, key=str) if isinstance(value, set | frozenset) else value)
        if all(isinstance(item, str) and self.separator not in item for item in items) and self._allows(items):
            return self.separator.join(items)
        raise ValueError(self.expected)

    def _allows(self, items: tuple[str, ...]) -> bool:
        if not items:
            return self.empty
        if len(set(items)) < len(items) or (self.most is not None and len(items) > self.most):
            return False
        return all(map(self.allows_item, items))

    def allows_item(self, item: str) -> bool:
        """Return whether a set may hold an item."""
        if not item or item != item.strip() or (self.items and item not in self._known):
            return False
        return self.item is None or self.item.matches(item) is not None


@dataclass(frozen=True)
class RankKind(Kind):
    """The place of a document in the list of its query: `first`, `first` + 1, …, at most `most` of them."""

    first: int = 1
    most: int | None = None
    type: ClassVar[str] = "rank"

    @property
    def expected(self) -> str:
        last = "" if self.most is None else f" to {self.first + self.most - 1}"
        return f"a whole number from {self.first}{last}"

    @property
    def pattern(self) -> str:
        return "[0-9]{1,9}"

    def read(self, cell: str) -> int:
        if (
            cell.isascii()
            and cell.isdecimal()
            and len(cell) <= 9
            and self._allows(int(cell))
            and cell == str(int(cell))
        ):
            return int(cell)
        raise ValueError(self.expected)

    def write(self, value: object) -> str:
        value = plain(value)
        if isinstance(value, int) and not isinstance(value, bool) and self._allows(value):
            return str(value)
        raise ValueError(self.expected)

    def _allows(self, rank: int) -> bool:
        return self.first <= rank and (self.most is None or rank < self.first + self.most)


@dataclass(frozen=True)
class TextKind(Kind):
    """Text that is not scored, such as a second key or the name of a run."""

    type: ClassVar[str] = "text"

    @property
    def expected(self) -> str:
        return "text"

    @property
    def pattern(self) -> str:
        return f"[^{_NOT_IN_CELLS}]+"

    def read(self, cell: str) -> str:
        if cell and cell == cell.strip():
            return cell
        raise ValueError(self.expected)

    def write(self, value: object) -> str:
        if isinstance(value, str):
            return self.read(value)
        raise ValueError(self.expected)


@dataclass(frozen=True)
class DocumentKind(TextKind):
    """The document of a row of a ranked list: each once for a query."""

    type: ClassVar[str] = "document"

    @property
    def expected(self) -> str:
        return "the id of a document"


@dataclass(frozen=True)
class ConstantKind(Kind):
    """The same in every row: `value` where the task fixes it, otherwise anything that `kind` allows."""

    value: str | None = None
    kind: Kind = field(default_factory=TextKind)
    type: ClassVar[str] = "constant"

    @property
    def expected(self) -> str:
        return quoted(self.value) if self.value is not None else f"{self.kind.expected}, the same in every row"

    @property
    def values(self) -> tuple[str, ...]:
        return (self.value,) if self.value is not None else self.kind.values

    @property
    def pattern(self) -> str:
        return re.escape(self.value) if self.value is not None else self.kind.pattern

    def read(self, cell: str) -> Value:
        if self.value is not None and cell != self.value:
            raise ValueError(self.expected)
        return self.kind.read(cell)

    def write(self, value: object) -> str:
        cell = self.kind.write(value)
        if self.value is not None and cell != self.value:
            raise ValueError(self.expected)
        return cell


@dataclass(frozen=True)
class Column:
    """A column of a run file: its heading, exactly as written, and what its cells may hold."""

    heading: str
    kind: Kind


def plain(value: object) -> object:
    """Return arrays and numbers of numpy and torch as Python's own, so that each kind of them is treated alike."""
    return value.tolist() if hasattr(value, "tolist") else value
