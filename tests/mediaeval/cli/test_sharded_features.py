"""`mediaeval features --shard` and `--merge`, from the command line."""

import json

import pytest

pytestmark = pytest.mark.integration


def test_shards_are_computed_apart_and_merged(run, workdir, make_devset, monkeypatch):
    devset = make_devset(9)
    (devset / "images/d4.jpg").write_bytes(b"no picture")
    stores = [workdir / f"store{number}" for number in (1, 2)]
    bills = []
    for number, store in enumerate(stores, start=1):
        monkeypatch.setenv("MEDIAEVAL_FEATURES", str(store))
        bills += json.loads(run("features", devset, "--shard", f"{number}/2", "--skip-bad", "--json").stdout)["bills"]
    assert sum(bill["images"] for bill in bills) == 9 and sum(bill["failed"] for bill in bills) == 1
    assert all(bill["computed"] == 2 * (bill["images"] - bill["failed"]) for bill in bills), "thumbnails too"

    monkeypatch.setenv("MEDIAEVAL_FEATURES", str(workdir / "whole"))
    part = run("features", devset, "--merge", stores[0], "--skip-bad", "--json", code=1)
    assert "shard 2/2 is in none of the stores. Compute it" in part.stderr and "--shard 2/2" in part.stderr
    assert {found["id"] for found in json.loads(part.stdout)["missing"]} <= {f"d{k}" for k in range(9)}

    whole = run("features", devset, "--merge", stores[0], "--merge", stores[1], "--json", code=1)  # for the damaged one
    told = json.loads(whole.stdout)
    assert [failure["id"] for failure in told["failures"]] == ["d4"] and told["missing"] == []
    assert told["bills"][0]["computed"] == 16 and told["features"][0]["images"] == 8
    run("features", devset, "--merge", stores[0], "--merge", stores[1], "--skip-bad")
    again = json.loads(run("features", devset, "--skip-bad", "--json").stdout)
    assert again["features"][0]["new"] == 0 and again["bills"][0]["found"] == 16


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--shard", "0/4"], 1, "Add 1 to an index that is counted from 0"),
        (["--shard", "1/2", "--merge", "store"], 2, "got --merge as well"),
        (["--merge", "absent"], 1, "--merge absent: there is no such folder"),
    ],
)
def test_wrong_use_is_one_sentence(run, workdir, make_devset, arguments, code, message):
    told = run("features", make_devset(2), *arguments, code=code).stderr
    assert message in told and "Traceback" not in told
