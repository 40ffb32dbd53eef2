"""Images as OpenCV decodes them: for evidence on run files, so that an error of the usual decoding is not repeated.

What may be decoded at all is decided as everywhere else, from the file's header: formats, and how many pixels. The
pixels are read by OpenCV, whose JPEG decoder, colour conversion and treatment of EXIF orientation are its own.
"""

from contextlib import suppress
from functools import cache

import cv2
import numpy as np
from PIL import Image

from mediaeval.data.images import header_of, strips, turn_of
from mediaeval.errors import ImageError, first_line

OPENCV_DECODER = f"opencv {cv2.__version__}, upright, RGB"  # a part of a feature's identity


def decode_by_opencv(data: bytes) -> Image.Image:
    """Return the image in `data`, upright and RGB, as `images.decode` does, with pixels decoded by OpenCV.

    Raises ImageError for what `images.header_of` refuses, and when OpenCV cannot decode the pixels or memory is short.
    """
    header = header_of(data)
    _keep_opencv_quiet()
    # only what is read unchanged keeps its transparency; it is not turned then
    unchanged = header.has_transparency_data
    flags = cv2.IMREAD_UNCHANGED if unchanged else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise ImageError(f"OpenCV cannot decode the image: {first_line(error)}") from None
    if pixels is None:
        raise ImageError(f"OpenCV cannot decode the image (of format {header.format})")
    image = _in_strips(pixels if pixels.ndim == 3 else pixels[:, :, None])
    turn = turn_of(header) if unchanged else None
    return image if turn is None else image.transpose(turn)


def _in_strips(pixels: np.ndarray) -> Image.Image:
    """Return an image of OpenCV's array, (height, width, channels), a strip at a time: no other copy is as large."""
    image = Image.new("RGB", (pixels.shape[1], pixels.shape[0]))
    largest = {"uint8": 255.0, "uint16": 65535.0}.get(str(pixels.dtype)) or max(float(pixels.max()), 1e-9)
    if not np.isfinite(largest):
        raise ImageError("the image is damaged: some of its pixels are not finite (NaN or infinite)")
    for box in strips(image):
        strip = pixels[box[1] : box[3]]
        if strip.dtype != np.uint8:
            strip = (np.clip(strip / largest, 0, 1) * 255 + 0.5).astype(np.uint8)
        image.paste(Image.fromarray(_rgb(strip)), box)
    return image


def _rgb(strip: np.ndarray) -> np.ndarray:
    """Return RGB, uint8 (rows, columns, 3), of grey, BGR, or BGR and opacity, which is laid on white."""
    if strip.shape[2] == 1:
        return np.repeat(strip, 3, axis=2)
    if strip.shape[2] == 4:
        opacity = strip[:, :, 3:].astype(np.float32) / 255
        strip = (strip[:, :, :3] * opacity + 255 * (1 - opacity) + 0.5).astype(np.uint8)
    return np.ascontiguousarray(strip[:, :, ::-1])


@cache
def _keep_opencv_quiet() -> None:
    """Stop OpenCV printing on stderr what is wrong with a file: it is raised as well, with the image's name."""
    with suppress(AttributeError):  # where the switch is found otherwise, it goes on printing
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
