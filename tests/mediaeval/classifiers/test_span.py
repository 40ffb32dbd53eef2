"""Networks that are trained on the images' span, and folded back onto the features."""

import numpy as np
import pytest
import torch

from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.span import Span

RNG = np.random.default_rng(3)
X = RNG.normal(size=(30, 200)).astype(np.float32)
y = np.array(["a", "b", "c"])[X[:, :3].argmax(axis=1)]
Y = (X[:, :3] > 0).astype(int)
QUICK = {"epochs": 4, "lr": 0.01, "batch_size": 8, "device": "cpu"}


def test_the_basis_keeps_lengths_and_angles():
    repeated = np.concatenate([X, X[:5]])
    span = Span(repeated, np.random.default_rng(0))
    assert span.rotated.shape == (35, 30)
    np.testing.assert_allclose(span.rotated @ span.rotated.T, repeated @ repeated.T, atol=1e-3)
    assert span.rotated.var(axis=0).max() < 3 * span.rotated.var(axis=0).mean()  # no direction varies most
    np.testing.assert_allclose(span.rotate(X[:4]), span.rotated[:4], atol=1e-4)


def test_a_folded_layer_does_on_features_what_it_did_on_the_basis():
    span = Span(X, np.random.default_rng(0))
    weight, new = RNG.normal(size=(7, 30)).astype(np.float32), RNG.normal(size=(4, 200)).astype(np.float32)
    np.testing.assert_allclose(new @ span.fold(weight).T, span.rotate(new) @ weight.T, atol=1e-3)


@pytest.mark.parametrize(("name", "hidden"), [("moe", 16), ("dense", [16, 8]), ("dense", [])])
@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
def test_a_network_trained_on_the_span_predicts_from_features(name, hidden, target):
    classifier = make_classifier(name, QUICK | {"hidden": hidden, "basis": "span", "ensemble": 2}, random_state=0)
    views = np.stack([X + np.float32(0.1), X - np.float32(0.1)], axis=1)
    classifier.fit(X, target, views=views, validation=(X[:10], target[:10]))
    weight = classifier.networks_[0].first.weight
    assert weight.shape[1] == 200 and weight.dtype == torch.float32
    # what it learned is in the span: a direction that no training image has changes nothing
    beyond = RNG.normal(size=200)
    every = np.concatenate([X, views.reshape(-1, 200)])
    beyond -= np.linalg.pinv(every.astype(float)) @ (every @ beyond)
    moved = (X + 10 * beyond).astype(np.float32)
    np.testing.assert_allclose(classifier.predict_proba(moved), classifier.predict_proba(X), atol=1e-3)
    # the history was written by the network on the basis
    P = classifier.predict_proba(X[:10])
    if target is y:
        f1 = classifier.history_[-1]["val_f1"]
        assert f1 == pytest.approx(_weighted_f1(target[:10], classifier.classes_[P.argmax(axis=1)]))


def _weighted_f1(truth, predicted):
    total = 0.0
    for name in np.unique(truth):
        hits = ((truth == name) & (predicted == name)).sum()
        total += (truth == name).sum() * 2 * hits / ((truth == name).sum() + (predicted == name).sum())
    return total / len(truth)


def test_images_that_are_as_many_as_features_are_trained_on_as_they_are():
    few = X[:, :20]
    plain, span = (
        make_classifier("moe", QUICK | {"hidden": 16} | extra, 0).fit(few, y) for extra in ({}, {"basis": "span"})
    )
    np.testing.assert_array_equal(span.predict_proba(few), plain.predict_proba(few))
