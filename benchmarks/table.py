"""One table for all measurements: what is compared runs in turns; seconds of each, ratios of the pairs."""

import argparse
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
HEAD = "| work | yardstick, s | ours, s | ratio: least – median – most | agreement |\n|---|---|---|---|---|"
# a program that runs a command of mediaeval and prints its peak memory, KiB, on stderr
MEASURED_COMMAND = """
import resource, sys
from mediaeval.cli import main
try:
    main()
except SystemExit:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def in_turns(runs: int, *works: Callable[[], object]) -> list[list[float]]:
    """Return, for each work, the seconds of its runs. In a round each runs once, so that other load affects all."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for seconds, work in zip(times, works, strict=True):
            begun = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begun)
    return times


def row(work: str, theirs: list[float], ours: list[float], agreement: str) -> None:
    """Print a row: the fastest run of each, and the ratios of the runs of the same rounds."""
    ratios = sorted(t / o for t, o in zip(theirs, ours, strict=True))
    spread = f"{ratios[0]:.1f} – {np.median(ratios):.1f} – {ratios[-1]:.1f}"
    print(f"| {work} | {min(theirs):.2f} | {min(ours):.2f} | {spread} | {agreement} |", flush=True)


def row_alone(work: str, runs: int, command: list[str], limit: str) -> None:
    """Print a row for a command that is compared with a limit, not with a yardstick."""
    (seconds,) = in_turns(runs, lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT))
    spread = f"{min(seconds):.2f} – {np.median(seconds):.2f} – {max(seconds):.2f} s"
    print(f"| {work} | | {min(seconds):.2f} | {spread} | {limit} |", flush=True)


def print_rows(description: str | None, rows: Callable[[bool], Iterable[str]], quick: str) -> None:
    """Print a benchmark's rows as they come. `quick`: what the option --quick does, which `rows` is given."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=quick)
    for one in rows(parser.parse_args().quick):
        print(one, flush=True)
