"""The table of extractors: a name → which network, where its weights come from, and how its images are prepared.

A user's own are added in mediaeval.toml under [extractors.NAME], with the same fields. Importing this needs no torch.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Extractor(BaseModel):
    """One extractor as written in the table below or in mediaeval.toml.

    Size, crop, interpolation, mean and std belong to the weights and come with them from timm or torchvision; what is
    set here replaces them, for weights whose library entry says something else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    kind: Literal["timm", "torchvision", "handcrafted", "thumbnail", "witness"]
    model: str = ""  # the network's name in its library
    model_args: dict[str, Any] = Field(default_factory=dict)  # further arguments for building the network
    weights: str = ""  # a file (.safetensors, .pth, .pt, .bin); empty: the library's own, from its cache or the network
    mean: tuple[float, float, float] | None = None  # of pixel values 0..1, RGB
    std: tuple[float, float, float] | None = None
    image_size: int | None = Field(default=None, ge=8, le=4096)  # pixels a side
    summary: str = ""


EXTRACTORS: dict[str, Extractor] = {
    "handcrafted": Extractor(
        kind="handcrafted",
        summary="colour, texture and edge statistics; needs no weights",
    ),
    "efficientnet_b2": Extractor(
        kind="timm",
        model="tf_efficientnet_b2.aa_in1k",
        summary="EfficientNet-B2, ImageNet-1k, 1408-d: feature E of Pournaras et al. 2021",
    ),
    "mobilenetv2": Extractor(
        kind="timm",
        model="mobilenetv2_100.ra_in1k",
        summary="MobileNetV2, ImageNet-1k, 1280-d: small and quick on a CPU",
    ),
    "bit_resnet101": Extractor(
        kind="timm",
        model="resnetv2_101x1_bit.goog_in21k",
        summary="BiT ResNet-101, ImageNet-21k, 2048-d: a large vocabulary with public weights",
    ),
    "resnet50": Extractor(
        kind="torchvision",
        model="resnet50",
        summary="ResNet-50, ImageNet-1k, 2048-d",
    ),
    "squeezenet": Extractor(
        kind="torchvision",
        model="squeezenet1_0",
        summary="SqueezeNet 1.0, ImageNet-1k, 512-d: 5 MB of weights",
    ),
}

# Computed beside the others to find near-duplicates before a split; not for training, hence not in the table.
THUMBNAIL = Extractor(kind="thumbnail")
# What `mediaeval check --data` judges a run file with: not for training either, or it would judge itself.
WITNESS = Extractor(kind="witness")
