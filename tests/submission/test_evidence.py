"""Evidence: what is left out plays no part, extractors are combined for the better, and contradictions are found."""

import numpy as np
import pytest

from submission.alignment.combine import combine
from submission.alignment.expectation import columns_of, correlations, expect
from submission.alignment.remoteness import remoteness
from submission.alignment.ridge import kernels, predict_left_out
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

COLUMNS = columns_of([TASK["subtask1"]])
DEV, TEST = [f"d{k}" for k in range(200)], [f"t{k}" for k in range(150)]


def views(noise: float, width: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features of 200 dev and 150 test images by one extractor, and their classes, 0/1 (n, 3); the same images."""
    hidden = np.random.default_rng(0).normal(size=(350, 6))
    Y = (hidden[:, :3].argmax(axis=1)[:, None] == np.arange(3)).astype(float)
    rng = np.random.default_rng(int(100 * noise))
    X = hidden @ rng.normal(size=(6, width)) + noise * rng.normal(size=(350, width))
    return X[:200], Y[:200], X[200:], Y[200:]


def expected_of(noise: float, roll: int = 0):
    dev, labels, test, _ = views(noise)
    return expect(dev, labels, np.roll(test, roll, axis=0), TEST, COLUMNS, dev_ids=DEV)


def test_a_group_is_predicted_as_by_a_regression_without_it():
    dev, labels, test, _ = views(1.0, width=8)
    kernel = next(iter(kernels(dev, test)))  # the linear one
    Y = labels - labels.mean(axis=0)
    group, rest = np.arange(5), np.arange(5, 200)
    found = predict_left_out(Y, kernel, 7.0, [group])[group]
    X = (dev - dev.mean(axis=0)) / dev.std(axis=0)
    A = np.column_stack([np.ones(200), X])
    penalty = 7.0 * np.diag([0.0, *np.ones(8)])
    without = A[group] @ np.linalg.solve(A[rest].T @ A[rest] + penalty, A[rest].T @ Y[rest])
    assert found == pytest.approx(without, abs=5e-3)


def test_an_image_of_the_dev_set_among_the_test_images_does_not_matter():
    dev, labels, test, _ = views(1.0)
    test[3], test[4] = dev[10], dev[11]
    found = expect(dev, labels, test, TEST, COLUMNS)
    changed = labels.copy()
    changed[10] = np.roll(labels[10], 1)  # its own label
    after = expect(dev, changed, test, TEST, COLUMNS)
    assert np.abs(after.expected[3] - found.expected[3]).max() < 0.2, "one of 200 changes the scale a little"


def test_several_extractors_together_are_at_least_as_good_as_the_best_of_them():
    parts = {str(noise): expected_of(noise) for noise in (1.0, 1.5, 40.0)}
    combined = combine(parts)
    best = max(part.skill.mean() for part in parts.values())
    assert combined.expectation.skill.mean() >= best and not combined.contradictions
    truth = views(1.0)[3]
    on_test = {name: correlations(part.expected, truth).mean() for name, part in parts.items()}
    assert correlations(combined.expectation.expected, truth).mean() > max(on_test.values()) - 0.01
    assert combined.weights["40.0"] < 0.1 and sum(combined.weights.values()) == pytest.approx(1)


def test_an_extractor_that_contradicts_two_others_is_left_out_and_of_two_neither_is_believed():
    parts = {"a": expected_of(1.0), "b": expected_of(1.2), "slipped": expected_of(1.1, roll=1)}
    found = combine(parts)
    assert found.left_out == ("slipped",) and set(found.weights) == {"a", "b"}
    found = combine({"a": parts["a"], "slipped": parts["slipped"]})
    (one,) = found.contradictions
    assert one.on_dev > 0.5 > 0.2 > abs(one.on_test) and set(found.left_out) == {"a", "slipped"}
    assert not found.expectation.skill.any()


def test_images_of_another_world_are_remote_and_of_the_same_are_not():
    dev, _, test, _ = views(1.0)
    assert abs(remoteness(dev, test)) < 0.02 and abs(remoteness(dev[:20], test[:20])) < 0.05
    assert remoteness(dev, np.abs(test) + 3) > 0.5
    assert remoteness(np.zeros((3, 4)), np.zeros((3, 4))) == 0
