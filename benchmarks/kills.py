"""Kills of every command that writes, and what the next command finds: the table of docs/benchmarks.md.

    python -m benchmarks.kills [--kills 400] [--seed 0] [--only predict]

A command runs in a copy of a prepared folder and is killed with SIGKILL: just before one of its file-system events
(opening for writing, renaming, linking, removing, making a folder), at places spread over all of them, or at a random
time. Then

lost       files of a run, table, store or ledger that were complete before, and are neither as they were nor as the
           whole command leaves them; or the next command, the same again, fails
different  after the next command, files that are not what an uninterrupted command leaves, byte for byte
left over  after the next command, files and folders that an uninterrupted command does not leave

A third of the kills are followed by a second one, in the command that recovers. Commands run in forked processes of one
that has imported everything, so that a kill costs the command itself, not the imports.
"""

import argparse
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TINY = ("--system", "timm", "--set", "system.model=test_efficientnet.r160_in1k", "--set", "system.init=random")
TINY += ("--set", "system.image_size=32", "--set", "system.epochs=2", "--set", "system.batch_size=8")
QUICK = ("--set", "classifier.epochs=4", "--set", "augment=0", "--set", "threshold=0.5")
CPU = ("--device", "cpu")

# what an uninterrupted command leaves, too, or what differs from one time to the next
_NOT_COMPARED = re.compile(
    r"(^|/)(\.[^/]*\.lock|[^/]*\.lock)$|(^|/)history\.csv$|(^|/)extraction\.json$|\.svg$|^pretrained\.training$"
)
_TIMES = re.compile(
    rb'"time": "[^"]*"|"command": "[^"]*"|"[a-z_]*seconds?": [0-9.]+|"digest": "[0-9a-f]{64}"|"manifest": "[^"]*"'
    rb'|"(?:computed|found|decoded)": [0-9]+'  # of a bill: what was found was computed before the kill
)


@dataclass(frozen=True)
class Work:
    """A command that is killed: what is made before it, the command, and the command that follows a kill."""

    name: str
    prepared: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    then: tuple[str, ...] | Callable[[Path], tuple[str, ...]] = ()

    def following(self, folder: Path) -> tuple[str, ...]:
        """Return the command that a user would give next."""
        return self.then(folder) if callable(self.then) else self.then or self.command


def _pretrained(folder: Path) -> tuple[str, ...]:
    if (folder / "pretrained.safetensors").exists() or (folder / "pretrained.training").exists():
        return (*PRETRAIN, "--resume")
    return PRETRAIN


def _converted(folder: Path) -> tuple[str, ...]:
    return ("weights", "list") if (folder / "converted.safetensors").exists() else CONVERT


def _tuned(folder: Path) -> tuple[str, ...]:
    return (*TUNE, "--resume") if (folder / "runs/.best.tune/search.json").exists() else TUNE


SHARD = ("features", "sample/devset", "--shard")
MERGE = ("features", "sample/devset", "--config", "merged.toml", "--merge", ".mediaeval/features")
TUNE = ("tune", "subtask1", "--data", "sample/devset", "--from", "first", "--trials", "3", "--run", "best", *CPU)
TRAIN = ("train", "subtask1", "--data", "sample/devset", "--run", "first", *QUICK, *CPU, "--replace")
SYSTEM = ("train", "subtask1", "--data", "sample/devset", "--run", "net", "--no-refit", *TINY, *CPU)
PREDICT = ("predict", "first", "--data", "sample/testset", *CPU)
SUBMIT = ("submit", "first", "--partial", *CPU)
CONVERT = ("weights", "convert", "theirs.pth", "converted.safetensors")
PRETRAIN = ("pretrain", "objectgraphs", "--features", "FCVID", "--out", "pretrained.safetensors", "--epochs", "3", *CPU)

WORKS = (
    Work("features", (), ("features", "sample/devset")),
    Work("features --shard", (), (*SHARD, "1/2")),
    Work("features --merge", ((*SHARD, "1/2"), (*SHARD, "2/2")), MERGE),
    Work("train, a new run", (), TRAIN),
    Work("train --replace", (TRAIN, PREDICT, SUBMIT), (*TRAIN, "--set", "seed=1")),
    Work("train, a system", (), SYSTEM, (*SYSTEM, "--resume")),
    Work("predict", (TRAIN,), PREDICT),
    Work("predict again", (TRAIN, PREDICT, SUBMIT), ("predict", "first", "--data", "sample/devset", *CPU)),
    Work("submit", (TRAIN, PREDICT), SUBMIT),
    Work("ensemble", (TRAIN, (*TRAIN[:4], "--run", "second", *QUICK, *CPU, "--set", "classifier.lr=0.01")),
         ("ensemble", "first", "second", "--run", "both", "--replace")),
    Work("score", (TRAIN, PREDICT, SUBMIT), ("score", "runs/first/run.csv", "--truth", "sample/truth.csv")),
    Work("report", (TRAIN,), ("report", "first", *CPU)),
    Work("tune", (TRAIN,), TUNE, _tuned),
    Work("weights convert", (), CONVERT, _converted),
    Work("pretrain", (), PRETRAIN, _pretrained),
)  # fmt: skip


@dataclass
class Outcome:
    """What came of the kills of one command."""

    events: int = 0
    killed: int = 0
    killed_twice: int = 0
    lost: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)


def main() -> None:
    """Print a row per command as soon as its kills are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=400, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="works whose name holds this")
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    works = [work for work in WORKS if options.only in work.name]
    print("| command | events | kills | killed again while recovering | lost | different | left over |")
    print("|---|---|---|---|---|---|---|", flush=True)
    total = Outcome()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base"
        make_base(base)
        for work in works:
            outcome = tried(work, base, Path(name), options.kills // len(works), random.Random(options.seed))
            _print_row(work.name, outcome)
            for key in vars(total):
                setattr(total, key, getattr(total, key) + getattr(outcome, key))
    _print_row("all", total)
    for what in (*total.lost, *total.different, *total.left_over):
        print(what)
    sys.exit(1 if total.lost or total.different or total.left_over else 0)


def _print_row(name: str, outcome: Outcome) -> None:
    counts = (len(outcome.lost), len(outcome.different), len(outcome.left_over))
    cells = (outcome.events, outcome.killed, outcome.killed_twice, *counts)
    print(f"| {name} | {' | '.join(map(str, cells))} |", flush=True)


def tried(work: Work, base: Path, folder: Path, kills: int, rng: random.Random) -> Outcome:
    """Kill one command many times, each in a copy of the prepared folder; return what came of it."""
    outcome = Outcome()
    prepared, whole, copy = folder / "prepared", folder / "whole", folder / "copy"
    shutil.rmtree(prepared, ignore_errors=True)
    shutil.copytree(base, prepared)
    for command in work.prepared:
        require(run(prepared, command), command)
    shutil.rmtree(whole, ignore_errors=True)
    shutil.copytree(prepared, whole)
    begun = time.monotonic()
    outcome.events = require(run(whole, work.command), work.command).events
    seconds = time.monotonic() - begun
    before, after = contents(prepared), contents(whole)
    for k in range(kills):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(prepared, copy)
        if k % 4 == 3:
            where: dict[str, Any] = {"seconds": rng.uniform(0, seconds)}
        else:
            where = {"event": 1 + (k * outcome.events // kills + rng.randrange(3)) % outcome.events}
        first = run(copy, work.command, **where)
        outcome.killed += first.killed
        place = f"{work.name}, {where}"
        now = contents(copy)
        outcome.lost += [f"{place}: {name}" for name in before if _is_lost(name, before, after, now)]
        if k % 3 == 0:
            second = run(copy, work.following(copy), event=1 + rng.randrange(max(1, outcome.events)))
            outcome.killed_twice += second.killed
            place += ", and again" if second.killed else ""
            if not second.killed and second.status and not _was_done(second.said):
                outcome.lost.append(f"{place}: the next command failed: {second.said}")
                continue
        following = run(copy, work.following(copy))
        if following.status and not _was_done(following.said):
            outcome.lost.append(f"{place}: the next command failed: {following.said}")
            continue
        now = contents(copy)
        outcome.different += [f"{place}: {name}" for name in after if now.get(name) != after[name]]
        outcome.left_over += [f"{place}: {name}" for name in now if name not in after]
    return outcome


def _was_done(said: str) -> bool:
    """Return whether a command had nothing left to do, since the kill came after its work."""
    return any(part in said for part in ("nothing is left to resume", "already holds", "exists already"))


def _is_lost(name: str, before: dict[str, bytes], after: dict[str, bytes], now: dict[str, bytes]) -> bool:
    """Return whether a file is neither as it was nor as it is to be; below a run that is being exchanged, not yet."""
    if now.get(name) in (before[name], after.get(name)):
        return False
    parts = name.split("/")
    if parts[0] != "runs" or len(parts) < 3:
        return name.endswith((".jsonl", ".csv", ".toml"))
    # a run is exchanged as a whole: between two renames it is absent for a moment, and put back by the next command
    return any(other.startswith(f"runs/{parts[1]}/") for other in now) and name in after


def contents(folder: Path) -> dict[str, bytes]:
    """Return relative path → what is compared of a file, or b"" for an empty folder; without locks and plots."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if _NOT_COMPARED.search(name) or name.startswith("sample/"):
            continue
        if path.is_file():
            found[name] = _comparable(name, path.read_bytes())
        elif path.is_dir() and not any(path.iterdir()):
            found[name] = b""
    return found


def _comparable(name: str, data: bytes) -> bytes:
    if name.endswith(".features"):  # records are appended in the order in which images were computed
        return b"features"
    if name.endswith((".json", ".jsonl")):
        data = _TIMES.sub(b"", data)
    if name.endswith("manifest.json"):
        data = re.sub(rb'"(subtask\d/)?history.csv": "[^"]*"', b"", data)
    return data


# running a command ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """How a command ended: exit status, whether it was killed, its file-system events, the end of its messages."""

    status: int
    killed: bool
    events: int
    said: str


def require(ran: Ran, command: Sequence[str]) -> Ran:
    """Return how a command ended that must not fail."""
    if ran.status:
        raise SystemExit(f"mediaeval {' '.join(command)}: exit status {ran.status}: {ran.said}")
    return ran


def run(folder: Path, command: Sequence[str], *, event: int = 0, seconds: float = 0.0) -> Ran:
    """Run a command in a forked process; kill it before its file-system event number `event`, or after `seconds`."""
    log = Path(tempfile.gettempdir()) / f"mediaeval-kills-{os.getpid()}.log"
    log.write_bytes(b"")
    context = multiprocessing.get_context("fork")
    events = context.Value("i", 0)
    process = context.Process(target=_in_child, args=(folder, command, event, events, log))
    process.start()
    if seconds:
        process.join(seconds)
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    status = process.exitcode or 0
    return Ran(status, status == -signal.SIGKILL, events.value, log.read_text(errors="replace")[-400:])


def _in_child(folder: Path, command: Sequence[str], event: int, events: Any, log: Path) -> None:
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    from mediaeval.cli import app

    root = str(folder.resolve())
    _watch(root, event, events)
    try:
        app(list(command), standalone_mode=True)
    except SystemExit as error:
        os._exit(error.code if isinstance(error.code, int) else 1)
    except BaseException:
        traceback.print_exc()
        os._exit(70)


_WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate", "os.symlink", "shutil.rmtree"}


def _watch(root: str, event: int, events: Any) -> None:
    """Count the file-system events below a folder, and kill this process before one of them."""

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and any(letter in mode for letter in "wxa+")) or (
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            )
            if not writes:
                return
        elif name in _WRITES:
            path = arguments[0]
        else:
            return
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str | os.PathLike) or not str(Path(path).absolute()).startswith(root):
            return
        events.value += 1
        if events.value == event:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def make_base(base: Path) -> None:
    """Make the folder that all begin with: a drawn sample, a PyTorch file, features of videos; import what is used."""
    import numpy as np
    import torch

    import mediaeval.cli
    import mediaeval.proofs.send
    import mediaeval.steps.ensemble
    import mediaeval.steps.predict
    import mediaeval.steps.train
    import mediaeval.weights.convert  # noqa: F401 - imported before the forks
    from mediaeval.sample.draw import draw_sample

    torch.set_num_threads(1)
    base.mkdir()
    draw_sample(base / "sample", dev=40, test=12)
    (base / "merged.toml").write_text('[features]\nstore = "merged"\n')
    torch.save({"epoch": 3, "state_dict": {"module.w": torch.arange(6.0).reshape(2, 3)}}, base / "theirs.pth")
    rng = np.random.default_rng(0)
    videos = [f"Class{k % 3}/v{k}" for k in range(9)]
    for video in videos:
        for kind, shape in (("R152", (2, 4, 12)), ("R152_global", (2, 12))):
            path = base / "FCVID" / kind / f"{video}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, rng.normal(size=shape).astype(np.float32))
    (base / "FCVID/materials").mkdir()
    sides = ["train"] * 6 + ["test"] * 3
    lists = "".join(f"{video}.mp4\t{side}\n" for video, side in zip(videos, sides, strict=True))
    (base / "FCVID/materials/FCVID_VideoName_TrainTestSplit.txt").write_text(lists)
    labels = "".join(" ".join("1" if k % 3 == c else "0" for c in range(3)) + "\n" for k in range(9))
    (base / "FCVID/materials/FCVID_Label.txt").write_text(labels)


if __name__ == "__main__":
    main()
