"""Heat maps drawn over images: where the network's square is in an image, and the colours of the map."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from mediaeval.features.windows import resized_size
from mediaeval.finetune.network import View

LARGEST = 1024  # pixels of the longer side of what is drawn

Box = tuple[float, float, float, float]  # left, top, right, bottom; 0..1 of the image's width and height
Colour = tuple[int, int, int]

# from no to strongest heat: how much of the image is covered, and by which colour
_HEAT = ((0.0, 0.0, (90, 0, 60)), (0.35, 0.45, (190, 20, 40)), (0.7, 0.6, (250, 130, 0)), (1.0, 0.7, (255, 240, 60)))
_DARKER = 0.65  # factor of the image's brightness where there is no heat
# of labels in a heat map; others are blue
COLOURS: dict[str, Colour] = {"negative": (255, 0, 0), "positive": (0, 255, 0)}
OTHER: Colour = (0, 110, 255)


def seen_box(view: View, image: Image.Image) -> Box:
    """Return which part of an image the network is given."""
    width, height = resized_size(image.size, view.resize, view.squash)
    left, top = round((width - view.crop) / 2.0), round((height - view.crop) / 2.0)  # as `centre` cuts
    return left / width, top / height, (left + view.crop) / width, (top + view.crop) / height


def laid_out(cells: np.ndarray, box: Box, size: tuple[int, int], *, smooth: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a map spread over its box in an image, float32 (height, width), and where the box is, bool.

    cells   (h, w), each the same part of the box
    size    (width, height) of the image, in pixels
    smooth  bilinear between the cells' centres, constant beyond those at the border; else the nearest cell's value

    Outside the box the map is 0.
    """
    left, top, right, bottom = box
    across, in_x = _weights(cells.shape[1], left, right, size[0], smooth)
    down, in_y = _weights(cells.shape[0], top, bottom, size[1], smooth)
    seen = in_y[:, None] & in_x[None, :]
    return np.where(seen, down @ cells.astype(np.float32) @ across.T, 0).astype(np.float32), seen


def _weights(n_cells: int, start: float, stop: float, pixels: int, smooth: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return along one side each pixel's weight of each cell, float32 (pixels, n_cells), and which are inside."""
    place = ((np.arange(pixels) + 0.5) / pixels - start) / (stop - start)  # of a pixel's middle, 0..1 in the box
    inside = (place >= 0) & (place <= 1)
    if smooth:
        at = np.clip(place * n_cells - 0.5, 0, n_cells - 1)
        return np.maximum(1 - np.abs(at[:, None] - np.arange(n_cells)), 0).astype(np.float32), inside
    nearest = np.clip((place * n_cells).astype(int), 0, n_cells - 1)
    return (nearest[:, None] == np.arange(n_cells)).astype(np.float32), inside


def shown(image: Image.Image) -> Image.Image:
    """Return an image to draw on: RGB, its longer side at most `LARGEST` pixels."""
    image = image.convert("RGB")
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return image


def with_heat(image: Image.Image, cells: np.ndarray, box: Box, top: float) -> Image.Image:
    """Draw the support for a label, (h, w) from 0 upwards, over an image; `top` and more is yellow.

    Without support the image itself is shown, darker; then red, orange, yellow. Outside the box it is pale grey.
    """
    heat, seen = laid_out(np.minimum(cells / top, 1) if top > 0 else cells * 0, box, image.size, smooth=True)
    levels = [level for level, _, _ in _HEAT]
    covers = [cover for _, cover, _ in _HEAT]
    colours = [colour for _, _, colour in _HEAT]
    cover = np.interp(heat, levels, covers)[..., None]
    colour = np.stack([np.interp(heat, levels, channel) for channel in zip(*colours, strict=True)], axis=-1)
    pixels = np.asarray(image, np.float32) * (_DARKER + (1 - _DARKER) * heat[..., None])
    return _drawn(image, pixels * (1 - cover) + colour * cover, seen)


def with_probabilities(image: Image.Image, maps: Mapping[str, np.ndarray], box: Box) -> Image.Image:
    """Draw maps of probabilities 0..1, label → (h, w), over an image: half image, half map, cell by cell.

    A map has its label's colour of `COLOURS`, black at 0; several maps are added (Campos et al. 2017, figure 5: green
    for positive, red for negative). Outside the box it is pale grey.
    """
    total, seen = np.zeros((image.height, image.width, 3)), np.zeros((image.height, image.width), bool)
    for label, cells in maps.items():
        values, seen = laid_out(cells, box, image.size, smooth=False)
        total += values[..., None] * np.array(COLOURS.get(label, OTHER))
    return _drawn(image, 0.5 * np.asarray(image, np.float32) + 0.5 * np.minimum(total, 255), seen)


def _drawn(image: Image.Image, pixels: np.ndarray, seen: np.ndarray) -> Image.Image:
    """Return `pixels` where `seen`, elsewhere the image in pale grey."""
    grey = np.asarray(image.convert("L"), np.float32)[..., None] * 0.25 + 140
    return Image.fromarray(np.uint8(np.clip(np.where(seen[..., None], pixels, grey), 0, 255) + 0.5))
