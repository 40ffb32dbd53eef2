"""What all classifiers share: one interface for single-label and multi-label subtasks.

Targets decide which it is: a vector of class names is single-label, an (n_images, n_labels) matrix of 0 and 1 with two
or more columns is multi-label. Inside, both are a matrix T of 0 and 1, float32 (n_images, n_labels).
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from mediaeval.classifiers.head import Head, OnEpoch
from mediaeval.classifiers.state import check_same
from mediaeval.errors import ConfigError, WeightsError
from submission.wording import quoted


class Classifier(ClassifierMixin, Head):
    """A scikit-learn classifier whose probabilities are always (n_images, n_labels).

    A subclass names the model of its settings in `settings`, has the same parameters in its `__init__` and writes
    `_fit`, `_probabilities`, `_arrays`, `_expected_arrays` and `_set_arrays`; see `Head`.

    Fitted attributes, beside those of a `Head`: `classes_` (single-label: the sorted class names; multi-label: 0 …
    n_labels − 1) and `multi_label_`.
    """

    classes_: np.ndarray
    multi_label_: bool

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
        X, settings = self._checked(X)
        y = usable_targets(y, X)
        self.multi_label_ = y.ndim == 2
        if problem := settings.unsuitable(multi_label=self.multi_label_):
            raise ConfigError(f"classifier.{problem}")
        self.classes_ = np.arange(y.shape[1]) if self.multi_label_ else np.unique(y)
        self._fit_targets(X, self._encode(y), views, validation, on_epoch, groups)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return probabilities 0..1, float64 (n_images, n_labels); rows of a single-label classifier sum to 1.

        They are the same for an image whichever images are predicted with it: see `in_chunks`.
        """
        return self.outputs(X)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class (n_images,); multi-label: 0/1 (n_images, n_labels), 1 from ½ on."""
        return self._decide(self.predict_proba(X))

    def _n_targets(self) -> int:
        return len(self.classes_)

    def _outputs(self, X: np.ndarray) -> np.ndarray:
        return self._probabilities(X)

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, float64 (CHUNK, n_labels), for X, float32 (CHUNK, n_features)."""
        raise NotImplementedError

    def _metadata(self) -> dict[str, Any]:
        return {
            "multi_label": self.multi_label_,
            "classes": self.classes_.tolist(),
            "classes_dtype": "object" if self.classes_.dtype == object else self.classes_.dtype.str,
        }

    def _set_metadata(self, metadata: Mapping[str, Any]) -> None:
        if not re.fullmatch(r"object|[<>=|]?[biufUS]\d{1,4}", str(metadata["classes_dtype"])):  # a number is a length
            raise WeightsError(
                f"{type(self).__name__}: the state has classes of type {quoted(metadata['classes_dtype'])}."
            )
        self.multi_label_ = metadata["multi_label"]
        self.classes_ = np.array(metadata["classes"], dtype=metadata["classes_dtype"])

    def _check_same_targets(self, other: Self) -> None:
        kind = type(self).__name__
        check_same(kind, "as its classes", other.classes_.tolist(), self.classes_.tolist())
        check_same(kind, "as multi-label", other.multi_label_, self.multi_label_)

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
