"""Rows in batches of one size, and work done ahead of whoever needs it: what every computation on images shares."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import numpy as np

A = TypeVar("A")
B = TypeVar("B")


def padded(rows: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """Return `rows`, (n, …), with rows of zeros after them: (size, …).

    Every batch has one size because kernels are chosen by it: the result of a row would otherwise depend, in its last
    bits, on how many others are computed beside it.

    >>> padded(np.ones((2, 1)), 3).ravel().tolist()
    [1.0, 1.0, 0.0]
    """
    assert len(rows) <= size, f"{len(rows)} rows in a batch of {size}"
    if len(rows) == size:
        return rows
    return np.concatenate([rows, np.zeros((size - len(rows), *rows.shape[1:]), rows.dtype)])


def map_ahead(function: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[tuple[A, B]]:
    """Yield (item, function(item)) in the order of `items`; `workers` threads compute a little ahead.

    At most twice as many results as there are workers wait, so memory does not grow with the number of items. What
    `function` raises is raised when its item is reached; what was not begun by then is dropped.

    >>> list(map_ahead(abs, [-2, 1], workers=2))
    [(-2, 2), (1, 1)]
    """
    with ThreadPoolExecutor(workers) as pool:
        todo = iter(items)
        waiting: deque[tuple[A, Future[B]]] = deque()
        try:
            while True:
                waiting.extend((item, pool.submit(function, item)) for item in islice(todo, 2 * workers - len(waiting)))
                if not waiting:
                    return
                item, future = waiting.popleft()
                yield item, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
