"""Commands at the same time on one run or one ledger: one wins, the other is told, nothing is mixed."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mediaeval.errors import RunFolderError
from mediaeval.proofs.send import send
from mediaeval.runs import open_run
from mediaeval.steps import predict as predicting
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.conftest import command, without_digests
from tests.mediaeval.proofs.test_proofs import QUICK
from tests.mediaeval.proofs.test_proofs import RECIPE as RECIPE

pytestmark = pytest.mark.integration


def meanwhile(monkeypatch, name: str, *arguments: str) -> None:
    """Let another command do its work while `predict` is at work: just when it reads its test set."""
    honest = getattr(predicting, name)

    def interrupted(*a, **k):
        monkeypatch.setattr(predicting, name, honest)
        command(*arguments)
        return honest(*a, **k)

    monkeypatch.setattr(predicting, name, interrupted)


@pytest.mark.parametrize(
    "other",
    [
        ("predict", "first", "--data", "devset"),
        ("train", "subtask2", "--data", "devset", "--run", "first", *QUICK, "--set", "seed=0", "--replace"),
    ],
    ids=["another predict", "a train"],
)
def test_predict_is_told_of_a_command_that_was_faster(job, monkeypatch, other):
    meanwhile(monkeypatch, "load_dataset", *other)
    before = (job / "runs/first/test/test.json").read_bytes()
    with pytest.raises(RunFolderError, match=r"changed by another command(.|\n)*Run this command again"):
        predicting.predict(open_run("first"), TASK, job / "testset", device="cpu")
    run = open_run("first")
    run.require_unchanged(run.read_manifest())
    if other[0] == "predict":
        assert (job / "runs/first/test/test.json").read_bytes() != before, "the other's predictions are there"
    else:
        assert not run.test.exists(), "they were of the model before"


def test_a_run_is_trained_by_one_command_at_a_time(job, run):
    with open_run("first").being_trained():
        result = run("train", "subtask1", "--data", "devset", "--run", "first", "--replace", *QUICK, code=1)
    assert "is being trained by another command" in result.stderr


def test_submits_of_one_run_at_once_agree(job):
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda _: send(open_run("first"), TASK, rehearsal=False), range(4)))
    assert len({receipt.submitted.sha256 for receipt in receipts}) == 1
    assert all(receipt.warnings == [] for receipt in receipts)
    assert len((job / "runs/ledger.jsonl").read_text().splitlines()) == 1
    run = open_run("first")
    run.require_unchanged(run.read_manifest())


@pytest.mark.slow
def test_ten_submits_at_once_are_each_warned_rightly(job):
    """Ten runs with different answers, by a threshold of 0 for another label each; two per subtask are accepted."""
    for k in range(10):
        shutil.copytree("runs/first", f"runs/r{k}")
        path = job / f"runs/r{k}/subtask3/subtask.json"
        record = json.loads(path.read_text())
        record["thresholds"][TASK["subtask3"].labels[k]] = 0.0
        path.write_text(json.dumps(record))
        without_digests(job / f"runs/r{k}")
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda k: mediaeval("submit", f"r{k}", "--no-rehearsal"), range(10)))
    assert [result.returncode for result in results] == [0] * 10
    entries = [json.loads(line) for line in (job / "runs/ledger.jsonl").read_text().splitlines()]
    assert [len({entry[key] for entry in entries}) for key in ("run", "sha256")] == [10, 10]
    warned = [re.findall(r"subtask\d: this is run (\d+)", result.stderr) for result in results]
    assert sorted(numbers[0] for numbers in warned if numbers) == sorted(str(k) for k in range(3, 11))
    assert all(len(set(numbers)) == 1 and len(numbers) == 3 for numbers in warned if numbers)


def mediaeval(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command_line = [sys.executable, "-m", "mediaeval", *arguments]
    return subprocess.run(command_line, capture_output=True, text=True, check=False, env=dict(os.environ))
