"""The small network with which Pournaras et al. 2021 (seed 001) classified single features and their combination.

n_features → 200 → ReLU → dropout .4 → n_labels, softmax; their "binary cross-entropy" over a softmax of two is the
cross-entropy of two classes. With d features and 2 labels: d · 200 + 200 + 200 · 2 + 2 parameters.
"""

from mediaeval.classifiers.dense import DenseClassifier
from mediaeval.classifiers.settings import SmallSettings


class SmallClassifier(DenseClassifier):
    """The dense network with one hidden layer and the training of the paper; parameters: see `SmallSettings`."""

    settings = SmallSettings

    def __init__(
        self,
        hidden=(200,),
        dropout=0.4,
        lr=1e-4,
        epochs=20,
        batch_size=8,
        weight_decay=0.0,
        schedule="constant",
        lr_step=None,
        lr_gamma=0.5,
        label_smoothing=0.0,
        ensemble=1,
        device="auto",
        precision="auto",
        random_state=0,
    ):
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
            random_state=random_state,
        )
