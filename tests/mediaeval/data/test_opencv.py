"""OpenCV's decoding: the same pictures as Pillow's, refused where they are refused, by code of its own."""

import io

import numpy as np
import pytest
from PIL import Image

from mediaeval.data.images import decode
from mediaeval.data.opencv import decode_by_opencv
from mediaeval.errors import ImageError

COLOURS = Image.merge("RGB", [Image.linear_gradient("L"), Image.radial_gradient("L"), Image.new("L", (256, 256), 90)])
COLOURS = COLOURS.resize((120, 80))
CLEAR = COLOURS.copy()
CLEAR.putalpha(Image.linear_gradient("L").resize(COLOURS.size))
DEEP = Image.fromarray(np.asarray(COLOURS.convert("L")).astype(np.uint16) * 257)


def encoded(image: Image.Image, format: str = "PNG", orientation: int = 1) -> bytes:
    exif, file = Image.Exif(), io.BytesIO()
    exif[274] = orientation
    image.save(file, format, exif=exif) if format != "BMP" else image.save(file, format)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        encoded(COLOURS, "JPEG"),
        encoded(COLOURS, "JPEG", orientation=6),
        encoded(COLOURS.convert("L"), "JPEG"),
        encoded(COLOURS.convert("CMYK"), "JPEG"),
        encoded(CLEAR),
        encoded(CLEAR, orientation=6),
        encoded(COLOURS.convert("P")),
        encoded(COLOURS, "WEBP"),
        encoded(COLOURS, "BMP"),
        encoded(DEEP),
    ],
)
def test_a_picture_is_the_one_that_pillow_decodes(data):
    one, other = decode(data), decode_by_opencv(data)
    assert one.size == other.size and other.mode == "RGB"
    assert np.abs(np.asarray(one, float) - np.asarray(other, float)).mean() < 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "zeros"),
        (b"no image", "text file"),
        (encoded(COLOURS, "JPEG")[:100], "damaged"),
        (encoded(COLOURS)[:-200], "cannot decode the image|damaged"),
    ],
)
def test_what_is_no_whole_image_is_refused_in_a_sentence_and_quietly(data, reason, capfd):
    with pytest.raises(ImageError, match=reason):
        decode_by_opencv(data)
    assert capfd.readouterr() == ("", "")


def test_an_image_of_too_many_pixels_is_not_decoded(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError, match="more than 1,000 pixels"):
        decode_by_opencv(encoded(COLOURS))
