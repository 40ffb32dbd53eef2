"""Thresholds tuned on out-of-fold probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.classifiers.thresholds import assign_folds, out_of_fold, tune_thresholds
from mediaeval.errors import DatasetError

# few distinct values, so that ties occur, and any values
PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.1, 0.4, 0.5, 0.6, 1.0]), st.floats(0, 1))
ONE_LABEL = st.integers(1, 12).flatmap(
    lambda n: st.tuples(arrays(int, (n, 1), elements=st.integers(0, 1)), arrays(float, (n, 1), elements=PROBABILITIES))
)


def decide(P, thresholds):
    return (thresholds <= P).astype(int)


def f1(Y, P, thresholds):
    return (
        f1_score(Y, decide(P, thresholds), average=None, zero_division=0)
        if Y.shape[1] > 1
        else [f1_score(Y[:, 0], decide(P, thresholds)[:, 0], zero_division=0)]
    )


@given(ONE_LABEL)
def test_no_threshold_does_better(example):
    Y, P = example
    tuned = tune_thresholds(Y, P)
    best = max(f1(Y, P, np.array([t]))[0] for t in [*P[:, 0], 0.5, 2.0])  # every decision there is
    assert f1(Y, P, tuned)[0] == best
    if not Y.any():
        assert tuned == [0.5]


@given(ONE_LABEL, st.randoms(use_true_random=False))
def test_order_of_images_does_not_matter(example, random):
    Y, P = example
    order = random.sample(range(len(Y)), len(Y))
    assert tune_thresholds(Y[order], P[order]) == tune_thresholds(Y, P)


@given(ONE_LABEL)
def test_half_stays_where_nothing_is_better(example):
    Y, P = example
    tuned = tune_thresholds(Y, P)
    better = f1(Y, P, tuned)[0] > f1(Y, P, np.array([0.5]))[0]
    assert (tuned[0] != 0.5) == better


@pytest.mark.parametrize(
    ("y", "p", "threshold"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 0.25),  # the gap between the labels
        ([0, 0, 1, 1], [0.6, 0.7, 0.8, 0.9], 0.75),
        ([1, 1], [0.2, 0.3], 0.1),  # all: midway between 0 and the least
        ([1, 0], [0.9, 0.1], 0.5),
        ([0, 0], [0.9, 0.8], 0.5),  # no positives
        ([1, 1], [0.0, 0.9], 0.0),
    ],
)
def test_by_hand(y, p, threshold):
    assert tune_thresholds(np.c_[y], np.c_[p]) == pytest.approx([threshold])


def test_labels_are_independent():
    rng = np.random.default_rng(6)
    Y, P = rng.integers(0, 2, (60, 4)), rng.random((60, 4))
    tuned, order = tune_thresholds(Y, P), [2, 0, 3, 1]
    assert (tune_thresholds(Y[:, order], P[:, order]) == tuned[order]).all()
    assert (f1(Y, P, tuned) >= f1(Y, P, np.full(4, 0.5))).all()
    # float32 probabilities are cut at the same places
    assert (decide(P.astype(np.float32), tune_thresholds(Y, P.astype(np.float32))) == decide(P, tuned)).all()


class Recorder:
    """Predicts 1 for the label whose name is the number of images fitted on, and remembers which those were."""

    fitted: list = []  # noqa: RUF012

    def gpu(self):
        return ""

    def fit(self, X, y, *, views=None, groups=None, on_epoch=None):
        self.seen = set(X[:, 0])
        self.views = views
        self.classes_ = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
        return self

    def predict_proba(self, X):
        assert not self.seen & set(X[:, 0] // 1)
        Recorder.fitted.append(self)
        return np.full((len(X), len(self.classes_)), len(self.seen))


def test_no_group_is_divided():
    rng = np.random.default_rng(0)
    group = [("a", k) if k % 2 else k for k in range(12) for _ in range(k % 3 + 1)]  # any hashables, of 1 to 3 images
    X = np.array([[hash(g) % 1000, k] for k, g in enumerate(group)], float)  # the group is the first feature
    views = np.stack([X, X], axis=1)
    Recorder.fitted = []
    P = out_of_fold(Recorder, X, np.zeros((len(X), 2), int), group, rng=rng, views=views, folds=4)
    assert P.shape == (len(X), 2) and (P > 0).all()  # every row is predicted
    assert len(Recorder.fitted) == 4
    assert all(set(model.views[:, 0, 0]) == model.seen for model in Recorder.fitted)


def test_folds_are_even_and_drawn():
    fold = assign_folds(range(50), 5, np.random.default_rng(0))
    assert np.bincount(fold).tolist() == [10] * 5
    assert (fold != assign_folds(range(50), 5, np.random.default_rng(1))).any()
    assert (fold == assign_folds(range(50), 5, np.random.default_rng(0))).all()
    assert sorted(assign_folds(["a", "b", "a"], 5, np.random.default_rng(0))) == [0, 0, 1]
    with pytest.raises(DatasetError, match="1 group of images"):
        assign_folds(["a", "a"], 5, np.random.default_rng(0))


def test_a_class_absent_from_a_fold_keeps_its_column():
    X, y = np.random.default_rng(7).normal(size=(9, 2)), np.array(["a", "b", "a", "b", "a", "b", "a", "b", "z"])
    P = out_of_fold(lambda: make_classifier("dummy", {}, 0), X, y, range(9), rng=np.random.default_rng(0), folds=3)
    assert P.shape == (9, 3) and P[8, 2] == 0
    np.testing.assert_allclose(P.sum(axis=1), 1)


def test_the_scaler_sees_no_held_out_image():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(40, 3)).astype(np.float32)
    Y = (X[:, :2] > 0).astype(int)

    def run(X, scaler):
        make = lambda: make_classifier("logistic", {}, 0)  # noqa: E731
        views = np.stack([X, X], axis=1)
        return out_of_fold(make, X, Y, range(40), rng=np.random.default_rng(0), views=views, scaler=scaler)

    scaled = run(X, BlockScaler())
    np.testing.assert_allclose(run(X * np.float32([1, 100, 0.01]) + 5, BlockScaler()), scaled, atol=1e-3)
    fold = assign_folds(range(40), 5, np.random.default_rng(0))
    moved = X.copy()
    moved[0] = 1e4  # an outlier changes all scales but those of the fold that holds it out
    beside = (fold == fold[0]) & (np.arange(40) != 0)
    changed = run(moved, BlockScaler())
    np.testing.assert_array_equal(changed[beside], scaled[beside])
    assert (changed[fold != fold[0]] != scaled[fold != fold[0]]).any()
