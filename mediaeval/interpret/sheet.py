"""A contact sheet: a row per image, the image and then its heat maps."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from mediaeval.files import write_atomically

SIDE = 300  # pixels: the longer side of a picture
_GAP = 24  # between pictures, and around all of them
_LINE = 1.35  # of a line of text, in sizes of its letters
_TITLE, _TEXT = 22, 16  # pixels
_PAPER, _INK, _GREY = (255, 255, 255), (25, 25, 25), (105, 105, 105)
_BLANK = (160, 160, 160)


@dataclass(frozen=True)
class Cell:
    """A picture, the caption below it, and a note below that in grey."""

    picture: Image.Image
    caption: str
    note: str = ""


def contact_sheet(rows: Sequence[Sequence[Cell]], title: str, legend: str = "") -> Image.Image:
    """Return the sheet: a row per image. Texts of any length are broken into lines, never cut."""
    columns = max((len(row) for row in rows), default=1)
    width = _GAP + columns * (SIDE + _GAP)
    head = [(line, _TITLE, _INK) for line in _lines(title, _TITLE, width - 2 * _GAP)]
    head += [(line, _TEXT, _GREY) for line in _lines(legend, _TEXT, width - 2 * _GAP)]
    drawn = [[_Drawn(cell) for cell in row] for row in rows]
    tops = [max(d.picture.height for d in row) for row in drawn]
    heights = [top + max(d.height for d in row) + _GAP for top, row in zip(tops, drawn, strict=True)]
    header = int(sum(size * _LINE for _, size, _ in head)) + 2 * _GAP
    sheet = Image.new("RGB", (width, header + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    y = float(_GAP)
    for line, size, colour in head:
        draw.text((_GAP, y), line, font=_font(size), fill=colour)
        y += size * _LINE
    y = header
    for row, top, height in zip(drawn, tops, heights, strict=True):
        for column, one in enumerate(row):
            one.put(sheet, draw, _GAP + column * (SIDE + _GAP), y, y + top)
        y += height
    return sheet


def grey_picture() -> Image.Image:
    """Return what stands for an image that cannot be shown."""
    return Image.new("RGB", (SIDE, SIDE * 3 // 4), _BLANK)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG."""
    data = io.BytesIO()
    picture.save(data, "PNG")
    write_atomically(path, data.getvalue())


class _Drawn:
    """A cell at its size on the sheet, with its texts broken into lines."""

    def __init__(self, cell: Cell):
        self.picture = cell.picture.convert("RGB")
        scale = SIDE / max(self.picture.size)
        size = (max(round(self.picture.width * scale), 1), max(round(self.picture.height * scale), 1))
        self.picture = self.picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
        self.lines = [(line, _INK) for line in _lines(cell.caption, _TEXT, SIDE)]
        self.lines += [(line, _GREY) for line in _lines(cell.note, _TEXT, SIDE)]
        self.height = int(len(self.lines) * _TEXT * _LINE) + 8

    def put(self, sheet: Image.Image, draw: ImageDraw.ImageDraw, x: int, top: int, bottom: int) -> None:
        """Draw it at x with the picture's lower edge at `bottom`, so that the captions of a row are level."""
        sheet.paste(self.picture, (x, bottom - self.picture.height))
        y = bottom + 8.0
        for line, colour in self.lines:
            draw.text((x, y), line, font=_font(_TEXT), fill=colour)
            y += _TEXT * _LINE


@cache
def _font_file() -> Path:
    """Return the font: DejaVu Sans, which comes with matplotlib and has Latin, Greek and Cyrillic letters."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_font_file(), size)


@cache
def _letters() -> frozenset[str]:
    return frozenset(chr(code) for code in FT2Font(str(_font_file())).get_charmap())


def legible(text: str) -> str:
    """Return a text with the code points of characters that the font lacks, so that two ids never look the same."""
    return "".join(c if c in _letters() else f"\\u{ord(c):04x}" for c in text)


def _lines(text: str, size: int, width: int) -> list[str]:
    """Break a text into lines of at most `width` pixels: between words where possible, else within them."""
    lines: list[str] = []
    for word in legible(text).split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and _font(size).getlength(joined) <= width:
            lines[-1] = joined
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and _font(size).getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines
