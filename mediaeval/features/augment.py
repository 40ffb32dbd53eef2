"""Augmented views of training images: random crop, blur, brightness and rotation (Pournaras et al. 2021, section 3).

The only file that knows albumentations. The paper names the four operations and no magnitudes; these are ours.
"""

import hashlib
import os
import warnings

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # before the import, which looks for a newer version otherwise

import albumentations as A
import cv2
import numpy as np
from PIL import Image

POLICY = (
    "crop<=0.1 a border, rotate<=15, brightness<=0.2, blur sigma<=1.5; after fitting into 640 px; version 1; "
    f"albumentations {A.__version__}, opencv {cv2.__version__}"
)
_LONGEST = 640  # pixels: networks see 224 to 384, so nothing is lost, and an image of 12 megapixels takes no seconds


class Augmenter:
    """Draws views of images. Each thread needs its own: albumentations keeps its random state inside."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # albumentations only warns about arguments that it does not know
            self._compose = A.Compose(
                [
                    A.RandomCropFromBorders(crop_left=0.1, crop_right=0.1, crop_top=0.1, crop_bottom=0.1, p=1.0),
                    A.Rotate(limit=15, border_mode=cv2.BORDER_REFLECT_101, p=0.5),
                    A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.0, p=0.5),
                    A.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 1.5), p=0.3),
                ]
            )

    def view(self, image: Image.Image, seed: int, image_id: str, view: int) -> Image.Image:
        """Return view number `view` of an upright RGB image: equal (seed, image_id, view) always give equal pixels."""
        if max(image.size) > _LONGEST:
            image = image.copy()
            image.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BICUBIC)
        # albumentations does not seed per worker: copies of one pipeline would draw equal streams.
        digest = hashlib.sha256(f"{seed}\0{image_id}\0{view}".encode()).digest()
        self._compose.set_random_seed(int.from_bytes(digest[:4], "little"))
        return Image.fromarray(self._compose(image=np.asarray(image))["image"])
