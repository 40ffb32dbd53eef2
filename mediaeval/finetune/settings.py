"""The settings of the systems trained end to end: how a network is trained, and what each system adds.

Types, ranges, defaults and meanings stand here alone. Importing it needs no torch.
"""

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from mediaeval.features.model_args import ModelArgs, ModelName
from mediaeval.settings import PathText, PositiveTriple, Settings, Triple


class TrainingSettings(Settings):
    """How a network is trained. The defaults are plain fine-tuning; a system may have others."""

    # what settings that are newer than a saved model were, before they could be set
    BEFORE: ClassVar[dict[str, Any]] = {}

    epochs: int = Field(default=10, ge=1, description="Passes over the training images.")
    batch_size: int = Field(default=32, ge=2, description="Images per step.")
    accumulate: int = Field(
        default=1, ge=1, description="Parts of a batch that go through the network one after the other, to save memory."
    )
    optimiser: Literal["sgd", "adam", "adamw"] = Field(default="adamw", description="What changes the weights.")
    lr: float = Field(default=1e-3, gt=0, description="Learning rate of layers whose weights were loaded.")
    new_lr: float = Field(default=1.0, gt=0, description="Factor of lr for layers that were not loaded.")
    # Caffe's habit is 2
    bias_lr: float = Field(default=1.0, gt=0, description="Factor of a layer's rate for its biases.")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of optimiser sgd.")
    weight_decay: float = Field(
        default=0.0, ge=0, description="Decay of weights; biases and the scales of normalisations are not decayed."
    )
    layer_decay: float = Field(
        default=1.0, gt=0, le=1, description="Factor of the rate per layer below the last; 1: all layers alike."
    )
    schedule: Literal["constant", "cosine", "step"] = Field(
        default="cosine",
        description="How the rate falls after the warm-up: step: a tenth every step_epochs; cosine: to 0 over all "
        "epochs; constant: not at all.",
    )
    # counted in iterations, as Caffe does
    step_epochs: float = Field(default=6.0, gt=0, description="Epochs per step of schedule step.")
    warmup_epochs: float = Field(
        default=0.0, ge=0, description="Epochs in which the rate rises linearly to lr, at most a fifth of all."
    )
    clip: float | None = Field(
        default=None, gt=0, description="Largest norm of all gradients together; unset: any norm."
    )

    loss: Literal["cross-entropy", "focal"] = Field(
        default="cross-entropy", description="Loss; where an image may have several labels, it is binary, per label."
    )
    focal_gamma: float = Field(default=2.0, ge=0, description="Exponent of the focal loss (Lin et al. 2017).")
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="How far targets move towards ½ (several labels) or 1/n_labels (one).",
    )
    balanced: bool = Field(default=False, description="Whether batches hold rare labels as often as common ones.")
    crop: Literal["resized", "random", "centre"] = Field(
        default="resized",
        description="What is cut out of a training image: resized: an area of random size; random: a square anywhere; "
        "centre: the middle; all are mirrored at random.",
    )
    randaugment: int = Field(
        default=0, ge=0, le=30, description="Magnitude of RandAugment's two operations per image; 0: none."
    )
    mixup: float = Field(default=0.0, ge=0, description="Alpha of MixUp's Beta distribution; 0: no MixUp.")
    cutmix: float = Field(
        default=0.0,
        ge=0,
        description="Alpha of CutMix; 0: none; with mixup too, each batch takes either by chance.",
    )
    ema: float = Field(
        default=0.0, ge=0, lt=1, description="Decay per step of the averaged weights, which are kept; 0: no average."
    )

    # few images make poor statistics, and some files have them folded into the weights, leaving 0 and 1
    batch_norm: Literal["auto", "frozen", "trained"] = Field(
        default="auto",
        description="Statistics of batch normalisation: frozen: as loaded; trained: of each batch; auto: frozen where "
        "weights were loaded.",
    )
    oversample: bool = Field(
        default=False,
        description="Whether to predict by the mean probability of ten crops: corners, centre, and these mirrored.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Type in which the network computes in training; auto: bfloat16 where the machine is quick at it; "
        "predictions are in float32.",
    )
    init: Literal["pretrained", "random"] = Field(
        default="pretrained", description="What a training begins with: weights from a file, or random ones."
    )

    @property
    def warmup(self) -> float:
        """Epochs in which the rate rises; a training that were nothing but warm-up would hardly learn."""
        return min(self.warmup_epochs, self.epochs / 5)

    def extractors(self) -> tuple[str, ...]:
        """Return the extractors whose vectors the network reads beside the pixels."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Return the settings for a run's configuration, without those that are not set."""
        return self.model_dump(mode="json", exclude_none=True)


class TimmSettings(TrainingSettings):
    """A network of timm under a new classifier."""

    model: ModelName = Field(default="mobilenetv2_100", description="The network's name in timm.")
    model_args: ModelArgs = Field(
        default={},
        description="Further arguments of timm.create_model, such as { drop_rate = 0.2 }; those that load anything are "
        "refused.",
    )
    weights: PathText = Field(
        default="", description="File of weights; empty: the published ones, from the weights' cache or the network."
    )
    image_size: int | None = Field(
        default=None, ge=32, le=4096, description="Pixels per side; unset: what the weights were trained with."
    )
    mean: Triple | None = Field(
        default=None,
        description="Mean of pixel values, RGB, 0..1, or one number for all; unset: what the weights were made with.",
    )
    std: PositiveTriple | None = Field(
        default=None,
        description="Standard deviation of pixel values, RGB, 0..1, or one for all; unset: what the weights were made "
        "with.",
    )

    @model_validator(mode="after")
    def _labels_are_the_classes(self) -> "TimmSettings":
        if "num_classes" in self.model_args:
            raise ValueError("model_args: num_classes is the number of the subtask's labels. Leave it out")
        return self


class OfCaffe(TrainingSettings):
    """What systems share whose networks are Caffe's."""

    BEFORE: ClassVar[dict[str, Any]] = {"resize": "smooth"}

    mean: Triple = Field(
        default=(104.00699, 116.66877, 122.67892),  # of ilsvrc_2012_mean.npy
        examples=[[104.0, 117.0, 123.0]],
        description="Mean of pixel values, BGR, 0..255.",
    )
    resize: Literal["caffe", "smooth"] = Field(
        default="caffe",
        description="How images become squares of 256 pixels: caffe: bilinear between the nearest pixels, as the "
        "networks were trained; smooth: over all pixels that a new one covers, as runs made before 0.2.",
    )


class CaffeNetSettings(OfCaffe):
    """CaffeNet in the four forms of Campos et al. 2017."""

    form: Literal["fc8", "fc7-2", "fc6-2", "fc9"] = Field(
        default="fc8",
        description="Which layer the new one replaces (fc8; fc7 or fc6 with all behind), or that it follows all (fc9).",
    )
    weights: PathText = Field(
        default="", description="File of weights: a .caffemodel, or a state dict with Caffe's layer names."
    )
    classes: int = Field(
        default=1000, ge=2, description="Outputs of fc8 in the file of weights; only form fc9 keeps them."
    )
    # the paper leaves it open
    relu: bool = Field(default=False, description="Whether a ReLU stands between fc8 and fc9.")

    @model_validator(mode="after")
    def _relu_has_a_place(self) -> "CaffeNetSettings":
        if self.relu and self.form != "fc9":
            raise ValueError(f"relu stands between fc8 and fc9; form {self.form} has no fc9. Leave it out")
        return self


class MultiGapSettings(TrainingSettings):
    """Multi-GAP in every row of the paper's table: streams, blocks, sequence and anp say what the classifier reads.

    `streams` empty with `anp`: the perceptron on ANP scores alone. Both: early fusion.
    """

    streams: list[Literal["object", "places"]] = Field(
        default=["object"], description="Backbones: MobileNetV2 (object), VGG16 (places); empty with anp: neither."
    )
    blocks: int = Field(default=5, ge=1, le=5, description="How many of a backbone's five blocks are read.")
    sequence: Literal["none", "gru", "gru-attention"] = Field(
        default="none", description="What reads the blocks of a stream one after the other."
    )
    reduce: int = Field(default=64, ge=1, description="Channels of a block after its 1 × 1 convolution.")
    units: int = Field(default=64, ge=1, description="Units of the GRU, per direction.")
    last: Literal[320, 1280] = Field(
        default=320,
        description="Channels of MobileNetV2's fifth block: those of its last block, or of the 1 × 1 layer behind it.",
    )
    relu: bool = Field(default=True, description="Whether a ReLU follows the 1 × 1 convolutions.")
    object_weights: PathText = Field(
        default="", description="File of MobileNetV2's weights, of torchvision or timm; empty: torchvision's published."
    )
    object_mean: Triple = Field(default=(0.485, 0.456, 0.406), description="Mean of the object stream, RGB, 0..1.")
    object_std: PositiveTriple = Field(
        default=(0.229, 0.224, 0.225), description="Standard deviation of the object stream, RGB, 0..1."
    )
    places_weights: PathText = Field(
        default="", description="File of VGG16's weights: vgg16_places365.caffemodel, or the Keras port's .h5."
    )
    places_mean: Triple = Field(
        default=(103.939, 116.779, 123.68),
        examples=[[104.0, 117.0, 124.0]],
        description="Mean of the places stream, BGR, 0..255.",
    )
    anp: str = Field(
        default="",
        description="Extractor of adjective-noun pairs, such as deepsentibank, whose scores are read too; empty: none.",
    )
    hidden: int = Field(
        default=0, ge=0, description="Units of a layer before the classifier in early fusion; 0: no such layer."
    )

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


class AttentionAlexNetSettings(OfCaffe):
    """Two AlexNets side by side, one with attention over the 36 cells of its last map."""

    attention: Literal["shared", "dense"] = Field(
        default="shared", description="shared: one scorer for all cells, with a bias per cell; dense: 9216 → 36."
    )
    rescale: float = Field(
        default=1.0, gt=0, description="Factor of the attention weights; with 36, uniform ones change nothing."
    )
    branches: Literal["separate", "shared"] = Field(
        default="separate", description="Whether the two networks share their convolutions."
    )
    lrn: bool = Field(default=True, description="Whether responses are normalised locally, before pooling, as in 2012.")
    weights: PathText = Field(
        default="", description="File of weights: bvlc_alexnet.caffemodel, or a state dict with Caffe's layer names."
    )
