"""A disk that becomes full at every write of every command: the table of docs/benchmarks.md. Needs the right to mount.

    python -m benchmarks.disk_full [--sizes 16]

Each command of benchmarks/kills.py that writes runs on a small disk (tmpfs) with less room than it needs, from none to
almost enough, so that it fails at its first, at its last, and at the writes between them. Then

lost       files that were there before are not as they were, though the command failed
unclear    the command did not end with status 1 and a sentence that names what is full
different  after room was made, the same command does not lead to the same files as on a disk with room
left over  a failed command left a file that was not there before
"""

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.kills import WORKS, Work, contents, make_base, require, run

SIZE = 64  # MiB, of the disk
FILLER = "filler"
PAGE = 4096  # bytes, the least that a file takes


@dataclass
class Outcome:
    """What came of the runs of one command on a disk with too little room."""

    needed: int = 0  # KiB
    failed: int = 0
    done: int = 0
    lost: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)


def main() -> None:
    """Print a row per command as soon as it was tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, default=16, help="numbers of free bytes that each command is tried with")
    parser.add_argument("--only", default="", help="commands whose name holds this")
    options = parser.parse_args()
    print("| command | needs, KiB | failed | done | lost | unclear | different | left over |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    problems = []
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base"
        make_base(base)
        for work in [work for work in WORKS if options.only in work.name]:
            found = tried(work, base, Path(name), options.sizes)
            lists = (found.lost, found.unclear, found.different, found.left_over)
            cells = (found.needed, found.failed, found.done, *map(len, lists))
            print(f"| {work.name} | {' | '.join(map(str, cells))} |", flush=True)
            problems += [what for one in lists for what in one]
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


def tried(work: Work, base: Path, folder: Path, sizes: int) -> Outcome:
    """Run one command with less and less room."""
    outcome = Outcome()
    prepared, whole = folder / "prepared", folder / "whole"
    for path in (prepared, whole):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(base, prepared)
    for command in work.prepared:
        require(run(prepared, command), command)
    with small_disk(folder / "disk") as disk:
        copy = disk / "copy"
        shutil.copytree(prepared, copy)
        before_use = _used(disk)
        require(run(copy, work.command), work.command)
        needed = 2 * max(_used(disk) - before_use, 16 * PAGE)  # and temporary files for a while
        shutil.copytree(copy, whole)
    outcome.needed = needed // 1024
    before, after = contents(prepared), contents(whole)
    for k in range(sizes):
        room = round(needed * (k / sizes) ** 2 / PAGE) * PAGE
        with small_disk(folder / "disk") as disk:
            copy = disk / "copy"
            shutil.copytree(prepared, copy)
            _fill(disk, room)
            ran = run(copy, work.command)
            now, place = contents(copy), f"{work.name}, {room} bytes free"
            if ran.status == 0:
                outcome.done += 1
                outcome.different += [f"{place}: {name}" for name in after if now.get(name) != after[name]]
                continue
            outcome.failed += 1
            if ran.status != 1 or "Traceback" in ran.said or "space" not in ran.said:
                outcome.unclear.append(f"{place}: status {ran.status}: {ran.said}")
            outcome.lost += [
                f"{place}: {name}" for name in before if now.get(name) not in (before[name], after.get(name))
            ]
            new = [name for name in now if name not in before and name not in after]
            # a system's training keeps its last epoch, from which it is resumed
            outcome.left_over += [f"{place}: {name}" for name in new if not name.startswith("runs/.net.training/")]
            (disk / FILLER).unlink()
            again = run(copy, work.following(copy))
            if again.status:
                outcome.different.append(f"{place}: with room, the command failed: {again.said}")
                continue
            now = contents(copy)
            outcome.different += [f"{place}: {name}" for name in after if now.get(name) != after[name]]
            outcome.left_over += [f"{place}: at the end: {name}" for name in now if name not in after]
    return outcome


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Mount a disk of SIZE MiB, and give its folder."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _used(disk: Path) -> int:
    return shutil.disk_usage(disk).used


def _fill(disk: Path, room: int) -> None:
    """Write a file that leaves so many bytes."""
    free = shutil.disk_usage(disk).free - room
    with (disk / FILLER).open("wb") as file:
        file.write(bytes(max(0, free)))


if __name__ == "__main__":
    main()
