"""Faults that no single cell shows: rules across columns, ranked lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from submission.faults.fault import FORM, Change, Fault, Table
from submission.faults.sheet import if_unsound, place_of
from submission.kinds import DocumentKind, FlagKind, Kind, LabelKind, RankKind, ScoreKind
from submission.rules import SumRule, ThresholdRule
from submission.task import Task

if TYPE_CHECKING:
    import numpy as np


def faults_of_rows(task: Task) -> list[Fault]:
    """Return the faults of rows whose cells are each allowed."""
    changes: list[tuple[str, Change]] = []
    for rule in task.rules:
        if isinstance(rule, SumRule):
            changes += [
                (f"sum of {rule.columns[0]} and others off in a row", _off_sum(task, rule, 1)),
                (f"sum of {rule.columns[0]} and others off in all rows", _off_sum(task, rule, None)),
            ]
        else:
            changes += [
                (f"{rule.label} against the threshold in a row", _against_threshold(task, rule, 1)),
                (f"{rule.label} against the threshold in all rows", _against_threshold(task, rule, None)),
            ]
    changes += _of_ranks(task)
    return [Fault(name, FORM, if_unsound(task, change), task) for name, change in changes]


def _chosen(table: Table, times: int | None, rng: np.random.Generator) -> list[list[str]]:
    return table[1:] if times is None else [table[int(rng.integers(1, len(table)))]]


def _off_sum(task: Task, rule: SumRule, times: int | None) -> Change:
    """Let a column of the sum have another allowed value, by more than the tolerance."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        place = place_of(table, task, rule.columns[0])
        kind = task.kind_of[rule.columns[0]]
        for cells in _chosen(table, times, rng):
            assert isinstance(kind, ScoreKind), "numbers are summed up"
            number, step = float(cells[place]), 2 * rule.tolerance + 0.125
            fits = [
                one for one in (number + step, number - step) if not isinstance(kind, ScoreKind) or kind.allows(one)
            ]
            cells[place] = repr(fits[0]) if fits else cells[place]
        return table

    return change


def _against_threshold(task: Task, rule: ThresholdRule, times: int | None) -> Change:
    def change(table: Table, rng: np.random.Generator) -> Table:
        place, kind = place_of(table, task, rule.label), task.kind_of[rule.label]
        for cells in _chosen(table, times, rng):
            positive = str(rule.positive)
            if cells[place] != positive:
                cells[place] = positive
            elif isinstance(kind, FlagKind):
                cells[place] = "0"
            else:
                assert isinstance(kind, LabelKind), "a threshold decides a flag or a label"
                cells[place] = next(label for label in kind.labels if label != positive)
        return table

    return change


def _of_ranks(task: Task) -> list[tuple[str, Change]]:
    """Return the faults of ranked lists; each is tried on the query with the longest list."""
    of: dict[type[Kind], str] = {type(column.kind): column.heading for column in task.columns}
    if RankKind not in of:
        return []
    ranks = task.kind_of[of[RankKind]]
    assert isinstance(ranks, RankKind), "the kind of a column is its own"

    def longest(table: Table) -> list[list[str]]:
        rows: dict[str, list[list[str]]] = {}
        for cells in table[1:]:
            rows.setdefault(cells[0], []).append(cells)
        found = max(rows.values(), key=len)
        if len(found) < 3:
            raise LookupError("the lists are too short")
        return found

    def gap(table: Table, rng: np.random.Generator) -> Table:
        left_out = longest(table)[1]
        return [cells for cells in table if cells is not left_out]

    def repeated(table: Table, rng: np.random.Generator) -> Table:
        place = place_of(table, task, of[RankKind])
        first, second, *_ = longest(table)
        second[place] = first[place]
        return table

    def shifted(table: Table, rng: np.random.Generator) -> Table:
        place = place_of(table, task, of[RankKind])
        for cells in table[1:]:
            cells[place] = str(int(cells[place]) + 1)
        return table

    def too_many(table: Table, rng: np.random.Generator) -> Table:
        rows = longest(table)
        if ranks.most is None:
            raise LookupError("a list may have any length")
        more = [list(rows[-1]) for _ in range(ranks.most + 1 - len(rows))]
        for number, cells in enumerate(more, len(rows)):
            cells[place_of(table, task, of[RankKind])] = str(ranks.first + number)
            if DocumentKind in of:
                cells[place_of(table, task, of[DocumentKind])] += f"x{number}"
        last = table.index(rows[-1])
        return [*table[: last + 1], *more, *table[last + 1 :]]

    def document_twice(table: Table, rng: np.random.Generator) -> Table:
        place = place_of(table, task, of[DocumentKind])
        first, second, *_ = longest(table)
        second[place] = first[place]
        return table

    def increasing(table: Table, rng: np.random.Generator) -> Table:
        place = place_of(table, task, of[ScoreKind])
        rows = longest(table)
        scores = [cells[place] for cells in rows]
        for cells, score in zip(rows, reversed(scores), strict=True):
            cells[place] = score
        return table

    changes: list[tuple[str, Change]] = [
        ("a rank left out", gap),
        ("a rank twice", repeated),
        ("ranks from another number on", shifted),
        ("a list too long", too_many),
    ]
    if DocumentKind in of:
        changes.append(("a document twice", document_twice))
    if ScoreKind in of:
        changes.append(("scores increasing", increasing))
    return changes
