"""One way to decode an image file, shared by every command: Pillow, upright, RGB, and never half an image."""

import ctypes
import hashlib
import io
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import PIL
from PIL import ExifTags, Image, TiffImagePlugin

from mediaeval.data.formats import CONVERT, readable, why_not_read
from mediaeval.data.jpeg import Watched, layout_of
from mediaeval.data.png import without_notes
from mediaeval.errors import ImageError, first_line
from submission.image_files import IMAGE_SUFFIXES, stem_and_suffix
from submission.names import same_name_key
from submission.reading import NotRegularFileError, open_regular

# A part of a feature's identity: two decoders differ by a grey level here and there, which changes features.
DECODER = f"pillow {PIL.__version__}, upright, RGB"
# The other choice: large JPEGs are decoded at a half, a quarter or an eighth of their size, the smallest whose shorter
# side has LEAST pixels. The rule depends on the image alone, so no feature depends on what is computed beside it.
LEAST = 600  # pixels: twice what most networks scale an image to (224 to 300), one and a half times for those of 384
SCALED_DECODER = f"{DECODER}, JPEG scaled to no less than {LEAST}"
MOST_BYTES = 2 << 30  # of a file: what Pillow considers safe has at most 89 million pixels, of 16 bytes in a TIFF
STRIP = 1 << 18  # pixels that are converted at a time, so that no second image of full size is needed

logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what it reports of a damaged file is raised as well

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(path: Path) -> tuple[str, bytes]:
    """Return (sha256 hex digest, bytes) of an image file.

    Raises ImageError when the file is absent, unreadable, empty, of more than MOST_BYTES, or no file but a folder, a
    pipe or a device.
    """
    try:
        with open_regular(Path(path)) as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read() if size <= MOST_BYTES else b""
    except FileNotFoundError:
        alike = _in_other_case(Path(path))
        hint = f", but {alike} is there: the case of its letters differs. Rename it, or correct the id" if alike else ""
        raise ImageError(f"the file is absent{hint}") from None
    except NotRegularFileError as error:
        raise ImageError(f"the file {error.strerror}") from None
    except OSError as error:
        raise ImageError(f"the file cannot be read: {error.strerror}") from None
    if size > MOST_BYTES:
        raise ImageError(f"the file has {size / 1e9:.1f} GB; images of up to {MOST_BYTES / 1e9:.1f} GB are read")
    if not data:
        raise ImageError("the file is empty (0 bytes)")
    return hashlib.sha256(data).hexdigest(), data


def _in_other_case(path: Path) -> str | None:
    """Return the name of an image whose name differs from a path's in the case of letters alone, if there is one."""
    folder = path.parent.resolve()
    if not folder.is_dir():
        return None
    return _names_by_folded_stem(folder, folder.stat().st_mtime_ns).get(same_name_key(path.stem).casefold())


@lru_cache(maxsize=4)
def _names_by_folded_stem(folder: Path, changed: int) -> dict[str, str]:  # noqa: ARG001
    # once per folder and state of it: of a long list, all images may be absent
    names = (path.name for path in folder.iterdir())
    parts = {name: stem_and_suffix(name) for name in names}
    images = {name: stem for name, (stem, suffix) in parts.items() if suffix.lower() in IMAGE_SUFFIXES}
    return {same_name_key(stem).casefold(): name for name, stem in images.items()}


def decode(data: bytes, *, scaled: bool = False, thorough: bool = False) -> Image.Image:
    """Return the image in `data`, upright and RGB: EXIF orientation applied, transparency on white.

    The format is recognised from the bytes, so a PNG named `.jpg` is fine; of several frames the first one is read.

    scaled    decode a JPEG as SCALED_DECODER says
    thorough  decode a JPEG of several scans a second time, which shows whether one of them was cut: detail is absent

    Raises ImageError when the bytes are not an image of a format that is read, hold only a part of it, unpack to more
    pixels than Pillow considers safe, or do not fit into memory.
    """
    with _reported(data):
        return _to_rgb(_upright(_load(data, scaled, thorough)))


def header_of(data: bytes) -> Image.Image:
    """Return the image in `data` before its pixels are decoded: its size, mode and notes.

    Raises ImageError as `decode` does, as far as damage shows without decoding.
    """
    with _reported(data):
        layout = layout_of(data) if data.startswith(b"\xff\xd8") else None
        if layout and (problem := layout.problem()):
            raise ImageError(f"the image is damaged: {problem}")
        return _opened(io.BytesIO(data))


@contextmanager
def _reported(data: bytes) -> Iterator[None]:
    """Within, Pillow is quiet, and whatever it raises of `data` becomes an ImageError."""
    try:
        with _without_warnings():
            yield
    except ImageError:
        raise
    except PIL.UnidentifiedImageError:
        raise ImageError(why_not_read(data)) from None
    except Image.DecompressionBombError:
        raise ImageError(_too_large()) from None
    except MemoryError:
        raise ImageError("there is not enough memory to decode the image") from None
    except Exception as error:  # on damaged files Pillow's plugins raise many exception types
        raise ImageError(f"the image is damaged: {first_line(error)}") from None


def _load(data: bytes, scaled: bool, thorough: bool) -> Image.Image:
    layout = layout_of(data) if data.startswith(b"\xff\xd8") else None
    if layout and (problem := layout.problem()):
        raise ImageError(f"the image is damaged: {problem}")
    if layout is None or len(layout.scans) != 1:
        expected = digest_of(_loaded(io.BytesIO(layout.padded(data)), scaled)) if layout and thorough else None
        image = _loaded_without_notes(data, scaled)
        if expected is not None and digest_of(image) != expected:
            raise ImageError("the image is damaged: the data of one of its scans end before the picture does")
        return image
    for ink in (0, 1):  # the second time only where a picture seems to be damaged: its last row could have that colour
        file = Watched(data, layout, ink)
        image = _loaded(file, scaled)
        if not (problem := file.problem()):
            return image
    raise ImageError(f"the image is damaged: {problem}")


def _loaded_without_notes(data: bytes, scaled: bool) -> Image.Image:
    """Load an image; a PNG also where Pillow refuses it for a text or a profile that stands beside its pixels."""
    try:
        return _loaded(io.BytesIO(data), scaled)
    except (ImageError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:  # Pillow raises many exception types; damage of the pixels is raised again below
        if (bare := without_notes(data)) is None:
            raise
    return _loaded(io.BytesIO(bare), scaled)


def _opened(file: io.BytesIO) -> Image.Image:
    """Return an image whose pixels are not decoded yet. Raises ImageError where they must not be."""
    image: Image.Image = Image.open(file, formats=readable())
    if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 0):
        raise ImageError(_too_large())
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if _is_raw(image):
            raise ImageError(f"the file is a camera's raw file, which is not read. {CONVERT}")
        _keep_libtiff_quiet()
    return image


def _loaded(file: io.BytesIO, scaled: bool) -> Image.Image:
    image = _opened(file)
    if scaled:
        image.draft(None, (LEAST, LEAST))  # does nothing to other formats
    if isinstance(file, Watched):
        file.watch(image)
    image.load()
    return image


@cache
def _keep_libtiff_quiet() -> None:
    """Stop libtiff printing on stderr what is wrong with a file: it is raised as well, with the image's name."""
    with suppress(OSError, StopIteration, AttributeError):  # where the library is found otherwise, it goes on printing
        maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        path = next(line.split(maxsplit=5)[-1] for line in maps if "/libtiff" in line)
        ctypes.CDLL(path).TIFFSetErrorHandler(None)


def _is_raw(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Return whether a TIFF is one by its form alone: a camera's raw file, whose first image is a thumbnail."""
    tags = image.tag_v2
    thumbnail = tags.get(254) == 1 and 330 in tags  # NewSubfileType: reduced; SubIFDs: where the photograph is
    return 50706 in tags or thumbnail  # DNGVersion


def _upright(image: Image.Image) -> Image.Image:
    method = turn_of(image)
    return image if method is None else image.transpose(method)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """Return what makes an image upright, as its EXIF orientation says; what else stands there does not matter."""
    with suppress(Exception):  # of a block that cannot be read
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        # Pillow clips these at 255 instead of scaling them, which turns a 16-bit image white.
        return _in_strips(image, _scaled_grey(image))
    if image.has_transparency_data:
        bands = _bands_on_white(image)
        del image  # before the three become one: two whole images and the file would be too much
        return Image.merge("RGB", bands)
    return image.convert("RGB")


def _in_strips(image: Image.Image, to_rgb: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Return the image that `to_rgb` makes of each strip of rows; what is needed on the way is small."""
    rgb = Image.new("RGB", image.size)
    for box in strips(image):
        rgb.paste(to_rgb(image.crop(box)), box)
    return rgb


def strips(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Yield the boxes (left, top, right, bottom) of strips of rows that make up an image, of about STRIP pixels."""
    width, height = image.size
    rows = max(1, STRIP // max(width, 1))
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def digest_of(image: Image.Image) -> str:
    """Return the sha256 of an image's size and pixels, hex."""
    digest = hashlib.sha256(f"{image.size}".encode())
    for box in strips(image):
        digest.update(image.crop(box).tobytes())
    return digest.hexdigest()


def _bands_on_white(image: Image.Image) -> list[Image.Image]:
    """Return red, green and blue of a transparent image on white."""
    bands = [Image.new("L", image.size) for _ in "RGB"]
    for box in strips(image):
        strip = image.crop(box).convert("RGBA")
        strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip).convert("RGB")
        for band, part in zip(bands, strip.split(), strict=True):
            band.paste(part, box)
    return bands


def _scaled_grey(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return how strips of a grey image of more than 8 bits become RGB: by 65535, or the largest of real numbers."""
    span = 65535.0
    if image.mode == "F":
        largest = [float(np.asarray(image.crop(box)).max()) for box in strips(image)]
        if not all(np.isfinite(np.asarray(image.crop(box))).all() for box in strips(image)):
            raise ImageError("the image is damaged: some of its pixels are not finite (NaN or infinite)")
        span = max(*largest, 1e-9)

    def scaled(strip: Image.Image) -> Image.Image:
        pixels = np.asarray(strip, dtype=np.float64)
        return Image.fromarray(np.uint8(np.clip(pixels / span, 0, 1) * 255 + 0.5)).convert("RGB")

    return scaled


def _too_large() -> str:
    return f"the image has more than {Image.MAX_IMAGE_PIXELS:,} pixels"


_quiet = threading.Lock()
_readers = 0
_saved: list[warnings.catch_warnings] = []  # type: ignore[type-arg]


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep Pillow's warnings off the terminal: on odd EXIF blocks, say. What matters is raised.

    The filters of `warnings` belong to the process: of threads that decode at the same time the first sets them, and
    the last puts back what was there.
    """
    global _readers
    with _quiet:
        _readers += 1
        if _readers == 1:
            _saved.append(warnings.catch_warnings())
            _saved[0].__enter__()
            warnings.simplefilter("ignore")
    try:
        yield
    finally:
        with _quiet:
            _readers -= 1
            if _readers == 0:
                _saved.pop().__exit__(None, None, None)
