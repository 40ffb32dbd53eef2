"""Mutated image files through `decode`: nothing but ImageError comes out, nothing is printed, nothing takes long.

    python -m benchmarks.fuzz_images [--files 20000] [--seed 0]

Small files of every format and mode are cut, changed byte by byte, filled with zeros, joined with one another; sizes
and lengths in them are set to extremes. A file that takes longer than two seconds counts as slow.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
from PIL import Image

from mediaeval.data.images import decode
from mediaeval.errors import ImageError

SLOW = 2.0  # seconds


def seeds() -> dict[str, list[bytes]]:
    """Return sound files by format."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (40, 56, 4), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    found: dict[str, list[bytes]] = {}
    modes = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I", "F", "I;16", "YCbCr", "LAB")
    options: tuple[dict[str, object], ...] = (
        {},
        {"exif": exif.tobytes()},
        {"progressive": True},
        {"restart_marker_blocks": 3},
        {"compression": "tiff_lzw"},
        {"compression": "jpeg"},
        {"compression": "tiff_deflate"},
        {"lossless": True},
        {"interlace": 1},
        {"icc_profile": b"no profile" * 20},
        {"save_all": True, "append_images": [picture.rotate(90)]},
    )
    for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        for mode in modes:
            for chosen in options:
                stream = io.BytesIO()
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError, SystemError):
                    source = picture.convert("L") if mode == "I;16" else picture.convert("RGB")
                    (picture if mode == "RGBA" else source.convert(mode)).save(stream, format, **chosen)
                    found.setdefault(format, []).append(stream.getvalue())
    return found


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with one to four faults."""
    spoilt = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, max(len(spoilt), 1)))
        match rng.integers(0, 8):
            case 0:
                del spoilt[at:]
            case 1:
                for place in rng.integers(0, max(len(spoilt), 1), 1 + len(spoilt) // 50):
                    if len(spoilt):
                        spoilt[place] = rng.integers(0, 256)
            case 2:
                spoilt[at:] = bytes(len(spoilt) - at)
            case 3:
                spoilt[at : at + 4] = rng.choice([b"\xff" * 4, bytes(4), b"\x7f" + b"\xff" * 3, b"\0\0\xff\xff"])
            case 4:
                spoilt[at:] = other[len(other) * at // max(len(spoilt), 1) :]
            case 5:
                del spoilt[at : at + int(rng.integers(1, 200))]
            case 6:
                spoilt[at:at] = spoilt[at : at + int(rng.integers(1, 400))]
            case _:
                early = int(rng.integers(0, min(len(spoilt), 60) or 1))
                spoilt[early : early + 1] = bytes([rng.integers(0, 256)])
    return bytes(spoilt)


@contextlib.contextmanager
def _stderr_to(path: str) -> Iterator[None]:
    """Send what Python and C libraries print as errors to a file."""
    kept = os.dup(2)
    with open(path, "ab") as file:  # noqa: PTH123 - a descriptor is what is exchanged
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def main() -> None:
    """Print a Markdown table, and what went wrong; exit with 1 where something did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.NamedTemporaryFile() as printed, _stderr_to(printed.name):
        sound = seeds()  # libtiff prints what it cannot write
    everything = [data for files in sound.values() for data in files]
    wrong = []
    print("| format | files | decoded | refused | other errors | slow | printed |\n|---|---|---|---|---|---|---|")
    for format, files in sound.items():
        counts: Counter[str] = Counter()
        with tempfile.NamedTemporaryFile() as printed, _stderr_to(printed.name):
            for k in range(options.files // len(sound)):
                data = mutated(files[k % len(files)], everything[rng.integers(0, len(everything))], rng)
                begun = time.perf_counter()
                try:
                    decode(data, scaled=bool(k % 2), thorough=bool(k % 3))
                    counts["decoded"] += 1
                except ImageError as error:
                    counts["refused"] += 1
                    if len(str(error)) > 300 or "\n" in str(error):
                        wrong.append(f"{format}: a long message: {str(error)[:200]!r}")
                except Exception as error:
                    counts["other"] += 1
                    wrong.append(f"{format}: {type(error).__name__}: {error}")
                if time.perf_counter() - begun > SLOW:
                    counts["slow"] += 1
                    wrong.append(f"{format}: {time.perf_counter() - begun:.1f} s for {len(data)} bytes: {data[:40]!r}")
            sys.stderr.flush()
            text = printed.read()
        if text:
            wrong.append(f"{format}: printed {text[:300]!r}")
        cells = [len(range(options.files // len(sound))), *(counts[c] for c in ("decoded", "refused", "other", "slow"))]
        print(f"| {format} | {' | '.join(f'{cell:,}' for cell in cells)} | {len(text)} bytes |", flush=True)
    print("\n".join(["", *wrong[:40]]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
