"""Run files as nobody writes them: a short run of benchmarks/fuzz_run_files.py."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_run_files import SCRAPS, TOO_SLOW, file_number, large_files, read_all


@settings(max_examples=150, deadline=None)
@given(number=st.integers(0, 10**6))
def test_a_mutated_run_file_is_checked_and_read_or_refused_with_short_sentences(tmp_path_factory, number):
    read_all(file_number(number, seed=1)[1], tmp_path_factory.getbasetemp() / "run.csv")


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.one_of(st.sampled_from(SCRAPS), st.binary(max_size=9)), max_size=20))
def test_bytes_of_any_kind_are_checked_and_read_or_refused(tmp_path_factory, pieces):
    read_all(b"".join(pieces), tmp_path_factory.getbasetemp() / "run.csv")


def test_no_kind_of_bad_file_takes_long(tmp_path):
    for name, data in large_files(40_000):
        begin = time.process_time()
        read_all(data, tmp_path / "run.csv")
        assert time.process_time() - begin < TOO_SLOW, name


@pytest.mark.slow
def test_time_is_linear_in_the_size_of_a_bad_file(tmp_path):
    small, large = dict(large_files(200_000)), dict(large_files(800_000))
    for name in small:
        times = []
        for data in (small[name], large[name]):
            begin = time.process_time()
            read_all(data, tmp_path / "run.csv")
            times.append(time.process_time() - begin)
        assert times[1] < 8 * times[0] + 0.5, name  # four times the bytes
