"""Parts of a resized image, to the bytes of Pillow's `resize`, without the whole where that would be large.

A ruled line of 6000 × 1 pixels, resized to 256 pixels of the shorter side, has 1,536,000 × 256: 1.6 GB for a crop of
224 × 224. So of such an image only what the crop shows is computed, by the arithmetic of Pillow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from mediaeval.errors import ImageError

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
OPENCV = "opencv"  # bilinear between the nearest pixels, as Caffe resizes: what is left out is not averaged over
LARGE = 16 << 20  # pixels of a resized image, 64 MB: at 256 pixels of the shorter side, 256 times as long as wide
_ADDED_UP = 1 << 24  # pixels along a side, for `nearest`; nothing longer was ever resized
_BITS = 22  # Pillow's weights are whole numbers of so many bits behind the point

Box = tuple[int, int, int, int]  # left, top, right, bottom; outside of the image is black
Pixels = np.ndarray[Any, Any]


def resized_size(size: tuple[int, int], resize: int, squash: bool) -> tuple[int, int]:
    """Return (width, height) of an image of `size` whose shorter side has `resize` pixels; with `squash`, both."""
    width, height = size
    if squash:
        return resize, resize
    short, long = sorted(size)
    longer = int(resize * long / short)  # cut down to whole pixels, as timm and torchvision do
    return (resize, longer) if width <= height else (longer, resize)


def resized(image: Image.Image, resize: int, interpolation: str, squash: bool) -> Image.Image:
    """Return the whole image, resized as `resized_size` says, by one of FILTERS or by OPENCV.

    Raises ImageError when it would have LARGE pixels.
    """
    size = resized_size(image.size, resize, squash)
    if math.prod(size) > LARGE:
        raise ImageError(
            f"the image is too narrow to be learned from: {image.width} × {image.height} pixels would become "
            f"{size[0]} × {size[1]}. Crop it, leave it out, or choose a smaller image_size"
        )
    return _whole(image, size, interpolation)


def windows(
    image: Image.Image, resize: int, interpolation: str, squash: bool, boxes: Callable[[tuple[int, int]], Sequence[Box]]
) -> list[Image.Image]:
    """Return the parts `boxes((width, height))` of an RGB image that is resized as `resized_size` says.

    Equal to `resize` and `crop` of Pillow, byte for byte; the memory taken does not depend on the shape of the image.
    """
    size = resized_size(image.size, resize, squash)
    if math.prod(size) <= LARGE:
        whole = _whole(image, size, interpolation)
        return [whole.crop(box) for box in boxes(size)]
    return [_window(image, size, interpolation, box) for box in boxes(size)]


def centre_box(size: tuple[int, int], crop: int) -> Box:
    """Return the middle square of `crop` pixels per side; it reaches beyond an image that is smaller."""
    left, top = (_margin(length, crop) for length in size)
    return left, top, left + crop, top + crop


def _margin(length: int, crop: int) -> int:
    if length < crop:
        return -((crop - length) // 2)  # the odd pixel right and below
    return round((length - crop) / 2.0)  # half to even, as in timm and torchvision


def _whole(image: Image.Image, size: tuple[int, int], interpolation: str) -> Image.Image:
    if interpolation == OPENCV:
        import cv2

        return Image.fromarray(cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_LINEAR))
    return image if size == image.size else image.resize(size, FILTERS[interpolation])


def _window(image: Image.Image, size: tuple[int, int], interpolation: str, box: Box) -> Image.Image:
    left, top, right, bottom = box
    inside = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
    window = Image.new("RGB", (right - left, bottom - top))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return window  # nothing of the image is in it
    columns = _taps(image.width, size[0], inside[0], inside[2], interpolation)
    rows = _taps(image.height, size[1], inside[1], inside[3], interpolation)
    source = np.asarray(image.crop((columns.first, rows.first, columns.last, rows.last)))
    passes = [(columns, 1), (rows, 0)]  # each rounds to 8 bits, so their order matters
    for taps, axis in reversed(passes) if _goes_down_first(image.size, size) else passes:
        source = taps.weighted(source.swapaxes(0, axis)).swapaxes(0, axis)
    part = Image.fromarray(np.ascontiguousarray(source))
    window.paste(part, (inside[0] - left, inside[1] - top))
    return window


def _goes_down_first(source: tuple[int, int], target: tuple[int, int]) -> bool:
    """Return whether Pillow resizes the height before the width; old versions never do."""
    across, down = source[0] - target[0], source[1] - target[1]
    return down > 0 and down > 2 * across and _may_go_down_first()


@cache
def _may_go_down_first() -> bool:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 16, 3), dtype=np.uint8))
    down_first = noise.resize((16, 8), Image.Resampling.BICUBIC).resize((8, 8), Image.Resampling.BICUBIC)
    return noise.resize((8, 8), Image.Resampling.BICUBIC).tobytes() == down_first.tobytes()


@dataclass(frozen=True)
class _Taps:
    """What pixels first:last of one axis contribute to each pixel of the window."""

    first: int
    last: int
    starts: Pixels  # (n,): first pixel that contributes
    weights: Pixels  # int64 (n, taps), of 2 ** _BITS

    def weighted(self, source: Pixels) -> Pixels:
        """Return uint8 (n, …) for the source's pixels first:last, uint8 (last - first, …)."""
        total = np.full((len(self.starts), *source.shape[1:]), 1 << (_BITS - 1), np.int64)
        for tap in range(self.weights.shape[1]):
            at = np.minimum(self.starts + tap - self.first, len(source) - 1)  # behind the last one the weight is 0
            total += source[at] * self.weights[:, tap].reshape(-1, *[1] * (source.ndim - 1))
        return np.clip(total >> _BITS, 0, 255).astype(np.uint8)


def _taps(source: int, target: int, begin: int, end: int, interpolation: str) -> _Taps:
    """Return the taps of the pixels begin:end of an axis of `source` pixels that is resized to `target`.

    Written out as in Pillow's `precompute_coeffs`, in the same order: every rounding is the same.
    """
    scale = source / target
    if interpolation == "nearest":
        places = (np.arange(begin, end) + 0.5) * scale
        if end <= _ADDED_UP:  # Pillow adds the scale up, which decides where a centre lies between two pixels
            places = np.cumsum(np.concatenate([[0.5 * scale], np.full(end - 1, scale)]))[begin:]
        starts = [min(int(place), source - 1) for place in places]
        kernels = [[1.0]] * len(starts)
    else:
        function, support = _KERNELS[interpolation]
        stretch = max(scale, 1.0)
        support *= stretch
        starts, kernels = [], []
        for x in range(begin, end):
            centre = (x + 0.5) * scale
            first = max(int(centre - support + 0.5), 0)
            last = min(int(centre + support + 0.5), source)
            kernel = [function((k + first - centre + 0.5) * (1.0 / stretch)) for k in range(last - first)]
            total = 0.0
            for weight in kernel:
                total += weight
            starts.append(first)
            kernels.append([weight / total for weight in kernel] if total else kernel)
    weights = np.zeros((len(kernels), max(map(len, kernels))), np.int64)
    for row, kernel in zip(weights, kernels, strict=True):
        row[: len(kernel)] = [int(math.copysign(0.5, weight) + weight * (1 << _BITS)) for weight in kernel]
    lasts = [start + len(kernel) for start, kernel in zip(starts, kernels, strict=True)]
    return _Taps(min(starts), max(lasts), np.array(starts), weights)


def _triangle(x: float) -> float:
    return max(1.0 - abs(x), 0.0)


def _cubic(x: float) -> float:
    a, x = -0.5, abs(x)
    if x < 1.0:
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2.0 else 0.0


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / 3) if -3.0 <= x < 3.0 else 0.0


def _sinc(x: float) -> float:
    return math.sin(x * math.pi) / (x * math.pi) if x else 1.0


_KERNELS: dict[str, tuple[Callable[[float], float], float]] = {
    "bilinear": (_triangle, 1.0),
    "bicubic": (_cubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}
