"""What can lie in images/ under the name of a photograph, and what becomes of it."""

import io

import numpy as np
import pytest
from PIL import Image

from mediaeval.data.images import decode, read_image
from mediaeval.errors import ImageError

RED_LEFT = Image.fromarray(np.uint8([[[250, 0, 0]] * 8 + [[0, 0, 250]] * 8] * 16))


def encoded(image: Image.Image, format: str = "JPEG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def test_an_exif_rotated_photograph_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90° clockwise
    upright = decode(encoded(RED_LEFT.resize((32, 16)), exif=exif.tobytes(), quality=95))
    assert upright.size == (16, 32)
    top, bottom = np.asarray(upright)[4].mean(axis=0), np.asarray(upright)[28].mean(axis=0)
    assert top[0] > 200 > bottom[0], "what was left is now on top"


@pytest.mark.parametrize("mode", ["L", "CMYK", "YCbCr"])
def test_grey_and_cmyk_become_rgb_of_the_same_picture(mode):
    image = decode(encoded(RED_LEFT.convert(mode), quality=95))
    assert image.mode == "RGB"
    expected = np.asarray(RED_LEFT.convert(mode).convert("RGB"), int)
    assert np.abs(np.asarray(image, int) - expected).mean() < 12  # JPEG loss


def test_the_format_is_told_from_the_bytes():
    assert decode(encoded(RED_LEFT, "PNG")).getpixel((0, 0)) == (250, 0, 0)
    assert decode(encoded(RED_LEFT, "WEBP", lossless=True)).getpixel((0, 0)) == (250, 0, 0)


def test_transparency_lies_on_white_and_palettes_are_resolved():
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    assert decode(encoded(clear, "PNG")).getpixel((0, 0)) == (255, 255, 255)
    assert decode(encoded(RED_LEFT.quantize(8), "PNG")).getpixel((15, 0)) == (0, 0, 250)


def test_sixteen_bits_are_scaled_not_clipped():
    grey = Image.fromarray(np.full((4, 4), 32896, np.uint16))  # the middle of 0..65535
    assert decode(encoded(grey, "PNG")).getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a picture at all", "not an image"),
        (encoded(RED_LEFT.resize((200, 200)))[:700], "damaged"),
        (encoded(RED_LEFT.resize((200, 200)), "PNG")[:300], "damaged"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, "image"),
    ],
)
def test_a_damaged_image_is_an_error_that_says_so(data, message):
    with pytest.raises(ImageError, match=message):
        decode(data)


def test_an_image_of_too_many_pixels_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="more than 100 pixels"):
        decode(encoded(RED_LEFT, "PNG"))


def test_absent_and_empty_files_are_told_apart(tmp_path):
    with pytest.raises(ImageError, match="absent"):
        read_image(tmp_path / "nothing.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match="empty"):
        read_image(tmp_path / "empty.jpg")


@pytest.mark.parametrize("error", [RuntimeError("Failed to decode image"), NotImplementedError("unknown format")])
def test_whatever_a_decoder_raises_is_an_image_error(monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("mediaeval.data.images.Image.open", fail)
    with pytest.raises(ImageError, match=r"damaged: (Failed|unknown)"):
        decode(b"any bytes")


# --- scaled decoding ------------------------------------------------------------------------------------------------


def smooth(width: int, height: int) -> Image.Image:
    """A picture that looks the same at any size: tones that run across."""
    across, down = np.linspace(0, 250, width)[None], np.linspace(0, 250, height)[:, None]
    return Image.fromarray(np.uint8(np.stack([across + 0 * down, down + 0 * across, 0 * (across + down)], axis=2)))


@pytest.mark.parametrize(
    ("size", "share"),
    [
        ((640, 480), 1),
        ((3000, 1199), 1),  # a half would leave 599.5 pixels
        ((1600, 1200), 2),
        ((1200, 1600), 2),
        ((3999, 2399), 2),
        ((4000, 3000), 4),
        ((4800, 4803), 8),
    ],
)
def test_large_jpegs_are_scaled_as_far_as_leaves_600_pixels(size, share):
    data = encoded(smooth(*size), quality=90)
    scaled = decode(data, scaled=True)
    assert scaled.size == (-(-size[0] // share), -(-size[1] // share)) and min(scaled.size) >= min(*size, 600)
    whole = decode(data)
    assert whole.size == size
    small, expected = (np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC), int) for image in (scaled, whole))
    assert np.abs(small - expected).max() <= 3, "the same picture"


def test_scaled_photographs_are_upright_and_rgb():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(RED_LEFT.resize((1600, 1200)), exif=exif.tobytes(), quality=95)
    upright = decode(data, scaled=True)
    assert upright.size == (600, 800)
    assert upright.getpixel((300, 50))[0] > 200 > upright.getpixel((300, 750))[0], "what was left is now on top"
    for mode in ("L", "CMYK"):
        image = decode(encoded(RED_LEFT.resize((1600, 1200)).convert(mode)), scaled=True)
        assert image.mode == "RGB" and image.size == (800, 600)


def test_other_formats_keep_their_pixels_and_damage_is_seen_at_any_scale():
    assert decode(encoded(RED_LEFT.resize((1600, 1200)), "PNG"), scaled=True).size == (1600, 1200)
    data = encoded(noise := smooth(1600, 1200), quality=95)
    assert decode(data, scaled=True).size == (noise.width // 2, noise.height // 2)
    with pytest.raises(ImageError, match="damaged"):
        decode(data[: len(data) // 2], scaled=True)
