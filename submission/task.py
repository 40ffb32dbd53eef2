"""A task: its subtasks, the columns of its run files, and the forms of answers and headers.

An answer has three forms, and only `Subtask` converts between them:

    label   in a `LabelTable`: a class name, or a tuple of 0 and 1 in the order of `labels`; of a subtask with columns
            of other kinds (kinds.py) a tuple of their values, one per column
    cells   in a run file: strings in the order of `headings`
    row     in a matrix: 0 and 1 in the order of `labels`, of class names and flags alone
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from submission.errors import RunFileError
from submission.kinds import (
    Column,
    ConstantKind,
    DocumentKind,
    FlagKind,
    Kind,
    LabelKind,
    ProbabilityKind,
    RankKind,
    ScoreKind,
    SetKind,
    TextKind,
    Value,
    plain,
)
from submission.layout import Layout, RunKind
from submission.rules import Rule, ThresholdRule
from submission.wording import either

if TYPE_CHECKING:
    import numpy as np

    from submission.metrics import Metric

Label = str | tuple[Value, ...]
HeadingKey = tuple[str | int | None, ...]
Labels = Mapping[str, Mapping[str, str | Sequence[Any]]]  # subtask → image id → label


@dataclass(frozen=True)
class Subtask:
    """One subtask: its labels, and the columns of a run file that contain them.

    name          in commands and tables
    column        short name of its columns in messages, such as `T1`
    headings      of its columns, exactly as written: one column if it is single-label, otherwise one per label
    labels        what a model answers, in order: class names if it is single-label, otherwise the label of each column
                  of 0 and 1; the known items of a set; the heading of each probability or score
    multi_label   whether an image may have any number of the labels, rather than exactly one
    max_runs      number of runs that the organisers accept; 0: any number
    short_labels  labels without their numbers, for tables; empty if the labels are short already
    ordered       whether the class names are in order, from the lowest to the highest (negative, neutral, positive)
    kinds         of its columns, in the order of `headings`; empty: class names or flags, by `multi_label`
    metrics       by which it is scored; the first one ranks
    """

    name: str
    column: str
    headings: tuple[str, ...]
    labels: tuple[str, ...]
    multi_label: bool
    max_runs: int = 2
    short_labels: tuple[str, ...] = ()
    ordered: bool = False
    kinds: tuple[Kind, ...] = ()
    metrics: tuple[Metric, ...] = ()

    def __post_init__(self) -> None:
        n_columns = len(self.kinds) or (len(self.labels) if self.multi_label else 1)
        assert self.labels or self.kind in ("set", "rank"), f"{self.name} has no labels"
        assert len(self.headings) == n_columns, f"{self.name}: got {len(self.headings)} headings; expected {n_columns}"
        assert not (self.ordered and self.multi_label), f"{self.name}: only class names of one column have an order"
        assert len(self.short_labels) in (0, len(self.labels)), f"{self.name}: only some labels have a short one"

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Its columns, in the order of `headings`."""
        kinds = self.kinds
        if not kinds and self.multi_label:
            kinds = (FlagKind(),) * len(self.headings)
        elif not kinds:
            kinds = (LabelKind(self.labels, self.ordered),)
        return tuple(map(Column, self.headings, kinds))

    @cached_property
    def kind(self) -> str:
        """What it asks of an image: `label`, `flags`, `set`, `probability`, `score` or `rank`."""
        if not self.kinds:
            return "flags" if self.multi_label else "label"
        present = {type(kind) for kind in self.kinds}
        order = (
            (RankKind, "rank"),
            (ProbabilityKind, "probability"),
            (SetKind, "set"),
            (LabelKind, "label"),
            (FlagKind, "flags"),
            (ScoreKind, "score"),
        )
        found = next((name for kind, name in order if kind in present), None)
        assert found, f"{self.name}: got columns of {present}; expected one that can be scored"
        return found

    @property
    def plain(self) -> bool:
        """Whether its answers are a class name, or 0 and 1, without further columns."""
        return all(type(column.kind) in (LabelKind, FlagKind) for column in self.columns) and self.kind in (
            "label",
            "flags",
        )

    @cached_property
    def truth_headings(self) -> tuple[str, ...]:
        """The headings that a dev set or a truth must have, in order.

        A probability beside its label, a constant and free text are answers of a run alone.
        """
        decided = any(isinstance(column.kind, LabelKind | FlagKind) for column in self.columns)
        left_out: tuple[type[Kind], ...] = (ConstantKind, TextKind)
        if decided and self.kind == "probability":
            left_out = (*left_out, ProbabilityKind)
        return tuple(
            column.heading
            for column in self.columns
            if not isinstance(column.kind, left_out) or isinstance(column.kind, DocumentKind)
        )

    def short(self, label: str) -> str:
        """Return a label without its number, for tables."""
        return self.short_labels[self.labels.index(label)] if self.short_labels else label

    @property
    def values(self) -> tuple[str, ...]:
        """The values that a cell of a `plain` subtask may have."""
        return ("0", "1") if self.multi_label else self.labels

    @property
    def expected(self) -> str:
        """The values that a cell may have, in words: `0 or 1`, or `negative, neutral or positive`."""
        return either(self.values)

    def to_cells(self, label: object) -> tuple[str, ...]:
        """Return the cells of a label. 0 and 1 may be integers or booleans of Python, numpy or torch.

        Raises ValueError whose message is what was expected; a float is refused, since it may be a probability.
        """
        if not self.plain:
            return self._cells_of(label)
        if not self.multi_label:
            if isinstance(label, str) and label in self.labels:
                return (label,)
            raise ValueError(f"one of {', '.join(self.labels)}")
        values = plain(label)
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(self.labels):
            raise ValueError(f"{len(self.labels)} values of 0 or 1")
        bits = [value for value in map(plain, values) if isinstance(value, int) and value in (0, 1)]
        if len(bits) < len(values):
            raise ValueError("integers of 0 or 1 (apply the threshold first)")
        return tuple(str(int(bit)) for bit in bits)

    def from_cells(self, cells: Sequence[str]) -> Label:
        """Return the label in these cells. Raises ValueError for a cell that is not one of `values`."""
        if not self.plain:
            return self._values_of(cells)
        if len(cells) != len(self.headings) or not set(cells) <= set(self.values):
            raise ValueError(f"{self.name}: got {list(cells)}; expected {len(self.headings)} of {self.expected}")
        return tuple(map(int, cells)) if self.multi_label else cells[0]

    def _cells_of(self, label: object) -> tuple[str, ...]:
        values = plain(label)
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(self.columns):
            raise ValueError(f"a value of each of {', '.join(map(repr, self.headings))}")
        cells, problems = [], []
        for column, value in zip(self.columns, values, strict=True):
            try:
                cells.append(column.kind.write(value))
            except ValueError as error:
                problems.append(f"{column.heading!r}: {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return tuple(cells)

    def _values_of(self, cells: Sequence[str]) -> tuple[Value, ...]:
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.name}: got {len(cells)} cells; expected {len(self.columns)}")
        values = []
        for column, cell in zip(self.columns, cells, strict=True):
            try:
                values.append(column.kind.read(cell))
            except ValueError as error:
                raise ValueError(f"{self.name}: {column.heading!r}: got {cell!r}; expected {error}") from None
        return tuple(values)

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
    layout             how its run files are written
    columns            all columns of its run files behind that of the ids, in order; empty: those of its subtasks
    rules              across the columns of a row
    runs               kinds of runs that a team may send; empty: any
    scoring            `lenient` (absent, unreadable and double answers count as wrong) or `strict` (a file with a
                       problem is not scored)
    title, source      what it is called, and where its organisers describe it
    text               the task file that it was read from, byte for byte; empty for a task made in Python
    """

    name: str
    subtasks: tuple[Subtask, ...]
    id_column: str = "id"
    other_id_columns: tuple[str, ...] = ()
    heading_pattern: str | None = None
    heading_variants: tuple[tuple[str, str], ...] = ()
    confusable_labels: tuple[tuple[str, str], ...] = ()
    layout: Layout = field(default_factory=lambda: Layout(as_dev_set=True))
    columns: tuple[Column, ...] = ()
    rules: tuple[Rule, ...] = ()
    runs: tuple[RunKind, ...] = ()
    scoring: str = "lenient"
    title: str = ""
    source: str = ""
    text: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.columns:
            of_subtasks = tuple(column for subtask in self.subtasks for column in subtask.columns)
            object.__setattr__(self, "columns", of_subtasks)
        headings = [column.heading for column in self.columns]
        known = {heading for subtask in self.subtasks for heading in subtask.headings}
        assert known <= set(headings), f"{self.name}: its columns lack {sorted(known - set(headings))}"
        assert self.subtasks, f"{self.name} has no subtasks"
        assert len(self._by_name) == len(self.subtasks), f"{self.name}: two subtasks have one name"
        assert len(self._by_key) == len(headings), f"{self.name}: two headings cannot be told apart"

    def read_from(self, text: str) -> Task:
        """Return the task with the task file that it was read from; one that `dataclasses.replace` changes has none."""
        task = replace(self)
        object.__setattr__(task, "text", text)
        return task

    def __getitem__(self, name: str) -> Subtask:
        """Return the subtask with this name. Raises KeyError for another name."""
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the subtasks, in order."""
        return tuple(subtask.name for subtask in self.subtasks)

    @property
    def is_ranked(self) -> bool:
        """Whether a row is a document of a query's ranked list: then an id is a query, and has many rows."""
        return any(subtask.kind == "rank" for subtask in self.subtasks)

    @property
    def header(self) -> Header:
        """The official header: the column of ids, and all others, in the order of the file."""
        return Header(self, (self.id_column, *(column.heading for column in self.columns)))

    @cached_property
    def kind_of(self) -> dict[str, Kind]:
        """Official heading → kind of the column; that of the ids is not among them."""
        return {column.heading: column.kind for column in self.columns}

    @property
    def shared_columns(self) -> tuple[Column, ...]:
        """The columns that belong to no subtask: constants, texts, a second key."""
        of_subtasks = {heading for subtask in self.subtasks for heading in subtask.headings}
        return tuple(column for column in self.columns if column.heading not in of_subtasks)

    def places_of(self, subtask: Subtask) -> tuple[int, ...]:
        """Return where the columns of a subtask are among `columns`, in the order of its headings."""
        headings = [column.heading for column in self.columns]
        return tuple(headings.index(heading) for heading in subtask.headings)

    def threshold_rule(self, subtask: Subtask) -> ThresholdRule | None:
        """Return the rule by which a subtask's label follows from its probability, None if it has none."""
        rules = (rule for rule in self.rules if isinstance(rule, ThresholdRule))
        return next((rule for rule in rules if rule.label in subtask.headings), None)

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
    def _by_key(self) -> dict[HeadingKey, str]:
        headings = [column.heading for column in self.columns]
        return {key: heading for heading in headings if (key := self._key(heading)) is not None}

    def _key(self, heading: str) -> HeadingKey | None:
        return heading_key(heading, self.heading_pattern)


def heading_key(heading: str, pattern: str | None) -> HeadingKey | None:
    """Return what identifies a heading: the groups of `pattern`, numbers as numbers, None where it does not match.

    Without a pattern it is the whole heading, in lower case and with single blanks.
    """
    if pattern is None:
        return (" ".join(heading.lower().split()),)
    match = re.match(pattern, heading, re.IGNORECASE)
    return tuple(map(_number_or_lower, match.groups())) if match else None


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
        Where the layout fixes the headings (not `as_dev_set`), it is the official header.
        """
        if not task.layout.as_dev_set:
            return task.header
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
        kept |= {column.heading for column in self.task.shared_columns}
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
