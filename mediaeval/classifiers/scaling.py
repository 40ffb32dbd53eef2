"""Bring the blocks of a concatenated feature vector to one scale, before a classifier sees them.

The blocks differ strongly by construction (means of ReLUs, sigmoids near 0, unit vectors), and at the small learning
rates of Pournaras et al. 2021 the scale decides whether training makes any progress.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from mediaeval.classifiers.inputs import UnusableFeaturesError, checked_parameters, usable_features
from mediaeval.classifiers.settings import ScalerSettings
from mediaeval.classifiers.state import check_arrays, check_same, pack, unpack

# relative spread below which a column counts as constant: float32 rounding must not be scaled up to unit variance
CONSTANT = 1e-7


class BlockScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale features (n_images, n_features); float32 stays float32.

    widths  columns of each block, in order, e.g. [1408, 2048]; None is one block
    scale   "none": as they are;
            "unit": each block of each image to Euclidean length 1, a block of zeros staying zero (Pournaras et al. in
            their later paper, for a network on combined features);
            "standard": each column to mean 0 and standard deviation 1 over the images fitted on, a constant one to 0

    Fitted: `mean_` and `factor_`, float64 (n_features,), for "standard".
    """

    n_features_in_: int

    def __init__(self, widths: Sequence[int] | None = None, scale: str = "standard") -> None:
        self.widths = widths
        self.scale = scale

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit on X and return self; raises FeaturesError if the widths do not add up to X's width."""
        checked_parameters(self, ScalerSettings, "scaler")
        X = usable_features(self, X, reset=True, dtype=(np.float64, np.float32))
        block_slices(X.shape[1], self.widths)
        if self.scale == "standard":
            self.mean_ = X.mean(axis=0, dtype=np.float64)
            deviation = X.std(axis=0, dtype=np.float64)
            constant = deviation <= CONSTANT * np.abs(X).max(axis=0)
            self.factor_ = np.where(constant, 0.0, 1 / np.where(constant, 1, deviation))
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return X scaled, (n_images, n_features)."""
        check_is_fitted(self, "n_features_in_")
        X = usable_features(self, X, reset=False, dtype=(np.float64, np.float32))
        if self.scale == "standard":
            return ((X - self.mean_) * self.factor_).astype(X.dtype)
        if self.scale == "none":
            return X.copy()
        return unit_length(X, self.widths)

    def transform_views(self, views: ArrayLike) -> np.ndarray:
        """Return views (n_images, n_views, n_features) scaled like the plain vectors."""
        views = np.asarray(views)
        scaled = np.empty(views.shape, np.float64 if views.dtype == np.float64 else np.float32)
        for view in range(views.shape[1]):
            scaled[:, view] = self.transform(views[:, view])
        return scaled

    def state(self) -> dict[str, np.ndarray]:
        """Return everything fitted as named arrays, for `load_state` and safetensors."""
        check_is_fitted(self, "n_features_in_")
        arrays = {"mean": self.mean_, "factor": self.factor_} if self.scale == "standard" else {}
        return pack(type(self).__name__, {"n_features": self.n_features_in_, **self._settings()}, arrays)

    def load_state(self, state: Mapping[str, np.ndarray]) -> Self:
        """Take over the state of a scaler with the same parameters, and return self.

        Raises WeightsError, naming both, if the state is of other blocks, another scale or another width.
        """
        kind = type(self).__name__
        metadata, arrays = unpack(kind, state)
        n_features = metadata.pop("n_features")
        for name, value in self._settings().items():
            check_same(kind, f"as {name}", metadata[name], value)
        if hasattr(self, "n_features_in_"):
            check_same(kind, "features", n_features, self.n_features_in_)
        shape = ((n_features,), "float64")
        check_arrays(kind, {"mean": shape, "factor": shape} if self.scale == "standard" else {}, arrays)
        self.__dict__.pop("feature_names_in_", None)
        self.n_features_in_ = n_features
        if self.scale == "standard":
            self.mean_, self.factor_ = arrays["mean"].copy(), arrays["factor"].copy()
        return self

    def _settings(self) -> dict[str, Any]:
        return {"widths": None if self.widths is None else list(map(int, self.widths)), "scale": self.scale}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def block_slices(n_features: int, widths: Sequence[int] | None) -> list[slice]:
    """Return the columns of each block; raises UnusableFeaturesError if the widths do not add up to `n_features`."""
    ends = np.cumsum([n_features] if widths is None else widths)
    if ends[-1:] != [n_features]:
        blocks = f"{' + '.join(map(str, widths or ()))} = {sum(widths or ())}"
        raise UnusableFeaturesError(f"scaler.widths: got blocks of {blocks} features; expected {n_features}, as in X.")
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def unit_length(X: np.ndarray, widths: Sequence[int] | None) -> np.ndarray:
    """Return X (n_images, n_features) with each block of each image at Euclidean length 1; blocks of 0 stay 0."""
    scaled = np.empty_like(X)
    for columns in block_slices(X.shape[1], widths):
        block = X[:, columns]
        peak = np.abs(block).max(axis=1, keepdims=True)  # divided out first: squares of tiny numbers would be 0
        block = np.divide(block, peak, where=peak > 0, out=np.zeros_like(block))
        length = np.sqrt(np.square(block, dtype=np.float64).sum(axis=1, keepdims=True))
        scaled[:, columns] = block / np.where(length > 0, length, 1)
    return scaled
