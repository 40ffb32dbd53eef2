"""What separates the cells of a line: the task's separator, and what may be found in its place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from submission.kinds import ConstantKind, Kind, LabelKind, SetKind, TextKind

if TYPE_CHECKING:
    from submission.task import Task

DELIMITERS = ",;\t|"
_NAMES = {
    ",": ("a comma", "commas"),
    "\t": ("a tab", "tabs"),
    ";": ("a semicolon", "semicolons"),
    ", ": ("a comma and a blank", "a comma and a blank each"),
    " ": ("one blank", "one blank each"),
}


@dataclass(frozen=True)
class Separator:
    """The separator of a task's tables.

    text    one of `layout.SEPARATORS`
    others  characters that may be found in its place, since no cell is known to hold them
    width   number of cells of a line of a run of the whole task
    free    whether cells may hold anything else
    """

    text: str
    others: str
    width: int
    free: bool

    @classmethod
    def of(cls, task: Task) -> Separator:
        """Return that of a task; what its headings and cells hold separates none."""
        text = task.layout.separator
        held = {letter for text in _held_by(task) for letter in text}
        assert text[0] not in held, f"{task.name}: a heading, a label or a set holds the separator {text!r}"
        others = "".join(one for one in DELIMITERS if one != text[0] and one not in held)
        free = any(isinstance(column.kind, TextKind | SetKind) for column in task.columns)
        return cls(text, others if " " in (*held, *text) else others + " ", len(task.columns) + 1, free)

    @property
    def delimiter(self) -> str:
        """The one character at which cells are split."""
        return self.text[0]

    @property
    def padding(self) -> str:
        """What follows the delimiter: a blank, or nothing."""
        return self.text[1:]

    @property
    def name(self) -> str:
        """The separator in words, with an article."""
        return _NAMES[self.text][0]

    @property
    def letter(self) -> str:
        """The delimiter in one word."""
        return _NAMES[self.delimiter][0].split()[1]

    @property
    def names(self) -> str:
        """The same for several cells."""
        return _NAMES[self.text][1]

    @property
    def remedy(self) -> str:
        """What to do about another one."""
        pandas = "" if self.padding else f" (pandas: sep={self.text!r})"
        return f"Separate the cells by {self.names}{pandas}."

    def found_in(self, line: str) -> str:
        """Return the character that occurs most often; the task's where none does, or as often as another."""
        if self.free and line.count(self.delimiter) == self.width - 1:
            return self.delimiter
        found = max(self._candidates, key=line.count)
        return " " if found not in line and self.others.endswith(" ") and " " in line else found

    @cached_property
    def _candidates(self) -> str:
        return self.delimiter + self.others.strip(" ")

    def split(self, line: str, delimiter: str) -> list[str]:
        """Return the cells of a line that is separated by `delimiter`, each without the blank that the task has."""
        if delimiter != " " and not self.padding:
            return line.split(delimiter)
        first, found, others = line.partition(delimiter)
        return [first, *self.split_behind(others, delimiter)] if found else [first]

    def split_behind(self, others: str, delimiter: str) -> list[str]:
        """Return the cells behind the first one and its delimiter.

        Several blanks are one, unless there are then too few cells; a blank may follow the last one.
        """
        cells = others.split(delimiter)
        if delimiter == " " and "" in cells[:-1] and len(cells) != self.width - 1:
            return others.split() + [""] * (cells[-1] == "")
        if self.padding and delimiter == self.delimiter:
            return [cell.removeprefix(self.padding) for cell in cells]
        return cells

    def is_exact(self, line: str, delimiter: str) -> bool:
        """Return whether a line is separated at all of its delimiters as the task has it."""
        if self.text == " ":
            return delimiter != " " or "  " not in line.rstrip(" ") or line.count(" ") == self.width - 1
        return not self.padding or delimiter != self.delimiter or line.count(self.text) == line.count(delimiter)


def _held_by(task: Task) -> list[str]:
    """Return texts with all characters that cells and headings of a task are known to hold."""
    headings = task.header.cells if task.layout.header else ()
    return [*headings, *(text for column in task.columns for text in _held_by_kind(column.kind))]


def _held_by_kind(kind: Kind) -> tuple[str, ...]:
    if isinstance(kind, SetKind):
        return (kind.separator, *kind.items)
    return kind.values if isinstance(kind, LabelKind | ConstantKind) else ()
