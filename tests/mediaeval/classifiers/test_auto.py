"""The average of three classifiers: its weights, its members, its groups."""

import numpy as np
import pytest

from mediaeval.classifiers import auto as module
from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.auto import MEMBERS, average_out_of_fold, averaging_weights

RNG = np.random.default_rng(4)
X = RNG.normal(size=(40, 8)).astype(np.float32)
y = np.array(["low", "middle", "high"])[np.digitize(X[:, 0] + RNG.normal(scale=0.3, size=40), (-0.4, 0.4))]
Y = (X[:, :2] + RNG.normal(size=(40, 2)) > 0).astype(int)
T = np.eye(3)[RNG.integers(3, size=200)]
GOOD, IDLE, WRONG = 0.8 * T + 0.2 / 3, np.full((200, 3), 1 / 3), 0.8 * np.roll(T, 1, axis=1) + 0.2 / 3


def auto(**params):
    return make_classifier("auto", {"epochs": 2, "lr": 0.01} | params, random_state=0)


def test_a_member_that_expects_the_truth_gets_the_weight():
    weights = averaging_weights(np.array([GOOD, IDLE, WRONG]), T, 0, multi_label=False)
    np.testing.assert_allclose(weights, [1, 0, 0], atol=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_weights_are_shrunk_to_equal_ones(multi_label):
    members = np.array([GOOD, IDLE, WRONG])
    best = [averaging_weights(members, T, shrink, multi_label=multi_label)[0] for shrink in (0, 100, 1e9)]
    assert best[0] > best[1] > best[2] == pytest.approx(1 / 3)
    np.testing.assert_allclose(averaging_weights(members[:1].repeat(3, 0), T, 0, multi_label=multi_label), 1 / 3)


def test_weights_are_of_members_and_not_of_their_order():
    members = np.array([GOOD, IDLE, WRONG])
    weights = averaging_weights(members, T, 100, multi_label=False)
    np.testing.assert_allclose(averaging_weights(members[::-1], T, 100, multi_label=False), weights[::-1])


def test_nobody_has_weight_for_certainty_that_was_wrong():
    certain = np.roll(T, 1, axis=1)
    weights = averaging_weights(np.array([certain, IDLE]), T, 0, multi_label=False)
    np.testing.assert_allclose(weights, [0, 1], atol=1e-6)


def test_a_fold_is_averaged_with_the_weights_of_the_others():
    fold = np.arange(200) // 100
    # the first member is right in the first fold alone, so only the second fold has weight for it
    first = np.where((fold == 0)[:, None], GOOD, WRONG)
    averaged, weights = average_out_of_fold(np.array([first, IDLE]), T, fold, 0, multi_label=False)
    np.testing.assert_allclose(averaged[fold == 0], IDLE[fold == 0], atol=1e-6)
    np.testing.assert_allclose(averaged[fold == 1], WRONG[fold == 1], atol=1e-6)
    np.testing.assert_allclose(weights, averaging_weights(np.array([first, IDLE]), T, 0, multi_label=False))


@pytest.mark.parametrize(("target", "network"), [(y, "MixtureOfExperts"), (Y, "DenseClassifier")])
def test_probabilities_are_the_weighted_mean_of_the_members(target, network):
    fitted = auto().fit(X, target)
    assert [type(member).__name__ for member in fitted.members_] == [network, "LogisticBaseline", "KernelRidge"]
    assert fitted.weights_.shape == (len(MEMBERS),) and fitted.weights_.sum() == pytest.approx(1)
    assert np.ptp(fitted.weights_) > 0 and len(fitted.history_) == 2
    each = fitted.member_probabilities(X)
    np.testing.assert_allclose(fitted.predict_proba(X), np.tensordot(fitted.weights_, each, axes=1), atol=1e-12)
    fitted.weights_ = np.array([0.0, 0, 1])  # as one sets them who has out-of-fold probabilities
    np.testing.assert_allclose(fitted.predict_proba(X), each[2], atol=1e-12)


def test_the_members_have_the_blocks_the_order_and_the_scale():
    given = {"widths": [3, 5], "order": ["low", "middle", "high"], "scale": "unit"}
    fitted = auto(weights="equal").set_params(**given).fit(X, y)
    alone = make_classifier("kernel", {}, 0).set_params(widths=[3, 5], order=given["order"]).fit(X, y)
    np.testing.assert_allclose(fitted.member_probabilities(X)[2], alone.predict_proba(X), atol=1e-12)
    assert fitted.scaler_.scale == "unit"
    again = auto(weights="equal").set_params(**given).load_state(fitted.state())
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_groups_are_not_divided_and_reach_the_members(monkeypatch):
    seen = []
    monkeypatch.setattr(module, "out_of_fold", lambda make, X, y, groups, **_: seen.append(groups) or np.ones((40, 3)))
    groups = [*range(20)] * 2
    fitted = auto().fit(X, y, groups=groups)
    assert seen == [groups] * 3
    alone = make_classifier("kernel", {}, 0).fit(X, y, groups=groups)
    np.testing.assert_array_equal(fitted.members_[2].left_out_, alone.left_out_)
    np.testing.assert_allclose(auto().fit(X, y, groups=["all"] * 40).weights_, 1 / 3)
