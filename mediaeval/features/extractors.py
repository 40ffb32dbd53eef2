"""The table of extractors: a name → which network, where its weights come from, and how its images are prepared.

A user's own are added in mediaeval.toml under [extractors.NAME], with the same fields. Importing this needs no torch.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal[
    "handcrafted",
    "timm",
    "torchvision",
    "resnet152_11k",
    "inception2015",
    "caffenet",
    "yt8m",
    "dual_encoding",
    "objectgraphs",
    "objects",
    "thumbnail",
    "witness",
]


class ExtractorConfig(BaseModel):
    """One extractor as written in the table below or in mediaeval.toml.

    Size, crop, interpolation, mean and std belong to the weights and come with them from timm or torchvision; what is
    set here replaces them, for weights whose library entry says something else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    kind: Kind
    model: str = ""  # the network's name in its library
    model_args: dict[str, Any] = Field(default_factory=dict)  # further arguments for building the network
    source: str = (
        ""  # another extractor: its vectors (yt8m, dual_encoding) or its network for crops (objects…) are read
    )
    weights: str = ""  # a file; empty: the published one, from the cache of `mediaeval weights fetch` or the network
    parts: dict[str, str] = Field(default_factory=dict)  # further weight files by role: pca, detector
    # What the network gives: the vector that its classifier reads, the classifier's own output (class scores), or that
    # at unit length (an embedding that is compared by cosine).
    output: Literal["features", "scores", "unit"] = "features"
    mean: tuple[float, float, float] | None = None  # of pixel values 0..1, RGB
    std: tuple[float, float, float] | None = None
    image_size: int | None = Field(default=None, ge=8, le=4096)  # pixels a side
    width: int | None = Field(default=None, ge=1)  # numbers an image; another width is refused
    licence: str = ""  # of the weights
    summary: str = ""

    @model_validator(mode="after")
    def _takes_what_is_set(self) -> "ExtractorConfig":
        """Refuse what the kind has no use for: a setting that changes nothing would be believed to."""
        takes = _TAKES[self.kind]
        default = type(self).model_fields
        useless = [
            f for f in _SETTINGS - takes.keys() if getattr(self, f) != default[f].get_default(call_default_factory=True)
        ]
        useless += [f"parts.{role}" for role in self.parts if role not in takes.get("parts", ())]
        if useless:
            known = ", ".join(
                [*(k for k in takes if k != "parts"), *(f"parts.{role}" for role in takes.get("parts", ()))]
            )
            raise ValueError(f"kind '{self.kind}' has no {', '.join(sorted(useless))}; it takes: {known or 'nothing'}")
        if "model" in takes and not self.model:
            raise ValueError(f"kind '{self.kind}' wants a model, such as model = 'resnet50'")
        return self

    def weights_in_words(self) -> str:
        """Return where the weights come from, in a few words for a table."""
        return self.weights or " ".join(filter(None, (_WEIGHTS[self.kind], self.model)))


_SETTINGS = {"model", "model_args", "source", "weights", "parts", "output", "mean", "std", "image_size"}
_LIBRARY = dict.fromkeys(["model", "model_args", "weights", "output", "mean", "std", "image_size"])
# Which settings a kind takes; of `parts`, which roles
_TAKES: dict[str, dict[str, Any]] = {
    "handcrafted": {},
    "timm": _LIBRARY,
    "torchvision": _LIBRARY,
    "resnet152_11k": dict.fromkeys(["model_args", "weights"]),
    "inception2015": dict.fromkeys(["model_args", "weights"]),
    "caffenet": dict.fromkeys(["model", "weights", "output", "mean"]),
    "yt8m": dict.fromkeys(["model_args", "source", "weights"]) | {"parts": ("pca",)},
    "dual_encoding": dict.fromkeys(["model_args", "source", "weights"]),
    "objectgraphs": dict.fromkeys(["model_args", "source", "weights"]) | {"parts": ("detector",)},
    "objects": dict.fromkeys(["model_args"]) | {"parts": ("detector",)},
    "thumbnail": {},
    "witness": {},
}
READERS = {"yt8m", "dual_encoding"}  # kinds that read the vectors of their source, not images

# Who gives the weights of a kind; the files themselves: mediaeval weights list
_WEIGHTS = {
    "handcrafted": "none needed",
    "timm": "timm",
    "torchvision": "torchvision",
    "resnet152_11k": "public: MXNet model zoo, or its Keras port",
    "inception2015": "public: pytorch-fid",
    "caffenet": "a .caffemodel that you bring:",
    "yt8m": "trained by you: pretrain yt8m; PCA public",
    "dual_encoding": "trained by you: pretrain signature",
    "objectgraphs": "trained by you: pretrain objectgraphs; detector public",
    "objects": "torchvision fasterrcnn_resnet50_fpn_v2",
    "thumbnail": "none needed",
    "witness": "none needed",
}


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
        licence="Apache-2.0",
        summary="E: EfficientNet-B2, ImageNet-1k",
    ),
    "resnet152_11k": ExtractorConfig(
        kind="resnet152_11k",
        width=2048,
        licence="not stated by its authors",
        summary="R: ResNet-152 (pre-activation), ImageNet-11k",
    ),
    "yt8m": ExtractorConfig(
        kind="yt8m",
        source="inception2015",
        width=3862,
        licence="yours: nobody publishes it",
        summary="Y: scores of the 3,862 YouTube-8M classes",
    ),
    "signature": ExtractorConfig(
        kind="dual_encoding",
        source="resnet152_11k",
        width=2048,
        licence="yours: nobody publishes it",
        summary="S: attention-based dual encoding, visual branch",
    ),
    "objectgraphs": ExtractorConfig(
        kind="objectgraphs",
        source="resnet152_11k",
        width=2048,
        licence="yours: nobody publishes it",
        summary="G: graph over the vectors of 50 detected objects",
    ),
    # The same five roles with public weights: preset open2026
    "bit_resnet101": ExtractorConfig(
        kind="timm",
        model="resnetv2_101x1_bit.goog_in21k",
        width=2048,
        licence="Apache-2.0",
        summary="BiT ResNet-101, ImageNet-21k: a large vocabulary",
    ),
    "imagenet21k_scores": ExtractorConfig(
        kind="timm",
        model="vit_base_patch16_224_miil.in21k",
        output="scores",
        width=11221,
        licence="Apache-2.0",
        summary="class scores (logits) of a ViT on ImageNet-21k-P",
    ),
    "siglip": ExtractorConfig(
        kind="timm",
        model="vit_base_patch16_siglip_224.v2_webli",
        output="unit",
        width=768,
        licence="Apache-2.0",
        summary="SigLIP 2, image tower: an embedding shared with texts",
    ),
    "objects": ExtractorConfig(
        kind="objects",
        width=1024,
        licence="BSD-3-Clause",
        summary="mean of the detector's own vectors of up to 50 objects",
    ),
    # Others
    "inception2015": ExtractorConfig(
        kind="inception2015",
        width=2048,
        licence="Apache-2.0",
        summary="Inception of 2015-12-05, ImageNet: what YouTube-8M was made with",
    ),
    "deepsentibank": ExtractorConfig(
        kind="caffenet",
        model="deepsentibank",
        output="scores",
        width=2089,
        licence="not checked by us",
        summary="DeepSentiBank: probabilities of 2,089 adjective-noun pairs",
    ),
    "mvso_en": ExtractorConfig(
        kind="caffenet",
        model="mvso_en",
        output="scores",
        width=4342,
        licence="not checked by us",
        summary="MVSO, English: probabilities of 4,342 adjective-noun pairs",
    ),
    "mobilenetv2": ExtractorConfig(
        kind="timm",
        model="mobilenetv2_100.ra_in1k",
        width=1280,
        licence="Apache-2.0",
        summary="MobileNetV2, ImageNet-1k: small and quick on a CPU",
    ),
    "resnet50": ExtractorConfig(
        kind="torchvision",
        model="resnet50",
        width=2048,
        licence="BSD-3-Clause",
        summary="ResNet-50, ImageNet-1k",
    ),
    "squeezenet": ExtractorConfig(
        kind="torchvision",
        model="squeezenet1_0",
        width=512,
        licence="BSD-3-Clause",
        summary="SqueezeNet 1.0, ImageNet-1k: 5 MB of weights",
    ),
}

# Computed beside the others to find near-duplicates before a split; not for training, hence not in the table.
THUMBNAIL = ExtractorConfig(kind="thumbnail")
# What `mediaeval check --data` judges a run file with: not for training either, or it would judge itself.
WITNESS = ExtractorConfig(kind="witness")
