"""Readers of weight files and records refuse mutated files with a sentence; the long version is in benchmarks/."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_readers import READERS
from mediaeval.errors import UserError

pytestmark = pytest.mark.integration

QUICK = [reader for reader in READERS if not reader.name.startswith(("model", "records", "state"))]


def refusal(reader, path) -> str:
    """Why a file is refused, "" where it is read; any other exception than a UserError is raised."""
    try:
        reader.read(path)
    except UserError as error:
        assert str(error)
        return str(error)
    return ""


@pytest.mark.parametrize("reader", QUICK, ids=lambda reader: reader.name)
def test_mutated_files_are_read_or_refused(reader, tmp_path):
    bases = reader.bases(tmp_path)

    @settings(max_examples=50, deadline=None, database=None)
    @given(name=st.sampled_from(sorted(bases)), seed=st.integers(0, 2**32))
    def read_or_refuse(name, seed):
        (tmp_path / name).write_bytes(bases[name].mutated(random.Random(seed)))
        try:
            assert len(refusal(reader, tmp_path / name)) < 3000
        finally:
            (tmp_path / name).write_bytes(bases[name].whole())

    read_or_refuse()


# the PCA is tried without its components, 8 MB that would take most of the time
@pytest.mark.parametrize("reader", [r for r in QUICK if "PCA" not in r.name], ids=lambda reader: reader.name)
def test_sound_files_are_read(reader, tmp_path):
    bases = reader.bases(tmp_path)
    for name, base in bases.items():
        (tmp_path / name).write_bytes(base.whole())
        assert refusal(reader, tmp_path / name) == ""


@pytest.mark.slow
def test_ten_thousand_mutated_files_give_no_traceback_no_crash_and_take_no_time():
    command = [sys.executable, "-m", "benchmarks.fuzz_records", "--files", "10000", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stdout + done.stderr
