"""The classifiers that are networks; how they are trained: `torch_head`."""

import math

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from mediaeval.classifiers.base import Classifier, usable_targets
from mediaeval.classifiers.torch_head import TorchHead
from submission.score import weighted_f1


class TorchClassifier(TorchHead, Classifier):
    """A classifier that is a network, trained with Adam on minibatches.

    A subclass writes `_build` (the network, whose output is log p and log(1 − p) of every label; its layer `first`
    reads the features, its method `after` does the rest) and `_categorical`. The model of its settings derives from
    `NetworkSettings`, which states what each parameter means; its `__init__` lists the same parameters, with the
    paper's values as defaults.

    Its score in `history_` is val_f1 (weighted, 0..1; multi-label at ½). The second output may be None where
    `_categorical`, whose loss does not use it.
    """

    MEASURE = "val_f1"

    def _categorical(self) -> bool:
        """Whether the loss is over all classes together, one of which is right, rather than a yes or no per label."""
        raise NotImplementedError

    def _losses(self, log_p: Tensor, log_not_p: Tensor | None, T: Tensor) -> Tensor:
        if self._categorical():  # negative log-likelihood of p / Σp
            return -(T * log_p.log_softmax(dim=1)).sum(dim=1)
        assert log_not_p is not None, "a network that is not categorical returns log(1 − p) too"
        return -(T * log_p + (1 - T) * log_not_p).mean(dim=1)  # binary cross-entropy, the mean over labels

    def _smooth(self, T: np.ndarray) -> np.ndarray:
        centre = 1 / T.shape[1] if self._categorical() else 0.5
        smoothed: np.ndarray = (1 - self.label_smoothing) * T + self.label_smoothing * centre
        return smoothed.astype(np.float32)

    def _usable_validation(self, y: ArrayLike, X: np.ndarray) -> np.ndarray:
        targets = usable_targets(y, X)
        assert targets.shape[1:] == (self.classes_.shape if self.multi_label_ else ()), (
            "validation targets of another subtask"
        )
        return targets

    def _validation_targets(self, y: np.ndarray) -> np.ndarray:
        return self._encode(y)

    def _scored(self, losses: np.ndarray, answers: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        # a class that was not in the training data has no loss; for the F1 it is simply missed
        known = self._encode(y).any(axis=1) | self.multi_label_
        f1 = weighted_f1(y, self._decide(answers.mean(axis=0)))  # a tenth of the time of scikit-learn's
        return float(losses[:, known].mean()) if known.any() else math.nan, f1

    def _answer(self, log_p: Tensor) -> np.ndarray:
        """Return probabilities, float64: p / Σp for single-label, p for multi-label."""
        log_p = log_p.double()
        P: np.ndarray = (log_p if self.multi_label_ else log_p.log_softmax(dim=1)).exp().numpy()
        return P

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        return self._mean_answer(X)
