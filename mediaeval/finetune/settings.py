"""What can be chosen for a system trained end to end: its recipe, and each system's own settings. Needs no torch."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator


class Recipe(BaseModel):
    """How a network is trained. The defaults are plain fine-tuning; a system's entry in SYSTEMS puts its own in place.

    Rates: `lr` is of layers that were loaded; new ones have `lr · new_lr`. `layer_decay` d multiplies the rate of a
    layer k below the last by dᵏ. `schedule`: `step` divides by ten every `step_epochs`, counted in iterations as Caffe
    does; `cosine` falls to 0 over all epochs; both after a linear rise over `warmup_epochs`.
    """

    model_config = ConfigDict(extra="forbid", validate_default=True, protected_namespaces=(), allow_inf_nan=False)

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=2)  # images a step
    accumulate: int = Field(default=1, ge=1)  # parts of a batch that go through the network one after the other
    optimiser: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: float = Field(default=1e-3, gt=0)
    new_lr: float = Field(default=1.0, gt=0)  # times lr, for layers that were not loaded
    bias_lr: float = Field(default=1.0, gt=0)  # times a layer's rate, for its biases; Caffe's habit is 2, undecayed
    momentum: float = Field(default=0.9, ge=0, lt=1)  # of sgd
    weight_decay: float = Field(default=0.0, ge=0)
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    step_epochs: float = Field(default=6.0, gt=0)
    warmup_epochs: float = Field(default=0.0, ge=0)
    clip: float | None = Field(default=None, gt=0)  # largest norm of all gradients together

    loss: Literal["cross-entropy", "focal"] = "cross-entropy"  # binary, a label each, where an image has several
    focal_gamma: float = Field(default=2.0, ge=0)  # Lin et al. 2017
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    balanced: bool = False  # batches in which rare labels are as frequent as common ones
    crop: Literal["resized", "random", "centre"] = "resized"  # of a training image; all are mirrored at random
    randaugment: int = Field(default=0, ge=0, le=30)  # magnitude of two operations an image; 0 for none
    mixup: float = Field(default=0.0, ge=0)  # alpha of the Beta distribution; 0 for none
    cutmix: float = Field(default=0.0, ge=0)  # with both, each batch takes one or the other by chance
    ema: float = Field(default=0.0, ge=0, lt=1)  # decay a step of the averaged weights, which are kept

    # Statistics of batch normalisation: `frozen` as loaded, or of each batch. auto: frozen where weights were loaded;
    # few photographs make poor ones, and some files have them folded into the weights, leaving 0 and 1.
    batch_norm: Literal["auto", "frozen", "trained"] = "auto"
    oversample: bool = False  # predict by the mean probability of ten crops: corners, centre, and mirrored
    # Of training; auto is settled by the machine: bfloat16 where it is quick. Predictions are in float32.
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    init: Literal["pretrained", "random"] = "pretrained"

    def extractors(self) -> tuple[str, ...]:
        """Return the extractors whose vectors the network reads beside the pixels."""
        return ()


class TimmSettings(Recipe):
    """A network of timm under a new classifier."""

    model: str = "mobilenetv2_100"
    model_args: dict[str, Any] = Field(default_factory=dict)
    weights: str = ""  # a file; empty: the published one, from the weights' cache or the network
    image_size: int | None = Field(default=None, ge=32, le=4096)  # pixels a side; None: the weights' own
    mean: tuple[float, float, float] | None = None  # of pixel values 0..1, RGB; None: the weights' own
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None


class CaffeNetSettings(Recipe):
    """CaffeNet in the four forms of Campos et al. 2017.

    `form`: which layer the new one replaces or follows. `classes`: outputs of fc8 in the file of `weights`; only fc9
    keeps them.
    """

    form: Literal["fc8", "fc7-2", "fc6-2", "fc9"] = "fc8"
    weights: str = ""  # .caffemodel, or a state dict with Caffe's layer names
    mean: tuple[float, float, float] = (104.00699, 116.66877, 122.67892)  # BGR, 0..255: of ilsvrc_2012_mean.npy
    classes: int = Field(default=1000, ge=2)
    relu: bool = False  # between fc8 and fc9, which the paper leaves open


class MultiGapSettings(Recipe):
    """Multi-GAP in every row of the paper's table: streams, blocks, sequence and anp say what the classifier reads.

    `streams` empty with `anp`: the perceptron on ANP scores alone. Both: early fusion.
    """

    streams: list[Literal["object", "places"]] = ["object"]
    blocks: int = Field(default=5, ge=1, le=5)  # the first so many of five
    sequence: Literal["none", "gru", "gru-attention"] = "none"
    reduce: int = Field(default=64, ge=1)  # channels of a block after its 1 × 1 convolution
    units: int = Field(default=64, ge=1)  # of the GRU, a direction
    last: Literal[320, 1280] = 320  # channels of MobileNetV2's fifth block: its last block, or the 1 × 1 layer behind
    relu: bool = True  # after the 1 × 1 convolutions
    object_weights: str = ""  # torchvision's or timm's mobilenetv2; empty: torchvision's published file
    object_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # RGB, 0..1
    object_std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (0.229, 0.224, 0.225)
    places_weights: str = ""  # vgg16_places365.caffemodel, or the Keras port's .h5
    places_mean: tuple[float, float, float] = (103.939, 116.779, 123.68)  # BGR, 0..255
    anp: str = ""  # an extractor that gives scores of adjective-noun pairs, such as deepsentibank
    hidden: int = Field(default=0, ge=0)  # units of a layer before the classifier in early fusion; 0 for none

    @model_validator(mode="after")
    def _reads_something(self) -> "MultiGapSettings":
        if not self.streams and not self.anp:
            raise ValueError("streams or anp: the network must look at something, such as streams = ['object']")
        if len(set(self.streams)) < len(self.streams):
            raise ValueError(f"streams names one twice: {', '.join(self.streams)}")
        if not self.streams and (self.hidden or self.sequence != "none"):
            raise ValueError(
                "hidden and sequence change nothing without streams: ANP scores have a perceptron of their own"
            )
        return self

    def extractors(self) -> tuple[str, ...]:
        return (self.anp,) if self.anp else ()


class AttentionAlexNetSettings(Recipe):
    """Two AlexNets side by side, one with attention over the 36 cells of its last map."""

    attention: Literal["shared", "dense"] = "shared"  # one scorer for all cells with a bias each, or 9216 → 36
    rescale: float = Field(default=1.0, gt=0)  # times the attention weights; 36 makes uniform ones the identity
    branches: Literal["separate", "shared"] = "separate"  # convolutions of the two
    lrn: bool = True  # local response normalisation, before pooling as in 2012
    weights: str = ""  # bvlc_alexnet.caffemodel, or a state dict with Caffe's layer names
    mean: tuple[float, float, float] = (104.00699, 116.66877, 122.67892)  # BGR, 0..255
