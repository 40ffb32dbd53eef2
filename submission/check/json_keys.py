"""The keys of the objects of a run file in JSON: which columns they are, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from submission.check.columns import ID, Columns
from submission.jsonfile import Pairs
from submission.problems import Findings
from submission.task import Header
from submission.wording import both, quoted

_KEPT = 10_000  # shapes; a file has one or two, but each of a stranger's objects may have its own
_REMEDIES = {
    "column-missing": "Write the key in every object, with its answer.",
    "column-extra": "Leave it out.",
    "heading-changed": "Write the key as the task has it, byte for byte.",
    "json-duplicate-key": "Most readers take the last one without a message: write the key once.",
}


@dataclass
class Shape:
    """Objects with the same keys in the same order: how many there are, and the line of the first.

    `places`: where in them the value of each column is, None where they lack it.
    """

    keys: tuple[str, ...]
    places: tuple[int | None, ...]
    line: int
    times: int = 0

    def values(self, of: Pairs) -> list[Any]:
        """Return the value of each column, None for an absent one; of a repeated key the last one, as readers do."""
        return [None if place is None else of[place][1] for place in self.places]


class JsonKeys:
    """What the keys of objects mean. `of_ids`: one of them is that of the id."""

    def __init__(self, header: Header, of_ids: bool, found: Findings):
        self.task = header.task
        self.of_ids = of_ids
        self.found = found
        meanings = (ID, *(heading for heading in header.headings if heading is not None))
        self.names = dict(zip(meanings, header.cells, strict=True))  # meaning → expected key
        self.meanings: tuple[str, ...] = ()  # of the columns, in order
        self._meaning_of = {key: meaning for meaning, key in self.names.items() if of_ids or meaning != ID}
        self._shapes: dict[tuple[str, ...], Shape] = {}

    def find_columns(self, first: Iterable[Pairs], partial: bool) -> Columns:
        """Return the columns of the file: of each subtask that the first objects have, and those that belong to none.

        Without objects it is all of them.
        """
        present = {meaning for one in first for meaning in self._places([key for key, _ in one])} or set(self.names)
        whole = [subtask for subtask in self.task.subtasks if set(subtask.headings) & set(self.names)]
        subtasks = [subtask for subtask in whole if present & set(subtask.headings)]
        names = [subtask.name for subtask in subtasks]
        if not subtasks:
            keys = [quoted(key) for meaning, key in self.names.items() if meaning != ID]
            expected = f"keys such as {', '.join(keys[:3])}"
            self.found.add("no-label-columns", "no key of any subtask", expected, "Write each heading as a key.")
        elif not partial and len(subtasks) < len(whole):
            remedy = "Add the other keys, or pass --partial if the run is meant to cover only some subtasks."
            expected = f"those of {both([subtask.name for subtask in whole])}"
            self.found.add("partial", f"only the keys of {both(names)}", expected, remedy)
        left_out = {heading for subtask in whole if subtask not in subtasks for heading in subtask.headings}
        kept: list[str | None] = [meaning for meaning in self.names if meaning not in left_out]
        if self.of_ids and ID not in present:
            kept.remove(ID)
            name = self.names[ID]
            self.found.add("column-missing", "no key of ids", quoted(name), _REMEDIES["column-missing"], column=name)
        self.meanings = tuple(one for one in kept if one is not None and (self.of_ids or one != ID))
        return Columns(kept, self.names, True, tuple(names))

    def shape(self, of: Pairs, line: int) -> Shape:
        """Return the shape of an object, and count the object."""
        keys = tuple([key for key, _ in of])
        shape = self._shapes.get(keys)
        if shape is None:
            if len(self._shapes) >= _KEPT:
                self.report()
            shape = self._shapes[keys] = Shape(keys, tuple(map(self._places(keys).get, self.meanings)), line)
        shape.times += 1
        return shape

    def report(self) -> None:
        """Report what is wrong with the keys of the objects counted, and forget these."""
        for shape in self._shapes.values():
            self._report(shape)
        self._shapes.clear()

    def _report(self, shape: Shape) -> None:
        for meaning, place in zip(self.meanings, shape.places, strict=True):
            name = self.names[meaning]
            if place is None:
                self._count("column-missing", shape, None, f"{quoted(name)} in every object", name, "without it")
            elif shape.keys[place] != name:
                self._count("heading-changed", shape, shape.keys[place], quoted(name), name)
        taken = {shape.keys[place] for place in shape.places if place is not None}
        for key, times in Counter(shape.keys).items():
            if times > 1:
                self._count("json-duplicate-key", shape, key, "each key once in an object")
            if key not in taken:
                self._count("column-extra", shape, key, "the keys of the task alone")

    def _count(
        self, code: str, shape: Shape, key: str | None, expected: str, column: str | None = None, which: str = ""
    ) -> None:
        noun = f"object{{s}} {which}".rstrip()
        remedy = _REMEDIES[code]
        self.found.count(code, shape.line, key, expected, remedy, column=column, times=shape.times, noun=noun)

    def _places(self, keys: Sequence[str]) -> dict[str, int]:
        """Return meaning → place of the keys of an object; of two keys of one meaning it is the one as expected."""
        places = {meaning: place for place, key in enumerate(keys) if (meaning := self._meaning(key))}
        places |= {self._meaning_of[key]: place for place, key in enumerate(keys) if key in self._meaning_of}
        unknown = [place for place in range(len(keys)) if place not in places.values()]
        if self.of_ids and ID not in places and unknown[:1] == [0]:
            places[ID] = unknown.pop(0)  # whatever it is called
        absent = [meaning for meaning in self.meanings if meaning not in places]
        if len(absent) == len(unknown) == 1:
            places[absent[0]] = unknown[0]
        return places

    def _meaning(self, key: str) -> str | None:
        """Return which column a key means, however it is written; None for none."""
        meaning = self._meaning_of.get(key) or self.task.official_heading(key)
        if meaning is not None:
            return meaning if meaning in self.names else None
        return ID if self.of_ids and key.strip().lower() in self.task.id_columns else None
