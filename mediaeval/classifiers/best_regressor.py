"""The head of scores: ridge regression or a network, whichever ranks images better that it was not trained on."""

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from mediaeval.classifiers.head import Head
from mediaeval.classifiers.regression_network import RegressionNetwork
from mediaeval.classifiers.regressor import Regressor, mean_spearman
from mediaeval.classifiers.ridge import RidgeRegressor
from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.classifiers.settings import BestRegressorSettings
from mediaeval.classifiers.state import ExpectedArrays
from mediaeval.classifiers.thresholds import out_of_fold
from mediaeval.errors import WeightsError
from submission.wording import quoted

CANDIDATES = ("ridge", "network")


class ChosenHead(Head):
    """The arrays of an estimator that is one of `CANDIDATES`, `head_`; for a network also those of `scaler_`.

    It has the parameter `scale`, and writes `_new` and `_new_scaler`.
    """

    chosen_: str
    head_: Regressor
    scaler_: BlockScaler

    def _new(self, name: str) -> Regressor:
        """Return an unfitted candidate."""
        raise NotImplementedError

    def _new_scaler(self) -> BlockScaler:
        """Return an unfitted scaler for the network."""
        raise NotImplementedError

    def _is_standardised(self) -> bool:
        return self.chosen_ == "network" and self.scale == "standard"

    def _arrays(self) -> dict[str, np.ndarray]:
        own = {f"head.{key}": array for key, array in self.head_._arrays().items()}
        if self._is_standardised():
            own |= {"mean": self.scaler_.mean_, "factor": self.scaler_.factor_}
        return own

    def _expected_arrays(self) -> ExpectedArrays:
        per_feature = ((self.n_features_in_,), "float64")
        expected: dict[str, Any] = {f"head.{key}": form for key, form in self._blank()._expected_arrays().items()}
        return expected | ({"mean": per_feature, "factor": per_feature} if self._is_standardised() else {})

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        self.head_ = self._blank()
        self.head_._set_arrays({key.removeprefix("head."): a for key, a in arrays.items() if key.startswith("head.")})
        if self.chosen_ == "network":
            self.scaler_ = self._new_scaler()
            self.scaler_.n_features_in_ = self.n_features_in_
        if self._is_standardised():
            self.scaler_.mean_, self.scaler_.factor_ = arrays["mean"].copy(), arrays["factor"].copy()

    def _blank(self) -> Regressor:
        """Return the one that was chosen, which knows the width and the number of targets, and nothing else."""
        head = self._new(self.chosen_)
        head.n_features_in_, head.one_column_, head.history_ = self.n_features_in_, False, []
        head.mean_ = np.zeros(self._n_targets())
        return head


class BestRegressor(Regressor, ChosenHead):
    """Ridge regression or a network; parameters: see `BestRegressorSettings`.

    widths  columns of each block, in order; None is one block
    scale   how blocks are scaled for the network: see `BlockScaler`

    The one with the higher Spearman correlation (the mean over targets) in a cross-validation within the training
    images, in which the `groups` of `fit` are not divided; the first of equals, and where there are too few to divide.

    Fitted: `chosen_`, the name of the one that was fitted to all training images, and `spearman_`, of each candidate in
    that cross-validation. A score of images that were not among them owes nothing to the choice.
    """

    settings = BestRegressorSettings
    own_scale = True

    def __init__(
        self,
        folds: int = 5,
        lr: float = 3e-4,
        epochs: int = 30,
        ensemble: int = 3,
        device: str = "auto",
        widths: Sequence[int] | None = None,
        scale: str = "standard",
        random_state: int = 0,
    ) -> None:
        self.folds = folds
        self.lr = lr
        self.epochs = epochs
        self.ensemble = ensemble
        self.device = device
        self.widths = widths
        self.scale = scale
        self.random_state = random_state

    def _fit_grouped(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: np.ndarray | None,
        validation: Any,
        on_epoch: Any,
        groups: Sequence[Hashable],
    ) -> None:
        self.spearman_ = {}
        self.chosen_ = CANDIDATES[0]
        if len(set(groups)) > 1:
            for name in CANDIDATES:
                held_out = out_of_fold(
                    partial(clone, self._new(name)),
                    X,
                    T,
                    groups,
                    rng=np.random.default_rng(self.random_state),
                    views=views,
                    folds=self.folds,
                    scaler=None if name == "ridge" else self._new_scaler(),
                )
                self.spearman_[name] = mean_spearman(T, held_out)
            self.chosen_ = max(CANDIDATES, key=lambda name: self.spearman_[name])
        self.head_ = self._new(self.chosen_)
        if self.chosen_ == "ridge":
            self.head_.fit(X, T, groups=groups)
            self.left_out_ = self.head_.left_out_
            return
        self.scaler_ = self._new_scaler().fit(X)
        held_out_too = None
        if validation is not None:
            X_val, y_val = validation
            held_out_too = (self.scaler_.transform(X_val), self._encode(np.asarray(y_val).reshape(-1, T.shape[1])))
        scaled_views = None if views is None else self.scaler_.transform_views(views)
        self.head_.fit(
            self.scaler_.transform(X), T, views=scaled_views, validation=held_out_too, on_epoch=on_epoch, groups=groups
        )
        self.history_ = self.head_.history_

    def _new_scaler(self) -> BlockScaler:
        return BlockScaler(widths=self.widths, scale=self.scale)

    def _new(self, name: str) -> Regressor:
        if name == "ridge":
            return RidgeRegressor(widths=self.widths, random_state=self.random_state)
        return RegressionNetwork(
            lr=self.lr,
            epochs=self.epochs,
            ensemble=self.ensemble,
            device=self.device,
            random_state=self.random_state,
        )

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return self.head_._outputs(X if self.chosen_ == "ridge" else self.scaler_.transform(X))

    def _metadata(self) -> dict[str, Any]:
        return super()._metadata() | {"chosen": self.chosen_, "spearman": self.spearman_}

    def _set_metadata(self, metadata: Mapping[str, Any]) -> None:
        super()._set_metadata(metadata)
        self.chosen_, self.spearman_ = metadata["chosen"], dict(metadata["spearman"])
        if self.chosen_ not in CANDIDATES:
            raise WeightsError(f"{type(self).__name__}: the state has a head {quoted(self.chosen_)}.")
