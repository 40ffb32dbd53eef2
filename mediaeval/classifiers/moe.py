"""Mixture of experts, as Pournaras et al. 2021 classified subtask 1 (seed 000) and all data sets of their next paper.

A hidden layer, then for every label apart two experts, each a yes or no, and a gate that shares its trust among the
experts and a dummy that always says no (Abu-El-Haija et al. 2016, YouTube-8M, whose `MoeModel` has no hidden layer).
All is computed as logarithms, so a probability near 0 or 1 keeps its gradient and no ε is needed anywhere.

B images, N labels, M experts.
"""

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from mediaeval.classifiers.base import in_chunks, usable_features
from mediaeval.classifiers.settings import MoESettings
from mediaeval.classifiers.training import TorchClassifier


def mix(gate: Tensor, experts: Tensor) -> tuple[Tensor, Tensor]:
    """Return log o and log(1 − o), each (B, N), of o = Σ_i p_i σ(e_i) over the M experts.

    gate     logits (B, N, M + 1), the dummy's last; p is their softmax, the dummy's share included
    experts  logits e (B, N, M)

    The complement is a sum of positive terms, too: 1 − o = p_dummy + Σ_i p_i σ(−e_i). It is never a difference.
    """
    log_p = gate.log_softmax(dim=-1)
    open_, dummy = log_p[..., :-1], log_p[..., -1:]
    log_o = (open_ + logsigmoid(experts)).logsumexp(dim=-1)
    log_not_o = torch.cat([dummy, open_ + logsigmoid(-experts)], dim=-1).logsumexp(dim=-1)
    return log_o, log_not_o


class MoENetwork(nn.Module):
    """(B, n_features) → log o, log(1 − o), each (B, N). With 11,414 features and 3 labels: 2,286,006 parameters."""

    def __init__(self, n_features: int, n_labels: int, *, hidden: int = 200, experts: int = 2, dropout: float = 0.4):
        super().__init__()
        self.n_labels, self.n_experts = n_labels, experts
        self.hidden = nn.Linear(n_features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.gate = nn.Linear(hidden, n_labels * (experts + 1), bias=False)  # no bias: as in YouTube-8M
        self.experts = nn.Linear(hidden, n_labels * experts)

    @property
    def first(self) -> nn.Linear:
        """The layer that reads the features."""
        return self.hidden

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.after(self.hidden(x))

    def after(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `forward` does, from the output z (B, hidden) of the first layer."""
        h = self.dropout(z.relu())  # (B, hidden)
        gate = self.gate(h).view(-1, self.n_labels, self.n_experts + 1)
        experts = self.experts(h).view(-1, self.n_labels, self.n_experts)
        return mix(gate, experts)


class MixtureOfExperts(TorchClassifier):
    """Mixture of experts; parameters: see `MoESettings`.

    Loss "bce" sets o against 0 or 1 for each label; "nll" is the negative log-likelihood of o / Σo.

    Outputs o of a single-label subtask need not sum to 1, so `predict_proba` gives o / Σo, whose arg-max is the same;
    `expert_scores` gives o itself. For a multi-label subtask both are o.
    """

    settings = MoESettings

    def __init__(
        self,
        hidden=200,
        experts=2,
        dropout=0.4,
        loss="bce",
        lr=1e-5,
        epochs=300,
        batch_size=64,
        weight_decay=0.0,
        schedule="step",
        lr_step=70,
        lr_gamma=0.5,
        label_smoothing=0.0,
        ensemble=1,
        device="auto",
        precision="auto",
        random_state=0,
    ):
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
        self.random_state = random_state

    def expert_scores(self, X) -> np.ndarray:
        """Return the raw outputs o, 0..1, float64 (n_images, n_labels); of an ensemble, their means."""
        check_is_fitted(self)
        return in_chunks(self._scores, usable_features(self, X, reset=False))

    def _scores(self, X: np.ndarray) -> np.ndarray:
        return np.mean([self._output(network, X)[0].double().exp().numpy() for network in self.networks_], axis=0)

    def _build(self, n_features, n_labels):
        return MoENetwork(n_features, n_labels, hidden=self.hidden, experts=self.experts, dropout=self.dropout)

    def _categorical(self):
        return self.loss == "nll"
