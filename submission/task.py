"""A task: its subtasks, the columns of its run files, and every form that a label and a header take.

A label has three forms, and `Subtask` alone changes one into another:

    label   what a `LabelTable` holds: a class name, or a tuple of 0 and 1 in the order of `labels`
    cells   what a run file holds: texts in the order of `headings`
    row     what a matrix holds: 0 and 1 in the order of `labels`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from submission.errors import RunFileError
from submission.wording import either

if TYPE_CHECKING:
    import numpy as np

Label = str | tuple[int, ...]
Labels = Mapping[str, Mapping[str, str | Sequence[int]]]  # subtask → image id → label


@dataclass(frozen=True)
class Subtask:
    """One subtask.

    name          what commands and tables call it
    column        what messages call its columns, and what their headings begin with
    headings      of its columns, to the letter: one column of a single-label subtask, a column per label otherwise
    labels        the classes that the cells of its one column name, or what the columns of 0 and 1 stand for, in order
    multi_label   whether an image has any number of the labels, rather than exactly one
    max_runs      how many runs the organisers accept
    short_labels  labels without their numbers, for tables; empty where the labels are short
    """

    name: str
    column: str
    headings: tuple[str, ...]
    labels: tuple[str, ...]
    multi_label: bool
    max_runs: int = 2
    short_labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n_columns = len(self.labels) if self.multi_label else 1
        assert self.labels, f"{self.name} has no labels"
        assert len(self.headings) == n_columns, f"{self.name}: got {len(self.headings)} headings; expected {n_columns}"
        assert len(self.short_labels) in (0, len(self.labels)), f"{self.name}: a short label for some labels only"

    def short(self, label: str) -> str:
        """Return a label without its number, for tables."""
        return self.short_labels[self.labels.index(label)] if self.short_labels else label

    @property
    def values(self) -> tuple[str, ...]:
        """What a cell may say."""
        return ("0", "1") if self.multi_label else self.labels

    @property
    def expected(self) -> str:
        """What a cell may say, for messages: `0 or 1`, or `negative, neutral or positive`."""
        return either(self.values)

    def to_cells(self, label: object) -> tuple[str, ...]:
        """Return the cells of a label. 0 and 1 may be integers or booleans of Python, numpy or torch.

        Raises ValueError, which says what was expected: a float is refused, since a decision is not a probability.
        """
        if not self.multi_label:
            if isinstance(label, str) and label in self.labels:
                return (label,)
            raise ValueError(f"one of {', '.join(self.labels)}")
        values = _plain(label)
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(self.labels):
            raise ValueError(f"{len(self.labels)} values of 0 or 1")
        bits = [value for value in map(_plain, values) if isinstance(value, int) and value in (0, 1)]
        if len(bits) < len(values):
            raise ValueError("integers of 0 or 1 (apply the threshold first)")
        return tuple(str(int(bit)) for bit in bits)

    def from_cells(self, cells: Sequence[str]) -> Label:
        """Return the label that `cells` say. Raises ValueError for a cell that is not one of `values`."""
        if len(cells) != len(self.headings) or not set(cells) <= set(self.values):
            raise ValueError(f"{self.name}: got {list(cells)}; expected {len(self.headings)} of {self.expected}")
        return tuple(map(int, cells)) if self.multi_label else cells[0]

    def to_row(self, label: str | Sequence[int]) -> tuple[int, ...]:
        """Return a label as 0 and 1 in the order of `labels`; a single-label subtask has exactly one 1.

        >>> Subtask("mood", "mood", ("mood",), ("bad", "good"), multi_label=False).to_row("good")
        (0, 1)
        """
        cells = self.to_cells(label)
        return tuple(map(int, cells)) if self.multi_label else tuple(int(cells[0] == name) for name in self.labels)

    def from_row(self, row: Sequence[int]) -> Label:
        """Return the label that 0 and 1 in the order of `labels` stand for. Raises ValueError for another row."""
        values = tuple(int(value) for value in row if value in (0, 1))
        if not len(row) == len(values) == len(self.labels) or not (self.multi_label or sum(values) == 1):
            one = "" if self.multi_label else ", one of them 1"
            raise ValueError(f"{self.name}: got {list(row)}; expected {len(self.labels)} values of 0 or 1{one}")
        return values if self.multi_label else self.labels[values.index(1)]

    def to_matrix(self, labels: Mapping[str, Label], ids: Sequence[str]) -> np.ndarray:
        """Return the labels of these images as a matrix of rows, int8 0/1 (n_ids, n_labels)."""
        import numpy as np

        rows = {label: self.to_row(label) for label in {labels[image_id] for image_id in ids}}
        matrix = np.array([rows[labels[image_id]] for image_id in ids], dtype=np.int8)
        return matrix.reshape(len(ids), len(self.labels))

    def from_matrix(self, matrix: np.ndarray, ids: Iterable[str]) -> dict[str, Label]:
        """Return image id → label, of 0/1 (n_ids, n_labels) whose rows are those of `ids`."""
        return {image_id: self.from_row(row) for image_id, row in zip(ids, matrix.tolist(), strict=True)}


def _plain(value: object) -> object:
    """Return arrays and numbers of numpy and torch as Python's own, so that each kind is treated alike."""
    return value.tolist() if hasattr(value, "tolist") else value


@dataclass(frozen=True)
class Task:
    """A task: what its run files look like.

    name               what commands and messages call it
    subtasks           in the order of their columns
    id_column          heading of the column of image ids
    other_id_columns   what else that column is called in dev sets and in the truth, in lower case
    heading_pattern    regular expression that the beginning of a heading matches; its groups identify the column, and
                       numbers in them count as numbers. None: the whole heading identifies it
    heading_variants   (heading, what people make of it), tried by the self-test
    confusable_labels  (label, label of the same subtask) pairs whose columns get swapped, tried by the self-test
    """

    name: str
    subtasks: tuple[Subtask, ...]
    id_column: str = "id"
    other_id_columns: tuple[str, ...] = ()
    heading_pattern: str | None = None
    heading_variants: tuple[tuple[str, str], ...] = ()
    confusable_labels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        headings = [heading for subtask in self.subtasks for heading in subtask.headings]
        assert self.subtasks, f"{self.name} has no subtasks"
        assert len(self._by_name) == len(self.subtasks), f"{self.name}: two subtasks have one name"
        assert len(self._by_key) == len(headings), f"{self.name}: two headings cannot be told apart"

    def __getitem__(self, name: str) -> Subtask:
        """Return the subtask of this name."""
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the subtasks, in order."""
        return tuple(subtask.name for subtask in self.subtasks)

    @property
    def header(self) -> Header:
        """The official header: the column of ids, and the columns of all subtasks."""
        return Header(self, (self.id_column, *(heading for subtask in self.subtasks for heading in subtask.headings)))

    @property
    def id_columns(self) -> tuple[str, ...]:
        """What the column of ids may be called, in lower case."""
        return tuple(dict.fromkeys((self.id_column.lower(), *self.other_id_columns)))

    def official_heading(self, text: str) -> str | None:
        """Return the official heading that a heading stands for; None for a column that is not of the task."""
        key = self._key(text)
        return None if key is None else self._by_key.get(key)

    def wording(self, heading: str) -> str:
        """Return what a heading says besides its number, without blanks and in lower case: what labels share."""
        match = self.heading_pattern and re.match(rf"{self.heading_pattern}\W*", heading, re.IGNORECASE)
        return "".join(heading[match.end() if match else 0 :].lower().split())

    @cached_property
    def _by_name(self) -> dict[str, Subtask]:
        return {subtask.name: subtask for subtask in self.subtasks}

    @cached_property
    def _by_key(self) -> dict[tuple[str | int | None, ...], str]:
        headings = [heading for subtask in self.subtasks for heading in subtask.headings]
        return {key: heading for heading in headings if (key := self._key(heading)) is not None}

    def _key(self, heading: str) -> tuple[str | int | None, ...] | None:
        """Return what identifies a heading; None where `heading_pattern` does not match."""
        if self.heading_pattern is None:
            return (" ".join(heading.lower().split()),)
        match = re.match(self.heading_pattern, heading, re.IGNORECASE)
        if not match:
            return None
        return tuple(int(group) if group and group.isdecimal() else group and group.lower() for group in match.groups())


@dataclass(frozen=True)
class Header:
    """The first line of a run file: the heading of the ids, then those of the label columns, as they are written.

    The user's own dev set has the last word on how a heading is written, byte for byte: see `complete`.
    """

    task: Task
    cells: tuple[str, ...]

    @classmethod
    def complete(cls, task: Task, dev_header: Iterable[str]) -> Header:
        """Return the header of a run of the whole task, as a dev set with the header `dev_header` writes it.

        Cells and their order are the dev set's; columns that are not of the task are left out. Where the dev set lacks
        a subtask, that gets its official headings, and the subtasks stand in the task's order.
        """
        first, *others = [*dev_header] or [task.id_column]
        own = [cell for cell in others if task.official_heading(cell)]
        known = {task.official_heading(cell) for cell in own}
        if all(known & set(subtask.headings) for subtask in task.subtasks):
            return cls(task, (first, *own))
        cells = [first]
        for subtask in task.subtasks:
            cells += [cell for cell in own if task.official_heading(cell) in subtask.headings] or subtask.headings
        return cls(task, tuple(cells))

    def only(self, subtasks: Iterable[str]) -> Header:
        """Return the header of a run of these subtasks alone, cells and their order as here.

        Raises RunFileError for a subtask that the task does not have.
        """
        subtasks = list(subtasks)
        if unknown := [name for name in subtasks if name not in self.task.names]:
            names = ", ".join(map(repr, unknown))
            raise RunFileError(f"got subtask {names}; expected {either(self.task.names)}. Choose from these.")
        kept = {heading for name in subtasks for heading in self.task[name].headings}
        return Header(self.task, (*self.cells[:1], *(cell for cell in self.cells[1:] if self._official(cell) in kept)))

    @property
    def headings(self) -> tuple[str | None, ...]:
        """The official headings of the label columns, in the order of `cells[1:]`; None for a foreign column."""
        return tuple(map(self._official, self.cells[1:]))

    @property
    def subtasks(self) -> tuple[Subtask, ...]:
        """The subtasks that have a column here, in the task's order."""
        there = set(self.headings)
        return tuple(subtask for subtask in self.task.subtasks if there & set(subtask.headings))

    def places(self, subtask: Subtask) -> list[int]:
        """Return where a subtask's columns stand, counted from the column of ids as 0, in the order of its headings.

        Raises ValueError where the header lacks one.
        """
        headings = self.headings
        return [headings.index(heading) + 1 for heading in subtask.headings]

    def _official(self, cell: str) -> str | None:
        return self.task.official_heading(cell)
