"""The table of extractors: name → kind of network, where its weights come from, how images are prepared for it.

A user's own are added in mediaeval.toml under [extractors.NAME], with the same fields. Importing this needs no torch.
"""

import re
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mediaeval.errors import ConfigError, choose
from mediaeval.features.kinds import KINDS
from mediaeval.settings import Settings, Triple, parse_settings
from submission.wording import quoted

S = TypeVar("S", bound=Settings)


class ExtractorConfig(BaseModel):
    """One extractor as written in the table below or in mediaeval.toml: its kind, settings of that kind, its features.

    Settings that several kinds share are fields; a setting of one kind alone is a further attribute. Which of them a
    kind has, their ranges and meanings are stated by KINDS[kind].settings and checked by `require_settings`.
    """

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    kind: str = Field(
        description="Which kind of network it is; the kind decides what else can be set.",
        json_schema_extra={"enum": [*KINDS]},
    )
    model: str = ""  # the network's name in its library
    model_args: dict[str, Any] = Field(default_factory=dict)  # further arguments for building the network
    source: str = ""  # another extractor, whose vectors or whose network this one reads
    weights: str = ""  # a file; empty: the published one, from the cache or fetched into it
    parts: dict[str, str] = Field(default_factory=dict)  # further weight files by role: pca, detector
    output: Literal["features", "scores", "unit"] = "features"
    mean: Triple | None = None  # of pixel values 0..1, RGB
    std: Triple | None = None
    image_size: int | None = None  # pixels per side

    width: int | None = Field(
        default=None, ge=1, description="Numbers per image; features of another width are refused; unset: any width."
    )
    order: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=100,
        description="How strong its features are, 0 to 100: the largest is chosen first where none are named; unset, "
        "for your own: before all that have a number.",
    )
    seconds: float | None = Field(
        default=None,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        description="Seconds per image on one core, for what is chosen where no extractors are named; unset: "
        "those of the same network in the table, or estimated from the size of the weights.",
    )
    licence: str = Field(default="", description="Licence of the weights, for tables.")
    summary: str = Field(default="", description="What it is, in a sentence, for tables.")

    @field_validator("kind")
    @classmethod
    def _kind_exists(cls, kind: str) -> str:
        try:
            return choose("kind", kind, KINDS)
        except ConfigError as error:
            raise ValueError(str(error).rstrip(".")) from None

    def settings(self) -> dict[str, Any]:
        """Return the settings of its kind that are set: further attributes, and shared ones that are not at default."""
        shared = {key: getattr(self, key) for key in type(self).model_fields if key not in OF_ALL_KINDS}
        unset = {key: type(self).model_fields[key].get_default(call_default_factory=True) for key in shared}
        return {key: value for key, value in shared.items() if value != unset[key]} | (self.model_extra or {})

    def settings_as(self, model: type[S], name: str) -> S:
        """Return its settings as the model of its kind's settings; `name`: of the extractor, for messages.

        Raises ConfigError with every setting that the kind does not have, and every value that does not fit.
        """
        section = f"extractors.{name}"
        return parse_settings(model, self.settings(), section, reference=self.kind, beside=OF_ALL_KINDS)

    def weights_in_words(self) -> str:
        """Return where the weights come from, in a few words for a table."""
        return self.weights or " ".join(filter(None, (KINDS[self.kind].weights, self.model)))


LONGEST_NAME = 150  # bytes; file systems allow 255, of which a digest and an ending take some
OF_ALL_KINDS = ("kind", "width", "order", "seconds", "licence", "summary")


def require_settings(name: str, extractor: ExtractorConfig) -> None:
    """Raise ConfigError with every setting of an extractor that its kind does not have, or that does not fit."""
    extractor.settings_as(KINDS[extractor.kind].settings, name)


def require_file_name(name: str) -> None:
    """Raise ConfigError unless the name of an extractor can be a part of a file's name, and thus is no path."""
    if not name.isprintable() or not re.fullmatch(r"[^/\\]+", name) or len(name.encode()) > LONGEST_NAME:
        raise ConfigError(
            f"extractors: got the name {quoted(name)}; expected up to {LONGEST_NAME} letters, digits and other signs "
            "without / and \\, such as 'mine'."
        )


# order: a rank of what a network's features are worth to a linear classifier of other images, by what is published.
# Among networks of ImageNet-1k, accuracy there orders them (Kornblith et al. 2019): EfficientNet-B2 80 %, Inception
# 78 %, MobileNetV2 73 %, SqueezeNet 58 %; the CaffeNets of adjective-noun pairs (57 %) lie between the latter two.
# ResNet-50 has 81 %, but from the label smoothing and the mixing of images that cost transfer (Kornblith et al. 2021).
# Networks of far more images come before these, by what they reach when they are fine-tuned: SigLIP 2 B/16 (Tschannen
# et al. 2025; 78 % without), BiT R101x1 of ImageNet-21k (Kolesnikov et al. 2020; 82 %), ViT-B/16 of ImageNet-21k-P
# (Ridnik et al. 2021; 84 %, but these are its scores), ResNet-152 of ImageNet-11k. Detectors have no rank: they are
# used only where they are named.
#
# seconds: measured with PyTorch on one core of a server's processor, at the size of image that the weights are for, in
# batches of 4, the median of eight, for the network with its own weights or, where we have none, with random ones,
# which take as long; and 5 ms for decoding and preparing a photograph of 320 x 256 pixels. What reads another's vectors
# takes that other's time. Only `objectgraphs` is derived: 8 s for the detector, as `objects`, and 50 crops at 0.28 s.
EXTRACTORS: dict[str, ExtractorConfig] = {
    "handcrafted": ExtractorConfig(
        kind="handcrafted",
        width=492,
        licence="none needed",
        summary="colour, texture and edge statistics; needs no weights",
    ),
    # The five features of Pournaras et al. 2021 (both papers), in their order: E, R, Y, S, G
    "efficientnet_b2": ExtractorConfig(
        kind="timm",
        model="tf_efficientnet_b2.aa_in1k",
        width=1408,
        order=70,
        seconds=0.07,
        licence="Apache-2.0",
        summary="E: EfficientNet-B2, ImageNet-1k",
    ),
    "resnet152_11k": ExtractorConfig(
        kind="resnet152_11k",
        width=2048,
        order=75,
        seconds=0.29,
        licence="not stated by its authors",
        summary="R: ResNet-152 (pre-activation), ImageNet-11k",
    ),
    "yt8m": ExtractorConfig(
        kind="yt8m",
        source="inception2015",
        width=3862,
        order=58,
        seconds=0.19,
        licence="yours: nobody publishes it",
        summary="Y: scores of the 3,862 YouTube-8M classes",
    ),
    "signature": ExtractorConfig(
        kind="dual_encoding",
        source="resnet152_11k",
        width=2048,
        order=72,
        seconds=0.29,
        licence="yours: nobody publishes it",
        summary="S: attention-based dual encoding, visual branch",
    ),
    "objectgraphs": ExtractorConfig(
        kind="objectgraphs",
        source="resnet152_11k",
        width=2048,
        seconds=22.0,
        licence="yours: nobody publishes it",
        summary="G: graph over the vectors of 50 detected objects",
    ),
    # The same five roles with public weights: preset open2026
    "bit_resnet101": ExtractorConfig(
        kind="timm",
        model="resnetv2_101x1_bit.goog_in21k",
        width=2048,
        order=85,
        seconds=0.23,
        licence="Apache-2.0",
        summary="BiT ResNet-101, ImageNet-21k: a large vocabulary",
    ),
    "imagenet21k_scores": ExtractorConfig(
        kind="timm",
        model="vit_base_patch16_224_miil.in21k",
        output="scores",
        width=11221,
        order=80,
        seconds=0.4,
        licence="Apache-2.0",
        summary="class scores (logits) of a ViT on ImageNet-21k-P",
    ),
    "siglip": ExtractorConfig(
        kind="timm",
        model="vit_base_patch16_siglip_224.v2_webli",
        output="unit",
        width=768,
        order=90,
        seconds=0.4,
        licence="Apache-2.0",
        summary="SigLIP 2, image tower: an embedding shared with texts",
    ),
    "objects": ExtractorConfig(
        kind="objects",
        width=1024,
        seconds=8.0,
        licence="BSD-3-Clause",
        summary="mean of the detector's own vectors of up to 50 objects",
    ),
    # Others
    "inception2015": ExtractorConfig(
        kind="inception2015",
        width=2048,
        order=60,
        seconds=0.19,
        licence="Apache-2.0",
        summary="Inception of 2015-12-05, ImageNet: what YouTube-8M was made with",
    ),
    "deepsentibank": ExtractorConfig(
        kind="caffenet",
        model="deepsentibank",
        output="scores",
        width=2089,
        order=32,
        seconds=0.03,
        licence="not checked by us",
        summary="DeepSentiBank: probabilities of 2,089 adjective-noun pairs",
    ),
    "mvso_en": ExtractorConfig(
        kind="caffenet",
        model="mvso_en",
        output="scores",
        width=4342,
        order=30,
        seconds=0.03,
        licence="not checked by us",
        summary="MVSO, English: probabilities of 4,342 adjective-noun pairs",
    ),
    "mobilenetv2": ExtractorConfig(
        kind="timm",
        model="mobilenetv2_100.ra_in1k",
        width=1280,
        order=40,
        seconds=0.025,
        licence="Apache-2.0",
        summary="MobileNetV2, ImageNet-1k: small and quick on a CPU",
    ),
    "resnet50": ExtractorConfig(
        kind="torchvision",
        model="resnet50",
        width=2048,
        order=55,
        seconds=0.11,
        licence="BSD-3-Clause",
        summary="ResNet-50, ImageNet-1k",
    ),
    "squeezenet": ExtractorConfig(
        kind="torchvision",
        model="squeezenet1_0",
        width=512,
        order=20,
        seconds=0.04,
        licence="BSD-3-Clause",
        summary="SqueezeNet 1.0, ImageNet-1k: 5 MB of weights",
    ),
}

# Computed beside the others to find near-duplicates before a split; not for training, so it is not in the table.
THUMBNAIL = ExtractorConfig(kind="thumbnail")
# What `mediaeval check --data` checks a run file with: not for training either, so that the check is independent.
WITNESS = ExtractorConfig(kind="witness")
