"""What classifiers and regressors share: features checked, parameters checked, and everything fitted as arrays."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from mediaeval.classifiers.inputs import checked_parameters, in_chunks, usable_features, usable_views
from mediaeval.classifiers.settings import ClassifierSettings, Seed
from mediaeval.classifiers.state import ExpectedArrays, check_arrays, check_same, pack, unpack

HistoryRow = dict[str, Any]  # of one epoch
OnEpoch = Callable[[HistoryRow], None]


class Head(BaseEstimator):
    """A scikit-learn estimator whose answers are a matrix: a row for each image, a column for each target.

    A subclass names the model of its settings in `settings`, has the same parameters in its `__init__` and writes
    `_fit`, `_outputs`, `_arrays`, `_expected_arrays` and `_set_arrays`. It may also have the parameters `widths`, the
    columns of each block, `order`, the class names in order or None, and `scale`: a `SubtaskModel` sets them.

    Fitted attributes: `n_features_in_`, `history_` (a dict per epoch; empty without epochs), `left_out_` (answers for
    each training image by the fit to the others, float64 (n_images, n_targets), where a closed form gives them, else
    None).
    """

    settings: ClassVar[type[ClassifierSettings]] = ClassifierSettings
    own_scale: ClassVar[bool] = False  # whether it scales blocks of features itself, so that they come as they are
    averages: ClassVar[bool] = False  # whether it is an average of others, as `AutoClassifier` is
    n_features_in_: int
    history_: list[HistoryRow]
    left_out_: np.ndarray | None = None

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
        """Fit and return self; see `Classifier.fit` and `Regressor.fit`."""
        raise NotImplementedError

    def outputs(self, X: ArrayLike) -> np.ndarray:
        """Return its answers, float64 (n_images, n_targets): probabilities of labels, or scores.

        They are the same for an image whichever images are answered with it: see `in_chunks`.
        """
        check_is_fitted(self)
        return in_chunks(self._outputs, usable_features(self, X, reset=False))

    def gpu(self) -> str:
        """Return the GPU on which it is fitted, `cuda` or `cuda:N`, and can be beside others; "" for a processor."""
        return ""

    def state(self) -> dict[str, np.ndarray]:
        """Return everything fitted as named arrays, for `load_state` and safetensors; see `state.py`."""
        check_is_fitted(self)
        return pack(type(self).__name__, {"n_features": self.n_features_in_} | self._metadata(), self._arrays())

    def load_state(self, state: Mapping[str, np.ndarray]) -> Self:
        """Take over the state of an estimator with the same parameters, and return self.

        Raises WeightsError if the state is of another kind or of other sizes, or if self is fitted to other features
        or targets. The names of columns, which scikit-learn keeps for a DataFrame, and the history are not in a state.
        """
        kind = type(self).__name__
        metadata, arrays = unpack(kind, state)
        loaded = clone(self)  # so that a state that is refused leaves self as it was
        loaded.n_features_in_, loaded.history_ = metadata["n_features"], []
        loaded._set_metadata(metadata)
        if hasattr(self, "n_features_in_"):
            check_same(kind, "features", loaded.n_features_in_, self.n_features_in_)
            self._check_same_targets(loaded)
        check_arrays(kind, loaded._expected_arrays(), arrays)
        loaded._set_arrays(arrays)
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update({name: value for name, value in vars(loaded).items() if name.endswith("_")})
        return self

    def _checked(self, X: ArrayLike) -> tuple[np.ndarray, ClassifierSettings]:
        """Return features to fit on, and the settings; raises ConfigError and FeaturesError for unusable ones."""
        checked_parameters(self, Seed, "classifier")
        settings = checked_parameters(self, self.settings, "classifier")
        return usable_features(self, X, reset=True), settings

    def _fit_targets(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: ArrayLike | None,
        validation: tuple[ArrayLike, ArrayLike] | None,
        on_epoch: OnEpoch | None,
        groups: Sequence[Hashable] | None,
    ) -> None:
        """Learn usable features and encoded targets, with a history of its own."""
        self.history_ = []
        groups = range(len(X)) if groups is None else groups
        check_consistent_length(X, groups)
        self._fit_grouped(X, T, usable_views(views, X), validation, on_epoch, groups)

    def _fit_grouped(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: np.ndarray | None,
        validation: tuple[ArrayLike, ArrayLike] | None,
        on_epoch: OnEpoch | None,
        groups: Sequence[Hashable],
    ) -> None:
        """Learn as `_fit` does; overridden by an estimator that has folds of its own."""
        self._fit(X, T, views, validation, on_epoch)

    def _fit(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: np.ndarray | None,
        validation: tuple[ArrayLike, ArrayLike] | None,
        on_epoch: OnEpoch | None,
    ) -> None:
        """Learn from X, float32 (n_images, n_features), and encoded targets T, (n_images, n_targets)."""
        raise NotImplementedError

    def _outputs(self, X: np.ndarray) -> np.ndarray:
        """Return answers, float64 (CHUNK, n_targets), for X, float32 (CHUNK, n_features)."""
        raise NotImplementedError

    def _n_targets(self) -> int:
        """Return the number of columns of a fitted estimator's answers."""
        raise NotImplementedError

    def _metadata(self) -> dict[str, Any]:
        """Return what a state has beside arrays, JSON-able: the targets."""
        raise NotImplementedError

    def _set_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Take over what `_metadata` returned. Raises WeightsError for anything else."""
        raise NotImplementedError

    def _check_same_targets(self, other: Self) -> None:
        """Raise WeightsError unless another estimator has the targets of this one."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return what was learned, by name."""
        raise NotImplementedError

    def _expected_arrays(self) -> ExpectedArrays:
        """Return name → (shape, dtype) of the arrays that `_arrays` returns for these targets and this width."""
        raise NotImplementedError

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over arrays that `_arrays` returned."""
        raise NotImplementedError
