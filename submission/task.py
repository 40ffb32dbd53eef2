"""A task: its subtasks, the columns of its run files, and the forms of labels and headers.

A label has three forms, and only `Subtask` converts between them:

    label   in a `LabelTable`: a class name, or a tuple of 0 and 1 in the order of `labels`
    cells   in a run file: strings in the order of `headings`
    row     in a matrix: 0 and 1 in the order of `labels`
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
    """One subtask: its labels, and the columns of a run file that contain them.

    name          in commands and tables
    column        short name of its columns in messages, such as `T1`
    headings      of its columns, exactly as written: one column if it is single-label, otherwise one per label
    labels        class names if it is single-label, otherwise the label of each column of 0 and 1, in order
    multi_label   whether an image may have any number of the labels, rather than exactly one
    max_runs      number of runs that the organisers accept
    short_labels  labels without their numbers, for tables; empty if the labels are short already
    ordered       whether the class names are in order, from the lowest to the highest (negative, neutral, positive)
    """

    name: str
    column: str
    headings: tuple[str, ...]
    labels: tuple[str, ...]
    multi_label: bool
    max_runs: int = 2
    short_labels: tuple[str, ...] = ()
    ordered: bool = False

    def __post_init__(self) -> None:
        n_columns = len(self.labels) if self.multi_label else 1
        assert self.labels, f"{self.name} has no labels"
        assert len(self.headings) == n_columns, f"{self.name}: got {len(self.headings)} headings; expected {n_columns}"
        assert not (self.ordered and self.multi_label), f"{self.name}: only class names of one column have an order"
        assert len(self.short_labels) in (0, len(self.labels)), f"{self.name}: only some labels have a short one"

    def short(self, label: str) -> str:
        """Return a label without its number, for tables."""
        return self.short_labels[self.labels.index(label)] if self.short_labels else label

    @property
    def values(self) -> tuple[str, ...]:
        """The values that a cell may have."""
        return ("0", "1") if self.multi_label else self.labels

    @property
    def expected(self) -> str:
        """The values that a cell may have, in words: `0 or 1`, or `negative, neutral or positive`."""
        return either(self.values)

    def to_cells(self, label: object) -> tuple[str, ...]:
        """Return the cells of a label. 0 and 1 may be integers or booleans of Python, numpy or torch.

        Raises ValueError whose message is what was expected; a float is refused, since it may be a probability.
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
        """Return the label in these cells. Raises ValueError for a cell that is not one of `values`."""
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
        """Return the label of a row of 0 and 1 in the order of `labels`. Raises ValueError for any other row."""
        values = tuple(int(value) for value in row if value in (0, 1))
        if not len(row) == len(values) == len(self.labels) or not (self.multi_label or sum(values) == 1):
            one = "" if self.multi_label else ", one of them 1"
            raise ValueError(f"{self.name}: got {list(row)}; expected {len(self.labels)} values of 0 or 1{one}")
        return values if self.multi_label else self.labels[values.index(1)]

    def to_matrix(self, labels: Mapping[str, Label], ids: Sequence[str]) -> np.ndarray:
        """Return the labels of these images as a matrix of rows, int8 0/1 (n_ids, n_labels)."""
        import numpy as np

        chosen = [labels[image_id] for image_id in ids]
        if self.multi_label:
            return np.array(chosen, dtype=np.int8).reshape(len(ids), len(self.labels))
        positions = {label: position for position, label in enumerate(self.labels)}
        return np.eye(len(self.labels), dtype=np.int8)[[positions[str(label)] for label in chosen]]

    def from_matrix(self, matrix: np.ndarray, ids: Iterable[str]) -> dict[str, Label]:
        """Return image id → label of a matrix of 0 and 1, (n_ids, n_labels), with a row per id."""
        return {image_id: self.from_row(row) for image_id, row in zip(ids, matrix.tolist(), strict=True)}


def _plain(value: object) -> object:
    """Return arrays and numbers of numpy and torch as Python's own, so that each kind is treated alike."""
    return value.tolist() if hasattr(value, "tolist") else value


@dataclass(frozen=True)
class Task:
    """A task: its subtasks and the layout of its run files.

    name               in commands and messages
    subtasks           in the order of their columns
    id_column          heading of the column of image ids
    other_id_columns   other headings of that column in dev sets and in the truth, in lower case
    heading_pattern    regular expression that matches the beginning of a heading; its groups identify the column, and
                       numbers are compared as numbers. None: the whole heading identifies the column
    heading_variants   pairs (heading, how people rewrite it) for the self-test
    confusable_labels  pairs of labels of one subtask whose columns are easily swapped, for the self-test
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
        """Return the subtask with this name. Raises KeyError for another name."""
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the subtasks, in order."""
        return tuple(subtask.name for subtask in self.subtasks)

    @property
    def header(self) -> Header:
        """The official header: the column of ids, and the columns of all subtasks."""
        return Header(self, (self.id_column, *(heading for subtask in self.subtasks for heading in subtask.headings)))

    @cached_property
    def id_columns(self) -> tuple[str, ...]:
        """The headings that the column of ids may have, in lower case."""
        return tuple(dict.fromkeys((self.id_column.lower(), *self.other_id_columns)))

    def official_heading(self, text: str) -> str | None:
        """Return the official heading of the column with this heading; None if the task has no such column."""
        key = self._key(text)
        return None if key is None else self._by_key.get(key)

    def words_of(self, heading: str) -> str:
        """Return a heading without its number, without blanks and in lower case; several labels may share it."""
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
        """Return what identifies a heading; None if `heading_pattern` does not match."""
        if self.heading_pattern is None:
            return (" ".join(heading.lower().split()),)
        match = re.match(self.heading_pattern, heading, re.IGNORECASE)
        if not match:
            return None
        return tuple(map(_number_or_lower, match.groups()))


def _number_or_lower(group: str | None) -> str | int | None:
    if group is None:
        return None
    return int(group) if group.isdecimal() and len(group) <= 9 else group.lower()  # Python reads no 5,000 digits


@dataclass(frozen=True)
class Header:
    """The first line of a run file: the heading of the column of ids, then those of the label columns.

    Headings are written byte for byte as in the user's own dev set, even where the official ones differ: see
    `complete`.
    """

    task: Task
    cells: tuple[str, ...]

    @classmethod
    def complete(cls, task: Task, dev_header: Iterable[str]) -> Header:
        """Return the header of a run of the whole task, written as in a dev set with the header `dev_header`.

        Cells and their order are those of the dev set; columns that are not part of the task are left out. If the dev
        set lacks a subtask, that subtask gets its official headings, and the subtasks are in the order of the task.
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
        """Return the header of a run of only these subtasks, with the same cells in the same order.

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
        """The official headings of the label columns, in the order of `cells[1:]`; None for an unknown one."""
        return tuple(map(self._official, self.cells[1:]))

    @property
    def subtasks(self) -> tuple[Subtask, ...]:
        """The subtasks that have a column in this header, in the order of the task."""
        headings = set(self.headings)
        return tuple(subtask for subtask in self.task.subtasks if headings & set(subtask.headings))

    def places(self, subtask: Subtask) -> list[int]:
        """Return the positions of a subtask's columns in `cells`, in the order of its headings.

        Raises ValueError if the header lacks one.
        """
        headings = self.headings
        return [headings.index(heading) + 1 for heading in subtask.headings]

    def _official(self, cell: str) -> str | None:
        return self.task.official_heading(cell)
