"""Calibration in a run: fitted out of fold in training, written beside the predictions, never used for labels."""

import json

import numpy as np
import pandas as pd
import pytest

import mediaeval
from mediaeval.calibration.calibration import fit_calibration
from mediaeval.calibration.kept import write_calibration
from mediaeval.data.dataset import load_dataset
from mediaeval.errors import RunFolderError
from mediaeval.proofs.submit import submit
from mediaeval.runs import open_run, run_folder
from mediaeval.steps.calibrated import why_uncalibrated
from mediaeval.steps.ensemble import make_ensemble
from mediaeval.steps.out_of_fold import GROUP
from mediaeval.steps.predict import predict
from mediaeval.steps.trained_run import TrainedRun
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.conftest import command, without_digests
from tests.mediaeval.analysed import RECIPE  # noqa: F401

pytestmark = pytest.mark.integration


def opened(name):
    return TrainedRun.open(open_run(name), TASK)


def fitted(run, subtask, **options):
    """The calibration of a run's out-of-fold predictions."""
    table = run.out_of_fold(subtask)
    truth = load_dataset("devset", TASK).labels(subtask.name).loc[table.index]
    P = table[list(subtask.labels)].to_numpy()
    return fit_calibration(subtask, P, truth.to_numpy(), list(table[GROUP]), **options)


def require_equal(one, other):
    assert (one.kind, one.labels, one.n_images) == (other.kind, other.labels, 60)
    assert (one.slopes, one.shifts) == (pytest.approx(other.slopes), pytest.approx(other.shifts))


def calibrate_anyway(name):
    """Give a run calibrations that change something: by the rule, so few drawn images leave probabilities alone."""
    run = opened(name)
    with run.folder.lock(), run.folder.rewritten() as new:
        for subtask in run.subtasks:
            write_calibration(new.subtask(subtask.name), fitted(run, subtask, errors=-np.inf))


def test_a_run_keeps_the_calibration_of_its_out_of_fold_predictions(trained, monkeypatch):
    monkeypatch.chdir(trained)
    run = opened("first")
    for subtask in run.subtasks:
        require_equal(run.calibration(subtask), fitted(run, subtask))
        assert f"{subtask.name}/calibration.json" in run.manifest.files


def test_calibrated_tables_are_beside_the_proved_ones_and_a_run_file_comes_of_these_alone(job, capsys):
    calibrate_anyway("first")
    (job / "testset/images/t4.jpg").write_bytes(b"damaged")
    command("predict", "first", "--data", "testset", "--skip-bad")
    plain = {k: (job / f"runs/first/test/subtask{k}.csv").read_bytes() for k in (1, 2, 3)}
    submit(open_run("first"), TASK)
    proved = (job / "runs/first/run.csv").read_bytes()
    capsys.readouterr()
    command("predict", "first", "--data", "testset", "--skip-bad", "--calibrated", "--json")
    files = json.loads(capsys.readouterr().out)["calibrated"]
    assert files == {f"subtask{k}": f"runs/first/test/subtask{k}.calibrated.csv" for k in (1, 2, 3)}
    for k in (1, 2, 3):
        assert (job / f"runs/first/test/subtask{k}.csv").read_bytes() == plain[k]
        before, after = (
            pd.read_csv(job / f"runs/first/test/subtask{k}{kind}.csv", index_col="id") for kind in ("", ".calibrated")
        )
        assert list(after.columns) == list(before.columns) and list(after.index) == list(before.index)
        assert after["source"].equals(before["source"]) and after.loc["t4", "source"] == "fallback"
        assert after.loc["t4"].equals(before.loc["t4"])
        assert not after.drop(index="t4").equals(before.drop(index="t4"))
        if k == 1:
            np.testing.assert_allclose(after[list(TASK["subtask1"].labels)].sum(axis=1), 1)
    submit(open_run("first"), TASK)
    assert (job / "runs/first/run.csv").read_bytes() == proved

    edited = job / "runs/first/test/subtask1.calibrated.csv"
    edited.write_text(edited.read_text().replace("0.", "0.9", 1))
    with pytest.raises(RunFolderError, match=r"subtask1.calibrated.csv was changed since mediaeval wrote it"):
        submit(open_run("first"), TASK)
    without_digests(job / "runs/first")
    (job / "runs/first/run.csv").unlink()
    submit(open_run("first"), TASK)
    assert (job / "runs/first/run.csv").read_bytes() == proved


def test_an_ensemble_is_calibrated_on_its_own_predictions_votes_too(job):
    make_ensemble([open_run("first"), open_run("second")], run_folder("vote"), TASK, how="vote")
    vote = opened("vote")
    for subtask in vote.subtasks:
        require_equal(vote.calibration(subtask), fitted(vote, subtask))
    calibrate_anyway("vote")
    predicted = mediaeval.predict("vote", "testset", calibrated=True)
    P, calibrated = (
        of["subtask1"][list(TASK["subtask1"].labels)] for of in (predicted.probabilities, predicted.calibrated)
    )
    assert not calibrated.equals(P) and calibrated.idxmax(axis=1).equals(P.idxmax(axis=1))
    (job / "runs/vote/subtask2/calibration.json").unlink()
    assert why_uncalibrated(vote, TASK["subtask2"]) == (
        "runs/vote: subtask2 was made by a version that fitted no calibration. Make the ensemble again: mediaeval "
        "ensemble first second --how vote --run vote --replace."
    )


def test_what_has_no_calibration_names_the_command_that_makes_one(job):
    with pytest.raises(RunFolderError) as caught:
        predict(open_run("alone"), TASK, job / "testset", calibrated=True)
    assert caught.value.problems == (
        "runs/alone: subtask1 has no out-of-fold predictions, on which a calibration is fitted. Train it again: "
        "mediaeval train subtask1 --config runs/alone/run.toml --folds 5 --run NEW.",
        "Or predict without --calibrated.",
    )
    assert opened("alone").calibration(TASK["subtask1"]) is None
    run = opened("first")
    file = job / "runs/first/subtask1/calibration.json"
    file.write_text(file.read_text().replace('"temperature": ', '"temperature": -'))
    with pytest.raises(RunFolderError, match=r"calibration.json is damaged; expected the calibration of subtask1"):
        run.calibration(TASK["subtask1"])
    with pytest.raises(RunFolderError, match=r"subtask1/calibration.json was changed since mediaeval wrote it"):
        opened("first")
