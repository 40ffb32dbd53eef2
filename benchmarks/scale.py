"""Shards and Ray on one machine: equal vectors, kills, memory, and what they cost. The tables of docs/scale.md.

    python -m benchmarks.scale [--only PART] [--kills 10] [--images 300]

Everything runs on this machine: "nodes" are two raylets of one cluster here, and logical processors may be more than
there are. Images are drawn, two of them damaged and two with the same bytes; features are hand-crafted ones and those
of a small network with random weights, in the engine that `auto` is here. Each command is the product's own.

same      the sha256 over (id, vector) of one process, of shards merged, and of Ray in several forms
kills     SIGKILL of a worker, of the command, of a node, at a third and two thirds of the vectors; then the same
          command again. lost: vectors missing after it; twice: stored twice; again: vectors that had been stored and
          were computed again; the limit is workers × batch, for those in hand when the kill came
memory    peak memory of the command for 2,000 and 20,000 images, and for 1,000,000 ids whose images are faked
cost      seconds of one process, of a shard, and of Ray
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.table import MEASURED_COMMAND, ROOT
from mediaeval.features.feature_extractor import BATCH
from mediaeval.features.shards import shard_of
from mediaeval.features.store import FeatureStore, image_key

USE = ["net", "handcrafted"]
SETTINGS = """
[features]
use = ["net", "handcrafted"]
[extractors.net]
kind = "timm"
model = "resnet18"
weights = "net.safetensors"
image_size = 64
"""
EXTRACTORS = len(USE) + 1  # and thumbnails
WORKERS = 2


def draw(folder: Path, n: int, size: tuple[int, int] = (400, 300), different: int = 64, twin: int = 1) -> None:
    """Write `n` JPEGs whose bytes differ, of a few pictures; but `twin` is like the first, and the last two damaged."""
    folder.mkdir(parents=True)
    rng, pictures = np.random.default_rng(0), []
    for k in range(min(different, n)):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"i{k}.jpg", quality=90)
        pictures.append((folder / f"i{k}.jpg").read_bytes())
    for k in range(len(pictures), n):  # what stands behind the end of a JPEG is no part of the picture
        (folder / f"i{k}.jpg").write_bytes(pictures[k % len(pictures)] + k.to_bytes(4, "little"))
    (folder / f"i{twin}.jpg").write_bytes((folder / "i0.jpg").read_bytes())
    for k in (n - 2, n - 1):
        (folder / f"i{k}.jpg").write_bytes(pictures[k % len(pictures)][: 300 + k % 7])


class Bench:
    """A folder with images and settings, and the commands that run in it."""

    def __init__(self, home: Path, n_images: int, twin: int = 1):
        self.home, self.n_images = home, n_images
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "MEDIAEVAL_WEIGHTS": str(home / "cache" / "weights"),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        draw(home / "images", n_images, twin=twin)
        (home / "mediaeval.toml").write_text(SETTINGS)
        save = "from safetensors.torch import save_file; import timm, torch; torch.manual_seed(0); "
        save += "save_file(timm.create_model('resnet18').state_dict(), 'net.safetensors')"
        subprocess.run([sys.executable, "-c", save], check=True, cwd=home, env=self.environment)
        os.utime(home / "net.safetensors", (0, 0))
        self.needed = (n_images - 3) * EXTRACTORS  # without the damaged ones and the second of two alike

    def begin(self, store: str, *arguments: str) -> "subprocess.Popen[str]":
        """Begin `mediaeval features images …`."""
        command = [sys.executable, "-m", "mediaeval", "features", "images", "--skip-bad", "--json", *arguments]
        environment = self.environment | {"MEDIAEVAL_FEATURES": store}
        return subprocess.Popen(
            command, cwd=self.home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def features(self, store: str, *arguments: str) -> tuple[dict[str, Any], float]:
        """Run `mediaeval features images …`; return what it printed and its seconds."""
        begun = time.perf_counter()
        process = self.begin(store, *arguments)
        out, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {errors[-600:]}")
        printed: dict[str, Any] = json.loads(out)
        return printed, time.perf_counter() - begun

    def digest(self, store: str) -> tuple[str, int, int]:
        """Return the sha256 over (id, vector), vectors that are missing, and those that are there twice."""
        sha256, missing, twice = hashlib.sha256(), 0, 0
        files = [_opened(path) for path in sorted((self.home / store).glob("*.features"))]
        for k in range(self.n_images - 2):
            key = image_key(hashlib.sha256((self.home / f"images/i{k}.jpg").read_bytes()).hexdigest())
            for file in files:
                if key in file:
                    sha256.update(f"i{k}".encode() + file.get([key]).tobytes())
                else:
                    missing += 1
        twice = sum(file.doubles for file in files)
        missing += (EXTRACTORS - len(files)) * (self.n_images - 2)
        return sha256.hexdigest()[:16], missing, twice

    def stored(self, store: str) -> int:
        """Return how many vectors a store and its workers hold, by the sizes of their files."""
        return sum(_records(path) for path in (self.home / store).rglob("*.features"))


def _about(path: Path) -> tuple[dict[str, Any], int]:
    """Return the identity in the header of a feature file, and the header's length."""
    head = path.open("rb").read(1 << 16)
    start = head.index(b"\n") + 5
    length = int.from_bytes(head[start - 4 : start], "little")
    return json.loads(head[start : start + length]), start + length + -(start + length) % 64


WIDTHS = {"net": 512, "handcrafted": 492, "thumbnail": 1024}


def _width(path: Path) -> int:
    return WIDTHS[path.name.rpartition("-")[0]]


def _records(path: Path) -> int:
    try:
        return max(path.stat().st_size - _about(path)[1], 0) // (36 + 4 * _width(path))
    except (OSError, ValueError):  # removed, or half a header
        return 0


def _opened(path: Path) -> Any:
    name = path.name.rpartition("-")[0]
    return FeatureStore(path.parent).open(name, _about(path)[0], _width(path))


@contextmanager
def two_nodes() -> Iterator[tuple[str, Callable[[], None]]]:
    """Start two raylets as two nodes, give their address and what kills the second one."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    try:
        yield cluster.address, second.kill_raylet
    finally:
        cluster.shutdown()


def same(home: Path, n_images: int) -> Iterator[str]:
    """Yield the rows of the table of equal vectors."""
    # far enough from the first to be in another shard, and with another worker
    twin = next(k for k in range(n_images // 2, n_images) if all(shard_of(f"i{k}", n) > 1 for n in (2, 7)))
    assert all(shard_of("i0", n) == 1 for n in (2, 7)), "so that its twin is in another"
    bench = Bench(home, n_images, twin)
    yield "| features | sha256 over (id, vector) | missing | twice | bill: computed, found, twice | damaged |"
    yield "|---|---|---|---|---|---|"

    def row(title: str, store: str, printed: dict[str, Any]) -> str:
        digest, missing, twice = bench.digest(store)
        bill = printed["bills"][0]
        bad = sorted(failure["id"] for failure in printed["failures"])
        counts = f"{bill['computed']}, {bill['found']}, {bill['twice']}"
        return f"| {title} | `{digest}` | {missing} | {twice} | {counts} | {', '.join(bad)} |"

    yield row("one process", "serial", bench.features("serial")[0])
    for n in (2, 7):
        stores = [f"shards{n}/{k}" for k in range(1, n + 1)]
        for k, store in enumerate(stores, start=1):
            bench.features(store, "--shard", f"{k}/{n}")
        merging = [argument for store in stores for argument in ("--merge", store)]
        yield row(f"{n} shards, merged", f"merged{n}", bench.features(f"merged{n}", *merging)[0])
    for workers in (WORKERS, 4):
        printed, _ = bench.features(f"ray{workers}", "--ray", "--workers", str(workers))
        logical = f", {workers} logical processors of {os.cpu_count()}" if workers > (os.cpu_count() or 1) else ""
        yield row(f"Ray, {workers} workers{logical}", f"ray{workers}", printed)
    with two_nodes() as (address, _):
        printed, _ = bench.features("nodes", "--ray", "--workers", "2", "--address", address)
    yield row("Ray, two raylets as two nodes", "nodes", printed)


def kills(home: Path, n_images: int, times: int) -> Iterator[str]:
    """Yield the rows of the table of kills."""
    bench = Bench(home, n_images)
    expected = bench.digest("serial") if bench.features("serial") else None
    limit = WORKERS * BATCH * EXTRACTORS
    yield "| killed | at | times | went on by itself | lost | twice | other bytes | computed again, most | limit |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for who in ("a worker", "the command", "a node"):
        for share in (1 / 3, 2 / 3):
            went_on = lost = doubled = other = 0
            most = 0
            for k in range(times):
                store = f"{who.split()[-1]}-{share:.2f}-{k}"
                alive, again = _killed(bench, store, who, share)
                digest, missing, twice = bench.digest(store)
                went_on, lost, doubled = went_on + alive, lost + missing, doubled + twice
                other += digest != expected[0] if expected else 1
                most = max(most, again)
                shutil.rmtree(bench.home / store)
            yield (f"| {who} | {share:.0%} | {times} | {went_on} | {lost} | {doubled} | {other} | {most} | {limit} |")


def _killed(bench: Bench, store: str, who: str, share: float) -> tuple[bool, int]:
    """Kill, give the same command again, and return whether the first one went on, and vectors computed again."""
    if who == "a node":
        with two_nodes() as (address, kill_raylet):
            process = bench.begin(store, "--ray", "--workers", "2", "--address", address)
            _wait_for(bench, store, share, process)
            kill_raylet()
            out, errors = process.communicate(timeout=300)
    else:
        process = bench.begin(store, "--ray", "--workers", str(WORKERS))
        _wait_for(bench, store, share, process)
        if who == "a worker":
            os.kill(_worker_of(process.pid), signal.SIGKILL)
        else:
            process.kill()
        out, errors = process.communicate(timeout=300)
    alive = process.returncode == 0
    if alive and not out.startswith("{"):
        raise RuntimeError(f"no JSON: {out[:300]} {errors[-2000:]}")
    computed = json.loads(out)["bills"][0]["computed"] if alive else _settled(bench, store)
    # serial, so that another kill of a raylet has no part in it
    after, _ = bench.features(store)
    return alive, computed + after["bills"][0]["computed"] - bench.needed


def _wait_for(bench: Bench, store: str, share: float, process: "subprocess.Popen[str]") -> None:
    while bench.stored(store) < share * bench.needed:
        if process.poll() is not None:
            raise RuntimeError(f"the command ended before it was killed: {process.communicate()[1][-600:]}")
        time.sleep(0.01)


def _settled(bench: Bench, store: str) -> int:
    """Return how many vectors a killed command stored, when its workers have ended, too."""
    before, now = -1, bench.stored(store)
    while before != now:
        time.sleep(2)
        before, now = now, bench.stored(store)
    return now


def _worker_of(pid: int) -> int:
    """Return the process of one of the workers that a command has begun."""
    for stat in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if stat.read_bytes().startswith(b"ray::RayWorker") and pid in _ancestors(int(stat.parent.name)):
                return int(stat.parent.name)
        except OSError:  # it ended
            continue
    raise RuntimeError("no worker was found")


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        found = re.search(r"^PPid:\s*(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        pid = int(found[1]) if found else 0
        yield pid


PLANNED = """
import re, sys, time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from mediaeval.data.dataset import Dataset
from mediaeval.features.bill import Bill
from mediaeval.steps.ray_features import _Crew
from mediaeval.steps.ray_worker import Outcome, Ready

class Error(Exception): pass
class Ray:
    exceptions = SimpleNamespace(RayError=Error, RayActorError=Error)
    def remote(self, **options): return lambda cls: SimpleNamespace(remote=lambda *a: Actor())
    def wait(self, references, num_returns, timeout): return references[:1], []
    def get(self, reference): return reference.answer()
    def kill(self, actor): pass
class Reference:
    def __init__(self, answer): self.answer = answer
class Actor:
    begin = SimpleNamespace(remote=lambda: Reference(lambda: Ready("node")))
    compute = SimpleNamespace(remote=lambda images: Reference(lambda: Outcome(
        {i: f"{hash(i):064x}" for i, _ in images}, bill=Bill(images=len(images)))))

n = int(sys.argv[1])
begun = time.perf_counter()
ids = tuple(f"image-{k:08d}" for k in range(n))
dataset = Dataset(Path("images"), ids, {i: Path("images", i + ".jpg") for i in ids}, (), None)
made = time.perf_counter()
crew = _Crew(Ray(), dataset, None, [], "cpu", 4, Path(sys.argv[2]))
for _ in crew.work(ids): pass
crew.end()
assert len(crew.contents) == n
# not ru_maxrss, which a process takes over from the one that started it
peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(f"{made - begun:.1f} {time.perf_counter() - made:.1f} {peak:.0f}")
"""


def memory(home: Path, sizes: tuple[int, ...] = (2_000, 20_000), planned: int = 1_000_000) -> Iterator[str]:
    """Yield the rows of the table of memory."""
    yield "| images | seconds | peak memory of the command, MB |"
    yield "|---|---|---|"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MEDIAEVAL_WEIGHTS": str(home / "cache" / "weights")}
    for n in sizes:
        folder = home / str(n)
        draw(folder / "images", n, size=(80, 60))
        begun = time.perf_counter()
        arguments = ["features", "images", "--use", "handcrafted", "--skip-bad", "--ray", "--workers", str(WORKERS)]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED_COMMAND, *arguments],
            cwd=folder,
            env=environment | {"MEDIAEVAL_FEATURES": "store"},
            capture_output=True,
            text=True,
            check=True,
        )
        peak = int(done.stderr.strip().splitlines()[-1]) / 1024
        yield f"| {n:,} drawn, Ray, {WORKERS} workers | {time.perf_counter() - begun:.0f} | {peak:.0f} |"
    done = subprocess.run(
        [sys.executable, "-c", PLANNED, str(planned), str(home)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    listed, given_out, peak_mb = done.stdout.split()
    yield f"| {planned:,} ids, faked | {listed} to list, {given_out} to give out | {peak_mb} |"


def cost(home: Path, sizes: tuple[int, ...] = (60, 240, 960)) -> Iterator[str]:
    """Yield the rows of the table of costs: seconds of whole commands."""
    yield f"| images | one process | one of 4 shards | Ray, 1 worker | Ray, {WORKERS} workers |"
    yield "|---|---|---|---|---|"
    for n in sizes:
        bench = Bench(home / str(n), n)
        bench.features("warm")  # what is converted and remembered once
        seconds = [
            bench.features("serial")[1],
            bench.features("shard", "--shard", "1/4")[1],
            bench.features("ray1", "--ray", "--workers", "1")[1],
            bench.features("ray2", "--ray", "--workers", str(WORKERS))[1],
        ]
        yield f"| {n:,} | {' | '.join(f'{one:.1f}' for one in seconds)} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="same, kills, memory or cost")
    parser.add_argument("--kills", type=int, default=10, help="of each kind at each place")
    parser.add_argument("--images", type=int, default=300, help="of `same` and `kills`")
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, one machine", flush=True)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        parts: dict[str, Callable[[], Iterator[str]]] = {
            "same": lambda: same(home / "same", options.images),
            "kills": lambda: kills(home / "kills", options.images, options.kills),
            "memory": lambda: memory(home / "memory"),
            "cost": lambda: cost(home / "cost"),
        }
        for title, part in parts.items():
            if options.only in title:
                print(f"\n### {title}\n", flush=True)
                for row in part():
                    print(row, flush=True)


if __name__ == "__main__":
    main()
