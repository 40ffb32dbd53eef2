"""What workers stored: counted beside the common store, absorbed when they end, and never lost by a kill."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mediaeval.errors import FeaturesError
from mediaeval.features import store as store_module
from mediaeval.features.store import FeatureStore, image_key
from mediaeval.features.worker_store import Absorbed, absorb, folder_of, new_worker, worker_store

IDENTITY = {"kind": "fake"}
KEYS = [image_key(f"{k:064x}") for k in range(256)]  # among them one that ends with a zero byte


def vectors(*numbers):
    return np.array([[n, n + 0.5] for n in numbers], np.float32)


def common_of(folder):
    return FeatureStore(folder).open("net", IDENTITY, 2)


def worker_stores(folder, *numbers, name=""):
    """A worker stores vectors and ends; return its name."""
    name = name or new_worker(folder)
    with worker_store(folder, name) as store:
        store.open("net", IDENTITY, 2).append([KEYS[n] for n in numbers], vectors(*numbers))
    return name


def test_a_worker_finds_the_common_vectors_and_writes_its_own(tmp_path):
    common_of(tmp_path).append(KEYS[:2], vectors(0, 1))
    with worker_store(tmp_path, new_worker(tmp_path)) as store:
        file = store.open("net", IDENTITY, 2)
        file.append([KEYS[2]], vectors(2))
        file.reload()
        assert file.holds(KEYS[:4]).tolist() == [True, True, True, False]
        assert KEYS[1] in file
        np.testing.assert_array_equal(file.get([KEYS[2], KEYS[0], KEYS[1]]), vectors(2, 0, 1))
    assert len(common_of(tmp_path)) == 2


def test_what_workers_stored_is_absorbed_and_their_folders_go(tmp_path):
    for numbers in ((0, 1), (1, 2)):
        worker_stores(tmp_path, *numbers)
    assert absorb(tmp_path) == Absorbed(stored=4, twice=1)
    file = common_of(tmp_path)
    np.testing.assert_array_equal(file.get(KEYS[:3]), vectors(0, 1, 2))
    assert not file.doubles
    assert not (tmp_path / "workers").exists()
    assert absorb(tmp_path) == Absorbed(0, 0)


def test_keys_of_every_byte_are_absorbed(tmp_path):
    worker_stores(tmp_path, *range(256))
    assert absorb(tmp_path).stored == 256
    np.testing.assert_array_equal(common_of(tmp_path).get(KEYS), vectors(*range(256)))


def test_a_worker_that_runs_is_left_alone_and_one_that_was_killed_is_not(tmp_path):
    program = """
import sys, time
from pathlib import Path
from tests.mediaeval.features.test_worker_store import IDENTITY, KEYS, vectors
from mediaeval.features.worker_store import worker_store
with worker_store(Path(sys.argv[1]), sys.argv[2]) as store:
    store.open("net", IDENTITY, 2).append([KEYS[3]], vectors(3))
    print("stored", flush=True)
    time.sleep(60)
"""
    name = new_worker(tmp_path)
    arguments = [sys.executable, "-c", program, str(tmp_path), name]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as worker:
        worker.stdout.readline()
        assert absorb(tmp_path) == Absorbed(0, 0)
        assert folder_of(tmp_path, name).is_dir()
        worker.kill()
    assert absorb(tmp_path) == Absorbed(stored=1, twice=0)


def test_an_absorption_that_is_cut_off_loses_nothing(tmp_path, monkeypatch):
    worker_stores(tmp_path, *range(9))
    append, appended = store_module.FeatureFile.append, []

    def cut_off(self, keys, found):
        if len(appended) == 2:
            raise KeyboardInterrupt
        appended.append(keys)
        append(self, keys, found)

    monkeypatch.setattr(store_module, "_AT_ONCE", 4)  # two vectors
    monkeypatch.setattr(store_module.FeatureFile, "append", cut_off)
    with pytest.raises(KeyboardInterrupt):
        absorb(tmp_path)
    monkeypatch.undo()
    assert len(common_of(tmp_path)) == 4
    assert absorb(tmp_path) == Absorbed(stored=9, twice=4)
    np.testing.assert_array_equal(common_of(tmp_path).get(KEYS[:9]), vectors(*range(9)))


def test_a_store_that_a_worker_does_not_see_is_said_to_be_elsewhere(tmp_path):
    with pytest.raises(FeaturesError, match="lies on another machine"):
        worker_stores(tmp_path, 1, name="unknown")


def test_a_worker_that_is_about_to_begin_keeps_its_folder(tmp_path):
    name = new_worker(tmp_path)
    assert absorb(tmp_path) == Absorbed(0, 0)
    worker_stores(tmp_path, 1, name=name)
    never_begun = folder_of(tmp_path, new_worker(tmp_path))
    os.utime(never_begun, (0, 0))
    assert absorb(tmp_path).stored == 1
    assert not never_begun.exists()


def test_what_no_worker_wrote_is_left_out(tmp_path):
    name = worker_stores(tmp_path, 1)
    (folder_of(tmp_path, name) / "net-1.json").write_text("[]")
    assert absorb(tmp_path) == Absorbed(1, 0)
