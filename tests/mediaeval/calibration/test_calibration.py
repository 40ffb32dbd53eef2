"""Calibration: what it keeps, what it repairs, and what it leaves as it is."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.linear_model import LogisticRegression

from mediaeval.answers.learned import learned_task
from mediaeval.calibration.calibration import IDENTITY, Calibration, cross_calibrated, fit_calibration, has_calibration
from mediaeval.classifiers.calibration import platt_targets
from submission.task import Subtask
from submission.taskfile import load_task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

CLASSES = VISUAL_SENTIMENT_2021["subtask1"]
LABELS = Subtask("two", "two", ("a", "b"), ("a", "b"), multi_label=True)
RNG = np.random.default_rng(1)
TRUE_P = softmax(RNG.normal(scale=1.5, size=(2000, 3)), axis=1)
TRUE_Y = np.array([RNG.multinomial(1, p) for p in TRUE_P], dtype=np.int8)  # as truth comes
P2 = expit(RNG.normal(scale=1.5, size=(2000, 2)))
Y2 = (RNG.random(P2.shape) < P2).astype(int)


def log_loss(P, Y):
    return -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))


def test_what_is_calibrated_stays_so():
    assert fit_calibration(CLASSES, TRUE_P, TRUE_Y).apply(TRUE_P) == pytest.approx(TRUE_P, abs=0.02)
    assert fit_calibration(LABELS, P2, Y2).apply(P2) == pytest.approx(P2, abs=0.03)


def test_a_temperature_undoes_sharpening_keeps_the_most_probable_class_and_sums_to_one():
    sharp = TRUE_P**3 / (TRUE_P**3).sum(axis=1, keepdims=True)
    found = fit_calibration(CLASSES, sharp, TRUE_Y)
    assert found.to_dict()["temperature"] == pytest.approx(3, rel=0.1)
    calibrated = found.apply(sharp)
    assert calibrated.sum(axis=1) == pytest.approx(np.ones(2000))
    np.testing.assert_array_equal(calibrated.argmax(axis=1), sharp.argmax(axis=1))
    assert calibrated == pytest.approx(TRUE_P, abs=0.05)


def test_a_sigmoid_is_the_one_of_scikit_learn_on_the_logit():
    wrong = expit(2 * logit(P2) + 1)
    found = fit_calibration(LABELS, wrong, Y2, identity=0)
    for k in range(2):  # a target between 0 and 1 is an image of each class, with weights
        target, x = platt_targets(Y2[:, k]), logit(wrong[:, [k]])
        both = LogisticRegression(C=1e9, tol=1e-10).fit(
            np.vstack([x, x]), np.repeat([1, 0], 2000), sample_weight=np.concatenate([target, 1 - target])
        )
        assert (found.slopes[k], found.shifts[k]) == pytest.approx((both.coef_[0, 0], both.intercept_[0]), abs=2e-3)
    assert found.slopes == pytest.approx((0.5, 0.5), abs=0.06)


def test_probabilities_stay_as_they_are_unless_others_become_better_by_more_than_the_noise():
    sharp = expit(3 * logit(P2))
    assert not fit_calibration(LABELS, sharp[:200], Y2[:200]).is_identity
    assert fit_calibration(LABELS, sharp[:4], Y2[:4]).is_identity, "too few to tell"
    of_few = np.arange(4).repeat(50)  # the same images again are no evidence
    assert fit_calibration(LABELS, sharp[of_few], Y2[of_few], groups=of_few.tolist()).is_identity
    # probabilities that are right: by chance alone a few seem better otherwise
    found = [fit_calibration(LABELS, P2[k : k + 100], Y2[k : k + 100]) for k in range(0, 2000, 100)]
    assert np.mean([one.is_identity for one in found]) > 0.8
    assert found[0].is_identity and found[0].apply(P2) == pytest.approx(P2, abs=1e-9)


def test_order_is_kept_for_each_label_also_where_probabilities_say_the_opposite():
    P = np.sort(P2, axis=0)
    for truth in (Y2, 1 - Y2):
        found = fit_calibration(LABELS, P2, truth)
        assert (np.diff(found.apply(P), axis=0) >= 0).all()


def test_few_images_leave_probabilities_nearly_and_none_exactly_as_they_are():
    Y = np.zeros((40, 2), int)
    Y[:2, 1] = 1
    found = fit_calibration(LABELS, P2[:40], Y)
    assert found.apply(P2[:40])[:, 0] == pytest.approx(P2[:40, 0])
    assert found.identity == (1, pytest.approx(IDENTITY / (IDENTITY + 2)))
    of_one_group = fit_calibration(LABELS, P2[:40], Y, groups=["same", "same", *range(38)])
    assert of_one_group.identity[1] > found.identity[1]
    assert fit_calibration(CLASSES, TRUE_P[:0], TRUE_Y[:0]).apply(TRUE_P) == pytest.approx(TRUE_P)


def test_probabilities_of_0_and_1_and_constant_ones_give_finite_ones():
    P = np.array([[0.0, 0.3], [1.0, 0.3], [0.0, 0.3], [1.0, 0.3]] * 10)
    calibrated = fit_calibration(LABELS, P, np.array([[1, 0], [0, 0], [0, 1], [1, 1]] * 10)).apply(P)
    assert ((calibrated > 0) & (calibrated < 1)).all()
    assert 0.3 < calibrated[0, 1] < 0.5  # half of the images have the second label
    classes = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 10)
    assert np.isfinite(np.log(fit_calibration(CLASSES, classes, classes[::-1]).apply(classes))).all()


def test_an_image_is_calibrated_by_the_other_folds():
    folds = np.arange(2000) % 4
    P = expit(3 * logit(P2))
    crossed = cross_calibrated(LABELS, P, Y2, folds)
    rest = folds != 2
    assert crossed[~rest] == pytest.approx(fit_calibration(LABELS, P[rest], Y2[rest]).apply(P[~rest]))
    assert log_loss(crossed, Y2) < log_loss(P, Y2)


def test_it_is_read_as_it_was_written_and_scores_have_none():
    for subtask, P, Y in ((CLASSES, TRUE_P, TRUE_Y), (LABELS, P2, Y2)):
        found = fit_calibration(subtask, P, Y)
        again = Calibration.from_dict(json.loads(json.dumps(found.to_dict())))
        assert (again.kind, again.labels, again.n_images) == (found.kind, subtask.labels, 2000)
        assert again.apply(P) == pytest.approx(found.apply(P), abs=1e-12)
    written = fit_calibration(LABELS, P2, Y2).to_dict()
    written["labels"]["a"]["slope"] = -1
    with pytest.raises(ValueError, match="slopes of 0 or more"):
        Calibration.from_dict(written)
    [motility] = learned_task(load_task("motility2022")).subtasks
    assert has_calibration(CLASSES) and has_calibration(LABELS) and not has_calibration(motility)
