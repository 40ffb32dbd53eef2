"""Logistic regression and the class prior."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.logistic import CANDIDATES

RNG = np.random.default_rng(4)
X = RNG.normal(size=(80, 6)).astype(np.float32)
y = np.array(["a", "b", "c"])[(X[:, :3] + RNG.normal(size=(80, 3))).argmax(axis=1)]
Y = (X[:, :3] + RNG.normal(size=(80, 3)) > 0).astype(int)


def logistic(**params):
    return make_classifier("logistic", params, random_state=0)


@pytest.mark.parametrize("classes", [2, 3])
def test_single_label_is_scikit_learns(classes):
    rows = np.isin(y, ["a", "b", "c"][:classes])
    reference = LogisticRegression(C=0.5, max_iter=1000).fit(X[rows], y[rows])
    P = logistic(C=0.5).fit(X[rows], y[rows]).predict_proba(X)
    np.testing.assert_allclose(P, reference.predict_proba(X), atol=1e-5)


def test_multi_label_is_one_for_each_label():
    P = logistic().fit(X, Y).predict_proba(X)
    for label in range(3):
        reference = LogisticRegression(max_iter=1000).fit(X, Y[:, label]).predict_proba(X)[:, 1]
        np.testing.assert_allclose(P[:, label], reference, atol=1e-5)


@pytest.mark.parametrize("C", [1.0, "cv"])
def test_a_label_of_one_class_has_a_constant_probability(C):
    constant = Y.copy()
    constant[:, 1], constant[:, 2] = 0, 1
    P = logistic(C=C).fit(X, constant).predict_proba(X)
    assert (P[:, 1] == P[0, 1]).all() and P[0, 1] == pytest.approx(0.5 / 81)
    assert (P[:, 2] == P[0, 2]).all() and P[0, 2] == pytest.approx(80.5 / 81)
    assert np.ptp(P[:, 0]) > 0


@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
def test_views_that_are_the_vector_itself_change_nothing(target):
    plain = logistic().fit(X, target).predict_proba(X)
    copies = logistic().fit(X, target, views=np.stack([X, X], axis=1)).predict_proba(X)
    np.testing.assert_allclose(copies, plain, atol=1e-3)  # L-BFGS stops at its tolerance, not at the optimum
    other = logistic().fit(X, target, views=np.stack([-X, -X], axis=1)).predict_proba(X)
    assert np.abs(other - plain).max() > 0.05


@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
def test_cv_takes_a_strong_penalty_for_noise_and_a_weak_one_for_signal(target):
    signal = np.array(["a", "b", "c"])[X[:, :3].argmax(axis=1)] if target is y else (X[:, :3] > 0).astype(int)
    chosen = [logistic(C="cv").fit(X, labels).C_ for labels in (signal, RNG.permutation(target))]
    assert chosen[0] == CANDIDATES[-1] > chosen[1]


def test_cv_sees_the_same_in_wide_features():
    # 80 images span at most 80 dimensions: the same vectors in 500 columns have the same lengths and angles
    turned = X @ np.linalg.qr(RNG.normal(size=(500, 6)))[0].T.astype(np.float32)
    narrow, wide = logistic(C="cv").fit(X, y), logistic(C="cv").fit(turned, y)
    assert narrow.C_ == wide.C_
    np.testing.assert_allclose(wide.predict_proba(turned), narrow.predict_proba(X), atol=1e-3)


def test_cv_with_a_class_of_one_image():
    rare = y.copy()
    rare[rare == "c"] = "a"
    rare[0] = "c"
    assert logistic(C="cv").fit(X, rare).C_ in CANDIDATES


def test_prior_is_the_share_of_each_label():
    dummy = make_classifier("dummy", {}, 0)
    dummy.fit(X[:4], ["b", "a", "b", "c"])
    assert dummy.predict_proba(X[:2]).tolist() == [[0.25, 0.5, 0.25]] * 2
    assert dummy.predict(X[:2]).tolist() == ["b", "b"]
    dummy.fit(X[:4], [[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    assert dummy.predict_proba(X[:1]).tolist() == [[0.75, 0.5, 0]]
    assert dummy.predict(X[:1]).tolist() == [[1, 1, 0]]


@pytest.mark.parametrize("name", ["logistic", "dummy"])
def test_there_are_no_epochs(name):
    classifier = make_classifier(name, {}, 0).fit(X, y, validation=(X, y), on_epoch=pytest.fail)
    assert classifier.history_ == []


def test_scale_is_a_penalty_in_units_of_the_features():
    narrow, wide = logistic(C="scale").fit(X, y).C_, logistic(C="scale").fit(1000 * X, y).C_
    assert narrow == pytest.approx(10 / X.var(axis=0).sum()) == pytest.approx(wide * 1e6)
    assert logistic(C="scale").fit(X * 0, y).C_ == 1
