"""What all regressors share: scores of any number of targets, learned as standardised ones."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_consistent_length

from mediaeval.classifiers.head import Head, OnEpoch
from mediaeval.classifiers.state import ExpectedArrays, check_same


class Regressor(RegressorMixin, Head):
    """A scikit-learn regressor on feature vectors, of one target or several.

    A subclass is also a `Head`; its `_fit` learns targets of mean 0 and standard deviation 1 over the training images,
    so that a loss or a penalty treats all of them alike, and its `_standardised` answers in the same units.

    Fitted attributes, beside those of a `Head`: `mean_` and `deviation_` of each target, float64 (n_targets,).
    """

    mean_: np.ndarray
    deviation_: np.ndarray
    one_column_: bool  # whether y was a vector, so that `predict` returns one

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        views: ArrayLike | None = None,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
        on_epoch: OnEpoch | None = None,
        groups: Sequence[Hashable] | None = None,
    ) -> Self:
        """Fit and return self.

        X           features (n_images, n_features), finite
        y           scores (n_images,) or (n_images, n_targets), finite

        The other arguments are those of `Classifier.fit`. Raises ConfigError for parameters that do not fit and
        FeaturesError for features that cannot be used.
        """
        X, _ = self._checked(X)
        Y = usable_scores(y, X)
        self.one_column_ = Y.ndim == 1
        Y = Y.reshape(len(X), -1)
        self.mean_, self.deviation_ = Y.mean(axis=0), Y.std(axis=0)
        # a constant target is its mean; rounding must not be scaled up to unit variance
        self.deviation_[self.deviation_ <= 1e-12 * np.abs(Y).max(axis=0)] = 0.0
        self._fit_targets(X, self._encode(Y), views, validation, on_epoch, groups)
        if self.left_out_ is not None:
            self.left_out_ = self._decoded(self.left_out_)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return scores, float64: (n_images,) if y was a vector, else (n_images, n_targets)."""
        scores = self.outputs(X)
        return scores[:, 0] if self.one_column_ else scores

    def _n_targets(self) -> int:
        return len(self.mean_)

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        """Return answers in standard deviations from the mean, float64 (CHUNK, n_targets), for X, float32."""
        raise NotImplementedError

    def _outputs(self, X: np.ndarray) -> np.ndarray:
        return self._decoded(self._standardised(X))

    def _encode(self, Y: np.ndarray) -> np.ndarray:
        """Return targets (n_images, n_targets) as they are learned, float64."""
        T: np.ndarray = (Y - self.mean_) / np.where(self.deviation_ > 0, self.deviation_, 1.0)
        return T

    def _decoded(self, T: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self.mean_ + T * self.deviation_
        return scores

    def _metadata(self) -> dict[str, Any]:
        return {"targets": len(self.mean_), "one_column": self.one_column_}

    def _set_metadata(self, metadata: Mapping[str, Any]) -> None:
        self.one_column_ = bool(metadata["one_column"])
        self.mean_ = np.zeros(int(metadata["targets"]))

    def _check_same_targets(self, other: Self) -> None:
        check_same(type(self).__name__, "targets", other._n_targets(), self._n_targets())

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"target_mean": self.mean_, "target_deviation": self.deviation_} | super()._arrays()

    def _expected_arrays(self) -> ExpectedArrays:
        of_targets = ((self._n_targets(),), "float64")
        own: ExpectedArrays = {"target_mean": of_targets, "target_deviation": of_targets}
        return {**own, **super()._expected_arrays()}

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        self.mean_, self.deviation_ = arrays["target_mean"].copy(), arrays["target_deviation"].copy()
        super()._set_arrays(arrays)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def usable_scores(y: ArrayLike | None, X: np.ndarray) -> np.ndarray:
    """Return y as float64, (n_images,) or (n_images, n_targets); raises ValueError in scikit-learn's words."""
    if y is None:
        raise ValueError("This regressor requires y to be passed, but the target y is None.")
    Y: np.ndarray = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    check_consistent_length(X, Y)
    return Y


def mean_spearman(Y: np.ndarray, scores: np.ndarray) -> float:
    """Return Spearman's rank correlation, −1..1, the mean over targets; 0 for a target whose ranks are all equal.

    Y, scores  (n_images, n_targets)
    """
    ranks, found = rankdata(Y, axis=0), rankdata(scores, axis=0)
    ranks, found = ranks - ranks.mean(axis=0), found - found.mean(axis=0)
    spread = np.sqrt((ranks**2).sum(axis=0) * (found**2).sum(axis=0))
    return float(np.mean((ranks * found).sum(axis=0) / np.where(spread > 0, spread, 1.0)))
