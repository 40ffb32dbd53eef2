"""The settings of the classifiers and of the scaler: types, ranges, defaults and meanings.

The estimators repeat the defaults in their signatures, as scikit-learn has it; a test compares the two. What is checked
is this. Importing it imports neither torch nor scikit-learn.
"""

from typing import Annotated, Literal

from pydantic import Field

from mediaeval.devices import NUMBERED
from mediaeval.settings import Settings, WholeNumbers

Scale = Literal["none", "unit", "standard"]  # see `BlockScaler`


class ClassifierSettings(Settings):
    """What every classifier's settings derive from; the seed is the run's and not among them."""

    def unsuitable(self, *, multi_label: bool) -> str:
        """Return why these settings cannot train a subtask of this form: a setting's name and a sentence, or nothing.

        multi_label  whether an image may have several labels
        """
        return ""


class Seed(Settings):
    """The parameter that every classifier has beside its settings."""

    random_state: int = Field(default=0, ge=0, description="Seed: equal seeds give equal results.")


class ScalerSettings(Settings):
    """How blocks of features are scaled before a classifier sees them."""

    widths: WholeNumbers | None = Field(default=None, description="Columns of each block, in order; unset: one block.")
    scale: Scale = Field(
        default="standard",
        description="none: as they are; unit: each block of each image to length 1; standard: each column to mean 0 "
        "and standard deviation 1.",
    )


Device = Annotated[
    Literal["auto", "cpu", "cuda"] | Annotated[str, Field(pattern=f"^{NUMBERED}$", examples=["cuda:1"])],
    Field(
        description="Where it is trained; auto: cuda where there is one; cuda:1: the GPU of that number. Commands have "
        "--device for it."
    ),
]


class DummySettings(ClassifierSettings):
    """The baseline that looks at no image has nothing to choose."""


class LogisticSettings(ClassifierSettings):
    """Logistic regression with an L2 penalty."""

    # 1.0 is scikit-learn's; "cv" chose 1e-4 for 11,414 correlated columns
    C: Annotated[float, Field(gt=0)] | Literal["cv", "scale"] = Field(
        default=1.0,
        description="Inverse of the penalty; cv: the best of 1e-5 to 1 by log loss in a cross-validation within the "
        "training images; scale: 10 divided by the total variance of the features, which takes no time.",
    )


Gamma = Annotated[
    Annotated[float, Field(gt=0)] | Literal["loo"],
    Field(
        description="How quickly the kernel exp(−gamma · d²) falls with the squared distance d² of two images, whose "
        "mean over the training images is 1; loo: the best of 0.125 to 4 by leave-one-out squared error."
    ),
]
Penalty = Annotated[
    Annotated[float, Field(gt=0)] | Literal["loo"],
    Field(description="Ridge penalty; loo: the best of 0.001 to 100 by leave-one-out squared error."),
]


class KernelSettings(ClassifierSettings):
    """Kernel ridge regression; it gives each block of each image unit length itself, whatever `features.scale` is."""

    gamma: Gamma = "loo"
    penalty: Penalty = "loo"
    ordinal: float = Field(
        default=0.25,
        ge=0,
        description="Weight of the regression on the position of the class, where the task has ordered classes.",
    )


class AutoSettings(ClassifierSettings):
    """The average of a network, logistic regression and kernel ridge.

    The network is `moe` where an image has one label, else `dense`. Logistic regression has C = "scale", and kernel
    ridge its defaults.
    """

    weights: Literal["folds", "equal"] = Field(
        default="folds",
        description="Weights of the three; folds: from the log loss in the folds of the run (split.folds) or, without "
        "these, in a cross-validation within the training images.",
    )
    folds: int = Field(
        default=5, ge=2, description="Folds of that cross-validation, where the run has none of its own."
    )
    shrink: float = Field(
        default=10.0, ge=0, description="Images that speak for each of the three beforehand, towards equal weights."
    )
    lr: float = Field(default=1e-3, gt=0, description="The network's learning rate, which falls to 0 by a cosine.")
    epochs: int = Field(default=15, ge=1, description="The network's passes over the training images.")
    ensemble: int = Field(default=1, ge=1, description="Networks with seeds of their own, averaged to be the one.")
    device: Device = "auto"


class RidgeSettings(ClassifierSettings):
    """Kernel ridge regression of scores, on blocks of unit length as `kernel` has them."""

    gamma: Gamma = "loo"
    penalty: Penalty = "loo"


# Of all networks. What a paper chose differs from network to network, so each class below has defaults of its own.
Dropout = Annotated[float, Field(ge=0, lt=1, description="Share of hidden units dropped in training.")]
LearningRate = Annotated[float, Field(gt=0, description="Adam's learning rate in the first epoch.")]
Epochs = Annotated[int, Field(ge=1, description="Passes over the training images.")]
BatchSize = Annotated[int, Field(ge=1, description="Images per minibatch; the last of an epoch may be smaller.")]
Schedule = Annotated[
    Literal["step", "cosine", "constant"],
    Field(
        description="How the rate falls: step: lr · lr_gamma^⌊epoch / lr_step⌋; cosine: from lr towards 0 in half a "
        "wave; constant: not at all."
    ),
]
StepEpochs = Annotated[
    Annotated[int, Field(ge=1)] | None,
    Field(description="Epochs per step of schedule step; unset: the rate is constant."),
]


# coupled: what torch.optim.Adam did in 2021 and does today; this is not AdamW
WeightDecay = Annotated[
    float, Field(ge=0, description="Coupled L2 penalty, added to the gradient before Adam scales it.")
]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"],
    Field(
        description="Type in which the first layer is multiplied in training, while all else stays float32; auto: "
        "bfloat16 on processors that multiply it, for large layers; TF32 on a GPU."
    ),
]
Basis = Annotated[
    Literal["span"] | None,
    Field(
        description="What the network is trained on; span: images that are fewer than their features, in a basis of "
        "the space that they span, which is quicker; unset: the features."
    ),
]


class NetworkSettings(ClassifierSettings):
    """What all classifiers have that are networks."""

    dropout: Dropout = 0.4
    lr: LearningRate
    epochs: Epochs
    batch_size: BatchSize = 64
    weight_decay: WeightDecay = 0.0
    schedule: Schedule = "step"
    lr_step: StepEpochs = 70
    lr_gamma: float = Field(default=0.5, gt=0, description="Factor of the rate per step.")
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="How far targets move towards ½ (a decision per label) or 1/n_classes (one among all).",
    )
    ensemble: int = Field(
        default=1, ge=1, description="Networks with seeds of their own whose probabilities are averaged."
    )
    device: Device = "auto"
    precision: Precision = "auto"
    basis: Basis = None


class MoESettings(NetworkSettings):
    """The mixture of experts; defaults: Pournaras et al. 2021, subtask 1."""

    hidden: int = Field(default=200, ge=1, description="Units of the hidden layer.")
    experts: int = Field(default=2, ge=1, description="Experts per label.")
    dropout: Dropout = 0.4  # not stated for this network; the only rate that the authors give
    loss: Literal["bce", "nll"] = Field(
        default="bce",
        description="bce: binary cross-entropy of each label, as YouTube-8M trains it; nll: negative log-likelihood of "
        "the normalised outputs, for single-label subtasks only.",
    )
    lr: LearningRate = 1e-5
    epochs: Epochs = 300

    def unsuitable(self, *, multi_label: bool) -> str:
        if self.loss == "nll" and multi_label:
            return "loss: got 'nll'; expected 'bce', since an image of this subtask may have several labels."
        return ""


class DenseSettings(NetworkSettings):
    """The dense network; defaults: Pournaras et al. 2021, subtask 2. Their subtask 3 had lr 5e-6 and 200 epochs."""

    hidden: WholeNumbers = Field(
        default=(1000, 200), description="Units of each hidden layer; an empty list is a linear classifier."
    )
    lr: LearningRate = 3e-6
    epochs: Epochs = 300


class SmallSettings(DenseSettings):
    """The dense network with one hidden layer; defaults: Pournaras et al. 2021 (SMAP), section IV B."""

    hidden: WholeNumbers = Field(default=(200,), description="Units of each hidden layer.")
    lr: LearningRate = 1e-4
    epochs: Epochs = 20
    batch_size: BatchSize = 8
    schedule: Schedule = "constant"
    lr_step: StepEpochs = None


class RegressionNetworkSettings(ClassifierSettings):
    """The network that predicts scores, by the squared error of targets of mean 0 and standard deviation 1."""

    hidden: WholeNumbers = Field(
        default=(200,), description="Units of each hidden layer; an empty list is a linear regression."
    )
    dropout: Dropout = 0.4
    lr: LearningRate = 3e-4
    epochs: Epochs = 30
    batch_size: BatchSize = 64
    weight_decay: WeightDecay = 0.0
    schedule: Literal["cosine", "constant"] = Field(
        default="cosine", description="How the rate falls: cosine: from lr towards 0 in half a wave; constant: not."
    )
    ensemble: int = Field(default=3, ge=1, description="Networks with seeds of their own whose scores are averaged.")
    device: Device = "auto"
    precision: Precision = "auto"
    basis: Basis = None


class BestRegressorSettings(ClassifierSettings):
    """Ridge regression or the network, chosen by Spearman's correlation out of fold within the training images."""

    folds: int = Field(default=5, ge=2, description="Folds of that cross-validation.")
    lr: float = Field(default=3e-4, gt=0, description="The network's learning rate, which falls to 0 by a cosine.")
    epochs: int = Field(default=30, ge=1, description="The network's passes over the training images.")
    ensemble: int = Field(default=3, ge=1, description="Networks with seeds of their own, averaged to be the one.")
    device: Device = "auto"
