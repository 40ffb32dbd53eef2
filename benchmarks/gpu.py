"""What the toolkit reaches on this GPU, as ratios measured in one run on one card.

    python -m benchmarks.gpu [--quick] [--only WORD]

It needs a GPU that torch can use, and nothing else: images are drawn, weights are random. `--quick` takes less than
four minutes on an H100 or H200. Without a GPU every part runs in a tiny form, whose ratios mean nothing. A part that
fails says why, and the others run.
"""

import argparse
import os
import platform
import time
import traceback
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from mediaeval.errors import first_line

PARTS = {  # title → module with `rows(quick)`
    "Features": "benchmarks.gpu_extract",
    "Heads": "benchmarks.gpu_heads",
    "Fine-tuning": "benchmarks.gpu_finetune",
    "Commands": "benchmarks.commands",
}
LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pillow")


def machine() -> str:
    """Return the GPU, its driver, the processors and the versions, in words."""
    import torch

    found = "no GPU that torch can use"
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        found = f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
    versions = [f"{name} {_version(name)}" for name in LIBRARIES]
    return f"{found}; {os.cpu_count()} processors; Python {platform.python_version()}, {', '.join(versions)}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def main() -> int:
    """Print the tables; the exit status is 1 where a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs: less than four minutes")
    parser.add_argument("--only", default="", help="only parts whose title contains this")
    options = parser.parse_args()
    print(machine(), flush=True)
    failed = 0
    for title, module in PARTS.items():
        if options.only.lower() not in title.lower():
            continue
        begun = time.perf_counter()
        print(f"\n### {title}\n", flush=True)
        try:
            for row in import_module(module).rows(options.quick):
                print(row, flush=True)
        except Exception as error:  # a benchmark of four parts: one that fails must not hide the others
            failed += 1
            traceback.print_exc()
            print(f"\nnot measured: {type(error).__name__}: {first_line(error)}", flush=True)
        print(f"\n({time.perf_counter() - begun:.0f} s)", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
