"""Runs made of runs: means, votes, subtasks from those that hold them; refused where rows would not belong together."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mediaeval.errors import DatasetError, RunFolderError
from mediaeval.proofs.submit import submit
from mediaeval.records import EnsembleMember
from mediaeval.runs import open_run, run_folder
from mediaeval.steps.ensemble import make_ensemble
from mediaeval.steps.models import EnsembleModel
from mediaeval.steps.predict import predict
from mediaeval.steps.tables import decide, read_probabilities
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import Recipe, command

pytestmark = pytest.mark.integration

QUICK = ["--data", "devset", "--set", "classifier.epochs=2", "--set", "augment=0", "--no-refit", "--folds", "0"]


SYSTEM = (
    *("--system", "timm", "--set", "system.model=test_efficientnet.r160_in1k", "--set", "system.epochs=1"),
    *("--set", "system.init=random", "--set", "system.image_size=32", "--data", "devset", "--no-refit"),
)
# runs a (all), b (subtasks 1 and 2, another seed) and c (subtask 1, a system), all of one split
RECIPE = Recipe(
    dev=24,
    test=6,
    commands=(
        ("train", "all", "--run", "a", *QUICK),
        ("train", "subtask1", "--run", "b", "--set", "seed=1", *QUICK),
        ("train", "subtask2", "--run", "b", "--set", "seed=1", *QUICK),
        ("train", "subtask1", "--run", "c", *SYSTEM),
        *(("predict", name, "--data", "testset") for name in "abc"),
    ),
)


def tables(job, names: str, place: str, subtask: str = "subtask1") -> list[pd.DataFrame]:
    task = VISUAL_SENTIMENT_2021[subtask]
    found = [read_probabilities(job / "runs" / n / place.format(subtask), task)[list(task.labels)] for n in names]
    return [table.loc[found[0].index] for table in found]


def test_means_are_means_and_lone_subtasks_are_taken_over(job):
    command("ensemble", "a", "b", "c", "--run", "all3")
    command("predict", "all3", "--data", "testset")
    for place in ("{}/validation.csv", "test/{}.csv"):
        a, b, c = tables(job, "abc", place)
        (found,) = tables(job, ["all3"], place)
        assert np.allclose(found, (a + b + c) / 3, atol=1e-12)
        assert np.allclose(tables(job, ["all3"], place, "subtask3")[0], tables(job, "a", place, "subtask3")[0])
    command("submit", "all3")
    command("reproduce", "all3")


@pytest.mark.slow
def test_an_ensemble_is_replayed_in_a_fresh_process(job, capsys):
    command("ensemble", "a", "b", "c", "--run", "all3")
    command("predict", "all3", "--data", "testset")
    command("submit", "all3", "--replay", "2")
    assert "replay: 2 images in a fresh process" in capsys.readouterr().out


def test_votes_are_of_the_members_own_answers(job, capsys):
    command("ensemble", "a", "b", "--run", "voted", "--how", "vote")
    assert "voted (vote)" in capsys.readouterr().out
    task = VISUAL_SENTIMENT_2021["subtask2"]
    both = tables(job, "ab", "{}/validation.csv", "subtask2")
    about = [json.loads((job / f"runs/{n}/subtask2/subtask.json").read_text())["thresholds"] for n in "ab"]
    said = [decide(task, t, [own[x] for x in task.labels]) for t, own in zip(both, about, strict=True)]
    (found,) = tables(job, ["voted"], "{}/validation.csv", "subtask2")
    agreed = said[0] == said[1]
    assert ((found >= 0.5) == (said[0] == 1))[agreed].eq(True).where(agreed, True).all(axis=None)
    command("predict", "voted", "--data", "testset")
    command("submit", "voted", "--partial")


def member(name: str, threshold: float = 0.5, labels=VISUAL_SENTIMENT_2021["subtask2"].labels) -> EnsembleMember:
    return EnsembleMember(name, {}, dict.fromkeys(labels, threshold))


@settings(max_examples=80, deadline=None)
@given(arrays(float, st.tuples(st.integers(2, 6), st.just(4), st.just(7)), elements=st.floats(0, 0.999)))
def test_a_majority_wins_and_the_mean_decides_ties(P):
    task = VISUAL_SENTIMENT_2021["subtask2"]
    frames = [pd.DataFrame(p, columns=task.labels, index=list("wxyz")) for p in P]
    thresholds = np.linspace(0.2, 0.7, len(P))
    members = tuple(member(str(k), t) for k, t in enumerate(thresholds))
    found = EnsembleModel(task, "vote", members).combine(frames).to_numpy()
    beyond = np.clip(P - thresholds[:, None, None] + 0.5, 0, 1).mean(axis=0)  # ties: how far from each own threshold
    votes = (thresholds[:, None, None] <= P).sum(axis=0)
    wanted = np.where(2 * votes == len(P), beyond >= 0.5, 2 * votes > len(P))
    near = np.abs(beyond - 0.5) < 1e-9  # rounding decides these
    assert ((found >= 0.5) == wanted)[~near].all()
    assert (found >= 0).all() and (found <= 1).all()


@settings(max_examples=80, deadline=None)
@given(arrays(float, st.tuples(st.integers(2, 5), st.just(4), st.just(3)), elements=st.floats(0.01, 1)))
def test_the_class_with_most_votes_wins(P):
    task = VISUAL_SENTIMENT_2021["subtask1"]
    P = P / P.sum(axis=2, keepdims=True)
    frames = [pd.DataFrame(p, columns=task.labels, index=list("wxyz")) for p in P]
    model = EnsembleModel(task, "vote", tuple(member(str(k), labels=task.labels) for k in range(len(P))))
    votes = np.eye(3)[P.argmax(axis=2)].sum(axis=0)
    chosen = model.combine(frames).to_numpy().argmax(axis=1)
    assert (votes[np.arange(4), chosen] == votes.max(axis=1)).all()


@pytest.mark.parametrize(
    ("members", "name", "message"),
    [
        (["a"], "e", "two or more runs, each once"),
        (["a", "a"], "e", "two or more runs, each once"),
        (["a", "b"], "a", "--run a: it is one of the members"),
        (["a", "b"], "c", "runs/c is there already"),
    ],
)
def test_ensembles_that_cannot_be_are_refused(job, members, name, message):
    with pytest.raises(RunFolderError, match=message):
        make_ensemble([open_run(m) for m in members], run_folder(name), VISUAL_SENTIMENT_2021)


def test_other_splits_are_refused_with_the_remedy(job):
    command("train", "subtask1", "--run", "other", "--set", "split.seed=5", *QUICK)
    with pytest.raises(
        RunFolderError,
        match=r"a and other differ in: split \(\d+ of \d+ images in both (.|\n)*--split runs/a/split.csv",
    ):
        make_ensemble([open_run("a"), open_run("other")], run_folder("e"), VISUAL_SENTIMENT_2021)
    assert not (job / "runs/e").exists()


def test_members_that_changed_or_went_are_told(job):
    make_ensemble([open_run("a"), open_run("b")], run_folder("e"), VISUAL_SENTIMENT_2021)
    shutil.rmtree(job / "runs/b")
    for subtask in ("subtask1", "subtask2"):
        command("train", subtask, "--run", "b", "--set", "seed=9", *QUICK)
    with pytest.raises(RunFolderError, match="runs/b was trained again since runs/e was made of it"):
        predict(open_run("e"), VISUAL_SENTIMENT_2021, job / "testset")
    shutil.rmtree(job / "runs/b")
    with pytest.raises(
        RunFolderError, match=r"runs/b does not exist(.|\n)* is made of b. Put it back, or make the ensemble again"
    ):
        predict(open_run("e"), VISUAL_SENTIMENT_2021, job / "testset")


def test_an_edited_member_is_reported_by_submit_and_an_absent_one_is_none(job):
    make_ensemble([open_run("a"), open_run("b")], run_folder("e"), VISUAL_SENTIMENT_2021)
    make_ensemble([open_run("e"), open_run("c")], run_folder("nested"), VISUAL_SENTIMENT_2021)
    for name in ("e", "nested"):
        predict(open_run(name), VISUAL_SENTIMENT_2021, job / "testset")
    path = job / "runs/b/subtask1/subtask.json"
    text = path.read_text()
    path.write_text(text + "\n")
    for name in ("e", "nested"):
        with pytest.raises(RunFolderError, match=r"runs/b/subtask1/subtask.json was changed(.|\n)*is made of it"):
            submit(open_run(name), VISUAL_SENTIMENT_2021, partial=True)
    shutil.rmtree(job / "runs/b")
    assert submit(open_run("e"), VISUAL_SENTIMENT_2021, partial=True).n_images == 6


def test_an_ensemble_is_written_over_when_asked_and_its_run_file_superseded(job):
    make_ensemble([open_run("a"), open_run("b")], run_folder("e"), VISUAL_SENTIMENT_2021)
    (job / "runs/e/run.csv").write_text("sent")
    make_ensemble([open_run("a"), open_run("b")], run_folder("e"), VISUAL_SENTIMENT_2021, how="vote", replace=True)
    assert (job / "runs/e/run.superseded.csv").read_text() == "sent" and not (job / "runs/e/run.csv").exists()


def test_ensembles_of_ensembles(job):
    make_ensemble([open_run("a"), open_run("b")], run_folder("two"), VISUAL_SENTIMENT_2021)
    make_ensemble([open_run("two"), open_run("c")], run_folder("nested"), VISUAL_SENTIMENT_2021)
    predict(open_run("nested"), VISUAL_SENTIMENT_2021, job / "testset")
    a, b, c = tables(job, "abc", "test/{}.csv")
    assert np.allclose(tables(job, ["nested"], "test/{}.csv")[0], ((a + b) / 2 + c) / 2, atol=1e-12)


def test_labels_that_changed_since_are_told(job):
    lines = (job / "devset/devset.csv").read_text().splitlines()
    body = [line.split(",", 2) for line in lines[1:]]
    classes = [row[1] for row in body]
    turned = [",".join([row[0], label, row[2]]) for row, label in zip(body, classes[1:] + classes[:1], strict=True)]
    (job / "devset/devset.csv").write_text("\n".join([lines[0], *turned]) + "\n")
    with pytest.raises(DatasetError, match="the labels have changed"):
        make_ensemble([open_run("a"), open_run("b")], run_folder("e"), VISUAL_SENTIMENT_2021)


def test_the_order_of_members_does_not_matter(job):
    for names in ("ac", "ca"):
        make_ensemble([open_run(n) for n in names], run_folder(f"e{names}"), VISUAL_SENTIMENT_2021)
        predict(open_run(f"e{names}"), VISUAL_SENTIMENT_2021, job / "testset")
    assert tables(job, ["eac"], "test/{}.csv")[0].equals(tables(job, ["eca"], "test/{}.csv")[0])


def test_features_of_two_decoders_do_not_meet(job):
    command("train", "subtask1", "--run", "scaled", "--set", "features.decoder=scaled", *QUICK)
    with pytest.raises(RunFolderError, match=r"features were computed differently|another extractor"):
        make_ensemble([open_run("a"), open_run("scaled")], run_folder("e"), VISUAL_SENTIMENT_2021)


def test_an_ensemble_is_not_made_of_itself(job):
    make_ensemble([open_run("a"), open_run("b")], run_folder("two"), VISUAL_SENTIMENT_2021)
    make_ensemble([open_run("two"), open_run("c")], run_folder("nested"), VISUAL_SENTIMENT_2021)
    with pytest.raises(RunFolderError, match="one of the members is made of it"):
        make_ensemble([open_run("nested"), open_run("a")], run_folder("two"), VISUAL_SENTIMENT_2021, replace=True)


def test_what_an_unreadable_image_gets_is_the_members_prior(job):
    make_ensemble([open_run("a"), open_run("b")], run_folder("e"), VISUAL_SENTIMENT_2021)
    for name in ("subtask1", "subtask2", "subtask3"):
        a, e = (json.loads((job / f"runs/{run}/{name}/subtask.json").read_text())["fallback"] for run in "ae")
        assert a == pytest.approx(e)
