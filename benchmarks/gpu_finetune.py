"""Fine-tuning as the product does it, against the same step on images that lie on the GPU already.

    python -m benchmarks.gpu_finetune [--quick]

Images are drawn and weights are random, so nothing has to be at hand. Without a GPU, a tiny network is trained, which
shows that the benchmark runs and nothing else.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.table import print_rows
from mediaeval.devices import resolve_device
from mediaeval.features.images import Images
from mediaeval.finetune import settings_of
from mediaeval.finetune.batches import Examples
from mediaeval.finetune.build import build_system
from mediaeval.finetune.network import SystemNetwork
from mediaeval.finetune.recipe import resolve_precision
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.finetune.training import FineTuning, train_system
from mediaeval.seeding import seeded
from mediaeval.training.step import take_step

N_LABELS = 3
FILES = 128  # drawn images at most; an image of a training is one of them
HEADER = (
    "| fine-tuning | images/s | the step, images on the GPU | ratio | waiting for images | seconds in all |",
    "|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Work:
    """What is trained: a network of timm at an image size, and for how long."""

    model: str = "resnet50"
    size: int = 224
    batch: int = 64
    images: int = 2048
    epochs: int = 16
    steps: int = 200  # of those that are timed on images on the GPU

    @property
    def settings(self) -> TrainingSettings:
        """The settings of system `timm`, with random weights."""
        of_work = {"model": self.model, "image_size": self.size, "batch_size": self.batch, "epochs": self.epochs}
        return settings_of({"name": "timm", "init": "random", **of_work})


FULL = Work()
QUICK = replace(FULL, epochs=8, steps=60)
TINY = Work("test_efficientnet.r160_in1k", size=32, batch=8, images=32, epochs=2, steps=4)


@dataclass
class Clock:
    """When the epochs of a training ended, in seconds, and what its last note says of waiting."""

    ends: list[float] = field(default_factory=list)
    waiting: str = ""

    def on_progress(self, done: int, total: int, note: str) -> None:
        """Take note of a batch or an epoch."""
        if done > len(self.ends):
            self.ends.append(time.perf_counter())
        if found := re.search(r"\d+%", note):
            self.waiting = found.group()


def draw(folder: Path, n_images: int) -> Images:
    """Draw JPEGs of 400 × 300 pixels, at most FILES, and return `n_images` ids of them."""
    rng = np.random.default_rng(0)
    for k in range(min(FILES, n_images)):
        coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        coarse.resize((400, 300), Image.Resampling.BICUBIC).save(folder / f"{k}.jpg", quality=90)
    paths = {f"i{k}": folder / f"{k % FILES}.jpg" for k in range(n_images)}
    return Images(tuple(paths), paths)


def built(work: Work) -> SystemNetwork:
    """Build the network of a work; the same each time."""
    with seeded(0, torch.device("cpu")):
        return build_system("timm", work.settings, N_LABELS, pretrained=True)


def of_product(work: Work, examples: Examples, device: torch.device, folder: Path) -> tuple[float, str, float]:
    """Train, and return images/s of the epochs after the first, the share of waiting, and the seconds of all."""
    clock, begun = Clock(), time.perf_counter()
    train_system(
        built(work),
        work.settings,
        examples,
        multi_label=False,
        state=folder / "state.safetensors",
        metadata={},
        seed=0,
        device=device,
        on_progress=clock.on_progress,
    )
    seconds = time.perf_counter() - begun
    return work.images * (work.epochs - 1) / (clock.ends[-1] - clock.ends[0]), clock.waiting, seconds


def of_step(work: Work, examples: Examples, device: torch.device, folder: Path) -> float:
    """Return images/s of the product's own step on the batches of one epoch, which lie on the device."""
    objective = FineTuning(
        built(work),
        resolve_precision(replace(work, epochs=1).settings, device),
        examples,
        multi_label=False,
        metadata={},
        seed=0,
        device=device,
        folder=folder,
        validation=None,
        on_image=lambda done, total: None,
    )
    objective.network.train()
    batches = list(objective.batches(0))

    def steps(n: int) -> float:
        begun = time.perf_counter()
        for k in range(n):
            take_step(objective, batches[k % len(batches)], 1e-4, None)
            objective.after_step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - begun

    steps(max(work.steps // 4, 1))  # kernels are chosen, and the workers finish
    return work.steps * objective.size(batches[0]) / steps(work.steps)


def rows(quick: bool, work: Work | None = None) -> Iterator[str]:
    """Yield the table's lines, header included. `work`: what is trained, in place of what suits the device."""
    device = torch.device(resolve_device("auto"))
    work = work or ((QUICK if quick else FULL) if device.type == "cuda" else TINY)
    yield from HEADER
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = draw(folder, work.images)
        examples = Examples(images, np.eye(N_LABELS, dtype=np.float32)[np.arange(work.images) % N_LABELS])
        product, waiting, seconds = of_product(work, examples, device, folder)
        alone = of_step(work, examples, device, folder)
    what = f"{work.model} at {work.size}, batches of {work.batch}, {work.epochs} epochs of {work.images} images"
    yield f"| {what}, {device} | {product:,.0f} | {alone:,.0f} | {product / alone:.0%} | {waiting} | {seconds:.1f} |"


def main() -> None:
    """Print the table."""
    print_rows(__doc__, rows, "fewer epochs and steps")


if __name__ == "__main__":
    main()
