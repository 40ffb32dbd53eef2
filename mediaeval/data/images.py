"""One way to decode an image file, shared by every command: Pillow, upright, RGB, and never half an image."""

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

from mediaeval.errors import ImageError

# A part of a feature's identity: two decoders differ by a grey level here and there, which changes features.
DECODER = f"pillow {PIL.__version__}, upright, RGB"
# The other choice: large JPEGs are decoded at a half, a quarter or an eighth of their size, the smallest whose shorter
# side has LEAST pixels. The rule depends on the image alone, so no feature depends on what is computed beside it.
LEAST = 600  # pixels: twice what most networks scale an image to (224 to 300), one and a half times for those of 384
SCALED_DECODER = f"{DECODER}, JPEG scaled to no less than {LEAST}"


def read_image(path: Path) -> tuple[str, bytes]:
    """Return (sha256 hex digest, bytes) of an image file.

    Raises ImageError when the file is absent, unreadable or empty.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise ImageError("the file is absent") from None
    except OSError as error:
        raise ImageError(f"the file cannot be read: {error.strerror}") from None
    if not data:
        raise ImageError("the file is empty (0 bytes)")
    return hashlib.sha256(data).hexdigest(), data


def decode(data: bytes, *, scaled: bool = False) -> Image.Image:
    """Return the image in `data`, upright and RGB: EXIF orientation applied, transparency on white.

    The format is recognised from the bytes, so a PNG named `.jpg` is fine. `scaled`: decode a JPEG as SCALED_DECODER
    says. Raises ImageError when the bytes are not an image, are truncated, or unpack to more pixels than Pillow
    considers safe.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)  # odd EXIF blocks: the pixels are what counts
            image: Image.Image = Image.open(io.BytesIO(data))
            if scaled:
                image.draft(None, (LEAST, LEAST))  # does nothing to other formats
            image.load()
            image = ImageOps.exif_transpose(image)
            return _to_rgb(image)
    except PIL.UnidentifiedImageError:
        raise ImageError("the file is not an image that Pillow knows") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ImageError(f"the image has more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
    except MemoryError:
        raise
    except Exception as error:  # on damaged files Pillow's plugins raise many exception types
        raise ImageError(f"the image is damaged: {error}") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        # Pillow clips these at 255 instead of scaling them, which turns a 16-bit image white.
        pixels = np.asarray(image, dtype=np.float64)
        span = 65535.0 if image.mode.startswith("I") else max(float(pixels.max()), 1e-9)
        return Image.fromarray(np.uint8(np.clip(pixels / span, 0, 1) * 255 + 0.5)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
