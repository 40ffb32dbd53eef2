"""Three classifiers of different kinds whose probabilities are averaged: a network, logistic regression, kernel ridge.

The weights of the average are those under which the labels of images that the three were not trained on are likeliest,
shrunk towards equal ones.

n images, N labels, M members.
"""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from mediaeval.classifiers.base import Classifier
from mediaeval.classifiers.dense import DenseClassifier
from mediaeval.classifiers.kernel import KernelRidge
from mediaeval.classifiers.logistic import LogisticBaseline
from mediaeval.classifiers.moe import MixtureOfExperts
from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.classifiers.settings import AutoSettings
from mediaeval.classifiers.state import ExpectedArrays
from mediaeval.classifiers.thresholds import out_of_fold

MEMBERS = ("network", "logistic", "kernel")
EQUAL = np.full(len(MEMBERS), 1 / len(MEMBERS))
ITERATIONS = 200  # of `averaging_weights`, which converges in tens
TINY = 1e-15  # the least probability that counts


class AutoClassifier(Classifier):
    """The average of the paper's network, logistic regression and kernel ridge; parameters: see `AutoSettings`.

    widths  columns of each block, in order; None is one block
    order   class names from the lowest to the highest, or None where they have no order: for the kernel
    scale   how blocks are scaled for the network and for logistic regression: see `BlockScaler`

    The network is a mixture of experts where an image has one label, else the dense one. `history_` is the network's,
    and on_epoch is called after its epochs.

    Fitted: `members_`, one for each of MEMBERS, and `weights_`, float64 (M,), which sum to 1. With weights="folds" they
    come from a cross-validation within the training images, which takes `folds` times as long as the fit itself, and in
    which the `groups` of `fit` are not divided. Where out-of-fold probabilities of the members are at hand, fit with
    weights="equal" and set `weights_` to what `average_out_of_fold` returns for them.
    """

    settings = AutoSettings
    own_scale = True
    averages = True

    def __init__(
        self,
        weights: str = "folds",
        folds: int = 5,
        shrink: float = 10.0,
        lr: float = 1e-3,
        epochs: int = 15,
        ensemble: int = 1,
        device: str = "auto",
        widths: Sequence[int] | None = None,
        order: Sequence[str] | None = None,
        scale: str = "standard",
        random_state: int = 0,
    ) -> None:
        self.weights = weights
        self.folds = folds
        self.shrink = shrink
        self.lr = lr
        self.epochs = epochs
        self.ensemble = ensemble
        self.device = device
        self.widths = widths
        self.order = order
        self.scale = scale
        self.random_state = random_state

    def member_probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return the probabilities of each member, float64 (M, n, N), for X (n, n_features)."""
        scaled = self.scaler_.transform(X)
        return np.stack([member.predict_proba(X if member.own_scale else scaled) for member in self.members_])

    def _fit_grouped(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: np.ndarray | None,
        validation: Any,
        on_epoch: Any,
        groups: Sequence[Hashable],
    ) -> None:
        y = T.astype(np.int64) if self.multi_label_ else self.classes_[T.argmax(axis=1)]
        self.weights_ = EQUAL.copy()
        if self.weights == "folds" and len(set(groups)) > 1:
            self.weights_ = averaging_weights(
                self._out_of_fold(X, y, views, groups), T, self.shrink, multi_label=self.multi_label_
            )
        self.scaler_ = self._new_scaler().fit(X)
        scaled = self.scaler_.transform(X)
        scaled_views = None if views is None else self.scaler_.transform_views(views)
        if validation is not None:
            validation = self.scaler_.transform(validation[0]), validation[1]
        self.members_ = self._new_members()
        network, *others = self.members_
        network.fit(scaled, y, views=scaled_views, validation=validation, on_epoch=on_epoch)
        for member in others:
            own = (X, None) if member.own_scale else (scaled, scaled_views)
            member.fit(own[0], y, views=own[1], groups=groups)
        self.history_ = network.history_

    def _out_of_fold(
        self, X: np.ndarray, y: np.ndarray, views: np.ndarray | None, groups: Sequence[Hashable]
    ) -> np.ndarray:
        """Return probabilities by members that were not trained on the image's group, (M, n, N), in the same folds."""
        return np.stack(
            [
                out_of_fold(
                    partial(clone, member),
                    X,
                    y,
                    groups,
                    rng=np.random.default_rng(self.random_state),
                    views=views,
                    folds=self.folds,
                    scaler=None if member.own_scale else self._new_scaler(),
                )
                for member in self._new_members()
            ]
        )

    def _new_scaler(self) -> BlockScaler:
        return BlockScaler(widths=self.widths, scale=self.scale)

    def _new_members(self) -> list[Classifier]:
        """Return unfitted members, in the order of MEMBERS."""
        kind = DenseClassifier if self.multi_label_ else MixtureOfExperts
        network = kind(
            lr=self.lr,
            epochs=self.epochs,
            schedule="cosine",
            ensemble=self.ensemble,
            device=self.device,
            random_state=self.random_state,
        )
        logistic = LogisticBaseline(C="scale", random_state=self.random_state)
        return [network, logistic, KernelRidge(widths=self.widths, order=self.order, random_state=self.random_state)]

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        scaled = self.scaler_.transform(X)
        each = [member._probabilities(X if member.own_scale else scaled) for member in self.members_]
        return np.asarray(np.tensordot(self.weights_, each, axes=1))

    def _arrays(self) -> dict[str, np.ndarray]:
        own = {"weights": self.weights_}
        if self.scale == "standard":
            own |= {"mean": self.scaler_.mean_, "factor": self.scaler_.factor_}
        for name, member in zip(MEMBERS, self.members_, strict=True):
            own |= {f"{name}.{key}": array for key, array in member._arrays().items()}
        return own

    def _expected_arrays(self) -> ExpectedArrays:
        per_feature = ((self.n_features_in_,), "float64")
        expected: dict[str, Any] = {"weights": ((len(MEMBERS),), "float64")}
        if self.scale == "standard":
            expected |= {"mean": per_feature, "factor": per_feature}
        for name, member in zip(MEMBERS, self._blank_members(), strict=True):
            expected |= {f"{name}.{key}": form for key, form in member._expected_arrays().items()}
        return expected

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        self.weights_ = arrays["weights"].copy()
        self.scaler_ = self._new_scaler()
        self.scaler_.n_features_in_ = self.n_features_in_
        if self.scale == "standard":
            self.scaler_.mean_, self.scaler_.factor_ = arrays["mean"].copy(), arrays["factor"].copy()
        self.members_ = self._blank_members()
        for name, member in zip(MEMBERS, self.members_, strict=True):
            own = {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}
            member._set_arrays(own)

    def _blank_members(self) -> list[Classifier]:
        """Return members that know the width and the classes, and nothing else."""
        members = self._new_members()
        for member in members:
            member.n_features_in_, member.multi_label_ = self.n_features_in_, self.multi_label_
            member.classes_, member.history_ = self.classes_, []
        return members


def average_out_of_fold(
    P: np.ndarray, T: np.ndarray, fold: np.ndarray, shrink: float, *, multi_label: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the average of out-of-fold probabilities, (n, N), and the weights (M,) that all folds together give.

    P, T, shrink, multi_label  as for `averaging_weights`
    fold                       of each image, from 0

    The average of a fold has the weights that the other folds give, so that no image speaks for its own prediction.
    """
    averaged = np.empty(T.shape)
    for k in np.unique(fold):
        held = fold == k
        weights = averaging_weights(P[:, ~held], T[~held], shrink, multi_label=multi_label)
        averaged[held] = np.tensordot(weights, P[:, held], axes=1)
    return averaged, averaging_weights(P, T, shrink, multi_label=multi_label)


def averaging_weights(P: np.ndarray, T: np.ndarray, shrink: float, *, multi_label: bool) -> np.ndarray:
    """Return a weight for each member, float64 (M,), which sum to 1.

    P            probabilities 0..1 of images that the members were not trained on, (M, n, N)
    T            truth, 0/1 (n, N)
    shrink       images that speak for each member beforehand; 0: none, and the likeliest weights alone count
    multi_label  whether a label is a decision of its own, rather than one among all

    The averaged probability of the truth is a mixture with these weights: they are found by expectation maximisation,
    where each image, and each of its labels, speaks for the members in the proportion in which they expected it.
    """
    said = np.where(T == 1, P, 1 - P) if multi_label else (P * T).sum(axis=2, keepdims=True)
    said = said.clip(min=TINY)  # (M, n, N), or (M, n, 1)
    weights = np.full(len(P), 1 / len(P))
    for _ in range(ITERATIONS):
        share = weights[:, None, None] * said
        share /= share.sum(axis=0)
        votes = share.mean(axis=2).sum(axis=1) + shrink
        weights = votes / votes.sum()
    return weights
