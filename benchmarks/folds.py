"""What out-of-fold scores cost: CPU seconds of training with five folds and without, in turns in one run.

    python -m benchmarks.folds ../shared/data [--runs 3]

The default preset, each subtask by itself, features and augmented views stored beforehand: photographs with the
features of one shared network, and the drawn sample at the size of the official dev set with its own. Printed are the
fastest run of each, and how many times as long training takes with folds.
"""

import argparse
import contextlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mediaeval
from benchmarks.speed import write_settings
from mediaeval.sample.draw import draw_sample

LARGE = 2432  # images, as many as the official dev set has


def training(dataset: Path, subtask: str, use: str | None, folds: int) -> Callable[[], None]:
    """Return a function that trains one subtask in the current folder."""

    def run() -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            mediaeval.train(subtask, data=dataset, use=use, folds=folds, run=f"folds{folds}", replace=True)

    return run


def cpu_seconds(work: Callable[[], None]) -> float:
    """Return the CPU time that a function takes, of all threads: other load on the machine changes it little."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    data = options.data.resolve()
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            draw_sample(Path("sample"), dev=LARGE, test=1)
            print("| images | subtask | without folds, CPU s | with five folds, CPU s | times as long, least – most |")
            print("|---|---|---|---|---|")
            works = [
                ("483 photographs", data / "oasis", "mobilenet", ("subtask1",)),
                ("120 photographs", data / "coco", "mobilenet", ("subtask2", "subtask3")),
                (f"{LARGE:,} drawn", Path("sample/devset"), "handcrafted", ("subtask1", "subtask2", "subtask3")),
            ]
            for name, dataset, use, subtasks in works:
                write_settings(Path(), data / "weights")
                for subtask in subtasks:
                    plain, folded = (training(dataset, subtask, use, folds) for folds in (0, 5))
                    folded()  # computes the features
                    pairs = [(cpu_seconds(plain), cpu_seconds(folded)) for _ in range(options.runs)]
                    without, with_folds = zip(*pairs, strict=True)
                    ratios = sorted(b / a for a, b in zip(without, with_folds, strict=True))
                    print(
                        f"| {name} | {subtask} | {min(without):.1f} | {min(with_folds):.1f} | "
                        f"{ratios[0]:.1f} – {ratios[-1]:.1f} |",
                        flush=True,
                    )
                shutil.rmtree("runs", ignore_errors=True)
        finally:
            os.chdir(home)


if __name__ == "__main__":
    main()
