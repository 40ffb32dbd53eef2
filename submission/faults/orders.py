"""Orders in which rows get each other's labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from submission.faults.fault import Change, Table

if TYPE_CHECKING:
    import numpy as np

Places = Callable[[Table], list[int]]  # where some columns are


def reorder_rows(order: Callable[[int, np.random.Generator], list[int]], places: Places | None = None) -> Change:
    """Leave the ids and give row i the labels of row order[i]: all of them, or those of some columns."""

    def change(table: Table, rng: np.random.Generator) -> Table:
        rows = table[1:]
        moved = set(range(1, len(table[0])) if places is None else places(table))
        if len(moved) == len(table[0]) - 1 and places is not None:
            raise LookupError("the run has no other columns")
        return [
            table[0],
            *(
                [rows[k][place] if place in moved else cell for place, cell in enumerate(cells)]
                for cells, k in zip(rows, order(len(rows), rng), strict=True)
            ),
        ]

    return change


def slip(first: float, lag: int) -> Callable[[int, np.random.Generator], list[int]]:
    """Return an order of labels that slip by `lag` rows from a random row on, in the first `first` of the file."""

    def order(n: int, rng: np.random.Generator) -> list[int]:
        start = int(rng.integers(0, max(int(first * n), 1)))
        part = list(range(start, n))
        return [*range(start), *(part[lag:] + part[:lag])]

    return order


def _exchange_quarters(n: int, rng: np.random.Generator) -> list[int]:
    quarter = n // 4
    return [*range(2 * quarter, 3 * quarter), *range(quarter, 2 * quarter), *range(quarter), *range(3 * quarter, n)]


_BATCH = 32  # rows, or a quarter of a shorter file


def _batches_of(n: int) -> list[list[int]]:
    size = max(min(_BATCH, n // 4), 1)
    return [list(range(start, min(start + size, n))) for start in range(0, n, size)]


def _shuffle_inside_batches(n: int, rng: np.random.Generator) -> list[int]:
    return [int(k) for batch in _batches_of(n) for k in rng.permutation(batch)]


def _reorder_batches(n: int, rng: np.random.Generator) -> list[int]:
    import numpy as np

    batches = _batches_of(n)
    order = rng.permutation(len(batches))
    if (order == np.arange(len(batches))).all():
        order = order[::-1]
    return [k for place in order for k in batches[place]]


def _workers_in_turn(workers: int) -> Callable[[int, np.random.Generator], list[int]]:
    """Return an order of labels that each worker made of every so many images, written one worker after another."""
    return lambda n, rng: [k for worker in range(workers) for k in range(worker, n, workers)]


def _workers_one_by_one(workers: int) -> Callable[[int, np.random.Generator], list[int]]:
    """Return an order of labels that each worker made of a part of the file, written in turn."""

    def order(n: int, rng: np.random.Generator) -> list[int]:
        size = -(-n // workers)
        return [k for first in range(size) for k in range(first, n, size)]

    return order


def _drop_row(n: int, rng: np.random.Generator) -> list[int]:
    """Return an order without a row of the first half; the last row keeps its labels."""
    dropped = int(rng.integers(0, max(n // 2, 1)))
    return [*range(dropped), *range(dropped + 1, n), n - 1]


def _double_row(n: int, rng: np.random.Generator) -> list[int]:
    """Return an order with a row of the first half twice; the last row's labels are lost."""
    doubled = int(rng.integers(0, max(n // 2, 1)))
    return [*range(doubled + 1), *range(doubled, n - 1)]


def _sort_labels_by_id(table: Table, rng: np.random.Generator) -> Table:
    """Leave the ids and write the labels in the order of the sorted ids."""
    rows = table[1:]
    taken = sorted(range(len(rows)), key=lambda k: rows[k][0])
    return [table[0], *([cells[0], *rows[k][1:]] for cells, k in zip(rows, taken, strict=True))]


ROW_ORDERS: tuple[tuple[str, Change], ...] = (
    ("labels slipped by one row", reorder_rows(slip(0, 1))),
    ("labels slipped the other way", reorder_rows(slip(0, -1))),
    ("labels slipped by ten rows", reorder_rows(slip(0, 10))),
    ("slip from a row in the first half on", reorder_rows(slip(0.5, 1))),
    ("slip of three from a row in the first half on", reorder_rows(slip(0.5, -3))),
    ("halves exchanged", reorder_rows(lambda n, rng: [*range(n // 2, n), *range(n // 2)])),
    ("quarters exchanged", reorder_rows(_exchange_quarters)),
    ("labels backwards", reorder_rows(lambda n, rng: list(range(n))[::-1])),
    ("labels in the order of sorted ids", _sort_labels_by_id),
    ("labels shuffled", reorder_rows(lambda n, rng: list(rng.permutation(n)))),
    ("labels shuffled inside batches", reorder_rows(_shuffle_inside_batches)),
    ("batches of rows in another order", reorder_rows(_reorder_batches)),
    ("labels of two workers one after another", reorder_rows(_workers_in_turn(2))),
    ("labels of four workers one after another", reorder_rows(_workers_in_turn(4))),
    ("labels of four workers in turn", reorder_rows(_workers_one_by_one(4))),
    ("labels of a row dropped, the next ones moved up", reorder_rows(_drop_row)),
    ("labels of a row doubled, the next ones moved down", reorder_rows(_double_row)),
    ("one answer for all images", reorder_rows(lambda n, rng: [int(rng.integers(n))] * n)),
)
