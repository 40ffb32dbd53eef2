"""Photographs as networks take them: decoded once, at the size that crops are cut from."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mediaeval.batches import map_ahead
from mediaeval.data.images import decode, read_image
from mediaeval.errors import ImageError
from mediaeval.features.images import Images
from mediaeval.features.preprocess import centre, resized
from mediaeval.finetune.network import View

OnImage = Callable[[int, int], None]


@dataclass(frozen=True)
class Photographs:
    """What a system is given: image files, and beside each the vector of the extractors that it reads, if any.

    `vectors`: float32, ids × the sum of widths.
    """

    ids: tuple[str, ...]
    paths: Mapping[str, Path]
    vectors: pd.DataFrame | None = None

    def some(self, ids: Sequence[str]) -> "Photographs":
        """Return those of `ids`, in that order."""
        return replace(self, ids=tuple(ids))

    def matrix(self) -> np.ndarray | None:
        """Return the vectors, (n, width), rows in the order of `ids`."""
        return None if self.vectors is None else self.vectors.loc[list(self.ids)].to_numpy(np.float32, copy=True)


def resized_to(view: View, image: Image.Image) -> Image.Image:
    """Return an image at the size that a view's crops are cut from."""
    return resized(image, view.resize, view.interpolation, view.squash)


def middle(view: View, image: Image.Image) -> np.ndarray:
    """Return the pixels that a network is given of an upright RGB image when it predicts, uint8 (crop, crop, 3)."""
    return np.asarray(centre(resized_to(view, image), view.crop))


def ten_crops(view: View, image: Image.Image) -> np.ndarray:
    """Return the four corners and the middle, and their mirror images, uint8 (10, crop, crop, 3)."""
    image = resized_to(view, image)
    right, low = image.width - view.crop, image.height - view.crop
    corners = [(0, 0), (right, 0), (0, low), (right, low)]
    crops = [np.asarray(image.crop((x, y, x + view.crop, y + view.crop))) for x, y in corners]
    crops.append(np.asarray(centre(image, view.crop)))
    return np.stack([*crops, *(crop[:, ::-1] for crop in crops)])


def decoded(
    photographs: Photographs | Images, shape: Callable[[Image.Image], np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (id, shape(image)) in the order of `ids`, decoded a little ahead by all processors.

    Raises ImageError, naming the image, for one that cannot be decoded.
    """

    def one(image_id: str) -> np.ndarray:
        try:
            return shape(decode(read_image(photographs.paths[image_id])[1]))
        except ImageError as error:
            raise ImageError(f"{image_id}: {error}") from None

    yield from map_ahead(one, photographs.ids, os.cpu_count() or 1)


class Pictures:
    """The photographs of a training, decoded once and resized, in one file that all worker processes read.

    A pass over the images then costs no decoding. The file takes the pixels' own size, about 250 kB an image at 256
    pixels; it lies in `folder`, which the caller removes.
    """

    def __init__(
        self, photographs: Photographs, view: View, folder: Path, on_image: OnImage = lambda done, total: None
    ):
        self.file = folder / "pixels"
        self.view = view
        self.places: dict[str, tuple[int, int, int]] = {}  # id → (offset, height, width)
        offset = 0
        with self.file.open("wb") as out:
            pictures = decoded(photographs, lambda image: np.asarray(resized_to(view, image)))
            for done, (image_id, pixels) in enumerate(pictures, start=1):
                out.write(pixels.tobytes())
                self.places[image_id] = (offset, *pixels.shape[:2])
                offset += pixels.size
                on_image(done, len(photographs.ids))

    def __getitem__(self, image_id: str) -> Image.Image:
        offset, height, width = self.places[image_id]
        pixels = np.fromfile(self.file, np.uint8, height * width * 3, offset=offset)
        return Image.fromarray(pixels.reshape(height, width, 3))

    def middle(self, image_id: str) -> np.ndarray:
        """Return what the network is given when it predicts: the bytes of `middle` on the photograph itself."""
        return np.asarray(centre(self[image_id], self.view.crop))
