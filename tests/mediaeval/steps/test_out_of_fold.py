"""Out-of-fold scores: of every dev image, by models that saw none of its group; kept, compared, averaged, recorded."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from mediaeval.classifiers.auto import AutoClassifier
from mediaeval.classifiers.model import load_model
from mediaeval.data.split import make_folds
from mediaeval.errors import DatasetError, RunFolderError
from mediaeval.records import SubtaskRecord
from mediaeval.runs import open_run, run_folder
from mediaeval.steps.compare import compare_runs
from mediaeval.steps.ensemble import make_ensemble
from mediaeval.steps.out_of_fold import FOLD, GROUP, decide_by_fold, same_partition, thresholds_by_fold
from mediaeval.steps.trained_run import TrainedRun
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import Recipe, command

TASK = VISUAL_SENTIMENT_2021
QUICK = ("--data", "devset", "--set", "classifier=logistic", "--set", "augment=0", "--no-refit")
# two runs of one split, and one of another split
RECIPE = Recipe(
    dev=40,
    test=5,
    commands=(
        ("train", "all", "--run", "a", *QUICK),
        ("train", "all", "--run", "b", *QUICK, "--set", "classifier.C=0.01"),
        ("train", "all", "--run", "c", *QUICK, "--set", "split.seed=7"),
    ),
)


@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=12),
    folds=st.integers(2, 6),
    how=st.sampled_from(["stratified", "random"]),
    seed=st.integers(0, 99),
)
def test_folds_divide_no_group_and_hold_each_image_out_once(sizes, folds, how, seed):
    groups = [k for k, size in enumerate(sizes) for _ in range(size)]
    labels = pd.DataFrame({"x": np.arange(len(groups)) % 2}, index=[f"i{k}" for k in range(len(groups))])
    fold = make_folds(labels, folds, how=how, groups=groups, rng=np.random.default_rng(seed))
    assert list(fold.index) == list(labels.index)
    assert fold.groupby(groups).nunique().eq(1).all()
    n_folds = fold.nunique()
    assert sorted(fold.unique()) == list(range(n_folds)), "none is empty"
    assert 2 <= n_folds <= min(folds, len(sizes))


def test_five_folds_of_many_images_are_alike():
    labels = pd.DataFrame({"rare": [1] * 10 + [0] * 190, "common": [0, 1] * 100}, index=range(200))
    fold = make_folds(labels, 5, rng=np.random.default_rng(0))
    assert fold.value_counts().tolist() == [40] * 5
    assert labels.groupby(fold)["rare"].sum().tolist() == [2] * 5


def test_each_fold_has_thresholds_from_the_other_folds_alone():
    task = TASK["subtask2"]
    rng = np.random.default_rng(0)
    ids = [f"i{k}" for k in range(60)]
    truth = pd.DataFrame(rng.integers(0, 2, (60, 7)), index=ids, columns=list(task.labels))
    table = pd.DataFrame(rng.random((60, 7)), index=ids, columns=list(task.labels))
    table = table.assign(**{FOLD: np.arange(60) % 3, GROUP: ids})
    before = thresholds_by_fold(task, table, truth, "tuned")
    truth[table[FOLD] == 1] = 1 - truth[table[FOLD] == 1]
    after = thresholds_by_fold(task, table, truth, "tuned")
    assert after[1] == before[1], "its own labels do not count"
    assert after[0] != before[0] and after[2] != before[2]
    decided = decide_by_fold(task, table, after)
    for k in range(3):
        rows = table[FOLD] == k
        assert (decided[rows].to_numpy() == (table.loc[rows, list(task.labels)].to_numpy() >= after[k])).all()
    assert thresholds_by_fold(task, table, truth, 0.3) == [[0.3] * 7] * 3
    assert thresholds_by_fold(TASK["subtask1"], table, truth, "tuned") == [[0.5] * 3] * 3


def test_divisions_are_the_same_whatever_the_groups_are_called():
    assert same_partition(pd.Series(["a", "a", "b"]), pd.Series(["x", "x", "y"]))
    assert not same_partition(pd.Series(["a", "a", "b"]), pd.Series(["x", "y", "y"]))
    assert not same_partition(pd.Series(["a", "a", "a"]), pd.Series(["x", "y", "y"]))


@pytest.mark.integration
def test_the_recorded_score_is_that_of_the_table(trained, monkeypatch):
    monkeypatch.chdir(trained)
    devset = pd.read_csv("devset/devset.csv", index_col=0, dtype=str)
    sides = pd.read_csv("runs/a/split.csv", index_col="id")["side"]
    run = TrainedRun.open(open_run("a"), TASK)
    for subtask in TASK.subtasks:
        table, record = run.out_of_fold(subtask), run.records[subtask.name].out_of_fold
        assert sorted(table.index) == sorted(devset.index) and record.n_images == 40 and record.folds == 5
        assert set(table.index[table[FOLD] == 0]) == set(sides.index[sides == "val"]), "the split is one of the folds"
        validation = run.validation(subtask)
        labels = list(subtask.labels)
        assert table.loc[validation.index, labels].equals(validation[labels])
        assert table.groupby(GROUP)[FOLD].nunique().eq(1).all()
        decided = run.out_of_fold_labels(subtask).loc[devset.index]
        columns = [heading for heading in devset if heading in subtask.headings]
        if subtask.multi_label:
            truth, answer = devset[columns].astype(int).to_numpy(), decided.to_numpy()
        else:
            truth, answer = devset[columns[0]], decided.idxmax(axis=1)
        assert record.f1 == pytest.approx(f1_score(truth, answer, average="weighted", zero_division=0), abs=1e-12)
        assert record.new_set[0] <= record.interval[0] <= record.f1 <= record.interval[1] <= record.new_set[1]
        again = SubtaskRecord.from_dict(json.loads(json.dumps(run.records[subtask.name].to_dict())))
        assert again == run.records[subtask.name]


@pytest.mark.integration
def test_runs_of_other_splits_are_compared_on_all_dev_images(job, capsys):
    command("compare", "a", "b", "c", "--json")
    for found in json.loads(capsys.readouterr().out):
        assert found["out_of_fold"] is True and found["images"] == 40
        for name, score in found["scores"].items():
            record = open_run(name).read_subtask(found["subtask"]).out_of_fold
            assert score == {"f1": record.f1, "low": record.interval[0], "high": record.interval[1]}
    devset = job / "devset/devset.csv"
    devset.write_text(devset.read_text().replace("positive", "neutral"))
    with pytest.raises(DatasetError, match="the labels have changed"):
        compare_runs([open_run("a"), open_run("b")], TASK)


@pytest.mark.integration
def test_groups_are_compared_as_groups_and_other_groups_are_refused(job):
    ids = pd.read_csv("devset/devset.csv", index_col=0, dtype=str).index
    (job / "groups.csv").write_text("id,of\n" + "".join(f"{i},g{k // 4}\n" for k, i in enumerate(ids)))
    command("train", "all", "--run", "grouped", *QUICK, "--set", "split.groups=groups.csv:of")
    table = TrainedRun.open(open_run("grouped"), TASK).out_of_fold(TASK["subtask1"])
    assert table.loc[ids].groupby(np.arange(40) // 4)[FOLD].nunique().eq(1).all()
    with pytest.raises(RunFolderError, match="a and grouped were trained with other groups"):
        compare_runs([open_run("a"), open_run("grouped")], TASK)


@pytest.mark.integration
def test_an_ensemble_is_scored_out_of_fold_by_the_members_thresholds(job, caplog):
    command("ensemble", "a", "b", "--run", "both")
    runs = {name: TrainedRun.open(open_run(name), TASK) for name in ("a", "b", "both")}
    subtask = TASK["subtask2"]
    labels = list(subtask.labels)
    a, b, both = (run.out_of_fold(subtask)[labels] for run in runs.values())
    assert np.allclose(both, (a + b.loc[a.index]) / 2, atol=1e-12)
    found = [runs[name].records["subtask2"].out_of_fold.thresholds for name in ("a", "b", "both")]
    for of_a, of_b, of_both in zip(*found, strict=True):
        assert all(of_both[label] == pytest.approx((of_a[label] + of_b[label]) / 2) for label in labels)
    command("train", "all", "--run", "three", *QUICK, "--folds", "3")
    command("ensemble", "a", "three", "--run", "mixed")
    assert open_run("mixed").read_subtask("subtask1").out_of_fold is None, "thresholds of other folds do not fit"
    command("train", "all", "--run", "none", *QUICK, "--folds", "0")
    command("ensemble", "a", "none", "--run", "half")
    assert "subtask1: none has no out-of-fold predictions, so the ensemble is scored on the valid" in caplog.text
    _swap_two_training_labels("a")
    with pytest.raises(DatasetError, match=r"scores 0\.\d+ out of fold, in training 0\.\d+: the labels have changed"):
        make_ensemble([open_run("a"), open_run("b")], run_folder("new"), TASK)


def _swap_two_training_labels(run):
    """Give two training images of a run one another's classes, so that its out-of-fold score differs."""
    devset = pd.read_csv("devset/devset.csv", index_col=0, dtype=str)
    answers = TrainedRun.open(open_run(run), TASK).out_of_fold_labels(TASK["subtask1"]).idxmax(axis=1)
    sides = pd.read_csv(f"runs/{run}/split.csv", index_col="id")["side"]
    trained = devset.loc[sides.index[sides == "train"], "T1"]
    right = next(i for i in trained.index if trained[i] == answers[i])
    other = next(i for i in trained.index if trained[i] != trained[right])
    devset.loc[[right, other], "T1"] = devset.loc[[other, right], "T1"].to_numpy()
    devset.to_csv("devset/devset.csv")


@pytest.mark.integration
def test_folds_of_another_size_than_the_validation_side_are_made_beside_it(job, caplog):
    for folds, sizes in ((2, [20, 20]), (4, [11, 11, 10, 8]), (10, [4] * 10)):
        command("train", "subtask1", "--run", f"in{folds}", *QUICK, "--folds", str(folds), "--set", "data.test=absent")
        table = TrainedRun.open(open_run(f"in{folds}"), TASK).out_of_fold(TASK["subtask1"])
        assert sorted(table[FOLD].value_counts(), reverse=True) == sizes
    said = "as many as the dev set has, since the test set cannot be read: absent does not exist."
    assert caplog.text.count(said) == 3
    command("train", "subtask1", "--run", "in0", *QUICK, "--folds", "0", "--set", "data.test=absent")
    assert caplog.text.count(said) == 3, "without folds no such score is given"


@pytest.mark.integration
def test_a_given_split_is_scored_beside_folds_of_all_images(job):
    command("train", "subtask1", "--run", "given", *QUICK, "--split", "runs/c/split.csv")
    sides = pd.read_csv("runs/given/split.csv", index_col="id")["side"]
    table = TrainedRun.open(open_run("given"), TASK).out_of_fold(TASK["subtask1"])
    assert all(set(table.index[table[FOLD] == k]) != set(sides.index[sides == "val"]) for k in range(5))
    assert table[FOLD].value_counts().tolist() == [8] * 5


@pytest.mark.integration
def test_folds_are_a_setting_recorded_and_off_for_published_presets(job, run):
    assert "folds = 5" in (job / "runs/a/run.toml").read_text()
    command("train", "subtask1", "--run", "none", *QUICK, "--folds", "0")
    assert not (job / "runs/none/subtask1/out_of_fold.csv").exists()
    assert open_run("none").read_subtask("subtask1").out_of_fold is None
    refused = run("train", "subtask1", "--run", "x", *QUICK, "--folds", "1", code=1)
    assert "split.folds: got 1; expected 2 or more" in refused.stderr
    paper = ("train", "subtask1", "--data", "devset", "--run", "paper", "--preset", "certh2021", "--use", "handcrafted")
    command(*paper, "--set", "classifier.epochs=1", "--no-refit")
    assert open_run("paper").read_subtask("subtask1").out_of_fold is None


@pytest.mark.integration
def test_a_class_of_one_group_is_named(job, caplog):
    lines = (job / "devset/devset.csv").read_text().splitlines()
    ids = [line.split(",")[0] for line in lines[1:] if ",positive," in line]
    (job / "groups.csv").write_text(
        "id,of\n" + "".join(f"{i},{'same' if i in ids else i}\n" for i in (line.split(",")[0] for line in lines[1:]))
    )
    command("train", "subtask1", "--run", "one", *QUICK, "--set", "split.groups=groups.csv:of")
    assert "all images of positive are held out together" in caplog.text


@pytest.mark.integration
def test_an_average_has_its_weights_from_the_folds_and_trains_nothing_for_them(job, monkeypatch):
    fitted = []
    fit = AutoClassifier.fit
    monkeypatch.setattr(AutoClassifier, "fit", lambda self, *a, **k: fitted.append(self) or fit(self, *a, **k))
    auto = ("--set", "classifier=auto", "--set", "classifier.epochs=1", "--set", "augment=0")
    command("train", "subtask1", "--run", "average", "--data", "devset", *auto)
    assert len(fitted) == 6, "the split, four more folds, and the whole dev set"
    assert all(model.weights == "equal" for model in fitted)
    weights = [model.weights_ for model in fitted]
    assert np.ptp(weights[0]) > 0 and not np.array_equal(weights[0], weights[-1])
    np.testing.assert_allclose(weights[1:-1], 1 / 3)  # models of the other folds are not kept
    subtask, run = TASK["subtask1"], TrainedRun.open(open_run("average"), TASK)
    table, validation = run.out_of_fold(subtask), run.validation(subtask)
    labels = list(subtask.labels)
    np.testing.assert_allclose(table.loc[validation.index, labels], validation[labels], atol=1e-12)
    assert 'weights = "folds"' in (job / "runs/average/run.toml").read_text()
    for model, path in ((fitted[0], "model.safetensors"), (fitted[-1], "refit.safetensors")):
        kept = load_model(job / "runs/average/subtask1" / path, subtask).estimator
        np.testing.assert_array_equal(kept.weights_, model.weights_)


@pytest.mark.integration
def test_thresholds_of_a_kernel_are_of_its_own_images_left_out(job):
    devset = pd.read_csv("devset/devset.csv", index_col=0)
    devset.iloc[::2] = np.random.default_rng(0).permutation(
        devset.iloc[::2].to_numpy()
    )  # else every image is right at any threshold
    devset.to_csv("devset/devset.csv")
    kernel = ("--set", "classifier=kernel", "--set", "augment=0", "--no-refit")
    command("train", "subtask2", "--run", "kernel", "--data", "devset", *kernel)
    subtask, run = TASK["subtask2"], TrainedRun.open(open_run("kernel"), TASK)
    record, table = run.records["subtask2"], run.out_of_fold(subtask)
    assert record.out_of_fold.thresholds[0] == record.thresholds, "the split's model is that of the first fold"
    truth = devset.loc[table.index, list(subtask.headings)].set_axis(list(subtask.labels), axis=1)
    of_others = thresholds_by_fold(subtask, table, truth, "tuned")
    assert [list(of_fold.values()) for of_fold in record.out_of_fold.thresholds] != of_others
    command("train", "subtask2", "--run", "half", "--data", "devset", *kernel, "--set", "threshold=0.5")
    assert set(open_run("half").read_subtask("subtask2").out_of_fold.thresholds[0].values()) == {0.5}
