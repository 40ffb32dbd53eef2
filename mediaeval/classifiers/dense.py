"""The dense network with which Pournaras et al. 2021 (seed 000) classified subtasks 2 and 3.

n_features → 1000 → ReLU → dropout .4 → 200 → ReLU → dropout .4 → n_labels; B images, N labels.
"""

from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from mediaeval.classifiers.settings import DenseSettings
from mediaeval.classifiers.training import TorchClassifier


class DenseNetwork(nn.Module):
    """(B, n_features) → log p, log(1 − p), each (B, N); with `softmax` log p alone, and None.

    With 11,414 features and 7 labels: 11,616,607 parameters; with 10 labels: 11,617,210.
    """

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        *,
        hidden: tuple[int, ...] = (1000, 200),
        dropout: float = 0.4,
        softmax: bool = False,
    ):
        super().__init__()
        self.softmax = softmax
        layers = []
        for width in hidden:
            layers += [nn.Linear(n_features, width), nn.ReLU(), nn.Dropout(dropout)]
            n_features = width
        self.layers = nn.Sequential(*layers, nn.Linear(n_features, n_labels))

    @property
    def first(self) -> nn.Linear:
        """The layer that reads the features."""
        layer = self.layers[0]
        assert isinstance(layer, nn.Linear), "a linear layer comes first"
        return layer

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.after(self.first(x))

    def after(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what `forward` does, from the output z (B, units) of the first layer."""
        z = self.layers[1:](z)  # (B, N)
        return (z.log_softmax(dim=1), None) if self.softmax else (logsigmoid(z), logsigmoid(-z))


class DenseClassifier(TorchClassifier):
    """Dense network: sigmoids and binary cross-entropy for multi-label, softmax cross-entropy for single-label.

    Parameters: see `DenseSettings`.
    """

    settings = DenseSettings

    def __init__(
        self,
        hidden=(1000, 200),
        dropout=0.4,
        lr=3e-6,
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
        self.dropout = dropout
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

    def _build(self, n_features, n_labels):
        return DenseNetwork(n_features, n_labels, hidden=self.hidden, dropout=self.dropout, softmax=self._categorical())

    def _categorical(self):
        return not self.multi_label_
