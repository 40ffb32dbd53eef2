"""Pixels as systems take them: images decoded once, resized to what crops are cut from, and cropped."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mediaeval.batches import map_ahead
from mediaeval.data.images import decode, read_image
from mediaeval.errors import ImageError, first_problems
from mediaeval.features.images import Images
from mediaeval.features.windows import Box, centre_box, resized, windows
from mediaeval.finetune.network import View

OnImage = Callable[[int, int], None]  # (images done, images), after every image


def centre_crop(view: View, image: Image.Image) -> np.ndarray:
    """Return the pixels of an upright RGB image that a network predicts from, uint8 (crop, crop, 3)."""
    (crop,) = _cut(view, image, lambda size: [centre_box(size, view.crop)])
    return np.asarray(crop)


def ten_crops(view: View, image: Image.Image) -> np.ndarray:
    """Return the four corners, the centre, and the mirror images of these five, uint8 (10, crop, crop, 3)."""

    def boxes(size: tuple[int, int]) -> list[Box]:
        right, low = size[0] - view.crop, size[1] - view.crop
        corners = [(x, y, x + view.crop, y + view.crop) for x, y in [(0, 0), (right, 0), (0, low), (right, low)]]
        return [*corners, centre_box(size, view.crop)]

    crops = [np.asarray(crop) for crop in _cut(view, image, boxes)]
    return np.stack([*crops, *(crop[:, ::-1] for crop in crops)])


def _cut(view: View, image: Image.Image, boxes: Callable[[tuple[int, int]], list[Box]]) -> list[Image.Image]:
    return windows(image, view.resize, view.interpolation, view.squash, boxes)


def decoded(images: Images, shape: Callable[[Image.Image], np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (id, shape(image)) in the order of `images.ids`; a thread per processor decodes a few images ahead.

    Raises ImageError, naming all images that cannot be decoded or shaped; none is yielded behind the first of them.
    """

    def pixels_of(image_id: str) -> np.ndarray | ImageError:
        try:
            return shape(decode(read_image(images.paths[image_id])[1]))
        except ImageError as error:
            return error
        except MemoryError:
            return ImageError("there is not enough memory to resize the image")

    problems = []
    for image_id, found in map_ahead(pixels_of, images.ids, os.cpu_count() or 1):
        if isinstance(found, ImageError):
            problems.append(f"{image_id}: {found}")
        elif not problems:
            yield image_id, found
    if problems:
        raise ImageError(*first_problems(problems, 20))


class DecodedImages:
    """The images of a training, decoded once and resized, in one file that all worker processes read.

    A pass over the images then decodes nothing. The file has 3 bytes per pixel, about 250 kB per image at 256 pixels;
    it lies in `folder`, which the caller removes. Raises ImageError, naming the image, if one cannot be decoded
    or is so narrow that it would be LARGE.
    """

    def __init__(self, images: Images, view: View, folder: Path, on_image: OnImage = lambda done, total: None):
        self.file = folder / "pixels"
        self.view = view
        self.places: dict[str, tuple[int, int, int]] = {}  # id → (offset in bytes, height, width)
        offset = 0
        with self.file.open("wb") as out:
            arrays = decoded(
                images, lambda image: np.asarray(resized(image, view.resize, view.interpolation, view.squash))
            )
            for done, (image_id, pixels) in enumerate(arrays, start=1):
                out.write(pixels.tobytes())
                height, width = pixels.shape[:2]
                self.places[image_id] = (offset, height, width)
                offset += pixels.size
                on_image(done, len(images.ids))

    def __getitem__(self, image_id: str) -> Image.Image:
        offset, height, width = self.places[image_id]
        pixels = np.fromfile(self.file, np.uint8, height * width * 3, offset=offset)
        return Image.fromarray(pixels.reshape(height, width, 3))

    def centre_crop(self, image_id: str) -> np.ndarray:
        """Return what the network predicts from: the same pixels as `centre_crop` of the image itself."""
        image = self[image_id]
        return np.asarray(image.crop(centre_box(image.size, self.view.crop)))
