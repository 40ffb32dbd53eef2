"""Searching: what is suggested depends on the trials alone, the best of many is corrected, trials survive anything."""

import importlib.util
import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from mediaeval.errors import RunFolderError
from mediaeval.search.journal import Journal, TrialRecord
from mediaeval.search.optimism import corrected
from mediaeval.search.search import Plan, search
from mediaeval.search.space import Space
from mediaeval.search.trial import Answers
from mediaeval.steps.scoring import Answered
from submission.score import weighted_f1
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.mediaeval.analysed import RECIPE  # noqa: F401

pytestmark = pytest.mark.integration

SPACE = Space.of(TASK["subtask1"], ["one", "two", "three"])


def attempt(settings, use) -> Answers:
    """Score settings without training: kernels with a penalty near 1 on fewer extractors are best, moe fails."""
    own = dict(one.partition("=")[::2] for one in settings)
    if own["classifier"] == "moe":
        raise ValueError("no moe here")
    distance = abs(np.log(float(own.get("classifier.penalty", 10)))) if own["classifier"] == "kernel" else 5
    return Answers(Answered(np.zeros((1, 3)), np.zeros((1, 3))), float(0.9 - 0.05 * distance - 0.01 * len(use)))


def searched(n: int, known: list[TrialRecord], seed: int = 0, sign: float = 1.0) -> list[TrialRecord]:
    found = list(known)
    plan = Plan(SPACE, ("classifier=logistic",), ("one", "two", "three"), n, None, seed, sign)
    search(plan, attempt, known, lambda record, _: found.append(record), "trials")
    return found


def shown(trials: list[TrialRecord]) -> list[tuple]:
    return [(one.settings, one.use, one.score, one.failed) for one in trials]


def test_a_search_that_goes_on_tries_what_one_that_was_not_stopped_tries():
    whole = searched(30, [])
    assert shown(searched(30, searched(17, []))) == shown(whole)
    assert shown(searched(30, [], seed=1)) != shown(whole)
    assert [one.settings[0] for one in whole[:4]] == [f"classifier={c}" for c in ("logistic", "kernel", "moe", "dense")]
    assert {one.failed for one in whole if one.score is None} == {"no moe here"}
    best = max(one.score for one in whole if one.score is not None)
    assert best > max(one.score or 0 for one in whole[:4])
    lower = searched(30, [], sign=-1.0)  # of an error, the lowest is looked for
    late = [[one.score for one in trials[15:] if one.score is not None] for trials in (lower, whole)]
    assert np.mean(late[0]) < np.mean(late[1])


def test_the_best_of_many_that_are_equally_good_is_expected_to_be_no_better_and_a_better_one_is():
    rng, subtask = np.random.default_rng(0), TASK["subtask1"]
    truth = np.eye(3, dtype=int)[rng.integers(0, 3, 200)]
    groups = [f"g{k // 2}" for k in range(200)]

    def answers(right: float) -> Answered:
        wrong = np.eye(3, dtype=int)[rng.integers(0, 3, 200)]
        decided = np.where(rng.random((200, 1)) < right, truth, wrong)
        return Answered(decided.astype(float), decided)

    alike = [answers(0.4) for _ in range(30)]
    naive = max(weighted_f1(truth, one.decisions) for one in alike)
    middle = np.mean([weighted_f1(truth, one.decisions) for one in alike])
    found = corrected(subtask, truth, alike, groups)
    assert abs(found.score - middle) < abs(naive - middle)
    assert found.interval[0] < found.score < naive
    better = corrected(subtask, truth, [*alike, answers(0.9)], groups)
    assert better.gain_interval[0] > 0.1
    alone = corrected(subtask, truth, alike[:1], groups)
    assert (alone.gain, alone.gain_interval) == (0, (0, 0))


def test_trials_are_kept_and_a_search_of_something_else_is_refused(tmp_path):
    journal, answers = Journal(tmp_path / "s"), Answered(np.ones((2, 3)), np.eye(2, 3, dtype=int))
    journal.open({"subtask": "subtask1"}, resume=False, replace=False)
    journal.add(TrialRecord(0, None, ["classifier=logistic"], ["one"], 0.5, 1.0), answers)
    again = Journal(tmp_path / "s")
    with pytest.raises(RunFolderError, match=r"holds 1 trials. Pass --resume to go on with them"):
        again.open({"subtask": "subtask1"}, resume=False, replace=False)
    again.open({"subtask": "subtask1"}, resume=True, replace=False)
    assert again.trials == journal.trials
    assert (again.answers(0).decisions == answers.decisions).all()
    with pytest.raises(RunFolderError, match="a search of something else: subtask subtask1; now subtask subtask2"):
        Journal(tmp_path / "s").open({"subtask": "subtask2"}, resume=True, replace=False)
    (tmp_path / "s/trials.jsonl").write_text("{}\n")
    with pytest.raises(RunFolderError, match=r"trials.jsonl is damaged. Pass --replace"):
        Journal(tmp_path / "s").open({"subtask": "subtask1"}, resume=True, replace=False)
    new = Journal(tmp_path / "s")
    new.open({"subtask": "subtask2"}, resume=False, replace=True)
    assert new.trials == []


def test_the_command_names_one_that_trains_what_it_found(job, run):
    options = ("--data", "devset", "--use", "handcrafted", "--from", "first", "--run", "best")
    found = json.loads(run("tune", "subtask1", *options, "--trials", "2", "--json").stdout)
    assert [one["settings"][0] for one in found["trials"]] == ["classifier=logistic", "classifier=kernel"]
    first = json.loads(Path("runs/first/subtask1/subtask.json").read_text("utf-8"))["out_of_fold"]["f1"]
    assert found["trials"][0]["score"] == first, "trial 0 is the run that it starts from"
    assert "Pass --resume" in run("tune", "subtask1", *options, "--trials", "2", code=1).stderr
    more = run("tune", "subtask1", *options, "--trials", "3", "--resume")
    assert "of 3 settings out of fold on 60 dev images" in more.stdout
    words = shlex.split(found["command"])
    assert words[:3] == ["mediaeval", "train", "subtask1"]
    run(*words[1:])
    taken = json.loads(Path("runs/best/subtask1/subtask.json").read_text("utf-8"))["out_of_fold"]["f1"]
    assert taken == found["best"]["f1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("all",), "got subtask 'all'; expected one. Search for each by itself: mediaeval tune subtask1."),
        (("subtask2", "--from", "alone"), "--from alone: it holds no classifier of subtask2 on features"),
        (("subtask9",), "unknown subtask 'subtask9'. Did you mean"),
    ],
)
def test_what_cannot_be_searched_is_said_in_a_sentence(arguments, said, job, run):
    assert said in run("tune", *arguments, "--data", "devset", code=1).stderr


def test_without_optuna_the_extra_is_named(job, run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'mediaeval[tune]'" in run("tune", "subtask1", "--data", "devset", code=1).stderr
