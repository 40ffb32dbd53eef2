"""Every reader of weight files and of the records of runs against mutated files.

    python -m benchmarks.fuzz_records [--files 100000] [--seed 0] [--only NAME]

Each file is read in a child process, so that a library that crashes is counted and not the end. A reader may refuse a
file with an error for the user and do nothing else: the table counts other exceptions, crashes, files that took more
than 2 s, and gives the largest growth of memory for one file. The same seed gives the same files. Exit status 1 when
anything but a refusal was found.
"""

import argparse
import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.fuzz_readers import READERS, Reader
from benchmarks.mutations import Base
from mediaeval.errors import UserError

SLOW = 2.0  # seconds
STUCK = 30.0  # seconds without an answer, after which a child is ended
CHUNK = 1_000  # files of one child
MEMORY = 8 * 2**30  # bytes of address space that a child may add
HEAD = "| reader | files | read | refused | exceptions | crashes | over 2 s | slowest, s | memory, MB |\n|" + "---|" * 9


@dataclass
class Result:
    """What became of a reader's files. `found`: what was no refusal → how often; `examples`: the number of its file."""

    files: int = 0
    read: int = 0
    refused: int = 0
    exceptions: int = 0
    crashes: int = 0
    slow: int = 0
    slowest: float = 0.0  # seconds
    memory: int = 0  # bytes
    found: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, number: int) -> None:
        """Count something that is no refusal."""
        self.found[what] += 1
        self.examples.setdefault(what, number)

    def row(self, reader: str) -> str:
        """Return a row of the table."""
        counts = f"{self.files} | {self.read} | {self.refused} | {self.exceptions} | {self.crashes} | {self.slow}"
        return f"| {reader} | {counts} | {self.slowest:.2f} | {self.memory / 1e6:.0f} |"


def mutated_file(reader: Reader, bases: Mapping[str, Base], seed: int, number: int) -> tuple[str, bytes]:
    """Return the name and the content of a reader's file of a number; every 500th is sound."""
    rng = random.Random(f"{seed} {reader.name} {number}")
    name = rng.choice(sorted(bases))
    return name, bases[name].whole() if number % 500 == 0 else bases[name].mutated(rng)


def fuzz(reader: Reader, files: int, seed: int, folder: Path) -> Result:
    """Read `files` mutated files, in children one after the other."""
    bases = reader.bases(folder)
    result = Result()
    number = 0
    while number < files:
        number = _one_child(reader, bases, range(number, min(files, number + CHUNK)), seed, folder, result)
    return result


def _one_child(
    reader: Reader, bases: Mapping[str, Base], numbers: range, seed: int, folder: Path, result: Result
) -> int:
    """Read files in a child until all are read, or it crashes or is stuck; return the number to go on with."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(
        target=_read_all, args=(reader, bases, numbers, seed, folder, theirs)
    )
    child.start()
    theirs.close()
    number = numbers.start
    try:
        while number < numbers.stop:
            if not ours.poll(STUCK):
                child.kill()
                result.note("stuck", number)
                result.slow += 1
                break
            what, seconds, memory = ours.recv()
            _count(result, number, what, seconds, memory)
            number += 1
        else:
            child.join()
            return number
    except EOFError:
        child.join()
        result.crashes += 1
        result.note(f"crash: {signal.Signals(-child.exitcode).name if (child.exitcode or 0) < 0 else 'exit'}", number)
    child.join()
    result.files += 1
    for name, base in bases.items():  # what the child left half spoilt
        (folder / name).write_bytes(base.whole())
    return number + 1


def _count(result: Result, number: int, what: str, seconds: float, memory: int) -> None:
    result.files += 1
    result.slowest, result.memory = max(result.slowest, seconds), max(result.memory, memory)
    if what in ("read", "refused"):
        setattr(result, what, getattr(result, what) + 1)
    else:
        result.exceptions += 1
        result.note(what, number)
    if seconds > SLOW:
        result.slow += 1
        result.note(f"over {SLOW:.0f} s", number)
    if memory > 2**28:
        result.note("over 256 MB", number)


def _read_all(
    reader: Reader, bases: Mapping[str, Base], numbers: range, seed: int, folder: Path, answers: Connection
) -> None:
    """Be the child: read files, and send (read, refused or the exception; seconds; growth of memory in bytes)."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + MEMORY, most))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for number in numbers:
        name, data = mutated_file(reader, bases, seed, number)
        path = folder / name
        path.write_bytes(data)
        Path("/proc/self/clear_refs").write_text("5")
        before, begun = _status("VmRSS"), time.perf_counter()
        what = _read_one(reader, path)
        seconds = time.perf_counter() - begun
        answers.send((what, seconds, _status("VmHWM") - before))
        path.write_bytes(bases[name].whole())
    answers.close()


def _read_one(reader: Reader, path: Path) -> str:
    try:
        reader.read(path)
    except UserError:
        return "refused"
    except Exception as error:  # what is counted
        ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "benchmarks" not in frame.filename]
        place = next((f for f in reversed(ours) if "/mediaeval/" in f.filename or "/submission/" in f.filename), None)
        where = f"{Path(place.filename).name}:{place.lineno}" if place else ""
        return f"{type(error).__name__} {where}: {str(error)[:80]}"
    return "read"


def _status(key: str) -> int:
    """Return a figure of this process, in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith(f"{key}:")).split()[1]) * 1024


def main() -> int:
    """Print the table, and below it what was no refusal, with the number of a file for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000, help="mutated files of all readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of a reader's name")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    readers = [reader for reader in READERS if options.only in reader.name]
    shares = sum(reader.share for reader in readers)
    print(HEAD, flush=True)
    bad: list[str] = []
    for reader in readers:
        with tempfile.TemporaryDirectory() as folder:
            result = fuzz(reader, round(options.files * reader.share / shares), options.seed, Path(folder))
        print(result.row(reader.name), flush=True)
        bad += [f"{reader.name}, file {result.examples[what]}: {n} × {what}" for what, n in result.found.most_common()]
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
