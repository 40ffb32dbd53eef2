"""Peak memory of an extraction: it does not grow with the number of images.

    python -m benchmarks.memory ../shared/data [--images 500 20000]

Small drawn images, one network (SqueezeNet); each whole command runs in a process of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.speed import write_settings
from benchmarks.table import MEASURED_COMMAND, ROOT


def draw(folder: Path, images: int) -> None:
    """Write `images` different noisy JPEGs of 64 × 48 pixels."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(images):
        pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC).save(folder / f"i{k:06d}.jpg")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds weights/")
    parser.add_argument("--images", type=int, nargs="+", default=[500, 20_000])
    options = parser.parse_args()
    print("| images | seconds | peak memory, MB |\n|---|---|---|", flush=True)
    peaks = []
    for images in [20, *options.images]:  # the first run converts the network, which is not measured
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_settings(folder, options.data.resolve() / "weights")
            draw(folder / "drawn", images)
            begun = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", MEASURED_COMMAND, "features", "drawn", "--use", "squeeze"],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=True,
            )
            if images == 20:
                continue
            peaks.append(int(done.stderr.split()[-1]) / 1024)
            print(f"| {images:,} | {time.perf_counter() - begun:.0f} | {peaks[-1]:.0f} |", flush=True)
    print(f"\nThe largest peak is {max(peaks) / min(peaks) - 1:.1%} above the smallest.")


if __name__ == "__main__":
    main()
