"""The mixture of experts of Pournaras et al. 2021: subtask 1 of MediaEval, and all datasets of their SMAP paper.

A hidden layer, then for every label two experts, each a yes or no, and a gate whose weights are shared among the
experts and a dummy that always says no (Abu-El-Haija et al. 2016, YouTube-8M, whose `MoeModel` has no hidden layer).
All is computed as logarithms, so a probability near 0 or 1 keeps its gradient, and no ε is needed.

B images, N labels, M experts.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from mediaeval.classifiers.dropout import Dropout
from mediaeval.classifiers.first_layer import HeadNetwork
from mediaeval.classifiers.inputs import in_chunks, usable_features
from mediaeval.classifiers.settings import MoESettings
from mediaeval.classifiers.training import TorchClassifier


def mix(gate: Tensor, experts: Tensor) -> tuple[Tensor, Tensor]:
    """Return log o and log(1 − o), each (B, N), of o = Σ_i p_i σ(e_i) over the M experts.

    gate     logits (B, N, M + 1), the dummy's last; p is their softmax, the dummy's share included
    experts  logits e (B, N, M)

    The complement is also a sum of positive terms: 1 − o = p_dummy + Σ_i p_i σ(−e_i). It is never a difference.
    """
    log_p = gate.log_softmax(dim=-1)
    open_, dummy = log_p[..., :-1], log_p[..., -1:]
    log_o = (open_ + logsigmoid(experts)).logsumexp(dim=-1)
    log_not_o = torch.cat([dummy, open_ + logsigmoid(-experts)], dim=-1).logsumexp(dim=-1)
    return log_o, log_not_o


class MoENetwork(HeadNetwork):
    """(B, n_features) → log o, log(1 − o), each (B, N). With 11,414 features and 3 labels: 2,286,006 parameters."""

    def __init__(self, n_features: int, n_labels: int, *, hidden: int = 200, experts: int = 2, dropout: float = 0.4):
        super().__init__()
        self.n_labels, self.n_experts = n_labels, experts
        self.hidden = nn.Linear(n_features, hidden)
        self.dropout = Dropout(dropout, hidden)
        self.gate = nn.Linear(hidden, n_labels * (experts + 1), bias=False)  # no bias: as in YouTube-8M
        self.experts = nn.Linear(hidden, n_labels * experts)

    @property
    def first(self) -> nn.Linear:
        return self.hidden

    def after(self, z: Tensor) -> tuple[Tensor, Tensor]:
        h = self.dropout(z.relu())  # (B, hidden)
        gate = self.gate(h).view(-1, self.n_labels, self.n_experts + 1)
        experts = self.experts(h).view(-1, self.n_labels, self.n_experts)
        return mix(gate, experts)


class MixtureOfExperts(TorchClassifier):
    """Mixture of experts; parameters: see `MoESettings`.

    Loss "bce" sets o against 0 or 1 for each label; "nll" is the negative log-likelihood of o / Σo.

    Outputs o of a single-label subtask need not sum to 1, so `predict_proba` returns o / Σo, whose arg-max is the same;
    `expert_scores` returns o itself. For a multi-label subtask both return o.
    """

    settings = MoESettings

    def __init__(
        self,
        hidden: int = 200,
        experts: int = 2,
        dropout: float = 0.4,
        loss: str = "bce",
        lr: float = 1e-5,
        epochs: int = 300,
        batch_size: int = 64,
        weight_decay: float = 0.0,
        schedule: str = "step",
        lr_step: int | None = 70,
        lr_gamma: float = 0.5,
        label_smoothing: float = 0.0,
        ensemble: int = 1,
        device: str = "auto",
        precision: str = "auto",
        basis: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.experts = experts
        self.dropout = dropout
        self.loss = loss
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.lr_step = lr_step
        self.lr_gamma = lr_gamma
        self.label_smoothing = label_smoothing
        self.ensemble = ensemble
        self.device = device
        self.precision = precision
        self.basis = basis
        self.random_state = random_state

    def expert_scores(self, X: ArrayLike) -> np.ndarray:
        """Return the raw outputs o, 0..1, float64 (n_images, n_labels); of an ensemble, their means."""
        check_is_fitted(self)
        return in_chunks(self._scores, usable_features(self, X, reset=False))

    def _scores(self, X: np.ndarray) -> np.ndarray:
        scores = [self._output(network, X)[0].double().exp().numpy() for network in self.networks_]
        return np.asarray(np.mean(scores, axis=0))

    def _build(self, n_features: int, n_labels: int) -> MoENetwork:
        return MoENetwork(n_features, n_labels, hidden=self.hidden, experts=self.experts, dropout=self.dropout)

    def _categorical(self) -> bool:
        return self.loss == "nll"
