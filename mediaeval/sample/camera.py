"""The camera of the drawn benchmark: it changes every scene in the same way, so it tells nothing about the label."""

import math

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageFilter

from mediaeval.sample.canvas import Canvas, pick, stretch, vary


def photograph(c: Canvas, light: str) -> Image.Image:
    """Return the canvas as a camera would see it: something in the way, tilt, blur, vignette, colour cast, noise."""
    rng = c.rng
    if rng.random() < 0.14:
        _occlude(c)
    picture = Image.fromarray(cv2.resize(np.asarray(c.image), c.size, interpolation=cv2.INTER_LINEAR))
    if rng.random() < 0.35:
        picture = _tilt(picture, rng.normal(0, 2.5))
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(0.4, 1.4)))
    contrast, exposure = rng.uniform(0.8, 1.15), rng.uniform(0.82, 1.18)
    cast = rng.normal(1, 0.05, 3)
    levels = np.arange(256)
    table = [np.clip(((levels - 128) * contrast + 128) * exposure * gain, 0, 255).round() for gain in cast]
    picture = picture.point(np.concatenate(table).astype(int).tolist())
    if rng.random() < 0.07:
        picture = Image.blend(picture, picture.convert("L").convert("RGB"), rng.uniform(0.5, 0.95))
    if rng.random() < 0.4:
        across = np.linspace(-1, 1, 32) ** 2
        shading = 255 * (1 - rng.uniform(0.1, 0.35) * (across[:, None] + across))
        shadow = stretch(shading.astype(np.uint8), picture.size)
        picture = ImageChops.multiply(picture, Image.merge("RGB", [shadow] * 3))
    reach = int(rng.integers(1, 6)) if light != "night" else int(rng.integers(4, 10))  # grey levels, 0..255
    width, height = picture.size
    noise = rng.integers(-reach, reach + 1, (2, height, width), dtype=np.int8).sum(axis=0, dtype=np.int16)
    return Image.fromarray(cv2.add(np.asarray(picture), cv2.merge([noise] * 3), dtype=cv2.CV_8U))  # add saturates


def _occlude(c: Canvas) -> None:
    """Put something before the lens: a post, a rail, leaves or a thumb."""
    rng, dark, what = c.rng, vary((30, 28, 28), c.rng, 10), c.rng.integers(4)
    if what == 0:
        x = rng.uniform(0, 0.95)
        c.draw.rectangle((*c.at(x, 0), *c.at(x + rng.uniform(0.02, 0.05), 1)), fill=dark)
    elif what == 1:
        y = rng.uniform(0.6, 0.95)
        c.draw.rectangle((*c.at(0, y), *c.at(1, y + 0.035)), fill=dark)
    elif what == 2:
        for x, y in rng.random((22, 2)) * (0.35, 0.25):
            (px, py), r = c.at(x, y), c.unit * rng.uniform(1, 4)
            c.draw.ellipse((px - r, py - r / 2, px + r, py + r / 2), fill=vary((36, 50, 28), rng, 8))
    else:
        (px, py), r = c.at(pick(rng, (0, 1)), pick(rng, (0, 1))), c.unit * rng.uniform(10, 22)
        c.draw.ellipse((px - r, py - r, px + r, py + r), fill=vary((150, 100, 84), rng, 20))


def _tilt(picture: Image.Image, degrees: float) -> Image.Image:
    """Turn the picture and cut away the corners that this leaves empty; the size becomes a little smaller."""
    width, height = picture.size
    sine = abs(math.sin(math.radians(degrees)))
    trim_x, trim_y = math.ceil(height * sine / 2) + 1, math.ceil(width * sine / 2) + 1
    turned = picture.rotate(degrees, Image.Resampling.BILINEAR)
    return turned.crop((trim_x, trim_y, width - trim_x, height - trim_y))
