"""Thresholds chosen by hand: a run of the same models and predictions, decided by these."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from mediaeval.files import file_digest
from mediaeval.runs import open_run
from tests.conftest import command
from tests.mediaeval import analysed

pytestmark = pytest.mark.integration

RECIPE = analysed.RECIPE

CHOSEN = {"subtask2": {"T2.1: Joy": 0.999, "T2.2: Sadness": 0.0}, "subtask3": {"T3.10:surprise": 0.0}}


def export(job, run="first", **changes):
    """Write what the page of the report exports; return its path."""
    file = job / "thresholds.json"
    file.write_text(json.dumps(json.loads(analysed.exported(job, CHOSEN, run)) | changes))
    return file


def digests_in(folder):
    return {file.relative_to(folder): file_digest(file) for file in folder.rglob("*") if file.is_file()}


def subtask_json(job, run, subtask):
    return json.loads((job / "runs" / run / subtask / "subtask.json").read_text())


def test_a_run_by_hand_submits_the_probabilities_at_its_thresholds(job, run):
    out = run("thresholds", "first", export(job), "--run", "hand").stdout
    assert "thresholds chosen by hand on these images: expect less of other images" in out
    assert "next: mediaeval submit hand" in out
    run("submit", "first", "--no-rehearsal")
    told = run("submit", "hand").stdout  # rehearsed and proved like any run
    assert "subtask2: thresholds chosen by hand on these images; expect less of the test images" in told

    before, answers = (pd.read_csv(f"runs/{one}/run.csv", dtype=str, index_col="id") for one in ("first", "hand"))
    assert (answers["T1"] == before["T1"]).all()
    for name, chosen in CHOSEN.items():
        own = subtask_json(job, "first", name)["thresholds"]
        P = pd.read_csv(f"runs/first/test/{name}.csv", index_col="id").loc[answers.index]
        for label, threshold in (own | chosen).items():
            expected = (P[label] >= threshold).astype(int)
            assert (answers[label].astype(int) == expected).all(), label
    assert (answers["T2.2: Sadness"] != before["T2.2: Sadness"]).any()
    models = [json.loads((job / f"runs/{one}/manifest.json").read_text())["files"] for one in ("first", "hand")]
    others = ("run.csv", "validation.csv")  # which hold answers
    same = [name for name in models[0] if name.endswith((".safetensors", ".csv")) and not name.endswith(others)]
    assert all(models[0][name] == models[1][name] for name in same), "models and probabilities are the same bytes"
    (*_, line) = (job / "runs/ledger.jsonl").read_text().splitlines()
    marked = dict.fromkeys(("subtask2", "subtask3"), "thresholds chosen by hand on these images")
    assert json.loads(line)["notes"] == marked
    assert open_run("hand").read_subtask("subtask1").note == ""


def test_its_scores_are_those_of_scikit_learn_at_these_thresholds(job, run):
    run("thresholds", "first", export(job), "--run", "hand")
    truth = pd.read_csv(next((job / "devset").glob("*.csv")), index_col="id")
    before, after = (subtask_json(job, one, "subtask2") for one in ("first", "hand"))
    labels = list(after["thresholds"])
    assert after["thresholds"] == before["thresholds"] | CHOSEN["subtask2"]
    assert after["thresholds_by_hand"]["labels"] == list(CHOSEN["subtask2"])
    folds = pd.read_csv("runs/hand/subtask2/out_of_fold.csv", index_col="id")
    # labels that were not chosen keep the thresholds of each fold
    of_fold = [before["out_of_fold"]["thresholds"][k] | CHOSEN["subtask2"] for k in folds["fold"]]
    decided = folds[labels].to_numpy() >= np.array([[one[label] for label in labels] for one in of_fold])
    T = truth.loc[folds.index, labels].to_numpy()
    assert after["out_of_fold"]["f1"] == pytest.approx(f1_score(T, decided, average="weighted", zero_division=0))
    assert after["out_of_fold"]["f1"] != before["out_of_fold"]["f1"]
    split = pd.read_csv("runs/hand/subtask2/validation.csv", index_col="id")
    decided = split[labels].to_numpy() >= np.array([after["thresholds"][label] for label in labels])
    T = truth.loc[split.index, labels].to_numpy()
    assert after["validation"]["weighted_f1"] == pytest.approx(
        f1_score(T, decided, average="weighted", zero_division=0)
    )

    (row,) = [row for row in json.loads(run("ls", "runs", "--json").stdout) if row["run"] == "hand"]
    assert row["note"].startswith("subtask2: thresholds chosen by hand on these images; subtask3: ")
    compared = json.loads(run("compare", "first", "hand", "--json").stdout)
    assert [one.get("notes") for one in compared] == [
        None,
        *[{"hand": "thresholds chosen by hand on these images"}] * 2,
    ]
    command("ensemble", "hand", "second", "--run", "both")
    assert open_run("both").read_subtask("subtask2").note and not open_run("both").read_subtask("subtask1").note


def test_thresholds_of_a_report_made_before_predict_are_taken(job, run):
    file = export(job, "second")
    run("predict", "second", "--data", "testset")
    run("submit", "second", "--no-rehearsal")
    assert "next: mediaeval submit late" in run("thresholds", "second", file, "--run", "late").stdout
    # and once more on what was chosen by hand, in place of it
    file = export(job, "late", thresholds={"subtask2": {"T2.3: Fear": 0.3}})
    run("thresholds", "late", file, "--run", "hand")
    run("thresholds", "late", file, "--run", "hand", "--replace")
    assert subtask_json(job, "hand", "subtask2")["thresholds_by_hand"]["labels"] == [
        *CHOSEN["subtask2"],
        "T2.3: Fear",
    ]
    folder = job / "runs/late/test"
    (folder / "subtask2.csv").write_text((folder / "subtask2.csv").read_text().replace("0.", "0.1", 1))
    assert "predict again: mediaeval predict late" in run("thresholds", "late", file, "--run", "x", code=1).stderr


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"digest": "0" * 64, "run": "other"}, ["run 'other' whose manifest.json has the sha256 '000000000000'"]),
        ({"format": 2}, ["got format 2; this version reads format 1"]),
        ({"thresholds": []}, ['expected "run" and "digest" with text']),
        ({"thresholds": {"subtask2": {}}}, ["got no threshold"]),
        (
            {
                "thresholds": {
                    "subtask1": {"negative": 0.2},
                    "subtask4": {},
                    "subtask2": {"T2.1: joy": 0.2, "T2.2: Sadness": float("nan"), "T2.3: Fear": 10**400},
                    "subtask3": {"T3.1: Anger": True, "T3.2: Anxiety": -0.1, "T3.3: Craving": "0.5"},
                }
            },
            [
                "subtask1: got thresholds; expected none, since the most probable label is taken",
                "got the subtask 'subtask4'; expected one of subtask1, subtask2, subtask3. Did you mean",
                "got the label 'T2.1: joy', which is none of its own. Did you mean 'T2.1: Joy'?",
                "'T2.2: Sadness': got nan; expected a probability, 0 to 1",
                "'T2.3: Fear': got 1000000",
                "'T3.1: Anger': got True",
                "'T3.2: Anxiety': got -0.1",
                "'T3.3: Craving': got '0.5'",
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_all_at_once(trained, tmp_path, monkeypatch, run, changes, messages):
    monkeypatch.chdir(trained)
    content = {"format": 1, "run": "first", "digest": file_digest(trained / "runs/first/manifest.json")}
    file = tmp_path / "thresholds.json"
    file.write_text(json.dumps(content | {"thresholds": CHOSEN} | changes))
    said = run("thresholds", "first", file, "--run", "new", code=1).stderr
    assert [message for message in messages if message not in said] == []
    assert not (trained / "runs/new").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", ":1: got no JSON"),
        (b"[1]", "got list; expected a JSON object"),
        (b"\xff{}", "not UTF-8"),
        (b"[" * 100_000, "too deeply nested"),
        (b'{"format": 1, "format": 1}', "the key 'format' is there twice"),
        (b" " * 1_000_001, "is larger than 1 MB"),
    ],
)
def test_files_that_are_no_thresholds_are_refused(trained, tmp_path, monkeypatch, run, content, message):
    monkeypatch.chdir(trained)
    file = tmp_path / "thresholds.json"
    if content is not None:
        file.write_bytes(content)
    assert message in run("thresholds", "first", file, "--run", "new", code=1).stderr


def test_names_of_runs_that_cannot_be_are_refused(job, run):
    file = export(job)
    assert "it is the run itself" in run("thresholds", "first", file, "--run", "first", code=1).stderr
    assert "is there already" in run("thresholds", "first", file, "--run", "second", code=1).stderr
    command("ensemble", "first", "second", "--run", "both")
    file = export(job, "both")
    assert "both is made of it" in run("thresholds", "both", file, "--run", "second", "--replace", code=1).stderr


@pytest.mark.slow
def test_an_ensemble_by_hand_is_submitted_its_members_stay(job, run):
    command("ensemble", "first", "second", "--run", "both")
    before = {name: digests_in(job / "runs" / name) for name in ("first", "second")}
    run("thresholds", "both", export(job, "both"), "--run", "hand")
    run("predict", "hand", "--data", "testset")
    assert "labels agree with the stored probabilities" in run("submit", "hand").stdout
    assert run("check", job / "runs/hand/run.csv", "--ids", "testset/testset.csv").exit_code == 0
    assert {name: digests_in(job / "runs" / name) for name in before} == before, "its members are as they were"


@pytest.mark.slow
def test_a_run_by_hand_is_replayed_and_reproduced(job, run):
    run("thresholds", "first", export(job), "--run", "hand")
    assert "replay: 2 images in a fresh process" in run("submit", "hand", "--replay", "2").stdout
    assert json.loads(run("reproduce", "hand", "--json").stdout)["same"]
