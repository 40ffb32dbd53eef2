"""What can lie in images/ under the name of a photograph, and what becomes of it."""

import io
import os
import struct
import zlib

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
        (b"not a picture at all", "is a text file, not an image"),
        (b"\0" * 4096, "nothing but zeros, as after an interrupted download"),
        (bytes(range(1, 200)), r"not an image of a format that is read \(JPEG, PNG, .*\). Convert it to JPEG or PNG"),
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


def test_an_image_whose_name_differs_in_case_is_named(tmp_path):
    (tmp_path / "Photo.JPG").write_bytes(b"")
    with pytest.raises(ImageError, match=r"absent, but Photo.JPG is there: the case of its letters differs. Rename"):
        read_image(tmp_path / "photo.jpg")


def test_absent_and_empty_files_are_told_apart(tmp_path):
    with pytest.raises(ImageError, match="absent"):
        read_image(tmp_path / "nothing.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match="empty"):
        read_image(tmp_path / "empty.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="the file is a named pipe, not a file"):
        read_image(tmp_path / "pipe.jpg")


@pytest.mark.parametrize("error", [RuntimeError("Failed to decode image"), NotImplementedError("unknown format")])
def test_whatever_a_decoder_raises_is_an_image_error(monkeypatch, error):
    def fail(*arguments, **options):
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


# --- other formats --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image, which is not read. Convert it to JPEG or PNG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "an MP4 or QuickTime video, not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "an EPS drawing, which is not read. Export it as PNG"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\n<!DOCTYPE html><html>404", "a web page or XML, not an image. Put the image itself in its place"),
        (b"8BPS\0\1", "a Photoshop image"),
        (b"P6\n2 2\n255\n" + b"\0" * 12, "a Netpbm image"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file"),
        (encoded(RED_LEFT, "JPEG2000"), "a JPEG 2000 image"),
        (encoded(RED_LEFT, "ICO"), "an icon"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, not an image. Run `git lfs pull`"),
        (b"PK\3\4", "a zip archive, not an image"),
    ],
)
def test_a_file_of_another_format_is_called_by_its_name(start, what):
    with pytest.raises(ImageError, match=f"^the file is {what}"):
        decode(start)


def test_the_first_frame_of_several_is_read():
    frames = {"save_all": True, "append_images": [RED_LEFT.rotate(90)]}
    for format, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {}), ("MPO", {})):
        first = decode(encoded(RED_LEFT, format, **frames, **options)).getpixel((1, 1))
        assert np.abs(np.subtract(first, (250, 0, 0))).max() < 8, format
    assert decode(encoded(RED_LEFT, "BMP")).getpixel((0, 0)) == (250, 0, 0)
    assert decode(encoded(RED_LEFT, "AVIF", quality=95)).getpixel((0, 0))[0] > 240


def tiff(*tags: tuple[int, int]) -> bytes:
    """A TIFF of one white pixel with further tags: (number, value)."""
    entries = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 4, 277: 1, 278: 1, 279: 1} | dict(tags)
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + packed + bytes(4)


def test_the_thumbnail_in_a_raw_file_is_not_taken_for_the_photograph():
    assert decode(tiff()).size == (1, 1)
    for tags in ([(50706, 1)], [(254, 1), (330, 8)]):  # DNGVersion; a thumbnail, and where the photograph is
        with pytest.raises(ImageError, match=r"camera's raw file, which is not read\. Convert it"):
            decode(tiff(*tags))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_damage(odd):
    pixels = np.linspace(0, 2, 12, dtype=np.float32).reshape(3, 4)
    assert decode(encoded(Image.fromarray(pixels), "TIFF")).getpixel((3, 2)) == (255, 255, 255)
    pixels[1, 1] = odd
    with pytest.raises(ImageError, match="damaged: some of its pixels are not finite"):
        decode(encoded(Image.fromarray(pixels), "TIFF"))


# --- EXIF -----------------------------------------------------------------------------------------------------------


def exif_of(*entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block: (tag, type, count, the four bytes of its value), beside orientation 6."""
    every = sorted([(0x0112, 3, 1, b"\6\0\0\0"), *entries])
    packed = b"".join(struct.pack("<HHI4s", *entry) for entry in every)
    return b"Exif\0\0" + struct.pack("<2sHIH", b"II", 42, 8, len(every)) + packed + bytes(4)


@pytest.mark.parametrize(
    "entry",
    [
        (0x0110, 3, 1, b"\0\0\0\0"),  # a number where text belongs
        (0x0102, 2, 4, b"abc\0"),  # text where a number belongs
        (0x0103, 8, 1, struct.pack("<h", -5) + b"\0\0"),  # a negative one
        (0x011A, 11, 1, struct.pack("<f", np.nan)),
        (0x0115, 4, 1, struct.pack("<I", 123_456)),  # too large for the tag
        (0x8769, 4, 1, struct.pack("<I", 4_000_000_000)),  # a block behind the end of the file
    ],
)
def test_an_odd_exif_tag_does_not_concern_the_pixels(entry):
    data = encoded(RED_LEFT.resize((32, 16)), exif=exif_of(entry), quality=95)
    sound = encoded(RED_LEFT.resize((32, 16)), exif=exif_of(), quality=95)
    assert decode(data).size == (16, 32), "upright"
    assert decode(data).tobytes() == decode(sound).tobytes()


def test_an_exif_block_of_dust_is_no_damage():
    assert decode(encoded(RED_LEFT, exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xee" * 40)).size == (16, 16)


# --- JPEGs that hold a part of the picture --------------------------------------------------------------------------


def photograph(width: int = 160, height: int = 120) -> Image.Image:
    """Noise on a gradient, so that every block has something of its own."""
    noise = np.random.default_rng(0).normal(0, 20, (height, width, 3))
    return Image.fromarray(np.uint8(np.clip(np.asarray(smooth(width, height)) / 2 + 60 + noise, 0, 255)))


END = b"\xff\xd9"


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)].rstrip(b"\xff") + END


def zeroed(data: bytes, share: float) -> bytes:
    kept = int(len(data) * share)
    return data[:kept] + bytes(len(data) - kept - 2) + END


def rotten(data: bytes) -> bytes:
    spoilt = bytearray(data)
    for at in np.random.default_rng(3).integers(len(data) // 4, len(data) - 200, 60):
        spoilt[at] = 0x55
    return bytes(spoilt)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"quality": 92, "subsampling": 0}, {"restart_marker_rows": 1}])
def test_part_of_a_jpeg_with_an_end_marker_is_no_whole_picture(mode, options):
    data = encoded(photograph().convert(mode), **options)
    plain = Image.open(io.BytesIO(data)).convert("RGB")
    assert decode(data).tobytes() == plain.tobytes()
    parts = [cut(data, 0.5), cut(data, 0.95), zeroed(data, 0.5)]
    if "restart_marker_rows" not in options:  # with them the decoder finds its place again
        parts.append(rotten(data))
    for part in parts:
        for scaled in (False, True):
            with pytest.raises(ImageError, match=r"^the image is damaged: "):
                decode(part, scaled=scaled)


def test_a_progressive_jpeg_without_all_its_scans_is_a_blur_and_damaged():
    data = encoded(photograph(), progressive=True)
    assert decode(data).size == (160, 120)
    with pytest.raises(ImageError, match="damaged: its data end before the picture does: not all of its scans"):
        decode(cut(data, 0.3))
    nearly = cut(data, 0.9)  # in the last scan, which adds detail
    assert decode(nearly).size == decode(data, thorough=True).size == (160, 120)
    with pytest.raises(ImageError, match="damaged: the data of one of its scans end before the picture does"):
        decode(nearly, thorough=True)


@pytest.mark.parametrize("behind", [b"", b"\0" * 300, b"\xff" * 300, b"\x12\x34" * 10])
def test_what_cameras_put_behind_a_picture_is_no_damage(behind):
    for image in (photograph(), Image.new("RGB", (160, 120), (37, 211, 90)), Image.new("L", (50, 50), 37)):
        data = encoded(image)
        data = data[:-2] + behind + END + b"whatever follows the end marker"
        assert decode(data).tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def test_images_of_one_tone_whose_codes_are_zeros_are_whole():
    for tone in ("black", "white"):
        for options in ({"optimize": True}, {"optimize": True, "progressive": True}):
            image = Image.new("RGB", (640, 480), tone)
            assert decode(encoded(image, **options)).getpixel((639, 479)) == image.getpixel((639, 479))


@pytest.mark.parametrize(("width", "height", "top"), [(64, 97, 36), (39, 117, 15), (128, 64, 25), (103, 67, 32)])
def test_a_flat_ground_whose_codes_are_sixteen_zeros_is_whole(width, height, top):
    image = Image.new("L", (width, height), 128)
    image.paste(Image.linear_gradient("L").rotate(90).resize((width, top)))
    data = encoded(image, optimize=True, quality=5)
    assert data.endswith(bytes(16) + END)
    assert decode(data).size == (width, height)


def chunk(name: bytes, content: bytes, spoilt: int = 0) -> bytes:
    checksum = zlib.crc32(name + content) ^ spoilt
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


@pytest.mark.parametrize(
    "note",
    [
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(3_000_000))),  # more than Pillow unpacks
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"tEXt", b"a\0b", spoilt=1),
        chunk(b"gAMA", b"\0"),
        chunk(b"eXIf", b"II*\0", spoilt=1),
    ],
)
def test_what_a_png_notes_beside_its_pixels_is_no_damage(note):
    data = encoded(RED_LEFT, "PNG")
    for place in (33, len(data) - 12):  # behind the header, before the end
        assert decode(data[:place] + note + data[place:]).tobytes() == RED_LEFT.tobytes()
    with pytest.raises(ImageError, match="damaged"):
        decode(data[:33] + note + data[33:60])


@pytest.mark.shared
def test_real_photographs_are_whole_and_keep_their_pixels(shared):
    paths = [*(shared / "oasis/images").iterdir(), *(shared / "coco").rglob("*.jpg")]
    assert len(paths) > 500
    for path in paths[:: max(1, len(paths) // 120)]:
        with Image.open(path) as image:
            assert decode(path.read_bytes()).tobytes() == image.convert("RGB").tobytes(), path
