"""Regressors: scikit-learn's conventions, what they learn, what is saved, and the choice between them."""

import inspect

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from mediaeval.classifiers import CLASSIFIERS, REGRESSORS, classifier_settings, make_regressor, settings_model
from mediaeval.classifiers.regressor import mean_spearman
from mediaeval.errors import ConfigError, FeaturesError, WeightsError

pytestmark = pytest.mark.integration

QUICK = {
    "network": {"hidden": [16], "dropout": 0.0, "lr": 0.02, "epochs": 20, "batch_size": 32, "ensemble": 1},
    "best": {"epochs": 2, "ensemble": 1, "folds": 2},
}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 6)).astype(np.float32)
Y = np.column_stack([X[:, 0] / np.linalg.norm(X, axis=1), 50 + 10 * X[:, 1]])  # of other units


def quick(name, **params):
    return make_regressor(name, QUICK.get(name, {}) | params, random_state=0)


@parametrize_with_checks([quick("ridge"), quick("network", lr=0.05)])
def test_estimator_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([quick("best")])
def test_a_choice_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressor_has_the_parameters_and_defaults_of_its_settings(name):
    settings = classifier_settings({"name": name}, scores=True)
    estimator = type(make_regressor(name, {}, random_state=0))
    parameters = {key: parameter.default for key, parameter in inspect.signature(estimator).parameters.items()}
    of_the_data = {key: parameters.pop(key) for key in ("widths", "scale") if key in parameters}
    assert set(of_the_data.values()) <= {None, "standard"} and estimator.settings is settings_model(name)
    assert parameters == settings.model_dump() | {"random_state": 0}
    assert name not in CLASSIFIERS, "settings are found by the name alone"


@pytest.mark.parametrize("name", REGRESSORS)
def test_it_learns_to_rank_several_targets(name):
    fitted = quick(name, epochs=60).fit(X[:90], Y[:90]) if name != "ridge" else quick(name).fit(X[:90], Y[:90])
    scores = fitted.predict(X[90:])
    assert scores.shape == (30, 2) and scores.dtype == np.float64
    assert all(spearmanr(Y[90:, k], scores[:, k]).statistic > 0.8 for k in (0, 1))
    assert 40 < scores[:, 1].mean() < 60, "scores are in the units of the targets"


@pytest.mark.parametrize("name", REGRESSORS)
def test_state_gives_back_the_regressor_to_the_bit_and_seeds_decide(name):
    fitted, again = quick(name).fit(X, Y), quick(name).fit(X, Y)
    loaded = clone(fitted).load_state(fitted.state())
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    rows = [100, 3, 64]
    np.testing.assert_allclose(fitted.predict(X[rows]), fitted.predict(X)[rows], rtol=0, atol=1e-9)
    one = clone(fitted).load_state(quick(name).fit(X, Y[:, 0]).state())
    assert one.predict(X).shape == (120,)
    with pytest.raises(WeightsError, match="the state has 1 targets, this estimator has 2"):
        fitted.load_state(one.state())
    with pytest.raises(WeightsError, match="no array 'target_mean'"):
        fitted.load_state({key: array for key, array in fitted.state().items() if key != "target_mean"})


def test_left_out_scores_of_ridge_are_those_of_a_fit_without_the_image():
    chosen = quick("ridge").fit(X[:40], Y[:40])
    plain = quick("ridge", gamma=chosen.gamma_, penalty=chosen.penalty_)
    for i in (0, 17):
        rest = np.arange(40) != i
        # not exactly: the mean and spread of targets and vectors are those of all 40
        without = plain.fit(X[:40][rest], Y[:40][rest]).predict(X[:40][[i]])[0]
        np.testing.assert_allclose(chosen.left_out_[i], without, rtol=0.05, atol=0.2)


def test_a_constant_target_is_predicted_as_it_is():
    scores = quick("ridge").fit(X, np.column_stack([Y[:, 0], np.full(120, 0.1)])).predict(X)
    np.testing.assert_allclose(scores[:, 1], 0.1, rtol=1e-12)


def test_the_choice_is_made_in_folds_of_the_training_images_that_divide_no_group():
    noise = RNG.permutation(Y)  # nothing to learn but twins
    twice, targets = np.concatenate([X, X]), np.concatenate([noise, noise])
    fitted = quick("best", folds=5).fit(twice, targets, groups=[*range(120)] * 2)
    assert set(fitted.spearman_) == {"ridge", "network"} and max(fitted.spearman_.values()) < 0.3
    assert fitted.chosen_ == max(fitted.spearman_, key=fitted.spearman_.get)
    linear = quick("best", epochs=100).fit(X, X[:, :1] * 3)
    assert linear.spearman_["network"] > 0.8 and clone(linear).load_state(linear.state()).chosen_ == linear.chosen_
    assert quick("best").fit(X[:1], Y[:1]).chosen_ == "ridge", "one image cannot be divided"


def test_mean_spearman_is_that_of_scipy():
    scores = Y + RNG.normal(size=Y.shape).round()  # with ties
    expected = np.mean([spearmanr(Y[:, k], scores[:, k]).statistic for k in (0, 1)])
    assert mean_spearman(Y, scores) == pytest.approx(expected, abs=1e-12)
    assert mean_spearman(Y, np.zeros_like(Y)) == 0


def test_the_history_of_a_network_has_spearman_beside_the_loss():
    seen = []
    network = quick("network").fit(X[:90], Y[:90], validation=(X[90:], Y[90:]), on_epoch=seen.append)
    assert network.history_ == seen and network.history_[-1]["val_spearman"] > 0.5
    plain = quick("network").fit(X[:90], Y[:90])
    np.testing.assert_array_equal(plain.predict(X), network.predict(X))


def test_what_cannot_be_used_is_named():
    with pytest.raises(ConfigError, match=r"unknown regressor 'moe'\..* Known: ridge, network, best\."):
        make_regressor("moe", {}, random_state=0)
    with pytest.raises(ConfigError, match=r"classifier\.folds: got 1; expected a whole number of at least 2"):
        make_regressor("best", {"folds": 1}, random_state=0)
    with pytest.raises(FeaturesError, match="NaN or infinity in 1 of 120 rows"):
        spoilt = X.copy()
        spoilt[3, 1] = np.nan
        quick("ridge").fit(spoilt, Y)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        quick("ridge").fit(X, np.full(120, np.nan))
