"""Kernel ridge regression: its leave-one-out scores, its blocks, ordered classes and probabilities."""

import numpy as np
import pandas as pd
import pytest

from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.kernel import ridge
from mediaeval.classifiers.model import SubtaskModel, load_model
from mediaeval.classifiers.thresholds import tune_thresholds
from mediaeval.errors import ConfigError, FeaturesError, WeightsError
from submission.task import Subtask

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 8)).astype(np.float32)
LEVEL = X[:, 0] / np.linalg.norm(X, axis=1) + RNG.normal(scale=0.2, size=60)
y = np.array(["low", "middle", "high"])[np.digitize(LEVEL, (-0.2, 0.2))]
Y = (X[:, :3] + RNG.normal(size=(60, 3)) > 0).astype(int)
ORDER = ["low", "middle", "high"]


def kernel(order=None, widths=None, **params):
    return make_classifier("kernel", params, random_state=0).set_params(order=order, widths=widths)


def test_left_out_scores_are_those_of_a_regression_without_the_image():
    d2 = ((X[:, None].astype(float) - X[None]) ** 2).mean(axis=2)
    T = Y.astype(float)
    fit = ridge(d2, T, 0.5, [0.3])
    for i in (0, 17):
        rest = np.arange(60) != i
        without = ridge(d2[np.ix_(rest, rest)], T[rest], 0.5, [0.3])
        np.testing.assert_allclose(
            np.exp(-0.5 * d2[i, rest]) @ without.coef + without.intercept, fit.left_out[i], rtol=0, atol=1e-9
        )


def test_a_group_is_left_out_together():
    d2 = ((X[:, None].astype(float) - X[None]) ** 2).mean(axis=2)
    T, group = Y.astype(float), np.array([3, 20, 41])
    fit = ridge(d2, T, 0.5, [0.3], [group])
    rest = np.setdiff1d(np.arange(60), group)
    without = ridge(d2[np.ix_(rest, rest)], T[rest], 0.5, [0.3])
    expected = np.exp(-0.5 * d2[np.ix_(group, rest)]) @ without.coef + without.intercept
    np.testing.assert_allclose(fit.left_out[group], expected, rtol=0, atol=1e-9)
    # twins that are left out one by one recognise each other's noise
    twice, noise = np.concatenate([X, X]), np.tile(RNG.permutation(y), 2)
    alone, together = (kernel().fit(twice, noise, groups=groups) for groups in (None, [*range(60)] * 2))
    right = [(model.classes_[model.left_out_.argmax(axis=1)] == noise).mean() for model in (alone, together)]
    assert right[0] > 0.9 and right[1] < 0.6


def test_chosen_are_the_candidates_with_the_least_error():
    chosen = kernel().fit(X, y)
    again = kernel(gamma=chosen.gamma_, penalty=chosen.penalty_).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), chosen.predict_proba(X))


def test_a_block_counts_alike_whatever_its_scale_and_length():
    long = np.concatenate([X[:, :3], 1000 * np.repeat(X[:, 3:], 50, axis=1)], axis=1)
    P = kernel(widths=[3, 5]).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(kernel(widths=[3, 250]).fit(long, y).predict_proba(long), P, atol=1e-4)
    assert np.abs(kernel().fit(X, y).predict_proba(X) - P).max() > 0.01


def test_a_constant_block_changes_nothing():
    more = np.concatenate([X, np.full((60, 4), 7, np.float32)], axis=1)
    P = kernel(widths=[8]).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(kernel(widths=[8, 4]).fit(more, y).predict_proba(more), P, atol=1e-6)


def test_widths_that_do_not_add_up_are_named():
    with pytest.raises(FeaturesError, match=r"got blocks of 3 \+ 4 = 7 features; expected 8, as in X\."):
        kernel(widths=[3, 4]).fit(X, y)


def test_the_position_of_a_class_is_added_to_its_score():
    plain, ordered = kernel().fit(X, y), kernel(order=ORDER, ordinal=1.0).fit(X, y)
    for classifier in (plain, ordered):
        assert list(classifier.classes_) == ["high", "low", "middle"]
    P, Q = (c.left_out_ for c in (plain, ordered))
    position = P @ [1, -1, 0]  # high, low, middle
    assert np.corrcoef(position, np.log(Q[:, 0] / Q[:, 1]))[0, 1] > 0.95
    without_term = kernel(order=ORDER, ordinal=0.0).fit(X, y)
    np.testing.assert_array_equal(without_term.predict_proba(X), plain.predict_proba(X))


def test_order_that_lacks_a_class_is_refused():
    with pytest.raises(ConfigError, match=r"classifier\.order: got \['low', 'high'\] for .*'middle'"):
        kernel(order=["low", "high"]).fit(X, y)


@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
def test_probabilities_of_images_left_out_do_not_flatter(target):
    noise = RNG.permutation(target)
    fitted = kernel().fit(X, noise)
    T = fitted._encode(noise)
    assert fitted.left_out_.shape == T.shape

    def log_loss(P):
        return -(T * np.log(P) + (0 if noise.ndim == 1 else (1 - T) * np.log(1 - P))).mean()

    prior = np.broadcast_to(T.mean(axis=0), T.shape)
    assert log_loss(fitted.left_out_) > 0.97 * log_loss(prior)
    assert tune_thresholds(T, fitted.left_out_).shape == (3,)


def test_a_label_of_one_class_has_a_constant_probability():
    constant = Y.copy()
    constant[:, 1], constant[:, 2] = 0, 1
    P = kernel().fit(X, constant).predict_proba(X)
    assert np.ptp(P[:, 1]) == 0 and P[0, 1] == pytest.approx(0.5 / 61)
    assert np.ptp(P[:, 2]) == 0 and P[0, 2] == pytest.approx(60.5 / 61)
    assert np.ptp(P[:, 0]) > 0


def test_views_change_nothing():
    views = np.stack([-X, X], axis=1)
    P = kernel().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(kernel().fit(X, y, views=views).predict_proba(X), P)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_subtask_gives_it_blocks_as_they_are_and_the_order(tmp_path, ordered):
    level = Subtask("level", "level", ("level",), tuple(ORDER), multi_label=False, ordered=ordered)
    labels = pd.DataFrame(np.eye(3)[[ORDER.index(name) for name in y]], columns=ORDER)
    model = SubtaskModel(level, "kernel", {}, {"a": 3, "b": 5}, "standard", 0).fit(X, labels)
    own = kernel(order=ORDER if ordered else None, widths=[3, 5]).fit(X, y)
    P = model.predict_matrix(X)
    np.testing.assert_array_equal(P[["high", "low", "middle"]], own.predict_proba(X))
    assert set(model.chosen_params()) == {"gamma", "penalty", "ordinal"}
    model.save(tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors", level)
    np.testing.assert_array_equal(again.predict_matrix(X), P)
    assert again.estimator.left_out_ is None


def test_a_state_with_another_number_of_images_in_one_array_is_refused():
    fitted = kernel().fit(X, y)
    state = fitted.state()
    with pytest.raises(WeightsError, match="'vectors' of the state: got 59 × 8 float32; expected 60 × 8 float32"):
        kernel().load_state(state | {"vectors": state["vectors"][1:]})


def test_only_class_names_of_one_column_have_an_order():
    with pytest.raises(AssertionError, match="seen: only class names of one column have an order"):
        Subtask("seen", "seen", ("sun", "moon"), ("sun", "moon"), multi_label=True, ordered=True)
