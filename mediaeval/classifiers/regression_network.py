"""A small network that predicts scores: the layers of the dense network, the squared error of standardised targets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from mediaeval.classifiers.dense import DenseNetwork
from mediaeval.classifiers.first_layer import HeadNetwork
from mediaeval.classifiers.regressor import Regressor, mean_spearman, usable_scores
from mediaeval.classifiers.settings import RegressionNetworkSettings
from mediaeval.classifiers.torch_head import TorchHead


class ScoreNetwork(DenseNetwork):
    """(B, n_features) → scores (B, N), and None."""

    def after(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.last(z), None


class RegressionNetwork(Regressor, TorchHead):
    """A network with an output for each target; parameters: see `RegressionNetworkSettings`.

    Its score in `history_` is val_spearman, the mean over targets.
    """

    settings = RegressionNetworkSettings
    MEASURE = "val_spearman"

    def __init__(
        self,
        hidden: Sequence[int] = (200,),
        dropout: float = 0.4,
        lr: float = 3e-4,
        epochs: int = 30,
        batch_size: int = 64,
        weight_decay: float = 0.0,
        schedule: str = "cosine",
        ensemble: int = 3,
        device: str = "auto",
        precision: str = "auto",
        basis: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.dropout = dropout
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.ensemble = ensemble
        self.device = device
        self.precision = precision
        self.basis = basis
        self.random_state = random_state

    def _build(self, n_features: int, n_targets: int) -> HeadNetwork:
        return ScoreNetwork(n_features, n_targets, hidden=self.hidden, dropout=self.dropout)

    def _losses(self, output: Tensor, beside: Tensor | None, T: Tensor) -> Tensor:
        return (output - T).square().mean(dim=1)

    def _smooth(self, T: np.ndarray) -> np.ndarray:
        return T.astype(np.float32)

    def _usable_validation(self, y: ArrayLike, X: np.ndarray) -> np.ndarray:
        return usable_scores(y, X).reshape(len(X), -1)

    def _validation_targets(self, y: np.ndarray) -> np.ndarray:
        return self._encode(y).astype(np.float32)

    def _scored(self, losses: np.ndarray, answers: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        return float(losses.mean()), mean_spearman(y, answers.mean(axis=0))

    def _answer(self, output: Tensor) -> np.ndarray:
        answers: np.ndarray = output.double().numpy()
        return answers

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return self._mean_answer(X)
