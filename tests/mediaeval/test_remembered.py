"""Facts kept beside the cache of weights: until what they follow from changes, and never at a user's cost."""

import os

import pytest

from mediaeval.remembered import cache_folder, keep, recall

KEY = {"model": "a", "versions": ("torch 2", "timm 1")}
LONG_AGO = 1_000_000_000  # seconds since 1970


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"1234")
    os.utime(file, (LONG_AGO, LONG_AGO))
    return file


def test_what_was_kept_is_recalled_under_the_same_key_alone(weights):
    keep("width", KEY, {"width": 3}, [weights])
    assert recall("width", KEY) == {"width": 3}
    assert recall("width", KEY | {"model": "b"}) is None
    assert recall("height", KEY) is None


@pytest.mark.parametrize("change", ["bytes", "time", "another file", "gone"])
def test_a_changed_file_makes_it_forgotten(weights, change):
    keep("width", KEY, {"width": 3}, [weights])
    if change == "bytes":
        weights.write_bytes(b"12345")
        os.utime(weights, (LONG_AGO, LONG_AGO))
    elif change == "time":
        os.utime(weights, (LONG_AGO, LONG_AGO + 1))
    elif change == "another file":  # of the same size and time: copied with its times, say
        other = weights.with_name("b")
        other.write_bytes(b"4321")
        os.utime(other, (LONG_AGO, LONG_AGO))
        other.replace(weights)
    else:
        weights.unlink()
    assert recall("width", KEY) is None


def test_a_file_written_just_now_is_not_relied_on(weights):
    weights.write_bytes(b"1234")
    keep("width", KEY, {"width": 3}, [weights])
    assert recall("width", KEY) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": 1}', b"\xff", b"[" * 100_000])
def test_damage_is_as_good_as_nothing(weights, damage):
    keep("width", KEY, {"width": 3}, [weights])
    (file,) = (cache_folder().parent / "remembered").glob("width-*.json")
    file.write_bytes(damage)
    assert recall("width", KEY) is None


def test_a_folder_that_cannot_be_written_costs_nothing(weights, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path / "file" / "weights"))
    keep("width", KEY, {"width": 3}, [weights])
    assert recall("width", KEY) is None
