"""The baseline that looks at no image; its score is printed beside every other."""

from typing import Any

import numpy as np
from sklearn.utils import Tags

from mediaeval.classifiers.base import Classifier
from mediaeval.classifiers.settings import DummySettings
from mediaeval.classifiers.state import ExpectedArrays


class PriorBaseline(Classifier):
    """Probabilities are the share of each label in the training data, the same for every image.

    Single-label, it predicts the most frequent class; multi-label, the labels that at least half of the images have. It
    learns from y alone: views, validation and on_epoch are accepted and change nothing.

    >>> PriorBaseline().fit([[0.0], [0.0], [0.0]], ["fire", "flood", "flood"]).predict_proba([[0.0]]).round(2)
    array([[0.33, 0.67]])
    """

    settings = DummySettings

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state  # unused; every classifier has one

    def _fit(self, X: np.ndarray, T: np.ndarray, views: Any, validation: Any, on_epoch: Any) -> None:
        self.prior_ = T.mean(axis=0, dtype=np.float64)

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        return np.tile(self.prior_, (len(X), 1))

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"prior": self.prior_}

    def _expected_arrays(self) -> ExpectedArrays:
        return {"prior": ((len(self.classes_),), "float64")}

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        self.prior_ = arrays["prior"].copy()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags
