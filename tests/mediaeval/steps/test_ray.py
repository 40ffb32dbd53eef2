"""Ray itself, where it is installed: equal vectors, kills, a cluster that is not there, memory for many ids."""

import importlib.util

import pytest

from benchmarks import scale

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'ray>=2.60'"),
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = scale.Bench(tmp_path_factory.mktemp("scale") / "home", 90)
    made.features("serial")
    return made


def test_workers_of_ray_store_the_bytes_of_one_process(bench):
    printed, _ = bench.features("ray", "--ray", "--workers", "2")
    assert bench.digest("ray") == bench.digest("serial")
    assert bench.digest("ray")[1:] == (0, 0), "nothing is missing, nothing is there twice"
    assert sorted(failure["id"] for failure in printed["failures"]) == ["i88", "i89"]
    assert not (bench.home / "ray/workers").exists()


@pytest.mark.parametrize("who", ["a worker", "the command", "a node"])
def test_what_is_killed_loses_nothing_that_was_finished(bench, who):
    went_on, again = scale._killed(bench, "killed", who, 1 / 3)
    assert went_on == (who != "the command")
    assert again <= scale.WORKERS * scale.BATCH * scale.EXTRACTORS
    assert bench.digest("killed") == bench.digest("serial")


def test_a_cluster_that_is_not_there_is_one_sentence(bench):
    process = bench.begin("nowhere", "--ray", "--address", "127.0.0.1:1")
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert not out
    assert "--ray: the cluster at --address 127.0.0.1:1 cannot be used" in errors
    assert "Traceback" not in errors


def test_many_ids_are_given_out_in_little_memory(tmp_path):
    *_, row = scale.memory(tmp_path, sizes=(), planned=50_000)
    assert int(row.split("|")[-2]) < 1000, row
