"""Features on a GPU as the product computes them, against the network alone and a careful loop written by hand.

    python -m benchmarks.gpu_extract [--quick]

Images are drawn and weights are random, so nothing has to be at hand; normalisations are fitted to the images, without
which a deep network with random weights gives the same vector for all. Importing, building, the trial of precision and
a first small batch are not timed. Without a GPU, tiny networks and few images show that the benchmark runs and nothing
else: precision is then float32.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.table import print_rows
from benchmarks.yardstick import ImageFiles
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.devices import device_kind, resolve_device
from mediaeval.features.build import build_all
from mediaeval.features.engines import TORCH, resolve_engine
from mediaeval.features.extract import extract
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.store import FeatureStore
from mediaeval.seeding import seeded
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

FOUR = ("resnet152", "resnet50", "mobilenetv2_100", "tf_efficientnet_b0")  # the slowest first
TINY = ("test_resnet", "test_efficientnet", "test_vit", "test_convnext")
N_IMAGES, DRAWN = 3631, 128  # images of the 2021 task; of them, different pictures
WORKERS = 16  # of the loop written by hand
AGREEMENT = 48  # images that a processor computes, too
HEADER = (
    "| features | seconds | images/s | compared with | images/s | ratio | agreement |",
    "|---|---|---|---|---|---|---|",
)


def draw_images(folder: Path, n: int) -> Dataset:
    """Write `n` JPEGs of 640 × 480 pixels whose bytes differ, of DRAWN pictures, and return them as a data set."""
    rng = np.random.default_rng(0)
    pictures = []
    for k in range(min(DRAWN, n)):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        picture = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = (picture + rng.integers(-12, 13, picture.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"i{k}.jpg", quality=85)
        pictures.append((folder / f"i{k}.jpg").read_bytes())
    for k in range(len(pictures), n):  # what stands behind the end of a JPEG is no part of the picture
        (folder / f"i{k}.jpg").write_bytes(pictures[k % len(pictures)] + k.to_bytes(4, "little"))
    return load_dataset(folder, VISUAL_SENTIMENT_2021, labelled=False)


def write_weights(folder: Path, model: str, images: Dataset, device: str) -> ExtractorConfig:
    """Write random weights of a network of timm, its normalisations fitted to images, and return its extractor."""
    with seeded(0, torch.device("cpu")):
        network = timm.create_model(model)
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 and name.endswith("weight"):
            nn.init.ones_(parameter)  # those of the last normalisation of each block are 0 at first
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the mean over the batches
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)
    pixels = [transform(Image.open(images.image_paths[i])) for i in images.ids[:32]]
    network.to(device).train()
    with torch.no_grad():
        network(torch.stack(pixels).to(device))
    path = folder / f"{model}.safetensors"
    save_file({key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}, path)
    return ExtractorConfig(kind="timm", model=model, weights=str(path))


def seconds_of(work: Callable[[], object], device: str, runs: int) -> float:
    """Return the median of the seconds of some runs."""
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        if device_kind(device) == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds))


def of_product(images: Dataset, networks: list[FeatureExtractor], device: str, runs: int, folder: Path) -> float:
    """Return the seconds from the files to the store."""
    few = load_few(images, 16)
    extract(few, networks, FeatureStore(folder / "first"))
    stores = iter(range(runs))
    return seconds_of(lambda: extract(images, networks, FeatureStore(folder / f"store{next(stores)}")), device, runs)


def load_few(images: Dataset, n: int) -> Dataset:
    """Return the data set with its first images alone."""
    return replace(images, ids=images.ids[:n])


def of_network(model: str, side: int, device: str, steps: int) -> float:
    """Return images/s of the network alone in half precision, on pixels that lie on the GPU already."""
    half = device_kind(device) == "cuda"
    batch = 256 if half else 4
    network = timm.create_model(model, num_classes=0).eval().requires_grad_(False).to(device)
    network = network.to(memory_format=torch.channels_last)
    pixels = torch.rand(batch, 3, side, side, device=device).contiguous(memory_format=torch.channels_last)
    if half:
        network, pixels = network.half(), pixels.half()

    def work() -> None:
        with torch.inference_mode():
            for _ in range(steps):
                network(pixels)

    work()
    return steps * batch / seconds_of(work, device, 3)


def of_loop(images: Dataset, model: str, device: str, *, autocast: bool) -> float:
    """Return images/s of a DataLoader with WORKERS workers and pinned memory, after its first batch."""
    network = timm.create_model(model, num_classes=0).eval().requires_grad_(False).to(device)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)
    paths = [images.image_paths[i] for i in images.ids]
    workers = min(WORKERS, os.cpu_count() or 1)
    size = min(32, max(len(paths) // 4, 1))
    loader = DataLoader(ImageFiles(paths, transform), size, num_workers=workers, pin_memory=device != "cpu")
    done, begun = 0, 0.0
    with torch.inference_mode(), torch.autocast(device_kind(device), torch.float16, enabled=autocast):
        for batch in loader:
            network(batch.to(device, non_blocking=True)).float().cpu()
            if begun:
                done += len(batch)
            begun = begun or time.perf_counter()
    return done / (time.perf_counter() - begun)


def agreement(images: Dataset, networks: list[FeatureExtractor], known: dict[str, ExtractorConfig], at: Path) -> str:
    """Return least and mean cosine of the vectors with those of a processor in float32, in words."""
    few = load_few(images, AGREEMENT)
    name = networks[0].name
    by_processor = extract(few, build_all([name], known, TORCH), FeatureStore(at / "processor"))
    twice = [extract(few, networks[:1], FeatureStore(at / f"again{k}")).matrix([name], few.ids) for k in range(2)]
    one, other = twice[0], by_processor.matrix([name], few.ids)
    cosines = (one * other).sum(axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))
    same = "the same bytes twice" if np.array_equal(*twice) else "NOT the same bytes twice"
    return f"cosine {cosines.min():.5f} least, {cosines.mean():.5f} mean; {same}"


def rows(quick: bool, n_images: int = 0) -> Iterator[str]:
    """Yield the table's lines, header included. `n_images`: in place of what suits the device."""
    device = resolve_device("auto")
    on_gpu = device_kind(device) == "cuda"
    models, n = (FOUR, n_images or N_IMAGES) if on_gpu else (TINY, n_images or 48)
    runs = 1 if quick else 3
    yield from HEADER
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        images = draw_images(folder / "images", n)
        known = {model: write_weights(folder, model, images, device) for model in models}
        engine = resolve_engine("auto" if on_gpu else "torch", device)
        networks = build_all(models, known, engine)
        slowest = networks[0]
        seconds = of_product(images, networks[:1], device, runs, folder / "one")
        speed = n / seconds
        alone = of_network(models[0], 224 if on_gpu else 160, device, 20 if on_gpu else 1)
        agrees = agreement(images, networks, known, folder)
        work = f"{slowest.name}, JPEG to store, {n:,} images, {slowest.identity['engine']}"
        ours = f"| {work} | {seconds:.2f} | {speed:,.0f} |"
        yield f"{ours} the network alone | {alone:,.0f} | {speed / alone:.2f} | {agrees} |"
        few = load_few(images, min(n, 1024))
        for autocast in (False, True) if on_gpu else (False,):
            loop = of_loop(few, models[0], device, autocast=autocast)
            how = f"DataLoader, {min(WORKERS, os.cpu_count() or 1)} workers, {'autocast' if autocast else 'float32'}"
            yield f"| | | {speed:,.0f} | {how} | {loop:,.0f} | {speed / loop:.1f} | |"
        together = of_product(images, networks, device, runs, folder / "all")
        yield (
            f"| {', '.join(models)} at once | {together:.2f} | {n / together:,.0f} | {slowest.name} by itself | "
            f"{speed:,.0f} | {together / seconds:.2f} of its seconds | |"
        )


def main() -> None:
    """Print the table."""
    print_rows(__doc__, rows, "one run of each in place of three")


if __name__ == "__main__":
    main()
