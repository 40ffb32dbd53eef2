"""Which shift, slip or other order of the rows of a file its answers are in, by the truth.

The truth takes the place of what images lead to expect in `submission.alignment`: the same rivals compete by the same
likelihood, with the same chance of a false alarm over all of them together. Of a slip that is too short for that, the
fit of the moved rows alone is compared with chance (fits.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from submission.alignment.findings import row_problem
from submission.alignment.likelihood import Likelihood
from submission.alignment.orders import arrangements, interleavings, usual_orders
from submission.alignment.rows import Rival, find_rival
from submission.check.answers import Answers, Cells
from submission.desk.changes import LEVEL, Change, Rows
from submission.desk.fits import beyond_chance, likely_slips, of_rows
from submission.desk.forms import Column, answer_columns
from submission.desk.measures import Measure
from submission.kinds import LabelKind, SetKind
from submission.task import Subtask

if TYPE_CHECKING:
    import numpy as np

_LEAST_ROWS = 3
_NEARBY = 6  # rows
_MOST_ITEMS = 40  # of sets, the most frequent ones


def moved_rows(answers: Answers, measures: Sequence[Measure], ids: Sequence[str], rows: Rows) -> Iterator[Change]:
    """Yield the orders of rows that are more probable than that of the file.

    `ids`: of the truth; `rows`: its answers, which may have been rearranged already.
    """
    import numpy as np

    place = {image_id: k for k, image_id in enumerate(ids)}
    in_file = [place[image_id] for image_id in answers.values]  # row of the file → image
    lines = list(answers.lines.values())
    if len(in_file) < _LEAST_ROWS:
        return
    taken = [rows[k] for k in in_file]
    subtasks = {measure.subtask.name: measure for measure in reversed(measures)}
    true, given, owners = [], [], []
    for name, measure in subtasks.items():
        of_answers = answer_columns(measure.task, measure.subtask, taken)
        of_truth = {heading: [column[k] for k in in_file] for heading, column in measure.truth.items()}
        for t, y in _numbers(measure.subtask, of_truth, of_answers):
            if t.std() > 0 and y.std() > 0:
                true.append((t - t.mean()) / t.std())
                given.append(y)
                owners.append(name)
    if not true:
        return
    labels = np.stack(given, axis=1)
    places = {name: np.array([owner == name for owner in owners]) for name in subtasks if name in owners}
    likelihood = Likelihood(np.stack(true, axis=1), labels, np.diag(1 / labels.std(axis=0)))
    file_ids = [ids[k] for k in in_file]
    orders = arrangements(file_ids, usual_orders(ids))
    rival = find_rival(likelihood, places, orders)
    rivals = {(one.subtasks, one.parts): (one, tried) for one, tried in likely_slips(likelihood, places)}
    if rival:
        rivals[rival.subtasks, rival.parts] = (rival, 0.0)
    standard = labels / labels.std(axis=0)
    for found, tried in rivals.values():
        order = _order_of(found, orders, len(in_file))
        if order is None:
            continue
        if tried:
            moved, images = of_rows(order)
            columns = np.flatnonzero(np.any([places[name] for name in found.subtasks], axis=0))
            here, there = likelihood.expected[images][:, columns], standard[moved][:, columns]
            if not beyond_chance(here, there, tried, LEVEL):
                continue
        of_task = [place for name in found.subtasks for place in subtasks[name].task.places_of(subtasks[name].subtask)]
        for one in _begun_nearby(found):
            order = _order_of(one, orders, len(in_file))
            assert order is not None, "a slip has an order"
            problem = row_problem(one, len(places), lines)
            yield Change(problem.code, problem.actual, _reordered(order, in_file, of_task), line=problem.line)


def _begun_nearby(rival: Rival) -> Iterator[Rival]:
    """Yield a slip of one part, and the same from a few rows earlier or later on, as the scores may have it."""
    yield rival
    if rival.kind != "slip" or len(rival.parts) != 1 or rival.parts[0].first == 0:
        return
    part = rival.parts[0]
    for first in range(max(part.first - _NEARBY, 1), min(part.first + _NEARBY + 1, part.last)):
        if first != part.first:
            yield replace(rival, parts=(replace(part, first=first),))


def _order_of(rival: Rival, orders: Mapping[str, np.ndarray], n: int) -> np.ndarray | None:
    """Return row of the file → row whose image it belongs to; None where no single order is meant."""
    import numpy as np

    if rival.kind in ("order", "workers"):
        order: np.ndarray = (orders if rival.kind == "order" else interleavings(n))[rival.name]
        return order
    if rival.kind not in ("slip", "batches"):
        return None
    image_of: dict[int, int] = {}
    taken: set[int] = set()
    for part in rival.parts:
        for row in range(part.first, part.last + 1):
            image = (row + part.lag) % n
            if row not in image_of and image not in taken:
                image_of[row] = image
                taken.add(image)
    # rows that are in no part stay; those that were pushed out get what is left, in the order of the file
    image_of |= {row: row for row in range(n) if row not in image_of and row not in taken}
    left = iter(sorted(set(range(n)) - set(image_of.values())))
    return np.array([image_of[row] if row in image_of else next(left) for row in range(n)])


def _reordered(
    order: np.ndarray, in_file: Sequence[int], columns: Sequence[int]
) -> Callable[[Rows], list[Cells | None]]:
    """Return what gives the cells of each row of the file, in some columns, to the image that the row belongs to."""

    def apply(rows: Rows) -> list[Cells | None]:
        changed = list(rows)
        for row, image in enumerate(order.tolist()):
            source, target = rows[in_file[row]], rows[in_file[image]]
            assert source is not None, "a row of the file has no cells"
            assert target is not None, "a row of the file has no cells"
            cells = list(target)
            for column in columns:
                cells[column] = source[column]
            changed[in_file[image]] = tuple(cells)
        return changed

    return apply


def _numbers(
    subtask: Subtask, truth: Mapping[str, Column], answers: Mapping[str, Column]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of columns of numbers (n_rows,): of the truth, and of the answers, the mean where there is none."""
    import numpy as np

    for column in subtask.columns:
        if column.heading not in truth:
            continue
        true, given = truth[column.heading], answers[column.heading]
        if isinstance(column.kind, LabelKind):
            for label in column.kind.labels:
                yield (
                    _filled([value == label for value in true]),
                    _filled([None if value is None else value == label for value in given]),
                )
        elif isinstance(column.kind, SetKind):
            items: dict[str, int] = {}
            for value in true:
                for item in value if isinstance(value, tuple) else ():
                    items[item] = items.get(item, 0) + 1
            for item in sorted(items, key=lambda one: -items[one])[:_MOST_ITEMS]:
                yield (
                    _filled([isinstance(value, tuple) and item in value for value in true]),
                    _filled([isinstance(value, tuple) and item in value for value in given]),
                )
        elif all(isinstance(value, int | float) for value in true):
            yield np.array(true, dtype=float), _filled(given)


def _filled(column: Sequence[Any]) -> np.ndarray:
    import numpy as np

    numbers = np.array([np.nan if value is None else float(value) for value in column])
    there = ~np.isnan(numbers)
    filled: np.ndarray = np.where(there, numbers, numbers[there].mean() if there.any() else 0.0)
    return filled
