"""What all classifiers share: one interface for single-label and multi-label subtasks.

Targets decide which it is: a vector of class names is single-label, an (n_images, n_labels) matrix of 0 and 1 with two
or more columns is multi-label. Inside, both are a matrix T of 0 and 1, float32 (n_images, n_labels).
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from mediaeval.batches import padded
from mediaeval.classifiers.settings import ClassifierSettings, Seed
from mediaeval.classifiers.state import ExpectedArrays, check_arrays, check_same, pack, unpack
from mediaeval.errors import ConfigError, FeaturesError, WeightsError
from mediaeval.settings import S, parse_settings
from submission.wording import quoted

CHUNK = 64  # images predicted at once: enough to keep two cores busy, little to waste on a single image

HistoryRow = dict[str, Any]  # of one epoch
OnEpoch = Callable[[HistoryRow], None]


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


class Classifier(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier whose probabilities are always (n_images, n_labels).

    A subclass names the model of its settings in `settings`, has the same parameters in its `__init__` and writes
    `_fit`, `_probabilities`, `_arrays`, `_expected_arrays` and `_set_arrays`. It may also have the parameters `widths`,
    the columns of each block, `order`, the class names in order or None, and `scale`: a `SubtaskModel` sets them.

    Fitted attributes: `classes_` (single-label: the sorted class names; multi-label: 0 … n_labels − 1), `multi_label_`,
    `n_features_in_`, `history_` (a dict per epoch; empty without epochs), `left_out_` (probabilities of each training
    image by the fit to the others, float64 (n_images, n_labels), where a closed form gives them, else None).
    """

    settings: ClassVar[type[ClassifierSettings]] = ClassifierSettings
    own_scale: ClassVar[bool] = False  # whether it scales blocks of features itself, so that they come as they are
    classes_: np.ndarray
    multi_label_: bool
    n_features_in_: int
    history_: list[HistoryRow]
    left_out_: np.ndarray | None = None
    averages: ClassVar[bool] = False  # whether it is an average of others, as `AutoClassifier` is

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
        y           class names (n_images,), or 0/1 (n_images, n_labels) with two or more columns
        views       augmented features (n_images, n_views, n_features) of the same images, or None
        validation  (X, y) of images held out, for the history alone: the fit is the same without; or None
        on_epoch    called after each epoch with its row of `history_`; or None
        groups      one per image (near-duplicates share one), which a classifier with folds of its own does not divide;
                    None: each image is one

        Raises ConfigError for parameters that do not fit and FeaturesError for features that cannot be used.
        """
        checked_parameters(self, Seed, "classifier")
        settings = checked_parameters(self, self.settings, "classifier")
        X = usable_features(self, X, reset=True)
        y = usable_targets(y, X)
        self.multi_label_ = y.ndim == 2
        if problem := settings.unsuitable(multi_label=self.multi_label_):
            raise ConfigError(f"classifier.{problem}")
        self.classes_ = np.arange(y.shape[1]) if self.multi_label_ else np.unique(y)
        self.history_ = []
        groups = range(len(X)) if groups is None else groups
        check_consistent_length(X, groups)
        self._fit_grouped(X, self._encode(y), usable_views(views, X), validation, on_epoch, groups)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return probabilities 0..1, float64 (n_images, n_labels); rows of a single-label classifier sum to 1.

        They are the same for an image whichever images are predicted with it: see `in_chunks`.
        """
        check_is_fitted(self)
        return in_chunks(self._probabilities, usable_features(self, X, reset=False))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class (n_images,); multi-label: 0/1 (n_images, n_labels), 1 from ½ on."""
        return self._decide(self.predict_proba(X))

    def state(self) -> dict[str, np.ndarray]:
        """Return everything fitted as named arrays, for `load_state` and safetensors; see `state.py`."""
        check_is_fitted(self)
        metadata = {
            "n_features": self.n_features_in_,
            "multi_label": self.multi_label_,
            "classes": self.classes_.tolist(),
            "classes_dtype": "object" if self.classes_.dtype == object else self.classes_.dtype.str,
        }
        return pack(type(self).__name__, metadata, self._arrays())

    def load_state(self, state: Mapping[str, np.ndarray]) -> Self:
        """Take over the state of a classifier with the same parameters, and return self.

        Raises WeightsError if the state is of another kind or of other sizes, or if self is fitted to other features
        or classes. The names of columns, which scikit-learn keeps for a DataFrame, and the history are not in a state.
        """
        kind = type(self).__name__
        metadata, arrays = unpack(kind, state)
        n_features, multi_label = metadata["n_features"], metadata["multi_label"]
        if not re.fullmatch(r"object|[<>=|]?[biufUS]\d{1,4}", str(metadata["classes_dtype"])):  # a number is a length
            raise WeightsError(f"{kind}: the state has classes of type {quoted(metadata['classes_dtype'])}.")
        classes = np.array(metadata["classes"], dtype=metadata["classes_dtype"])
        if hasattr(self, "classes_"):
            check_same(kind, "features", n_features, self.n_features_in_)
            check_same(kind, "as its classes", classes.tolist(), self.classes_.tolist())
            check_same(kind, "as multi-label", multi_label, self.multi_label_)
        loaded = clone(self)  # so that a state that is refused leaves self as it was
        loaded.n_features_in_, loaded.multi_label_ = n_features, multi_label
        loaded.classes_, loaded.history_ = classes, []
        check_arrays(kind, loaded._expected_arrays(), arrays)
        loaded._set_arrays(arrays)
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update({name: value for name, value in vars(loaded).items() if name.endswith("_")})
        return self

    def _fit_grouped(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: np.ndarray | None,
        validation: tuple[ArrayLike, ArrayLike] | None,
        on_epoch: OnEpoch | None,
        groups: Sequence[Hashable],
    ) -> None:
        """Learn as `_fit` does; overridden by a classifier that has folds of its own."""
        self._fit(X, T, views, validation, on_epoch)

    def _fit(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: np.ndarray | None,
        validation: tuple[ArrayLike, ArrayLike] | None,
        on_epoch: OnEpoch | None,
    ) -> None:
        """Learn from X, float32 (n_images, n_features), and T, float32 0/1 (n_images, n_labels)."""
        raise NotImplementedError

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, float64 (CHUNK, n_labels), for X, float32 (CHUNK, n_features)."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return what was learned, by name."""
        raise NotImplementedError

    def _expected_arrays(self) -> ExpectedArrays:
        """Return name → (shape, dtype) of the arrays that `_arrays` returns for these classes and this width."""
        raise NotImplementedError

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over arrays that `_arrays` returned."""
        raise NotImplementedError

    def _encode(self, y: np.ndarray) -> np.ndarray:
        """Return T for targets y. A class that was not in the training data has a row of zeros."""
        return (y if self.multi_label_ else y[:, None] == self.classes_).astype(np.float32)

    def _decide(self, P: np.ndarray) -> np.ndarray:
        return (P >= 0.5).astype(np.int64) if self.multi_label_ else self.classes_[P.argmax(axis=1)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def usable_targets(y: ArrayLike | None, X: np.ndarray) -> np.ndarray:
    """Return y as (n_images,) class names or (n_images, n_labels) 0/1; raises ValueError in scikit-learn's words."""
    if y is None:
        raise ValueError("This classifier requires y to be passed, but the target y is None.")
    Y = np.asarray(y)
    if Y.ndim == 2 and Y.shape[1] > 1:
        if not np.isin(Y, (0, 1)).all():
            raise ValueError("Unknown label type: a matrix y holds a column of 0 and 1 for each label")
    else:
        Y = column_or_1d(Y, warn=True)
        check_classification_targets(Y)
    check_consistent_length(X, Y)
    return Y


def _refuse_non_finite(what: str, X: np.ndarray) -> None:
    bad = [row for row in range(len(X)) if not np.isfinite(X[row]).all()]  # by rows: views can be gigabytes
    if bad:
        raise UnusableFeaturesError(
            f"{what}: NaN or infinity in {len(bad)} of {len(X)} rows, the first in row {bad[0]}. Extract them again."
        )
