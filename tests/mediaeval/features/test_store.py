"""The feature store: what is written is found by its key, and a torn tail costs only itself."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaeval.errors import ConfigError, FeaturesError
from mediaeval.features.store import FeatureFile, FeatureStore, image_key, view_key

IDENTITY = {"kind": "fake", "weights": "abc"}


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def vectors(*numbers: int, width: int = 5) -> np.ndarray:
    return np.array([[number + k / 10 for k in range(width)] for number in numbers], np.float32)


@settings(max_examples=30, deadline=None)
@given(numbers=st.lists(st.integers(0, 1000), unique=True, max_size=40), batch=st.integers(1, 9), data=st.data())
def test_what_is_appended_is_found_by_key_in_any_order(tmp_path_factory, numbers, batch, data):
    path = tmp_path_factory.mktemp("store") / "f.features"
    file = FeatureFile(path, IDENTITY, 5)
    for start in range(0, len(numbers), batch):
        part = numbers[start : start + batch]
        file.append([key(n) for n in part], vectors(*part))
    again = FeatureFile(path, IDENTITY, 5)
    wanted = data.draw(st.permutations(numbers))
    assert len(again) == len(numbers)
    np.testing.assert_array_equal(again.get([key(n) for n in wanted]), vectors(*wanted).reshape(-1, 5))


@pytest.mark.parametrize("lost", [1, 4, 17, 40])
def test_a_torn_last_record_is_dropped_and_written_anew(tmp_path, lost):
    file = FeatureFile(tmp_path / "f", IDENTITY, 5)
    file.append([key(1), key(2)], vectors(1, 2))
    os.truncate(file.path, file.path.stat().st_size - lost)
    torn = FeatureFile(file.path, IDENTITY, 5)
    assert key(1) in torn and key(2) not in torn
    torn.append([key(2), key(3)], vectors(2, 3))
    mended = FeatureFile(file.path, IDENTITY, 5)
    np.testing.assert_array_equal(mended.get([key(3), key(1), key(2)]), vectors(3, 1, 2))


def test_a_record_with_a_flipped_bit_is_not_believed(tmp_path):
    file = FeatureFile(tmp_path / "f", IDENTITY, 5)
    file.append([key(1), key(2)], vectors(1, 2))
    data = bytearray(file.path.read_bytes())
    data[-10] ^= 1
    file.path.write_bytes(data)
    damaged = FeatureFile(file.path, IDENTITY, 5)
    assert key(1) in damaged and key(2) not in damaged


def test_killed_while_writing_leaves_whole_records(tmp_path):
    """A process that appends as fast as it can is killed outright; what it left is readable and correct."""
    code = (
        "import sys, numpy as np; from pathlib import Path; from mediaeval.features.store import FeatureFile\n"
        "file = FeatureFile(Path(sys.argv[1]), {'kind': 'fake', 'weights': 'abc'}, 5000)\n"
        "for n in range(10**6): file.append([n.to_bytes(32, 'big')], np.full((1, 5000), n, np.float32))\n"
    )
    path = tmp_path / "f"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    deadline = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size > 10**6) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    file = FeatureFile(path, IDENTITY, 5000)
    assert len(file) > 10
    for n in range(len(file)):
        assert (file.get([key(n)]) == n).all()


def test_other_weights_are_another_file_and_never_mixed(tmp_path):
    store = FeatureStore(tmp_path)
    ours = store.open("net", IDENTITY, 5)
    ours.append([key(1)], vectors(1))
    other = store.open("net", IDENTITY | {"weights": "xyz"}, 5)
    assert other.path != ours.path and key(1) not in other
    ours.path.rename(other.path)
    with pytest.raises(FeaturesError, match="Delete it"):
        store.open("net", IDENTITY | {"weights": "xyz"}, 5)


def test_nan_is_refused_and_a_full_disk_is_told(tmp_path, monkeypatch):
    file = FeatureFile(tmp_path / "f", IDENTITY, 5)
    with pytest.raises(FeaturesError, match="NaN or infinite"):
        file.append([key(1)], vectors(1) * np.nan)

    def no_room(*arguments, **options):
        raise OSError(28, "No space left on device")

    file.append([key(1)], vectors(1))
    monkeypatch.setattr("pathlib.Path.open", no_room)
    with pytest.raises(FeaturesError, match=r"cannot be written: No space left on device.*continues from there"):
        file.append([key(2)], vectors(2))
    monkeypatch.undo()
    assert len(FeatureFile(file.path, IDENTITY, 5)) == 1


def test_what_two_wrote_is_taken_in_and_the_last_counts(tmp_path):
    ours, theirs = (FeatureFile(tmp_path / "f", IDENTITY, 5) for _ in range(2))
    ours.append([key(3), key(1)], vectors(3, 1))
    theirs.append([key(1), key(2)], vectors(7, 2))
    assert key(1) not in ours, "until it is loaded again"
    ours.reload()
    theirs.append([key(0)], vectors(0))
    ours.reload()
    assert len(ours) == 4
    np.testing.assert_array_equal(ours.get([key(2), key(1), key(0), key(3)]), vectors(2, 7, 0, 3))
    with pytest.raises(KeyError):
        ours.get([key(1), key(4)])


def test_a_file_that_was_begun_anew_is_read_anew(tmp_path):
    ours = FeatureFile(tmp_path / "f", IDENTITY, 5)
    ours.append([key(1), key(2)], vectors(1, 2))
    ours.reload()
    ours.path.unlink()
    FeatureFile(tmp_path / "f", IDENTITY, 5).append([key(2)], vectors(5))
    ours.reload()
    assert key(1) not in ours
    np.testing.assert_array_equal(ours.get([key(2)]), vectors(5))


def test_views_have_keys_of_their_own():
    content = "ab" * 32
    keys = {image_key(content), *(view_key(content, i, v) for i in ("a", "b") for v in (1, 2))}
    assert len(keys) == 5


def test_a_store_that_cannot_be_written_serves_what_it_holds(tmp_path, monkeypatch):
    full = FeatureFile(tmp_path / "f", IDENTITY, 5)
    full.append([key(1)], vectors(1))

    def read_only(*arguments, **options):
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr("mediaeval.features.store.FileLock", read_only)
    held, empty = FeatureFile(tmp_path / "f", IDENTITY, 5), FeatureFile(tmp_path / "g", IDENTITY, 5)
    np.testing.assert_array_equal(held.get([key(1)]), vectors(1))
    assert len(empty) == 0 and not empty.path.exists() and key(1) not in empty
    for file in (held, empty):
        with pytest.raises(FeaturesError, match=r"cannot be written: Read-only file system.*MEDIAEVAL_FEATURES"):
            file.begin()


def test_what_is_no_file_in_a_store_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "f")
    with pytest.raises(OSError, match="is a named pipe"):
        FeatureFile(tmp_path / "f", IDENTITY, 5)


@pytest.mark.parametrize("name", ["../../../X", "/tmp/X", "a/b", "a\\b", "", "a\0", "a\x1b[31m", "é" * 100])
def test_a_name_that_is_a_path_names_no_file(name, tmp_path):
    with pytest.raises(ConfigError, match=r"extractors: got the name .*expected up to 150 letters"):
        FeatureStore(tmp_path / "store").open(name, IDENTITY, 5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["mine", "my net", "vit.b-16", "..", "größe"])
def test_other_names_are_taken_as_before(name, tmp_path):
    assert FeatureStore(tmp_path).open(name, IDENTITY, 5).path.parent == tmp_path
