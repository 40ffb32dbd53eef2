"""Histories of trainings: as lines of JSON, and as TensorBoard's own reader reads them."""

import json
import sys

import pytest

from tests.mediaeval import analysed

pytestmark = pytest.mark.integration

RECIPE = analysed.RECIPE
CSV = "epoch,lr,train_loss,val_f1\n0,0.001,0.75,0.25\n1,0.0005,0.5,\n2,0.00025,0.25,nan\n"


def test_a_history_is_written_for_other_programs_and_read_again(job, run):
    (job / "runs/first/subtask1/history.csv").write_text(CSV)  # logistic regression has none of its own
    rows = [
        {"run": "first", "subtask": "subtask1", "epoch": 0, "lr": 0.001, "train_loss": 0.75, "val_f1": 0.25},
        {"run": "first", "subtask": "subtask1", "epoch": 1, "lr": 0.0005, "train_loss": 0.5, "val_f1": None},
        {"run": "first", "subtask": "subtask1", "epoch": 2, "lr": 0.00025, "train_loss": 0.25, "val_f1": None},
    ]
    result = run("history", "first", "second", "--jsonl", "h.jsonl", "--json")
    assert json.loads(result.stdout) == {"epochs": rows, "files": ["h.jsonl"]}
    assert "second: not trained in epochs" in result.stderr
    assert [json.loads(line) for line in (job / "h.jsonl").read_text().splitlines()] == rows
    assert run("history", "h.jsonl").stdout.splitlines()[:3] == [
        "# first: subtask1",
        "epoch\tlr\ttrain_loss\tval_f1",
        "0\t0.001\t0.750\t0.250",
    ]

    (job / "other.jsonl").write_text('{"run": "weights", "subtask": "yt8m", "epoch": 0, "loss": 1.5}\n\n')
    for _ in range(2):  # the second time in place of the first
        told = run("history", "first", "other.jsonl", "--tensorboard", "curves").stdout
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert len(told.splitlines()) == 2
    read = EventAccumulator(str(job / "curves/first/subtask1")).Reload()
    assert read.Tags()["scalars"] == ["lr", "train_loss", "val_f1"]
    assert [(event.step, event.value) for event in read.Scalars("train_loss")] == [(0, 0.75), (1, 0.5), (2, 0.25)]
    assert [(event.step, event.value) for event in read.Scalars("val_f1")] == [(0, 0.25)]
    read = EventAccumulator(str(job / "curves/weights/yt8m")).Reload()
    assert [event.value for event in read.Scalars("loss")] == [1.5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "h.jsonl:1: got no JSON"),
        ("[]", "h.jsonl:1: got []"),
        ('{"run": "../up", "subtask": "a", "epoch": 0}', "h.jsonl:1: got {'run': '../up'"),
        ('{"run": "a", "subtask": "a", "epoch": true}', "h.jsonl:1"),
        ('{"run": "a", "subtask": "a", "epoch": 0, "loss": NaN}', "h.jsonl:1"),
        ('{"run": "a", "subtask": "a", "epoch": 0, "loss": "1"}', "h.jsonl:1"),
        ("", "got no history in h.jsonl; expected a training in epochs"),
    ],
)
def test_files_that_are_no_history_are_refused(workdir, run, line, message):
    (workdir / "h.jsonl").write_text(line + "\n")
    assert message in run("history", "h.jsonl", code=1).stderr


def test_damaged_histories_and_an_absent_tensorboard_are_one_sentence(job, run, monkeypatch):
    assert "got no history in second" in run("history", "second", code=1).stderr
    file = job / "runs/first/subtask1/history.csv"
    file.write_text("epoch,loss\n0,high\n")
    assert "subtask1/history.csv is damaged (could not convert" in run("history", "first", code=1).stderr
    file.write_text(CSV)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    told = run("history", "first", "--tensorboard", "curves", code=1).stderr
    assert "pip install 'mediaeval[tensorboard]'" in told and not (job / "curves").exists()
