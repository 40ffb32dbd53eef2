"""What is wrong with a task file: all of it at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from submission.errors import UserError
from submission.wording import cut, nearest

if TYPE_CHECKING:
    from submission.taskfile.lines import Place

_SHOWN = 50  # more are counted


class TaskFileError(UserError):
    """A task file that cannot be read, or that describes no task; a problem for each thing that is wrong.

    `lines`: of the problems, in their order; None where a problem is of no line, or `lines` is empty.
    """

    def __init__(self, *problems: str, lines: Sequence[int | None] = ()):
        super().__init__(*problems)
        self.lines = tuple(lines) or (None,) * len(problems)


class Problems:
    """What is wrong with a task file, as far as it has been found.

    `add` takes the place in the file and a sentence: `got X; expected Y. Do Z.`
    """

    def __init__(self) -> None:
        self._found: list[tuple[Place, str]] = []
        self._others = 0

    def add(self, place: Place, sentence: str, name: str = "", known: Iterable[str] = ()) -> None:
        """Add a problem of the key, or the table, at a place; with the known name that is most like `name`, if any."""
        if len(self._found) >= _SHOWN:
            self._others += 1  # without a look for names, of which there may be thousands
            return
        sentence += nearest(name, known) if name else ""
        if (place, sentence) not in self._found:
            self._found.append((place, sentence))

    @property
    def full(self) -> bool:
        """Whether further ones will only be counted."""
        return len(self._found) >= _SHOWN

    def __len__(self) -> int:
        return len(self._found) + self._others

    def raise_any(self, text: str, source: str) -> None:
        """Raise TaskFileError with all problems, by line, if there are any; `text`: of the file."""
        if not self._found:
            return
        from submission.taskfile.lines import line_of, lines_of  # of errors alone

        lines = lines_of(text)
        sentences: dict[str, int | None] = {}
        placed = [(line_of(place, lines) or 0, place, sentence) for place, sentence in self._found]
        for line, place, sentence in sorted(placed, key=lambda one: one[0]):
            name = ".".join(cut(key) for key in place if isinstance(key, str))
            where = f"{source}:{line}" if line else source
            sentences[f"{where}: {f'{name}: ' if name else ''}{sentence}"] = line or None
        if self._others:
            sentences[f"… and {self._others} more"] = None
        raise TaskFileError(*sentences, lines=list(sentences.values()))
