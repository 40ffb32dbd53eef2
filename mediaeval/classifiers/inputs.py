"""Features as estimators take them: checked, and predicted in blocks of one size."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from mediaeval.batches import padded
from mediaeval.errors import FeaturesError
from mediaeval.settings import S, parse_settings

CHUNK = 64  # images predicted at once: enough to keep two cores busy, little to waste on a single image


class UnusableFeaturesError(FeaturesError, ValueError):
    """Features of another width, or with NaN or infinity; also a ValueError, as scikit-learn's conventions ask for."""


def checked_parameters(estimator: BaseEstimator, model: type[S], section: str) -> S:
    """Return the parameters of an estimator that `model` has, checked: they may have been set since it was built.

    Numbers of numpy count as Python's, since a grid search gives them. Raises ConfigError for values that do not fit.
    """
    params = estimator.get_params(deep=False)
    plain = {
        name: params[name].item() if isinstance(params[name], np.generic) else params[name]
        for name in model.model_fields
    }
    return parse_settings(model, plain, section)


def usable_features(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    reset: bool,
    dtype: DTypeLike | tuple[DTypeLike, ...] = np.float32,
) -> np.ndarray:
    """Return X as a C-ordered array (n_images, n_features); raises UnusableFeaturesError.

    `reset` records the width in `estimator.n_features_in_` (in fit); otherwise X must have that width.
    """
    try:
        checked: np.ndarray = validate_data(estimator, X, reset=reset, dtype=dtype, order="C", ensure_all_finite=False)
    except ValueError as error:
        raise UnusableFeaturesError(str(error)) from error
    _refuse_non_finite("features", checked)
    return checked


def usable_views(views: ArrayLike | None, X: np.ndarray) -> np.ndarray | None:
    """Return augmented views, float32 (n_images, n_views, n_features), checked against X; None where there are none."""
    if views is None:
        return None
    views = np.asarray(views, dtype=np.float32)
    if views.ndim != 3 or (views.shape[0], views.shape[2]) != X.shape:
        expected = f"({X.shape[0]}, n_views, {X.shape[1]})"
        raise UnusableFeaturesError(
            f"views: got shape {views.shape}; expected {expected}, views of the same images and extractors."
        )
    _refuse_non_finite("views", views)
    return views if views.shape[1] else None


def in_chunks(function: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> np.ndarray:
    """Apply `function` (rows → rows) to X in blocks of exactly CHUNK rows, the last one filled up with zeros.

    A matrix product may round differently for another number of rows. With one shape for all, the prediction for an
    image does not depend on how many images are predicted with it.
    """
    return np.concatenate([function(block)[:rows] for block, rows in chunks(X)])


def chunks(X: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yield (block of CHUNK rows, how many of them are X's)."""
    for start in range(0, len(X), CHUNK):
        block = X[start : start + CHUNK]
        rows = len(block)
        yield padded(block, CHUNK), rows


def _refuse_non_finite(what: str, X: np.ndarray) -> None:
    bad = [row for row in range(len(X)) if not np.isfinite(X[row]).all()]  # by rows: views can be gigabytes
    if bad:
        raise UnusableFeaturesError(
            f"{what}: NaN or infinity in {len(bad)} of {len(X)} rows, the first in row {bad[0]}. Extract them again."
        )
