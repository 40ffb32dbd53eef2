"""Edits of a run's files, and which of them are reported: the table of docs/benchmarks.md.

    python -m benchmarks.tampering [--step 1]

Of two runs on a drawn sample that were submitted, every file of one that predict, submit or reproduce reads is edited:
each line removed, each exchanged with the next, a digit of each changed, a bit of each model flipped, a byte added, the
file emptied, removed, exchanged with the other run's. After each edit `submit` must refuse the run and name the file.
The digests are compared before anything else, so neither the ledger nor a rehearsal or replay is needed. Files that are
not covered (pictures, histories) are edited too, and must not be reported.
"""

import argparse
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.kills import CPU, QUICK, make_base, require, run
from mediaeval.digests import covered_files
from mediaeval.errors import RunFolderError
from mediaeval.proofs.submit import submit
from mediaeval.records import RunManifest
from mediaeval.runs import RunFolder, open_run
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

KINDS = (
    "line removed",
    "lines exchanged",
    "digit changed",
    "bit flipped",
    "byte added",
    "emptied",
    "removed",
    "another run's",
)


def main() -> None:
    """Print a row per file: how many edits of each kind were tried and reported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, default=1, help="of so many lines, one is edited")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base"
        make_base(base)
        for run_name, seed in (("first", 0), ("other", 1)):
            train = (
                "train",
                "all",
                "--data",
                "sample/devset",
                "--run",
                run_name,
                "--set",
                f"seed={seed}",
                *QUICK,
                *CPU,
            )
            predict = ("predict", run_name, "--data", "sample/testset", *CPU)
            for command in (train, predict, ("submit", run_name, *CPU)):
                require(run(base, command), command)
        with contextlib.chdir(base):
            unreported = _table(open_run("first"), options.step)
    print("\n".join(unreported))
    sys.exit(1 if unreported else 0)


def _table(folder: RunFolder, step: int) -> list[str]:
    print(f"| file | {' | '.join(KINDS)} | reported |")
    print(f"|---|{'---|' * (len(KINDS) + 1)}", flush=True)
    unreported = []
    total: Counter[str] = Counter()
    for name in [*covered_files(folder.path), "manifest.json"]:
        file = folder.path / name
        before, tried = file.read_bytes(), Counter[str]()
        for kind, data in edits(file, folder.runs_dir / "other" / name, step):
            if data == before:
                continue
            if data is None:
                file.unlink()
            else:
                file.write_bytes(data)
            tried[kind] += 1
            said = _reported(folder.name)
            # with another run's manifest.json it is all other files that are not those that it lists; run.csv may be
            # moved away by its owner, and is written again
            as_it_should = said if name == RunManifest.FILE else name in said
            if as_it_should or (kind == "removed" and name == folder.run_csv.name):
                tried["reported"] += 1
            else:
                unreported.append(f"{name}: {kind}")
            file.write_bytes(before)
        _row(name, tried)
        total += tried
    _row("all", total)
    for name in ("subtask1/history.csv", "subtask1/curves.svg", "subtask2/confusion.svg"):
        file = folder.path / name
        if file.exists():
            file.write_bytes(b"edited")
    if said := _reported(folder.name):
        unreported.append(f"what is not covered was reported: {said}")
    return unreported


def _row(name: str, tried: Counter[str]) -> None:
    edits_in_all = sum(tried[kind] for kind in KINDS)
    cells = [tried[kind] or "" for kind in KINDS]
    print(f"| `{name}` | {' | '.join(map(str, cells))} | {tried['reported']} of {edits_in_all} |", flush=True)


def edits(file: Path, other: Path, step: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield (kind of the edit, the file's bytes then); None: the file is gone."""
    data = file.read_bytes()
    yield "another run's", other.read_bytes()
    yield "emptied", b""
    yield "byte added", data + b"\n"
    yield "removed", None
    if file.suffix == ".safetensors":
        for place in range(0, len(data), max(1, len(data) // 64)):
            yield "bit flipped", data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        return
    lines = data.split(b"\n")[:-1]
    for k in range(0, len(lines), step):
        line = lines[k]
        yield "line removed", b"\n".join([*lines[:k], *lines[k + 1 :]]) + b"\n"
        if k and line != lines[k - 1]:
            yield "lines exchanged", b"\n".join([*lines[: k - 1], line, lines[k - 1], *lines[k + 1 :]]) + b"\n"
        digits = [place for place, letter in enumerate(line) if chr(letter).isdigit()]
        if digits:
            place = digits[len(digits) // 2]
            digit = b"1" if line[place : place + 1] != b"1" else b"2"
            changed = line[:place] + digit + line[place + 1 :]
            yield "digit changed", b"\n".join([*lines[:k], changed, *lines[k + 1 :]]) + b"\n"


def _reported(name: str) -> str:
    """Return what submitting the run reports, "" for nothing."""
    try:
        submit(open_run(name), VISUAL_SENTIMENT_2021)
    except RunFolderError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main()
