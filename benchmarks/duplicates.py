"""Time, memory and output of `inspect` on copies of one image, compared with different images.

    python -m benchmarks.duplicates [--images 4000]

Small drawn JPEGs: of one picture, byte for byte; of one picture in 30 qualities, each with a comment of its own; of as
many pictures as files. Each command runs in a process of its own.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.table import MEASURED_COMMAND, ROOT

KINDS = ("different", "the same bytes", "nearly the same")


def draw(folder: Path, kind: str, images: int) -> None:
    """Write a dev set of `images` JPEGs of 96 × 64 pixels, labelled by turns."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = ["id,T1"]
    for k in range(images):
        if k == 0 or kind == "different":
            pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            picture = Image.fromarray(pixels).resize((96, 64), Image.Resampling.BICUBIC)
        options = {"quality": 60 + k % 30, "comment": str(k)} if kind == "nearly the same" else {}
        picture.save(folder / f"images/i{k:06d}.jpg", **options)
        rows.append(f"i{k:06d},{('positive', 'negative')[k % 2]}")
    (folder / "devset.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4000)
    options = parser.parse_args()
    print(f"| {options.images:,} images | processor, s | peak memory, MB | output, kB |\n|---|---|---|---|", flush=True)
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as name:
            draw(Path(name) / "devset", kind, options.images)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                [sys.executable, "-c", MEASURED_COMMAND, "inspect", "devset", "--json"],
                cwd=name,
                env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=True,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        peak = int(done.stderr.split()[-1]) / 1024
        print(f"| {kind} | {seconds:.1f} | {peak:.0f} | {len(done.stdout) / 1e3:.0f} |", flush=True)


if __name__ == "__main__":
    main()
