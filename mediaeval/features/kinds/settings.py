"""What can be set for each kind of extractor in [extractors.NAME], beside `kind` and what is recorded of the features.

Importing it needs no torch.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mediaeval.features.model_args import ModelArgs, ModelName
from mediaeval.settings import A_TRIPLE, FOR_ALL_CHANNELS, PathText, PositiveTriple, Settings

Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]
Weights = Annotated[
    PathText,
    Field(description="Weight file; unset: the published one, from the cache or fetched into it."),
]
Mean = Annotated[
    Annotated[tuple[Fraction, Fraction, Fraction], A_TRIPLE, FOR_ALL_CHANNELS] | None,
    Field(description="Mean of pixel values, RGB, 0 to 1, or one number for all; unset: what belongs to the weights."),
]


class NoSettings(Settings):
    """A kind that has nothing to choose."""


class WeightsSettings(Settings):
    """A kind that is one network: its weight file alone may be another."""

    weights: Weights = ""


class LibrarySettings(WeightsSettings):
    """A network of timm or torchvision. Preprocessing comes with the weights; what is set here replaces it."""

    model: ModelName = Field(min_length=1, examples=["resnet50"], description="Name of the network in its library.")
    model_args: ModelArgs = Field(
        default={}, description="Further arguments for building the network; those that load anything are refused."
    )
    output: Literal["features", "scores", "unit"] = Field(
        default="features",
        description="features: the vector that the classifier reads; scores: the classifier's output; unit: the "
        "classifier's output at length 1, an embedding that is compared by cosine.",
    )
    mean: Mean = None
    std: PositiveTriple | None = Field(
        default=None,
        description="Standard deviation of pixel values, RGB, of 0 to 1, or one number for all; unset: what belongs to "
        "the weights.",
    )
    image_size: int | None = Field(
        default=None, ge=8, le=4096, description="Pixels per side that the network sees; unset: the weights' own."
    )


class CaffeNetSettings(WeightsSettings):
    """A network of CaffeNet's shape, from a .caffemodel."""

    model: str = Field(
        min_length=1,
        examples=["deepsentibank"],
        description="caffenet, deepsentibank or mvso_en, or a name of your own: the cache's file is named after it.",
    )
    output: Literal["features", "scores"] = Field(
        default="features", description="features: fc7 after its ReLU; scores: the probability of each label."
    )
    mean: Mean = None


class ResNet11kArguments(Settings):
    """How the ResNet-152 looks at an image."""

    crops: Literal["centre", "ten"] = Field(
        default="centre",
        description="centre: the vector of the centre crop; ten: the mean over corners and centre, plain and mirrored.",
    )


class ResNet11kSettings(WeightsSettings):
    """The ResNet-152 of ImageNet-11k."""

    model_args: ResNet11kArguments = ResNet11kArguments()


class YT8MArguments(Settings):
    """How the weights of the YouTube-8M classifier are to be read."""

    flatten: Literal["channels_first", "channels_last"] = Field(
        default="channels_first",
        description="Order of the convolution's outputs in a PyTorch file; channels_last: as Keras has it.",
    )


class YT8MParts(Settings):
    """The file that the YouTube-8M classifier needs beside its weights."""

    pca: PathText = Field(
        default="",
        description="yt8m_pca.tgz of YouTube-8M, or a folder with its files; unset: the published one.",
    )


class YT8MSettings(WeightsSettings):
    """The YouTube-8M classifier."""

    source: str = Field(
        min_length=1, examples=["inception2015"], description="Extractor whose vectors of 2,048 numbers it reads."
    )
    model_args: YT8MArguments = YT8MArguments()
    parts: YT8MParts = YT8MParts()


class DualEncodingArguments(Settings):
    """What the tensors of a dual encoding network do not say."""

    attention_axis: Literal["time", "singleton"] | None = Field(
        default=None,
        description="What the attention's softmax is over; unset: singleton for checkpoints of the public code, time "
        "for those of `mediaeval pretrain signature`.",
    )
    normalise: bool | None = Field(
        default=None,
        description="Whether frames are brought to length 1 first; unset: true unless the checkpoint is of "
        "danieljf24/dual_encoding.",
    )


class DualEncodingSettings(WeightsSettings):
    """The visual branch of a dual encoding network."""

    source: str = Field(min_length=1, examples=["resnet152_11k"], description="Extractor whose vectors it reads.")
    model_args: DualEncodingArguments = DualEncodingArguments()


class DetectorArguments(Settings):
    """What the detector looks for, and at what size."""

    objects: int = Field(default=50, ge=1, description="Objects per image, at most.")  # 50 as in ObjectGraphs
    # low, so that few images have fewer than 50 objects
    score: float = Field(default=0.01, ge=0, lt=1, description="Least score of a detection.")
    min_size: int = Field(default=800, ge=32, description="Pixels that the shorter side is resized to.")
    max_size: int = Field(default=1333, ge=32, description="Pixels that the longer side has at most after that.")

    @model_validator(mode="after")
    def _sizes_are_in_order(self) -> "DetectorArguments":
        if self.max_size < self.min_size:
            raise ValueError(f"max_size: got {self.max_size}; expected at least min_size, {self.min_size}")
        return self


class DetectorParts(Settings):
    """The file of the detector."""

    detector: PathText = Field(
        default="", description="Weights of torchvision's fasterrcnn_resnet50_fpn_v2; unset: the published ones."
    )


class ObjectsSettings(Settings):
    """The mean over the vectors of the detected objects."""

    model_args: DetectorArguments = DetectorArguments()
    parts: DetectorParts = DetectorParts()


class ObjectGraphsSettings(ObjectsSettings, WeightsSettings):
    """The graph over the vectors of the detected objects."""

    source: str = Field(
        default="",
        description="Extractor that looks at the crop of each object; unset: the detector's own vectors are read.",
    )
