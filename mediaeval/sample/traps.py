"""The traps of the drawn benchmark: what real datasets contain and naive code fails on.

Each replaces an image that was drawn already, so the ids, the other images and the other labels stay as they are
without traps. What was planted is returned by image id, for sample.json.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from mediaeval.sample.labels import annotate

# How the second of a pair of duplicates is made from the bytes of the first: the official dev set has 8 pairs.
DUPLICATES = ("copy", "copy", "copy", "copy", "comment", "comment", "smaller", "smaller")
MIN_DEV = 40  # 25 images are replaced; the others must still be a dev set
MIN_TEST = 4
ORIENTATION = 0x0112  # the EXIF tag


def plant_dev_traps(
    images: Path, scenes: pd.DataFrame, labels: pd.DataFrame, rng: np.random.Generator
) -> dict[str, Any]:
    """Plant every trap among the dev images, writing the labels of duplicates into `labels`; return their ids."""
    ids = [labels.index[i] for i in rng.permutation(len(labels))]
    pairs = [[ids.pop(), ids.pop()] for _ in DUPLICATES]
    for how, (first, second) in zip(DUPLICATES, pairs, strict=True):
        original = (images / f"{first}.jpg").read_bytes()
        (images / f"{second}.jpg").write_bytes(_duplicate(original, how))
        labels.loc[second] = _another_opinion(scenes.loc[[first]], labels.loc[first], rng)

    rotated = [_plant(images, ids.pop(), _rotate, orientation) for orientation in (6, 3)]
    planted: dict[str, Any] = {"duplicate_pairs": pairs, "exif_rotated": rotated}
    planted["grey"] = [_plant(images, ids.pop(), _convert, "L", "JPEG")]
    planted["cmyk"] = [_plant(images, ids.pop(), _convert, "CMYK", "JPEG")]
    planted["png_in_jpg"] = [_plant(images, ids.pop(), _convert, "RGB", "PNG")]
    planted["truncated"] = [_plant(images, ids.pop(), _truncate)]
    planted["zero_byte"] = [_plant(images, ids.pop(), lambda _: b"")]
    planted["uppercase"] = [ids.pop()]
    upper = planted["uppercase"][0]
    (images / f"{upper}.jpg").rename(images / f"{upper}.JPG")
    return planted


def plant_test_traps(images: Path, test_ids: list[str], rng: np.random.Generator) -> dict[str, list[str]]:
    """Plant one truncated and one EXIF-rotated file among the test images; return their ids."""
    truncated, rotated = (test_ids[i] for i in rng.choice(len(test_ids), size=2, replace=False))
    return {
        "truncated": [_plant(images, truncated, _truncate)],
        "exif_rotated": [_plant(images, rotated, _rotate, 6)],
    }


def _plant(images: Path, image_id: str, change: Callable[..., bytes], *arguments: Any) -> str:
    path = images / f"{image_id}.jpg"
    path.write_bytes(change(path.read_bytes(), *arguments))
    return image_id


def _another_opinion(scene: pd.DataFrame, labels: pd.Series, rng: np.random.Generator) -> list[Any]:
    """Return labels for the same scene that differ from these: those of another five annotators who disagree."""
    for _ in range(100):
        other = annotate(scene, rng).iloc[0]
        if list(other) != list(labels):
            return list(other)
    raise AssertionError("a hundred groups of annotators agree on all 18 labels")


def _duplicate(original: bytes, how: str) -> bytes:
    if how == "copy":
        return original
    if how == "comment":  # a COM segment after the start marker: other bytes, the same pixels
        text = b"copied for the press"
        return original[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + original[2:]
    image = Image.open(io.BytesIO(original))
    small = image.resize((round(image.width * 0.8), round(image.height * 0.8)), Image.Resampling.LANCZOS)
    return _encoded(small, "JPEG", quality=50)


def _rotate(original: bytes, orientation: int) -> bytes:
    """Rotate the stored pixels and set the EXIF tag that rotates them back: 6 is a quarter turn, 3 a half."""
    turn = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return _encoded(Image.open(io.BytesIO(original)).transpose(turn), "JPEG", quality=90, exif=exif)


def _convert(original: bytes, mode: str, image_format: str) -> bytes:
    return _encoded(Image.open(io.BytesIO(original)).convert(mode), image_format)


def _truncate(original: bytes) -> bytes:
    return original[: round(len(original) * 0.55)]  # after the header, within the pixels


def _encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, format=image_format, **options)
    return encoded.getvalue()
