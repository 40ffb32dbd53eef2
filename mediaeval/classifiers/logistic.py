"""Logistic regression on the feature vectors: the baseline to beat. Scale the features first."""

from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from mediaeval.classifiers.base import Classifier
from mediaeval.classifiers.settings import LogisticSettings
from mediaeval.classifiers.state import ExpectedArrays

CANDIDATES = tuple(10.0**k for k in range(-5, 1))  # C of "cv"; thousands of standardised features need small ones
FOLDS = 5  # of "cv"
SCALED = 10.0  # of "scale"; of 1 to 100 the least log loss, or within .03 of it, on OASIS, COCO and the drawn sample
TINY = 1e-15  # the least probability in the log loss, which would be infinite at 0
MAX_ITER = 1000  # L-BFGS iterations; a fit on the task's features takes tens


class LogisticBaseline(Classifier):
    """Logistic regression with an L2 penalty: multinomial for single-label, one per label for multi-label.

    C  the inverse of the penalty; or "cv": the best of `CANDIDATES` by log loss in a cross-validation within the
       training images (near-duplicates may be on both sides of it); or "scale": `SCALED` divided by the total variance
       of the features, which took a tenth of the time on photographs and was as good. One C for all labels; `C_` is the
       one chosen.

    A label that all training images have, or none, gets the constant probability (images with it + ½) / (images + 1).
    Each image's views share its weight equally with the plain vector: the loss is the mean over the versions that a
    network would draw from. There are no epochs, so validation and on_epoch are accepted and change nothing.
    """

    settings = LogisticSettings

    def __init__(self, C: float | str = 1.0, random_state: int = 0) -> None:
        self.C = C
        self.random_state = random_state  # of the folds of "cv"

    def _fit(self, X: np.ndarray, T: np.ndarray, views: np.ndarray | None, validation: Any, on_epoch: Any) -> None:
        versions = X[:, None] if views is None else np.concatenate([X[:, None], views], axis=1)  # (n, 1 + n_views, d)
        if self.C == "scale":
            self.C_ = _scaled_C(X)
        else:
            self.C_ = self._best_C(versions, T) if self.C == "cv" else float(self.C)
        self.coef_, self.intercept_ = self._solve(versions, T, self.C_)

    def _best_C(self, versions: np.ndarray, T: np.ndarray) -> float:
        """Return the candidate with the least log loss on held-out plain vectors; 1 for a single image."""
        if len(T) < 2:
            return 1.0
        versions = _rotated(versions)
        losses = np.zeros(len(CANDIDATES))
        for train, held in KFold(min(FOLDS, len(T)), shuffle=True, random_state=self.random_state).split(T):
            for k, C in enumerate(CANDIDATES):
                coef, intercept = self._solve(versions[train], T[train], C)
                P = self._activate(versions[held, 0] @ coef.T + intercept)
                losses[k] -= (T[held] * np.log(P.clip(min=TINY))).sum()
                if self.multi_label_:
                    losses[k] -= ((1 - T[held]) * np.log((1 - P).clip(min=TINY))).sum()
        return CANDIDATES[int(losses.argmin())]

    def _solve(self, versions: np.ndarray, T: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
        """Return coefficients (n_labels, n_features) and intercepts (n_labels,), float64."""
        n_images, n_versions, n_features = versions.shape
        X, weight = versions.reshape(-1, n_features), np.full(n_images * n_versions, 1 / n_versions)
        coef, intercept = np.zeros((T.shape[1], n_features)), np.zeros(T.shape[1])

        def solve(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            model = LogisticRegression(C=C, max_iter=MAX_ITER).fit(X, np.repeat(y, n_versions), sample_weight=weight)
            return model.coef_, model.intercept_

        if not self.multi_label_:
            present = np.flatnonzero(T.any(axis=0))  # a fold of "cv" may lack a class
            intercept[:] = -np.inf
            intercept[present] = 0
            if len(present) > 1:
                rows, offsets = solve(T.argmax(axis=1))
                if len(present) == 2:  # one row for two classes: softmax(−z/2, z/2) is the same as σ(z)
                    rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
                coef[present], intercept[present] = rows, offsets
            return coef, intercept
        for label, column in enumerate(T.T):
            positives = column.sum()
            if 0 < positives < n_images:
                rows, offsets = solve(column)
                coef[label], intercept[label] = rows[0], offsets[0]
            else:
                intercept[label] = np.log((positives + 0.5) / (n_images - positives + 0.5))
        return coef, intercept

    def _activate(self, z: np.ndarray) -> np.ndarray:
        return expit(z) if self.multi_label_ else softmax(z, axis=1)

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        return self._activate(X.astype(np.float64) @ self.coef_.T + self.intercept_)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"coef": self.coef_, "intercept": self.intercept_, "C": np.array(self.C_)}

    def _expected_arrays(self) -> ExpectedArrays:
        shape = len(self.classes_), self.n_features_in_
        return {"coef": (shape, "float64"), "intercept": (shape[:1], "float64"), "C": ((), "float64")}

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        self.coef_, self.intercept_, self.C_ = arrays["coef"].copy(), arrays["intercept"].copy(), float(arrays["C"])


def _scaled_C(X: np.ndarray) -> float:
    """Return `SCALED` per total variance of the features; 1 where they do not vary."""
    variance = float(X.var(axis=0, dtype=np.float64).sum())
    return SCALED / variance if variance > 0 else 1.0


def _rotated(versions: np.ndarray) -> np.ndarray:
    """Return vectors in an orthonormal basis of the space they span, where that is smaller; float32.

    An L2 penalty depends on lengths and angles alone: predictions are the same, and 2,432 × 11,414 is a fifth of the
    work.
    """
    X = versions.reshape(-1, versions.shape[-1])
    if X.shape[1] <= len(X):
        return versions
    lengths, basis = np.linalg.eigh((X @ X.T).astype(np.float64))  # X Xᵀ = U S² Uᵀ, and the rows of U S are the vectors
    return (basis * np.sqrt(lengths.clip(min=0))).astype(np.float32).reshape(*versions.shape[:2], len(X))
