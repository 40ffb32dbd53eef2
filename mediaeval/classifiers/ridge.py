"""Kernel ridge regression of scores: closed form, without epochs and without chance; see `kernel`."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from mediaeval.classifiers.kernel import KernelHead
from mediaeval.classifiers.regressor import Regressor
from mediaeval.classifiers.settings import RidgeSettings


class RidgeRegressor(Regressor, KernelHead):
    """Kernel ridge regression, of one target or several; parameters: see `RidgeSettings`.

    widths  columns of each block, in order; None is one block

    γ and the penalty are the same for all targets: those with the least leave-one-out squared error in all together.
    """

    settings = RidgeSettings

    def __init__(
        self,
        gamma: float | str = "loo",
        penalty: float | str = "loo",
        widths: Sequence[int] | None = None,
        random_state: int = 0,
    ) -> None:
        self.gamma = gamma
        self.penalty = penalty
        self.widths = widths
        self.random_state = random_state  # unused; every head has one

    def _fit_grouped(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: Any,
        validation: Any,
        on_epoch: Any,
        groups: Sequence[Hashable],
    ) -> None:
        fit = self._regress(X, T, groups)
        self.coef_, self.intercept_, self.left_out_ = fit.coef, fit.intercept, fit.left_out

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return self._linear(X)
