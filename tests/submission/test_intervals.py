"""Both intervals lie inside 0..1, one within the other, whatever the order of the images and however few there are."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from submission.intervals import intervals, metric_intervals
from submission.metrics import Metric
from submission.metrics.evaluation import prepare
from submission.score import weighted_f1


def drawn(n, right=0.6, per_group=3, n_classes=3, seed=0):
    """Truth, answers of which a share is right, and groups of `per_group` images."""
    rng = np.random.default_rng(seed)
    true = rng.integers(n_classes, size=n)
    predicted = np.where(rng.random(n) < right, true, (true + 1) % n_classes)
    return (
        np.eye(n_classes, dtype=int)[true],
        np.eye(n_classes, dtype=int)[predicted],
        [k // per_group for k in range(n)],
    )


def width(limits):
    return limits[1] - limits[0]


@given(st.data(), st.integers(1, 12), st.integers(1, 4), st.integers(1, 50))
def test_one_lies_within_the_other_inside_0_and_1(data, n, n_labels, n_new):
    table = st.lists(st.lists(st.integers(0, 1), min_size=n_labels, max_size=n_labels), min_size=n, max_size=n)
    true, predicted = np.array(data.draw(table)), np.array(data.draw(table))
    groups = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    found = intervals(true, predicted, groups, n_new=n_new, resamples=50)
    (low, high), (lower, higher) = found.interval, found.new_set
    assert found.f1 == pytest.approx(weighted_f1(true, predicted))
    assert 0 <= lower <= low <= found.f1 <= high <= higher <= 1
    order = data.draw(st.permutations(range(n)))
    again = intervals(true[order], predicted[order], [groups[k] for k in order], n_new=n_new, resamples=50)
    assert again == found


def test_names_of_groups_are_irrelevant_and_the_seed_is_not():
    true, predicted, groups = drawn(90)
    found = intervals(true, predicted, groups, n_new=30)
    assert found == intervals(true, predicted, [f"group {g}" for g in groups], n_new=30)
    assert found != intervals(true, predicted, groups, n_new=30, seed=1)


def test_fewer_new_images_more_resemblance_and_fewer_images_widen():
    true, predicted, groups = drawn(300)
    few, many = (intervals(true, predicted, groups, n_new=n) for n in (1, 300))
    assert few.interval == many.interval
    assert width(few.new_set) > 0.9 > width(many.new_set) > width(many.interval)
    as_one = np.repeat(np.arange(0, 300, 3), 3)  # groups of copies
    assert width(intervals(true[as_one], predicted[as_one], groups, n_new=300).interval) > 1.4 * width(many.interval)
    half = slice(150)
    assert width(intervals(true[half], predicted[half], groups[half], n_new=300).interval) > 1.2 * width(many.interval)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_few_images_without_a_fault_or_a_hit_do_not_make_the_interval_a_point(right):
    small, large = (intervals(*drawn(n, right, per_group=1), n_new=100).interval for n in (10, 1000))
    assert right in small
    assert right in large
    assert width(small) > 0.1 > width(large) > 0.003  # 3/n is the textbook's limit for none of n


def test_one_group_tells_little():
    true, predicted, _ = drawn(100)
    assert width(intervals(true, predicted, [0] * 100, n_new=100).interval) > 0.7


@pytest.mark.parametrize("right", [0.5, 0.95])
def test_hold_in_95_of_100_draws_where_nothing_is_trained(right, monkeypatch):
    monkeypatch.setattr("submission.intervals.REPEATED", 0.0)
    monkeypatch.setattr("submission.intervals.TRAINED", 0.0)
    expected = weighted_f1(*drawn(30_000, right, seed=1)[:2])
    held = np.zeros(2)
    for seed in range(100):
        new = weighted_f1(*drawn(60, right, seed=1000 + seed)[:2])
        found = intervals(*drawn(120, right, per_group=1, seed=10 + seed), n_new=60, resamples=200)
        held += [found.interval[0] <= expected <= found.interval[1], found.new_set[0] <= new <= found.new_set[1]]
    assert (held >= 90).all()
    assert (held < 100).all()


def test_without_positives_nothing_is_known():
    none = np.zeros((5, 2), int)
    assert intervals(none, 1 - none, range(5), n_new=5).to_dict() == {
        "f1": 0.0,
        "interval": (0.0, 1.0),
        "new_set": (0.0, 1.0),
    }


def test_is_written_as_json():
    found = intervals(*drawn(60), n_new=60)
    assert json.loads(json.dumps(found.to_dict()))["interval"] == list(found.interval)


def test_intervals_of_other_metrics_are_alike():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 120).astype(float)
    groups = [k // 2 for k in range(120)]
    for metric, scores in (
        (Metric("auc", "positive"), truth + rng.normal(size=120)),
        (Metric("auc", "positive"), truth),  # a perfect score of few groups is no proof of perfection
        (Metric("spearman"), truth + rng.normal(size=120)),
        (Metric("spearman"), truth),
        (Metric("mae"), truth + rng.normal(size=120)),
        (Metric("eer", "positive"), truth),
    ):
        found = metric_intervals(metric, prepare(metric, truth, scores), groups, n_new=120)
        (low, high), (lower, higher) = found.interval, found.new_set
        assert lower < low <= found.f1 <= high <= higher or low <= found.f1 <= high < higher
        assert metric.metric == "mae" or width(found.interval) < 0.45
    # as wide as that of the share of right answers, weighted F1
    answers = (rng.random(120) < 0.9) == (truth == 1)
    decided, right = np.stack([1 - truth, truth], axis=1), np.stack([~answers, answers], axis=1)
    metric = Metric("f1", "weighted")
    general = metric_intervals(metric, prepare(metric, decided, right), groups, n_new=120)
    assert general.interval == pytest.approx(intervals(decided, right, groups, n_new=120).interval, abs=0.02)


def test_an_undefined_metric_may_be_anything():
    metric = Metric("auc", "positive")
    alone = prepare(metric, [1, 1], [0.5, 0.7])
    found = metric_intervals(metric, alone, "ab", n_new=2)
    assert found.f1 == 0 and found.interval[0] == 0
