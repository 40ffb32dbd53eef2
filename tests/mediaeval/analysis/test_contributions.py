"""What blocks contribute, and nearest training images, on features of which both are known."""

import numpy as np
import pytest

from mediaeval.analysis.contributions import contributions
from mediaeval.analysis.neighbours import nearest_of_training, nearest_training_images
from mediaeval.classifiers.model import SubtaskModel
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK


def test_a_block_without_information_contributes_little_and_one_that_decides_much():
    rng = np.random.default_rng(0)
    k = np.arange(90) % 3
    Y = np.eye(3, dtype=int)[k]
    X = np.hstack([np.eye(3)[k] + rng.normal(0, 0.1, (90, 3)), rng.normal(0, 1, (90, 2))]).astype(np.float32)
    model = SubtaskModel(TASK["subtask1"], "logistic", {}, {"tells": 3, "noise": 2}, "standard", 0).fit(X, Y)
    added = contributions(model, X, X.mean(axis=0))
    of_truth = {name: (found * Y).sum(axis=1) for name, found in added.items()}
    assert of_truth["tells"].min() > 0.3 and np.abs(of_truth["noise"]).max() < 0.1
    # probabilities sum to 1, with a block and without
    assert added["tells"].sum(axis=1) == pytest.approx(np.zeros(90), abs=1e-6)
    same = contributions(model, X.mean(axis=0)[None], X.mean(axis=0))
    assert all(np.abs(found).max() < 1e-6 for found in same.values())


def test_neighbours_are_training_images_by_angle_and_never_the_image_itself():
    angles = np.radians([0, 5, 50, 180])
    X = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    X = np.vstack([X, -X])  # the mean of each feature is 0
    ids = [*"abcdefgh"]
    found = nearest_of_training(X, ids, X[:1] * 3, ["new"], n=2)
    assert [name for name, _ in found["new"]] == ["a", "h"] and found["new"][0][1] == pytest.approx(1)
    assert [name for name, _ in nearest_of_training(X, ids, X[:1], ["a"], n=1)["a"]] == ["h"]
    folds = dict(zip(ids, [0, 0, 0, 1, 1, 1, 1, 0], strict=True))  # h, which equals a, was held out with it
    assert nearest_training_images(X, ids, ["a"], folds, n=2)["a"][0] == "g"
