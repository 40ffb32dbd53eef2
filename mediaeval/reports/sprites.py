"""Small pictures for a page, as data URIs: tiles of many images on few sheets, and single larger pictures.

Each has a budget in bytes that is kept by its quality, which is adapted from sheet to sheet, so that no image has to be
decoded twice and one sheet at a time is in memory.
"""

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, features

from mediaeval.data.images import decode, read_image
from mediaeval.errors import ImageError

TILE = 96  # pixels: the longer side of an image on a sheet
COLUMNS = 16  # tiles in a row of a sheet
SHEET = COLUMNS * COLUMNS  # tiles: 1536 × 1536 pixels, 7 MB in memory
LARGE = 320  # pixels: the longer side of a larger picture
BEST, WORST = 60, 10  # quality: more is not seen at this size; at 10, pictures are blurred, but recognised
_STEP = 5


@dataclass(frozen=True)
class Place:
    """Where an image's tile is: the sheet, the tile's number on it, and its size in pixels."""

    sheet: int
    k: int
    width: int
    height: int


@dataclass(frozen=True)
class Sprites:
    """Tiles of images on sheets.

    sheets  data URIs, each of `columns` × `columns` tiles at most
    places  image → where its tile is
    gone    image → why it has none
    """

    tile: int
    columns: int
    sheets: tuple[str, ...]
    places: dict[int, Place]
    gone: dict[int, str]


def sprites(paths: Mapping[int, Path], budget: int, tile: int = TILE) -> Sprites:
    """Return the tiles of images, whole and in their proportions, in at most `budget` characters where that can be.

    The quality is at most BEST and at least WORST; at WORST, 2,432 photographs of 96 pixels take about 0.7 MB.
    """
    sheets: list[str] = []
    places: dict[int, Place] = {}
    gone: dict[int, str] = {}
    quality, left = BEST, budget
    order = list(paths)
    for start in range(0, len(order), SHEET):
        indices = order[start : start + SHEET]
        found: list[Image.Image] = []
        for index in indices:
            try:
                picture = thumbnail(paths[index], tile)
            except ImageError as error:
                gone[index] = str(error)
                continue
            places[index] = Place(len(sheets), len(found), *picture.size)
            found.append(picture)
        if found:
            uri, quality = _encoded(
                _sheet(found, tile), left * len(indices) // (len(order) - start), min(quality + _STEP, BEST)
            )
            sheets.append(uri)
            left -= len(uri)
    return Sprites(tile, COLUMNS, tuple(sheets), places, gone)


def pictures(images: Iterable[tuple[int, Image.Image]], n: int, budget: int) -> Iterator[tuple[int, str]]:
    """Yield (key, data URI) of single pictures, all together of at most `budget` characters where that can be.

    n  how many there are
    """
    quality, left = BEST, budget
    for k, (key, image) in enumerate(images):
        uri, quality = _encoded(image, left // max(n - k, 1), min(quality + _STEP, BEST))
        left -= len(uri)
        yield key, uri


def thumbnail(path: Path, side: int) -> Image.Image:
    """Return an image, RGB, its longer side at most `side` pixels. Raises ImageError when it cannot be decoded."""
    image = decode(read_image(path)[1], scaled=True)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def _sheet(tiles: Sequence[Image.Image], tile: int) -> Image.Image:
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * tile, rows * tile))
    for k, picture in enumerate(tiles):
        sheet.paste(picture, (k % COLUMNS * tile, k // COLUMNS * tile))
    return sheet


def _encoded(image: Image.Image, budget: int, quality: int) -> tuple[str, int]:
    """Return an image as a data URI of at most `budget` characters, and its quality, at most `quality`."""
    while True:
        uri = _data_uri(image, quality)
        if len(uri) <= budget or quality <= WORST:
            return uri, quality
        # a sheet of twice the budget needs several steps down
        quality = max(quality - _STEP * (2 if len(uri) > 1.5 * budget else 1), WORST)


def _data_uri(image: Image.Image, quality: int) -> str:
    data = io.BytesIO()
    if features.check("avif"):  # half the size of WebP
        kind = "avif"
        image.save(data, "AVIF", quality=quality, speed=8)  # a third of the time of 6, for 2 % more
    else:
        kind = "webp"
        image.save(data, "WEBP", quality=quality)
    return f"data:image/{kind};base64,{base64.b64encode(data.getvalue()).decode()}"
