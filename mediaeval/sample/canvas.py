"""A canvas for the drawn scenes: gradients, clouds of noise, smoke, light and reflections over what is drawn hard.

A canvas is half as large again as the image that it becomes, which smooths every edge. Positions are fractions of the
canvas (x to the right, y downwards), sizes are in units of a hundredth of the canvas's mean side.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

T = TypeVar("T")
Colour = tuple[int, int, int]  # red, green, blue, 0..255
SUPERSAMPLING = 1.5  # 2 hardly looks better and takes 1.6 times as long


class Canvas:
    """An image being painted: `draw` for hard shapes, the methods for soft ones."""

    def __init__(self, width: int, height: int, rng: np.random.Generator):
        """Begin a black canvas; `width`, `height`: of the finished image, in pixels."""
        self.size = (width, height)
        self.w, self.h = round(width * SUPERSAMPLING), round(height * SUPERSAMPLING)
        self.unit = math.sqrt(self.w * self.h) / 100
        self.rng = rng
        self.image = Image.new("RGB", (self.w, self.h))
        self.draw = ImageDraw.Draw(self.image)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel at the fractions `x` and `y`."""
        return x * self.w, y * self.h

    def gradient(self, top: float, bottom: float, colours: list[Colour]) -> None:
        """Fill the full width between two heights with colours that run from top to bottom."""
        first, last = round(top * self.h), round(bottom * self.h)
        strip = Image.fromarray(np.array(colours, dtype=np.uint8)[:, None, :])
        self.image.paste(
            strip.resize((1, max(1, last - first)), Image.Resampling.BILINEAR).resize((self.w, last - first)),
            (0, first),
        )

    def cloud(self, cells: int, stretch: float = 1.0, octaves: int = 4) -> np.ndarray:
        """Return fractal noise, float32 (height, width) of an eighth of the canvas, 0..1 with mean about 0.5.

        `cells` is how many blobs fit across; `stretch` > 1 draws them out sideways, < 1 upwards.
        """
        w, h = self.w // 8, self.h // 8
        total, weight = np.zeros((h, w), dtype=np.float32), 1.0
        for octave in range(octaves):
            across = cells * 2**octave
            down = max(2, round(across * stretch * h / w))
            grid = self.rng.random((down, max(2, across)), dtype=np.float32)
            total += weight * cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC)
            weight /= 2
        return total / (2 - 2 * weight)

    def veil(self, colour: Colour, opacity: np.ndarray, box: tuple[float, float, float, float] = (0, 0, 1, 1)) -> None:
        """Lay a colour over the box (left, top, right, bottom); `opacity`, 0..1 of any shape, is stretched to it."""
        left, top, right, bottom = (round(v) for v in (*self.at(*box[:2]), *self.at(*box[2:])))
        mask = stretch((np.clip(opacity, 0, 1) * 255).astype(np.uint8), (right - left, bottom - top))
        self.image.paste(colour, (left, top, right, bottom), mask)

    def grain(self, top: float, bottom: float, strength: float, size: float = 0.5) -> None:
        """Darken and lighten the full width between two heights in specks of `size` units: grass, gravel, asphalt."""
        first, last = round(top * self.h), round(bottom * self.h)
        if last - first < 4:
            return
        across = max(4, round(self.w / (size * self.unit)))
        down = max(4, round((last - first) / (size * self.unit)))
        specks = self.rng.integers(0, round(255 * strength), (down, across), dtype=np.uint8)
        mask = stretch(specks, (self.w, last - first))
        self.image.paste((12, 12, 10), (0, first), mask)
        self.image.paste((235, 230, 215), (0, first), ImageChops.offset(mask, self.w // 3, 0).point(lambda v: v // 3))

    def puffs(self, x: float, y: float, spread: float, rise: float, drift: float, amount: float) -> np.ndarray:
        """Return the opacity of a plume that rises from (x, y), float32 as `cloud`: smoke, dust or steam.

        `spread` and `rise` are fractions of the canvas, `drift` how far the top leans sideways, `amount` 0..1.
        """
        w, h = self.w // 8, self.h // 8
        mask = Image.new("L", (w, h))
        draw = ImageDraw.Draw(mask)
        for step in np.linspace(0, 1, 26):
            radius = spread * w * (0.25 + 0.9 * step) * self.rng.uniform(0.6, 1.1)
            cx = (x + drift * step**1.4 + spread * 0.5 * self.rng.normal() * (0.2 + step)) * w
            cy = (y - rise * step) * h
            draw.ellipse(
                (cx - radius, cy - radius, cx + radius, cy + radius), fill=round(255 * amount * (1 - 0.55 * step))
            )
        soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(w / 40)), dtype=np.float32) / 255
        return soft * np.clip(0.25 + 1.5 * self.cloud(6), 0, 1)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 1.0) -> None:
        """Add light about a point; `radius` is in units."""
        r = max(2, round(radius * self.unit))
        small = Image.new("RGB", (33, 33))
        ramp = np.clip(1 - np.hypot(*(np.mgrid[-16:17, -16:17] / 16.0)), 0, 1)[..., None] ** 1.6
        small = Image.fromarray((ramp * np.array(colour) * strength).clip(0, 255).astype(np.uint8))
        cx, cy = (round(v) for v in self.at(x, y))
        box = (max(0, cx - r), max(0, cy - r), min(self.w, cx + r), min(self.h, cy + r))
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        light = small.resize((2 * r, 2 * r), Image.Resampling.BILINEAR).crop(
            (box[0] - cx + r, box[1] - cy + r, box[2] - cx + r, box[3] - cy + r)
        )
        self.image.paste(ImageChops.screen(self.image.crop(box), light), box[:2])

    def tint(self, ambient: tuple[float, float, float]) -> None:
        """Multiply the whole canvas by the colour of the light, 0..1 a channel; flames and lamps are painted after."""
        table = [min(255, round(v * factor)) for factor in ambient for v in range(256)]
        self.image.paste(self.image.point(table))

    def mirror(self, waterline: float, depth: float, opacity: float) -> None:
        """Reflect what stands above the waterline in the water under it; `depth` is a fraction of the height."""
        line, under = round(waterline * self.h), round(min(depth, 1 - waterline, waterline) * self.h)
        if under < 8:
            return
        upside_down = self.image.crop((0, line - under, self.w, line)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        small = cv2.resize(np.asarray(upside_down), (self.w // 8, max(2, under // 16)), interpolation=cv2.INTER_AREA)
        rows = max(4, under // 6)
        ripples = self.rng.normal(opacity, 0.25, (rows, 3)).clip(0, 1) * np.linspace(1, 0.3, rows)[:, None]
        mask = stretch((ripples * 255).astype(np.uint8), (self.w, under))
        self.image.paste(stretch(small, (self.w, under)), (0, line), mask)


def stretch(pixels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Return uint8 pixels (height, width) or (height, width, 3) enlarged to (width, height), far faster than Pillow."""
    return Image.fromarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour made darker (< 1) or lighter (> 1)."""
    red, green, blue = (max(0, min(255, round(v * factor))) for v in colour)
    return red, green, blue


def vary(colour: Colour, rng: np.random.Generator, by: float = 14) -> Colour:
    """Return a similar colour; `by`: standard deviation of its brightness, of 255."""
    brighter, *tints = (by * rng.standard_normal(4)).tolist()
    red, green, blue = (max(0, min(255, round(v + brighter + tint / 2))) for v, tint in zip(colour, tints, strict=True))
    return red, green, blue


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Return one of `options` as it is (rng.choice would make an array of it)."""
    return options[int(rng.integers(len(options)))]
