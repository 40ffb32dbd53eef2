"""Whole commands that have next to nothing to compute, against the imports that they need.

    python -m benchmarks.commands [--quick]

A sample is drawn, its features of one network with random weights are stored and a mixture of experts is trained, a few
epochs. Then each command runs in a fresh process, in turns with a process that imports what the command needs and ends.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.table import ROOT, in_turns, print_rows

HEADER = ("| command | seconds | the imports it needs | ratio | limit |", "|---|---|---|---|---|")
MODEL = "resnet18"
SETTINGS = f"""
[features]
use = ["net"]
[extractors.net]
kind = "timm"
model = "{MODEL}"
weights = "net.safetensors"
image_size = 64
"""
TRAIN = ["train", "subtask1", "--run", "first", "--folds", "0", "--set", "classifier.epochs=2"]
# what predicting with a network on features imports, here and in the process that replays
IMPORTS = (
    "import mediaeval.cli.predict, mediaeval.steps.predict, mediaeval.classifiers.moe, mediaeval.classifiers.model"
)
OF_NETWORKS = "; import openvino" if importlib.util.find_spec("openvino") else "; import timm"  # which a replay builds
WITHOUT_TORCH = "import mediaeval.config, mediaeval.data.dataset, mediaeval.steps.prepare"
IS_TORCH_IMPORTED = """
import sys
from mediaeval.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert "torch" not in sys.modules, "torch was imported"
"""


def rows(quick: bool, n_images: int = 240) -> Iterator[str]:
    """Yield the table's lines, header included. Raises RuntimeError where a command fails."""
    runs = 1 if quick else 3
    yield from HEADER
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = os.environ | {"MEDIAEVAL_WEIGHTS": str(folder / "cache" / "weights"), "PYTHONPATH": str(ROOT)}

        def process(*arguments: str) -> Callable[[], object]:
            command = [sys.executable, *arguments]
            return lambda: _run(command, folder, environment)

        def command(*arguments: str) -> Callable[[], object]:
            return process("-m", "mediaeval", *arguments)

        _prepare(folder, process, n_images)
        command("features", "sample/devset", "sample/testset")()
        command(*TRAIN)()
        command("predict", "first", "--data", "sample/testset")()
        stored = ("features", "sample/devset", "sample/testset")
        process("-c", IS_TORCH_IMPORTED, *stored)()
        for title, work, imports, limit in (
            ("features, all stored; torch not imported", stored, WITHOUT_TORCH, "2 s"),
            ("predict, features stored", ("predict", "first"), IMPORTS, "1.5"),
            ("submit --replay 3", ("submit", "first", "--partial", "--replay", "3"), IMPORTS + OF_NETWORKS, "1.5"),
        ):
            ours, theirs = in_turns(runs, command(*work), process("-c", imports))
            ratio = np.median([a / b for a, b in zip(ours, theirs, strict=True)])
            yield f"| {title} | {min(ours):.2f} | {min(theirs):.2f} | {ratio:.2f} | {limit} |"


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])[:200]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")


def _prepare(folder: Path, process: Callable[..., Callable[[], object]], n_images: int) -> None:
    (folder / "mediaeval.toml").write_text(SETTINGS)
    test = str(n_images // 3)
    process("-m", "mediaeval", "sample", "sample", "--dev", str(n_images), "--test", test)()
    save = "from safetensors.torch import save_file; import timm, torch; torch.manual_seed(0); "
    save += f"save_file(timm.create_model('{MODEL}').state_dict(), 'net.safetensors')"
    process("-c", save)()
    weights = folder / "net.safetensors"
    os.utime(weights, (0, 0))  # a file that was written just now is hashed anew


def main() -> None:
    """Print the table."""
    print_rows(__doc__, rows, "one run of each in place of three")


if __name__ == "__main__":
    main()
