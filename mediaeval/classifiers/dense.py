"""The dense network of Pournaras et al. 2021 (MediaEval) for subtasks 2 and 3.

n_features → 1000 → ReLU → dropout .4 → 200 → ReLU → dropout .4 → n_labels; B images, N labels.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from mediaeval.classifiers.dropout import Dropout
from mediaeval.classifiers.first_layer import HeadNetwork
from mediaeval.classifiers.settings import DenseSettings
from mediaeval.classifiers.training import TorchClassifier


class DenseNetwork(HeadNetwork):
    """(B, n_features) → log p, log(1 − p), each (B, N); with `softmax` log p alone, and None.

    With 11,414 features and 7 labels: 11,616,607 parameters; with 10 labels: 11,617,210.
    """

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        *,
        hidden: Sequence[int] = (1000, 200),
        dropout: float = 0.4,
        softmax: bool = False,
    ):
        super().__init__()
        self.softmax = softmax
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(n_features, width), nn.ReLU(), Dropout(dropout, width)]
            n_features = width
        self.layers = nn.Sequential(*layers, nn.Linear(n_features, n_labels))

    @property
    def first(self) -> nn.Linear:
        layer = self.layers[0]
        assert isinstance(layer, nn.Linear)
        return layer

    def last(self, z: Tensor) -> Tensor:
        """Return the output of the last layer (B, N) from that of the first (B, H)."""
        output: Tensor = self.layers[1:](z)
        return output

    def after(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        z = self.last(z)
        return (z.log_softmax(dim=1), None) if self.softmax else (logsigmoid(z), logsigmoid(-z))


class DenseClassifier(TorchClassifier):
    """Dense network: sigmoids and binary cross-entropy for multi-label, softmax cross-entropy for single-label.

    Parameters: see `DenseSettings`.
    """

    settings = DenseSettings

    def __init__(
        self,
        hidden: Sequence[int] = (1000, 200),
        dropout: float = 0.4,
        lr: float = 3e-6,
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
        self.basis = basis
        self.random_state = random_state

    def _build(self, n_features: int, n_labels: int) -> DenseNetwork:
        return DenseNetwork(n_features, n_labels, hidden=self.hidden, dropout=self.dropout, softmax=self._categorical())

    def _categorical(self) -> bool:
        return not self.multi_label_
