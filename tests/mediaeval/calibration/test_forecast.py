"""The score to expect: relations that must hold, coverage where the truth is drawn, and shifts that were planted."""

import numpy as np
import pytest

from mediaeval.calibration.forecast import forecast
from mediaeval.calibration.shift import FARTHER, distance_errors, shifted_labels
from submission.intervals import intervals
from submission.score import weighted_f1

GROUPS = [f"g{k // 2}" for k in range(200)]


def drawn(rng, n, sharpness=2.0):
    """Probabilities of 3 labels that mean what they say, the truth drawn from them, and decisions at one half."""
    P = 1 / (1 + np.exp(-rng.normal(-0.5, sharpness, (n, 3))))
    return P, (rng.random(P.shape) < P).astype(int), (P >= 0.5).astype(int)


def test_the_same_images_again_score_what_they_scored_within_new_set():
    P, Y, D = drawn(np.random.default_rng(0), 200)
    found, own = forecast(Y, D, P, GROUPS, D, P), intervals(Y, D, GROUPS, n_new=200)
    assert found.f1 == pytest.approx(own.f1, abs=1e-12)
    assert own.new_set[0] < found.low < found.f1 < found.high < own.new_set[1]
    assert 0 < found.explained < 1
    wide = forecast(Y, D, P, GROUPS, D, P, widened=1.5)
    assert wide.low < found.low
    assert found.high < wide.high


def test_images_of_which_the_model_is_surer_are_expected_to_score_higher():
    rng = np.random.default_rng(1)
    P, Y, D = drawn(rng, 200)
    sure, _, answers = drawn(rng, 100, sharpness=5)
    unsure, _, others = drawn(rng, 100, sharpness=0.7)
    easy, hard = forecast(Y, D, P, GROUPS, answers, sure), forecast(Y, D, P, GROUPS, others, unsure)
    assert hard.high < easy.f1
    assert hard.f1 < weighted_f1(Y, D) < easy.f1


def test_the_interval_holds_the_score_of_drawn_truths_and_is_narrower_than_new_set():
    held, narrower = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        P, Y, D = drawn(rng, 200)
        new_P, new_Y, new_D = drawn(rng, 100)
        found = forecast(Y, D, P, GROUPS, new_D, new_P)
        held.append(found.low <= weighted_f1(new_Y, new_D) <= found.high)
        low, high = intervals(Y, D, GROUPS, n_new=100).new_set
        narrower.append(found.high - found.low < high - low)
    assert np.mean(held) >= 0.9  # the level; the models are not trained again here, so it is held by far
    assert all(narrower)


def test_labels_that_are_predicted_more_often_and_images_that_are_farther_are_found_and_others_not():
    rng = np.random.default_rng(2)
    P, _, _ = drawn(rng, 200)
    kinds = rng.normal(size=(5, 30))  # images are mixtures of five kinds, the farther ones of none

    def mixtures(n):
        return (rng.normal(size=(n, 5)) @ kinds + 0.3 * rng.normal(size=(n, 30))).astype(np.float32)

    X, same_P, same_X = mixtures(200), drawn(rng, 150)[0], mixtures(150)
    assert shifted_labels(P, GROUPS, same_P) == []
    assert distance_errors(X, GROUPS, same_X) < FARTHER
    more = same_P.copy()
    more[:, 1] = more[:, 1] ** 0.3
    assert shifted_labels(P, GROUPS, more) == [1]
    assert distance_errors(X, GROUPS, rng.normal(size=(150, 30)).astype(np.float32)) > FARTHER
