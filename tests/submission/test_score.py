"""Weighted F1 equals scikit-learn's; rows are joined by id; nothing left out is skipped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from submission.compare import difference
from submission.errors import RunFileError
from submission.labels import LabelTable
from submission.score import as_text, score, weighted_f1
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK


def referee(truth, predicted):
    return f1_score(truth, predicted, average="weighted", zero_division=0)


def table(name="run.csv", **labels):
    """A table from subtask → image id → label."""
    ids = tuple(next(iter(labels.values())))
    return LabelTable(Path(name), TASK.header.cells, ids, labels)


def random_table(n, seed):
    rng = np.random.default_rng(seed)
    ids = [f"i{place}" for place in range(n)]
    labels = {"subtask1": dict(zip(ids, rng.choice(TASK["subtask1"].labels, n), strict=True))}
    for subtask in ("subtask2", "subtask3"):
        bits = (rng.random((n, len(TASK[subtask].labels))) < 0.3).astype(int)
        labels[subtask] = dict(zip(ids, map(tuple, bits.tolist()), strict=True))
    return table(**labels)


@given(st.data(), st.integers(1, 30), st.integers(1, 6))
def test_single_label_equals_scikit_learn(data, n, n_classes):
    classes = st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n)
    truth, predicted = data.draw(classes), data.draw(classes)
    assert weighted_f1(truth, predicted) == pytest.approx(referee(truth, predicted), abs=1e-12)
    words = [np.array([f"class {one}" for one in classes]) for classes in (truth, predicted)]
    assert weighted_f1(*words) == pytest.approx(referee(*words), abs=1e-12)


# few positives, so that labels absent from the truth, from the answers, and rows of zeros all come up
@given(st.data(), st.integers(1, 20), st.integers(2, 10), st.sampled_from([[0], [1], [0, 1], [0, 0, 0, 1]]))
def test_multi_label_equals_scikit_learn(data, n, n_labels, values):
    rows = st.lists(st.lists(st.sampled_from(values), min_size=n_labels, max_size=n_labels), min_size=n, max_size=n)
    truth, predicted = np.array(data.draw(rows)), np.array(data.draw(rows))
    assert weighted_f1(truth, predicted) == pytest.approx(referee(truth, predicted), abs=1e-12)


def test_a_truth_without_any_positive_scores_nought():
    assert weighted_f1(np.zeros((3, 7)), np.ones((3, 7))) == 0.0
    assert weighted_f1(np.zeros((3, 7)), np.zeros((3, 7))) == 0.0


def test_a_truth_scores_one_against_itself_and_its_order_does_not_matter():
    truth = random_table(60, seed=1)
    run = random_table(60, seed=2)
    shuffled = replace(
        run, ids=run.ids[::-1], labels={subtask: dict(reversed(of.items())) for subtask, of in run.labels.items()}
    )
    assert score(truth, shuffled, TASK) == score(truth, run, TASK)
    for of_task in score(truth, truth, TASK).values():
        assert of_task.weighted_f1 == 1.0
        assert of_task.interval == (1.0, 1.0)


def test_a_score_says_what_scikit_learn_says_for_every_label():
    truth, run = random_table(200, seed=3), random_table(200, seed=4)
    scores = score(truth, run, TASK)
    assert list(scores) == list(TASK.names)
    for subtask, of_task in scores.items():
        rows = [[labels.labels[subtask][image_id] for image_id in truth.ids] for labels in (truth, run)]
        assert of_task.weighted_f1 == pytest.approx(referee(*map(np.array, rows)), abs=1e-12)
        names = TASK[subtask].labels
        per_label = f1_score(*map(np.array, rows), average=None, labels=names if subtask == "subtask1" else None)
        assert [label.label for label in of_task.per_label] == list(names)
        assert [label.f1 for label in of_task.per_label] == pytest.approx(list(per_label), abs=1e-12)
        assert of_task.n_images == 200


def test_the_interval_is_that_of_a_plain_bootstrap_over_images():
    truth, run = random_table(300, seed=5), random_table(300, seed=6)
    rows = [np.array([of.labels["subtask2"][image_id] for image_id in truth.ids]) for of in (truth, run)]
    rng = np.random.default_rng(0)
    draws = [rng.integers(300, size=300) for _ in range(2000)]
    plain = np.quantile([weighted_f1(rows[0][draw], rows[1][draw]) for draw in draws], (0.025, 0.975))
    low, high = score(truth, run, TASK, resamples=2000)["subtask2"].interval
    assert low < score(truth, run, TASK)["subtask2"].weighted_f1 < high
    # two estimates of one quantile from 2000 samples each; the interval is about 0.07 wide
    assert (low, high) == pytest.approx(plain, abs=0.006)


def test_a_seed_gives_the_same_interval_again():
    truth, run = random_table(50, seed=7), random_table(50, seed=8)
    assert score(truth, run, TASK, seed=1) == score(truth, run, TASK, seed=1)
    assert score(truth, run, TASK, seed=1)["subtask3"].interval != score(truth, run, TASK, seed=2)["subtask3"].interval


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(0, 99))
def test_a_few_images_are_scored_too(n, seed):
    for of_task in score(random_table(n, seed), random_table(n, seed + 1), TASK, resamples=20).values():
        assert 0 <= of_task.interval[0] <= of_task.interval[1] <= 1


def test_only_what_both_have_is_scored():
    truth = random_table(5, seed=1)
    run = table(subtask2=truth.labels["subtask2"])
    assert list(score(truth, run, TASK)) == ["subtask2"]
    with pytest.raises(RunFileError, match=r"got a run of subtask1; expected subtask2, as in the truth"):
        score(run, table(subtask1=truth.labels["subtask1"]), TASK)


def test_an_absent_answer_counts_as_wrong_and_is_named():
    labels = {f"i{n}": "neutral" if n % 3 else "negative" for n in range(12)}
    bits = {image_id: (1, 0, 0, 0, 0, 0, n % 2) for n, image_id in enumerate(labels)}
    truth = table(subtask1=labels, subtask2=bits)
    absent = ("i1", "i3", "i4")
    kept = [image_id for image_id in labels if image_id not in absent]
    scores = score(truth, table(subtask1={i: labels[i] for i in kept}, subtask2={i: bits[i] for i in kept}), TASK)
    wrong = table(  # each decision on them is another
        subtask1=labels | dict.fromkeys(absent, "positive"),
        subtask2=bits | {i: tuple(1 - bit for bit in bits[i]) for i in absent},
    )
    for name, expected in score(truth, wrong, TASK).items():
        assert (scores[name].absent, scores[name].n_images) == (absent, 12)
        assert scores[name].weighted_f1 == pytest.approx(expected.weighted_f1)
        assert scores[name].to_dict()["absent"] == list(absent)
        assert "absent" not in expected.to_dict()
    assert as_text(scores).startswith("# no answer for 'i1', 'i3', 'i4' (3): each counts as wrong\nsubtask\tlabel\t")


def test_an_extra_answer_is_never_dropped_and_files_of_two_test_sets_are_refused():
    truth = table(subtask1=dict.fromkeys("abcdefgh", "neutral"))
    with pytest.raises(RunFileError, match=r"got answers for 'x', 'y' \(2\); expected only ids of the truth"):
        score(truth, table(subtask1=dict.fromkeys("axy", "neutral")), TASK)
    with pytest.raises(RunFileError, match="got no answer for any id of the truth, such as 'a'"):
        score(truth, table(subtask1={"x": "neutral"}), TASK)


def test_a_truth_without_labels_is_called_so():
    with pytest.raises(RunFileError, match=r"truth.csv: got no column of labels \(id only\); expected the labels of"):
        score(LabelTable("truth.csv", ("id",), ("a",), {}), table(subtask1={"a": "neutral"}), TASK)


def test_rows_are_joined_whatever_the_unicode_form_of_their_ids():
    truth, run = table(subtask1={"\u00fc": "neutral"}), table(subtask1={"u\u0308": "neutral"})
    assert score(truth, run, TASK)["subtask1"].weighted_f1 == 1
    assert difference(truth, run, TASK).to_dict() == difference(truth, truth, TASK).to_dict()


def test_a_score_as_text_has_a_line_for_each_subtask_and_label():
    truth = table(subtask1={"a": "negative", "b": "neutral", "c": "neutral"})
    run = table(subtask1={"a": "negative", "b": "neutral", "c": "negative"})
    # negative: 2 of 2 + 1 → 0.6667, neutral: 2 of 2 + 1 → 0.6667
    lines = as_text(score(truth, run, TASK)).splitlines()
    assert lines[0].split("\t") == ["subtask", "label", "f1", "low", "high", "images"]
    assert lines[1].startswith("subtask1\tweighted\t0.6667\t")
    assert lines[2:] == [
        "subtask1\tnegative\t0.6667\t\t\t1",
        "subtask1\tneutral\t0.6667\t\t\t2",
        "subtask1\tpositive\t0.0000\t\t\t0",
        "# subtask1: f1|average:weighted|absent:zero|columns:T1|v:1",
    ]
