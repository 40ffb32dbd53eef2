"""How an image is prepared for a network that is not trained: resize, centre crop, then (x / 255 − mean) / std.

The first two steps are done image by image on 8-bit pixels, to the same bytes as timm and torchvision; the last one is
done on whole batches, by whatever computes the network. So an image takes a quarter of the bytes on its way, and none
of this needs torch.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mediaeval.features.windows import FILTERS, centre_box, windows


@dataclass(frozen=True)
class Pixels:
    """The first two steps. Equal ones see the same pixels, so that these are made once for several networks."""

    resize: int
    crop: int
    interpolation: str
    squash: bool

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Return an upright RGB image resized and cropped, uint8 (crop, crop, 3)."""
        (crop,) = windows(
            image, self.resize, self.interpolation, self.squash, lambda size: [centre_box(size, self.crop)]
        )
        return np.asarray(crop)


@dataclass(frozen=True)
class Preprocessing:
    """The steps and their numbers.

    resize         pixels of the shorter side; with `squash`, of both
    crop           pixels per side of the square that is cut from the middle
    interpolation  nearest, bilinear, bicubic or lanczos
    mean, std      of pixel values 0..1, RGB
    squash         whether the image is resized to a square, whatever its shape
    """

    resize: int
    crop: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    squash: bool = False

    @property
    def pixels(self) -> Pixels:
        """What resizes and crops an upright RGB image."""
        return Pixels(self.resize, self.crop, self.interpolation, self.squash)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads, JSON."""
        return {
            "resize": self.resize,
            "crop": self.crop,
            "interpolation": self.interpolation,
            "mean": list(self.mean),
            "std": list(self.std),
            "squash": self.squash,
        }


def from_dict(tree: Mapping[str, Any]) -> Preprocessing:
    """Return the preprocessing that `to_dict` describes."""
    return Preprocessing(**dict(tree) | {"mean": _triple(tree["mean"]), "std": _triple(tree["std"])})


def of_timm(config: Mapping[str, Any]) -> Preprocessing | None:
    """Return what timm's `create_transform` does for a data config, or None where it does anything else."""
    _, height, width = config["input_size"]
    mode = config.get("crop_mode") or "center"
    if height != width or config["interpolation"] not in FILTERS or mode not in ("center", "squash"):
        return None
    resize = math.floor(height / (config.get("crop_pct") or 0.875))
    mean, std = _triple(config["mean"]), _triple(config["std"])
    return Preprocessing(resize, height, config["interpolation"], mean, std, squash=mode == "squash")


def of_torchvision(transform: Any) -> Preprocessing | None:
    """Return what torchvision's `ImageClassification` transform does, or None for another transform."""
    if type(transform).__name__ != "ImageClassification" or transform.interpolation.value not in FILTERS:
        return None
    (resize,), (crop,) = transform.resize_size, transform.crop_size
    mean, std = _triple(transform.mean), _triple(transform.std)
    return Preprocessing(resize, crop, transform.interpolation.value, mean, std)


def _triple(numbers: Iterable[float]) -> tuple[float, float, float]:
    red, green, blue = numbers
    return red, green, blue
