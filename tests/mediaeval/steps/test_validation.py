"""What few validation images cannot tell, and one interval for one number."""

import numpy as np

from mediaeval.steps.validation import validation_warnings
from submission.compare import compare
from submission.score import score_decisions
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

SUBTASK1 = VISUAL_SENTIMENT_2021["subtask1"]


def one_hot(*classes: int) -> np.ndarray:
    return np.eye(3, dtype=int)[list(classes)]


def test_few_images_and_labels_that_none_has_are_told():
    assert validation_warnings(SUBTASK1, one_hot(*[0, 1, 2] * 10)) == []
    assert validation_warnings(SUBTASK1, one_hot(*[0, 1, 2] * 9)) == [
        "subtask1: 27 validation images are too few to judge by: below 30, score and interval say little. Use more "
        "images, or a larger share for validation: --set split.val=0.4."
    ]
    assert validation_warnings(SUBTASK1, one_hot(*[0, 1] * 20)) == [
        "subtask1: no validation image has the label positive: the score says nothing about it."
    ]
    assert validation_warnings(SUBTASK1, one_hot(*[0, 1] * 3), n_out_of_fold=29) == [
        "subtask1: 29 dev images are too few to judge by: below 30, score and interval say little. Use more images.",
        "subtask1: 6 validation images are too few to judge by: below 30, score and interval say little. Judge by the "
        "out-of-fold score.",
        "subtask1: no validation image has the label positive: the split alone says nothing about it.",
    ]
    few, absent = validation_warnings(SUBTASK1, one_hot(1))
    assert "1 validation image is too few" in few and "the labels negative and positive: the score" in absent


def test_compare_has_the_interval_of_the_score():
    rng = np.random.default_rng(0)
    truth = one_hot(*rng.integers(0, 3, 50))
    runs = {name: one_hot(*rng.integers(0, 3, 50)) for name in ("a", "b")}
    found = compare(SUBTASK1, truth, runs, rng=np.random.default_rng(7), resamples=100)
    for name, answers in runs.items():
        score = score_decisions(SUBTASK1, truth, answers)
        assert found.scores[name] == (score.weighted_f1, *score.interval)
