"""The small network of Pournaras et al. 2021 (SMAP) for single features and their combination.

n_features → 200 → ReLU → dropout .4 → n_labels, softmax; their "binary cross-entropy" over a softmax of two is the
cross-entropy of two classes. With d features and 2 labels: d · 200 + 200 + 200 · 2 + 2 parameters.
"""

from collections.abc import Sequence

from mediaeval.classifiers.dense import DenseClassifier
from mediaeval.classifiers.settings import SmallSettings


class SmallClassifier(DenseClassifier):
    """The dense network with one hidden layer and the training of the paper; parameters: see `SmallSettings`."""

    settings = SmallSettings

    def __init__(
        self,
        hidden: Sequence[int] = (200,),
        dropout: float = 0.4,
        lr: float = 1e-4,
        epochs: int = 20,
        batch_size: int = 8,
        weight_decay: float = 0.0,
        schedule: str = "constant",
        lr_step: int | None = None,
        lr_gamma: float = 0.5,
        label_smoothing: float = 0.0,
        ensemble: int = 1,
        device: str = "auto",
        precision: str = "auto",
        basis: str | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            hidden=hidden,
            dropout=dropout,
            lr=lr,
            epochs=epochs,
            batch_size=batch_size,
            weight_decay=weight_decay,
            schedule=schedule,
            lr_step=lr_step,
            lr_gamma=lr_gamma,
            label_smoothing=label_smoothing,
            ensemble=ensemble,
            device=device,
            precision=precision,
            basis=basis,
            random_state=random_state,
        )
