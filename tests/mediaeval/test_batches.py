"""Batches of one size, and work done ahead in order."""

import threading

import numpy as np
import pytest

from mediaeval.batches import map_ahead, padded


def test_rows_are_followed_by_zeros_of_their_type():
    rows = np.arange(6, dtype=np.uint8).reshape(2, 3)
    batch = padded(rows, 5)
    assert batch.shape == (5, 3) and batch.dtype == np.uint8
    np.testing.assert_array_equal(batch[:2], rows)
    assert not batch[2:].any()
    assert padded(rows, 2) is rows, "a full batch is not copied"


def test_results_come_in_order_and_only_a_few_are_computed_ahead():
    begun: list[int] = []
    lock = threading.Lock()

    def square(n: int) -> int:
        with lock:
            begun.append(n)
        return n * n

    results = map_ahead(square, range(100), workers=2)
    assert [next(results) for _ in range(3)] == [(0, 0), (1, 1), (2, 4)]
    assert len(begun) <= 3 + 2 * 2
    assert list(results) == [(n, n * n) for n in range(3, 100)]


def test_an_error_is_raised_at_its_item_and_ends_the_work():
    begun: list[int] = []

    def fail_at_three(n: int) -> int:
        begun.append(n)
        if n == 3:
            raise ValueError("three")
        return n

    results = map_ahead(fail_at_three, range(1000), workers=1)
    assert [next(results)[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(begun) < 10
