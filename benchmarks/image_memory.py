"""Growth of peak memory, in bytes per pixel, when one large image is decoded as `inspect` does it.

    python -m benchmarks.image_memory [--megapixels 32]

Drawn images of each format and mode, smooth and of noise; each is decoded in a process of its own. Limits: 12 for JPEG
and PNG of 8 bits, 20 for all others.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.table import ROOT

_DECODE = """
import io, sys
from pathlib import Path
from PIL import Image
from mediaeval.data.duplicates import fingerprint
from mediaeval.data.images import read_image

def peak():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

small = io.BytesIO()
Image.new("RGB", (8, 8)).save(small, "JPEG")
fingerprint(small.getvalue(), "")
before = peak()
content, data = read_image(Path(sys.argv[1]))
fingerprint(data, content)
print(peak() - before)
"""
_TURNED = Image.Exif()
_TURNED[0x0112] = 6
EXIF = _TURNED.tobytes()


def drawn(side: int) -> dict[str, Callable[[], Image.Image]]:
    """Return pictures of `side`² pixels by name; each is drawn when it is called for."""
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(side), np.arange(side))

    def smooth() -> Image.Image:
        grey = np.uint8(ramp * 255 / ramp.max())
        return Image.fromarray(np.stack([grey, grey[::-1], 255 - grey, grey], axis=2))

    def noise() -> Image.Image:
        return Image.fromarray(rng.integers(0, 256, (side, side, 4), dtype=np.uint8))

    def deep() -> Image.Image:
        return Image.fromarray(np.uint16(ramp * 65535 / ramp.max()))

    return {"smooth": smooth, "noise": noise, "deep": deep}


# what it is, the picture, its mode, how it is written, the limit
CASES: tuple[tuple[str, str, str, str, dict[str, Any], int], ...] = (
    ("JPEG", "smooth", "RGB", "x.jpg", {}, 12),
    ("JPEG, turned by EXIF", "smooth", "RGB", "x.jpg", {"exif": EXIF}, 12),
    ("JPEG of noise, quality 95", "noise", "RGB", "x.jpg", {"quality": 95, "subsampling": 0}, 12),
    ("JPEG, progressive, 4:4:4", "smooth", "RGB", "x.jpg", {"progressive": True, "subsampling": 0}, 12),
    ("JPEG, CMYK", "smooth", "CMYK", "x.jpg", {}, 12),
    ("PNG", "smooth", "RGB", "x.png", {}, 12),
    ("PNG of noise", "noise", "RGB", "x.png", {"compress_level": 1}, 12),
    ("PNG, transparent, of noise", "noise", "RGBA", "x.png", {"compress_level": 1}, 12),
    ("PNG, transparent, turned by EXIF", "smooth", "RGBA", "x.png", {"exif": EXIF}, 12),
    ("PNG, grey, transparent", "smooth", "LA", "x.png", {}, 12),
    ("PNG, palette", "smooth", "P", "x.png", {"transparency": bytes(range(200))}, 12),
    ("PNG, one transparent colour", "smooth", "RGB", "x.png", {"transparency": (1, 2, 3)}, 12),
    ("PNG, 16 bits", "deep", "I;16", "x.png", {}, 20),
    ("TIFF, 16 bits", "deep", "I;16", "x.tif", {}, 20),
    ("TIFF, 32-bit real numbers", "deep", "F", "x.tif", {}, 20),
    ("TIFF, LZW", "smooth", "RGB", "x.tif", {"compression": "tiff_lzw"}, 20),
    ("TIFF, transparent", "noise", "RGBA", "x.tif", {}, 20),
    ("BMP", "smooth", "RGB", "x.bmp", {}, 20),
    ("GIF", "smooth", "P", "x.gif", {}, 20),
    ("WebP, transparent", "smooth", "RGBA", "x.webp", {"method": 0}, 20),
    ("AVIF, transparent", "smooth", "RGBA", "x.avif", {"speed": 10}, 20),
)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=32)
    side = int((parser.parse_args().megapixels * 1e6) ** 0.5)
    pictures = drawn(side)
    print("| image | bytes per pixel | limit |\n|---|---|---|", flush=True)
    for what, picture, mode, name, options, limit in CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            image = pictures[picture]()
            (image if image.mode == mode else image.convert(mode)).save(path, **options)
            del image
            done = subprocess.run(
                [sys.executable, "-c", _DECODE, str(path)],
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=True,
            )
        print(f"| {what} | {int(done.stdout) / side**2:.1f} | {limit} |", flush=True)


if __name__ == "__main__":
    main()
