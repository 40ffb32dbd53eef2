"""Processes that compute beside this one: in order, to the same bytes, and never at the cost of the rest."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mediaeval import workers
from mediaeval.errors import ImageError
from mediaeval.workers import map_in_workers

pytestmark = pytest.mark.integration


def arrays_of(n: int):
    """An array of n numbers, twice the same one, and a number that is no array; 13 is damaged, 7 ends its process."""
    if n == 13:
        raise ImageError("the image is damaged: unlucky")
    if n == 7:
        os.kill(os.getpid(), signal.SIGSEGV)
    numbers = np.arange(n, dtype=np.float32)
    return numbers, numbers, n


def mapped(items, n_workers=2, chunk=3):
    return list(map_in_workers(arrays_of, items, n_workers, chunk, lambda how: f"ended: {how}"))


def test_results_come_in_the_order_of_the_items_with_their_arrays():
    found = mapped(range(100, 120))
    assert [item for item, _ in found] == [*range(100, 120)]
    for item, (first, second, n) in found:
        np.testing.assert_array_equal(first, np.arange(item, dtype=np.float32))
        assert first is second, "what is shared stays shared"
        assert first.flags.writeable
        assert n == item


def test_arrays_beyond_the_shared_memory_come_through_the_pipe(monkeypatch):
    monkeypatch.setattr(workers, "SHARED", 4096)
    found = mapped([500, 5000, 600, 700], chunk=4)
    assert [len(first) for _, (first, _, _) in found] == [500, 5000, 600, 700]


def test_without_memory_to_share_all_comes_through_the_pipe(monkeypatch):
    monkeypatch.setattr(workers, "_shared_memory", lambda: (None, -1))
    assert [len(first) for _, (first, _, _) in mapped([5, 6])] == [5, 6]


def test_an_item_that_ends_its_process_is_told_apart_from_those_beside_it():
    found = dict(mapped([5, 6, 7, 8, 9]))
    assert found.pop(7) == f"ended: signal {signal.SIGSEGV.value}"
    assert {item: result[2] for item, result in found.items()} == {5: 5, 6: 6, 8: 8, 9: 9}


def test_what_the_function_raises_is_raised_here():
    with pytest.raises(ImageError, match="unlucky"):
        mapped([12, 13, 14])


def test_no_process_is_left_behind_by_one_that_is_killed():
    program = """
from mediaeval.workers import map_in_workers
from tests.mediaeval.test_workers import arrays_of
for item, result in map_in_workers(arrays_of, range(100, 10**9), 2, 1, str):
    print("begun", flush=True)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with parent:
        parent.stdout.readline()
        children = _children_of(parent.pid)
        parent.kill()
    assert len(children) == 2
    end = time.monotonic() + 10
    while (alive := [child for child in children if _runs(child)]) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive


def _children_of(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(line) for line in listed.split()]


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
