"""Forecasts from the commands: made by predict, printed and recorded by submit, and put beside the score later."""

import json
import shutil
from pathlib import Path

import pytest

from submission.ledger import Ledger
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.conftest import T2_T3
from tests.mediaeval.analysed import RECIPE, exported  # noqa: F401

pytestmark = pytest.mark.integration


def lines(path: str = "runs/ledger.jsonl") -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def test_what_is_expected_is_recorded_and_the_score_beside_it_once(job, run):
    kept = json.loads(Path("runs/first/test/forecast.json").read_text("utf-8"))
    assert set(kept) == set(TASK.names)
    assert all(one["low"] <= one["f1"] <= one["high"] and one["level"] == 0.9 for one in kept.values())
    assert all(one["sharpened"] and one["shift"]["distance"] is not None for one in kept.values())

    said = run("submit", "first").stdout
    assert f"subtask1: expect {kept['subtask1']['f1']:.3f} on these 18 images" in said
    keys = ("f1", "low", "high", "level")
    assert lines()[0]["forecast"] == {name: {key: one[key] for key in keys} for name, one in kept.items()}

    header = Path("devset/devset.csv").read_text().splitlines()[0]
    rows = [f"t{k},{label},{T2_T3[label]}" for k in range(18) for label in [list(T2_T3)[k % 3]]]
    Path("truth.csv").write_text("\n".join([header, *rows]) + "\n")
    told = run("score", "runs/first/run.csv", "--truth", "truth.csv")
    score = float(next(row for row in told.stdout.splitlines() if "weighted" in row).split("\t")[2])
    assert f"subtask1: {score:.3f}, " in told.stderr
    assert "the forecast" in told.stderr
    assert "recorded in" in told.stderr
    again = run("score", "runs/first/run.csv", "--truth", "truth.csv")
    assert "recorded in" not in again.stderr
    (sent, scored) = lines()
    assert (scored["kind"], scored["run"], scored["sha256"]) == ("scored", "first", sent["sha256"])
    assert round(scored["scores"]["subtask1"]["f1"], 4) == score
    ledger = Ledger(Path("runs/ledger.jsonl"), TASK)
    assert (len(ledger.entries), len(ledger.scored)) == (1, 1)
    run("submit", "first", "--no-rehearsal")
    assert len(lines()) == 2, "a score is no submission"

    Path("elsewhere").mkdir()
    other = Path("elsewhere/other.csv")
    other.write_text(Path("runs/first/run.csv").read_text().replace(",0\n", ",1\n"))
    assert "forecast" not in run("score", other, "--truth", "truth.csv").stderr
    assert len(lines()) == 2, "another file is not recorded"


def test_where_there_is_no_forecast_the_command_that_makes_one_is_named(job, run):
    run("predict", "alone", "--data", "testset")
    said = run("submit", "alone", "--partial").stdout
    assert (
        "subtask1: no forecast: it needs out-of-fold predictions. Make them: mediaeval train subtask1 --config " in said
    )
    assert "forecast" not in lines()[0]
    shutil.move("devset", "moved")
    run("predict", "first", "--data", "testset")
    said = run("submit", "first", "--no-rehearsal").stdout
    assert "subtask2: no forecast: the dev set is not at hand: devset does not exist" in said
    shutil.move("moved", "devset")


def test_predictions_of_a_version_without_forecasts_say_so(job, run):
    shutil.rmtree("runs/first/test")
    run("predict", "first", "--data", "testset")
    from mediaeval.runs import open_run

    folder = open_run("first")
    with folder.lock(), folder.rewritten() as new:
        (new.test / "forecast.json").unlink()
    said = run("submit", "first").stdout
    assert "subtask3: no forecast: these predictions have none. Predict again: mediaeval predict first." in said


def test_a_run_with_other_thresholds_keeps_the_forecasts_of_what_they_do_not_change(job, run):
    Path("thresholds.json").write_text(exported(job, {"subtask2": {"T2.1: Joy": 0.9}}))
    run("thresholds", "first", "thresholds.json", "--run", "hand")
    said = run("submit", "hand").stdout
    first = json.loads(Path("runs/first/test/forecast.json").read_text("utf-8"))
    assert f"subtask1: expect {first['subtask1']['f1']:.3f} on these 18 images" in said
    assert "subtask2: no forecast: its thresholds were changed since it was predicted. Predict again: " in said
