"""Which columns or classes of a file hold the answers of others, by the truth: swapped, shifted, sorted or inverted.

Every usual mistake is a rearrangement; the few that agree with the truth most are scored. Columns are exchanged among
those of one kind: 0 and 1, numbers with the same bounds, names of the same classes, sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from statistics import NormalDist
from typing import TYPE_CHECKING

from submission.alignment.assignment import best_assignment
from submission.check.answers import Cells
from submission.desk.changes import LEVEL, Change, Rows
from submission.desk.forms import Column
from submission.desk.measures import Measure
from submission.kinds import FlagKind, Kind, LabelKind, ScoreKind, SetKind, Value
from submission.wording import cut

if TYPE_CHECKING:
    import numpy as np

_ALL_ORDERS = 4  # classes up to which every order of them is tried
_BEST = 12  # rearrangements of each kind of column that are scored
_SHOWN = 8
_ACTUAL = {
    "columns-swapped": "two columns in each other's place",
    "columns-shifted": "shifted columns",
    "columns-exchanged": "the columns of whole subtasks in each other's place",
    "columns-sorted": "columns in another order than their headings",
    "columns-permuted": "columns under the wrong headings",
}


@dataclass(frozen=True)
class _Place:
    """A column of the task with its true values."""

    place: int  # among `task.columns`
    heading: str
    kind: Kind
    subtask: str
    truth: Column


def moved_columns(measures: Sequence[Measure], rows: Rows) -> Iterator[Change]:
    """Yield the rearrangements of columns and classes that agree best with the truth, of each kind of column."""
    groups: dict[object, list[_Place]] = {}
    for column in _places(measures):
        groups.setdefault(_exchangeable(column.kind), []).append(column)
    for group in groups.values():
        yield from _of_group(group, rows)
        for column in group:
            if isinstance(column.kind, LabelKind):
                yield from _of_classes(column, column.kind, rows)
        if isinstance(group[0].kind, FlagKind):
            yield from _inverted(group, rows)


def _places(measures: Sequence[Measure]) -> Iterator[_Place]:
    seen = set()
    for measure in measures:
        subtask = measure.subtask
        if subtask.name in seen or subtask.kind == "rank":
            continue
        seen.add(subtask.name)
        for column, place in zip(subtask.columns, measure.task.places_of(subtask), strict=True):
            if column.heading in measure.truth and isinstance(column.kind, LabelKind | FlagKind | ScoreKind | SetKind):
                yield _Place(place, column.heading, column.kind, subtask.name, measure.truth[column.heading])


def _exchangeable(kind: Kind) -> object:
    """Return what columns have in common that can hold each other's answers."""
    if isinstance(kind, LabelKind):
        return kind.labels
    return (kind.low, kind.high) if isinstance(kind, ScoreKind) else kind.type


def _of_group(group: Sequence[_Place], rows: Rows) -> Iterator[Change]:
    """Yield orders of columns: in each, column m of the file holds the answers of order[m]."""
    if len(group) < 2:
        return
    agreement = _agreement(group, rows)  # (columns of the truth, columns of the file)
    usual = _usual_orders(group)
    orders = [(code, order, len(usual)) for code, order in usual]
    assigned = best_assignment(agreement.T)
    if assigned not in [order for _, order in usual]:
        n_moved = sum(m != label for m, label in enumerate(assigned))
        orders.append(("columns-permuted", assigned, math.perm(len(group), n_moved)))
    gains = []
    for _, order, tried in orders:
        moves = [agreement[label, m] - agreement[m, m] for m, label in enumerate(order) if m != label]
        gains.append(sum(moves) if _beyond_chance(sum(moves), 2 * len(moves) / len(rows), tried) else 0.0)
    best = sorted((k for k, gain in enumerate(gains) if gain > 0), key=lambda k: -gains[k])[:_BEST]
    for code, order, tried in [orders[k] for k in best]:
        moved = [(group[m], group[label]) for m, label in enumerate(order) if m != label]
        told = "; ".join(f"'{cut(one.heading)}' holds '{cut(other.heading)}'" for one, other in moved[:_SHOWN])
        more = f" and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
        sources = {other.place: one.place for one, other in moved}
        told = f"{_ACTUAL[code]}: {told}{more}"
        yield Change(code, told, _exchanged(sources), tried=tried, column=moved[0][0].heading)


def _beyond_chance(gain: float, variance: float, tried: int) -> bool:
    """Return whether answers agree with the truth better, rather than being more or less frequent alone.

    `variance`: of the gain, if answers and truth are unrelated; `tried` rearrangements are paid for.
    """
    return variance > 0 and 2 * NormalDist().cdf(-gain / math.sqrt(variance)) * tried < LEVEL and gain > 0


def _agreement(group: Sequence[_Place], rows: Rows) -> np.ndarray:
    """Return how well the answers of each column agree with the truth of each: (columns of the truth, of the file)."""
    import numpy as np

    true = [_standard(_as_numbers(column.truth, column)) for column in group]
    given = [_standard(_as_numbers([row and row[column.place] for row in rows], column)) for column in group]
    agreement: np.ndarray = np.array([[float((t * y).sum()) for y in given] for t in true]) / max(len(rows), 1)
    return agreement


def _as_numbers(values: Sequence[object], column: _Place) -> np.ndarray:
    """Return the values of a column as numbers (n_images, n): its own, or 0 and 1 for each class or true item."""
    import numpy as np

    if isinstance(column.kind, LabelKind):
        return np.array([[float(value == label) for label in column.kind.labels] for value in values])
    if isinstance(column.kind, SetKind):
        items = sorted({item for value in column.truth if isinstance(value, tuple) for item in value})[:200]
        return np.array([[float(isinstance(value, tuple) and item in value) for item in items] for value in values])
    numbers = np.array([[np.nan if value is None else float(str(value))] for value in values])
    there = numbers[~np.isnan(numbers)]
    filled: np.ndarray = np.where(np.isnan(numbers), there.mean() if len(there) else 0.0, numbers)
    return filled


def _standard(table: np.ndarray) -> np.ndarray:
    import numpy as np

    spread = table.std(axis=0)
    centred: np.ndarray = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return centred


def _usual_orders(group: Sequence[_Place]) -> list[tuple[str, list[int]]]:
    """Return (code, order) of the usual mistakes, each order once."""
    identity = list(range(len(group)))
    found: dict[tuple[int, ...], str] = {}

    def add(code: str, at: Sequence[int], holds: Sequence[int]) -> None:
        order = identity.copy()
        for place, label in zip(at, holds, strict=True):
            order[place] = label
        if order != identity:
            found.setdefault(tuple(order), code)

    for one, other in combinations(identity, 2):
        add("columns-swapped", (one, other), (other, one))
    blocks = [[k for k in identity if group[k].subtask == name] for name in dict.fromkeys(one.subtask for one in group)]
    starts = [block[0] for block in blocks[1:]]
    for first, second in combinations(blocks, 2):
        if len(first) == len(second):
            add("columns-exchanged", [*first, *second], [*second, *first])
    for block in [*blocks, identity] if len(blocks) > 1 else blocks:
        for lag in range(1, len(block)):
            whole = block is identity and (lag in starts or len(block) - lag in starts)
            add("columns-exchanged" if whole else "columns-shifted", block, [*block[lag:], *block[:lag]])
        add("columns-sorted", block, block[::-1])
        add("columns-sorted", block, sorted(block, key=lambda k: group[k].heading))
        by_number = sorted(range(1, len(block) + 1), key=str)  # 10 before 2
        add("columns-sorted", block, [block[number - 1] for number in by_number])
        add("columns-sorted", block, sorted(block, key=lambda k: _words(group[k].heading)))
    return [(code, list(order)) for order, code in found.items()]


def _words(heading: str) -> str:
    """Return a heading without its number, in lower case."""
    return "".join(filter(str.isalpha, heading.partition(":")[2] or heading)).lower()


def _of_classes(column: _Place, kind: LabelKind, rows: Rows) -> Iterator[Change]:
    """Yield the orders of class names that agree best: in each, answers of class m mean class order[m]."""
    import numpy as np

    numbers = {label: k for k, label in enumerate(kind.labels)}
    together = np.zeros((len(numbers), len(numbers)))  # (answered, true)
    for true, row in zip(column.truth, rows, strict=True):
        given = row and row[column.place]
        if given is not None:
            together[numbers[str(given)], numbers[str(true)]] += 1
    total = together.sum()
    by_chance = together.sum(axis=1)[:, None] * together.sum(axis=0)[None] / max(total, 1)
    beyond = together - by_chance
    identity = list(range(len(numbers)))
    if len(numbers) <= _ALL_ORDERS:
        orders = [list(order) for order in permutations(identity)][1:]
    else:
        orders = [[*identity[lag:], *identity[:lag]] for lag in identity[1:]]
        for one, other in combinations(identity, 2):
            order = identity.copy()
            order[one], order[other] = other, one
            orders.append(order)
    gains = []
    for order in orders:
        moved = [(m, label) for m, label in enumerate(order) if m != label]
        gain = sum(float(beyond[m, label] - beyond[m, m]) for m, label in moved)
        variance = sum(float(by_chance[m, label] + by_chance[m, m]) for m, label in moved)
        gains.append(gain if _beyond_chance(gain, variance, len(orders)) else 0.0)
    best = sorted((k for k, gain in enumerate(gains) if gain > 0), key=lambda k: -gains[k])[:_BEST]
    for order in (orders[k] for k in best):
        names = {kind.labels[m]: kind.labels[label] for m, label in enumerate(order) if m != label}
        told = "; ".join(f"'{cut(one)}' stands for '{cut(other)}'" for one, other in list(names.items())[:_SHOWN])
        yield Change(
            "classes-permuted",
            f"classes under each other's names: {told}",
            _renamed(column.place, names),
            tried=len(orders),
            column=column.heading,
        )


def _inverted(group: Sequence[_Place], rows: Rows) -> Iterator[Change]:
    """Yield inversions of 0 and 1: of each subtask, of all, and of each column that contradicts the truth."""
    agreement = _agreement(group, rows)
    of_column = {column.place: float(agreement[k, k]) for k, column in enumerate(group)}
    against = [column for column in group if of_column[column.place] < 0]
    subtasks = dict.fromkeys(column.subtask for column in group)
    choices = [[column for column in group if column.subtask == name] for name in subtasks]
    choices += [[*group], against]
    for columns in [choice for k, choice in enumerate(choices) if choice and choice not in choices[:k]]:
        gain = -sum(of_column[column.place] for column in columns)
        if not _beyond_chance(gain, len(columns) / len(rows), len(group) + len(choices)):
            continue
        told = ", ".join(f"'{cut(column.heading)}'" for column in columns[:_SHOWN])
        more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
        yield Change(
            "columns-inverted",
            f"0 and 1 in each other's place: {told}{more}",
            _inverted_in([column.place for column in columns]),
            tried=len(group) + len(choices),
            column=columns[0].heading,
        )


def _changed(cells_of: Callable[[list[Value | None]], None]) -> Callable[[Rows], list[Cells | None]]:
    """Return what changes the cells of each row that has some."""

    def apply(rows: Rows) -> list[Cells | None]:
        changed: list[Cells | None] = []
        for row in rows:
            if row is None:
                changed.append(None)
                continue
            cells = list(row)
            cells_of(cells)
            changed.append(tuple(cells))
        return changed

    return apply


def _exchanged(sources: Mapping[int, int]) -> Callable[[Rows], list[Cells | None]]:
    def exchange(cells: list[Value | None]) -> None:
        taken = list(cells)
        for target, source in sources.items():
            cells[target] = taken[source]

    return _changed(exchange)


def _renamed(place: int, names: Mapping[str, str]) -> Callable[[Rows], list[Cells | None]]:
    def rename(cells: list[Value | None]) -> None:
        cells[place] = names.get(str(cells[place]), cells[place])

    return _changed(rename)


def _inverted_in(places: Sequence[int]) -> Callable[[Rows], list[Cells | None]]:
    def invert(cells: list[Value | None]) -> None:
        for place in places:
            value = cells[place]
            cells[place] = None if value is None else 1 - int(str(value))

    return _changed(invert)
