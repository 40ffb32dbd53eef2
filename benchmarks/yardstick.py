"""Today's careful pipelines, to compare with: timm in eager float32, Pillow, DataLoader, albumentations; a plain loop.

    python -m benchmarks.yardstick IMAGES WEIGHTS OUT [--views K] [--images N]

Each network reads the images by itself, in a DataLoader with 2 workers and batches of 32, with its library's own
transform: what participants' repositories do, with the usual care (inference mode, no gradient, one tensor as output).
With `--views` each image is augmented K times instead, by the four operations of `mediaeval.features.augment`.

`plain_heads` is the usual loop that trains a head on features.
"""

import argparse
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from torch.utils.data import DataLoader, Dataset, TensorDataset

from mediaeval.classifiers.training import TorchClassifier

WORKERS, BATCH = 2, 32


class ImageFiles(Dataset[torch.Tensor]):
    """Image files, decoded and transformed one by one; with `views`, that many augmented views of each."""

    def __init__(self, paths: list[Path], transform: Callable[[Image.Image], torch.Tensor], views: int = 0):
        self.paths, self.transform, self.views = paths, transform, views
        self.augment: Any = None

    def __len__(self) -> int:
        return len(self.paths) * max(self.views, 1)

    def __getitem__(self, k: int) -> torch.Tensor:
        image = Image.open(self.paths[k // max(self.views, 1)]).convert("RGB")
        if self.views:
            if self.augment is None:  # in the worker
                self.augment = _augmentations()
            image = Image.fromarray(self.augment(image=np.asarray(image))["image"])
        return self.transform(image)


def _augmentations() -> Any:
    import albumentations as A
    import cv2

    return A.Compose(
        [
            A.RandomCropFromBorders(crop_left=0.1, crop_right=0.1, crop_top=0.1, crop_bottom=0.1, p=1.0),
            A.Rotate(limit=15, border_mode=cv2.BORDER_REFLECT_101, p=0.5),
            A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.0, p=0.5),
            A.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 1.5), p=0.3),
        ]
    )


def networks(weights: Path) -> list[tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]]:
    """Return the three shared networks without classifiers, each with its transform."""
    found = []
    half = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    for name, arguments, changes in (
        ("timm-mobilenetv2_100", {}, {}),
        ("timm-mobilenetv2_100-tfsame", {"pad_type": "same"}, half),
    ):
        model = timm.create_model("mobilenetv2_100", num_classes=0, **arguments)
        model.load_state_dict(load_file(weights / f"{name}.safetensors"), strict=False)
        config = timm.data.resolve_model_data_config(model) | changes
        found.append((model.eval(), timm.data.create_transform(**config, is_training=False)))
    model = torchvision.models.squeezenet1_0()
    model.load_state_dict(load_file(weights / "torchvision-squeezenet1_0.safetensors"), strict=False)
    model.classifier = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    transform = torchvision.models.get_model_weights("squeezenet1_0").DEFAULT.transforms()
    return [*found, (model.eval(), transform)]


def features(paths: list[Path], weights: Path, views: int = 0) -> np.ndarray:
    """Return the concatenated features, float32 (n_images · max(views, 1), 3072)."""
    blocks = []
    for model, transform in networks(weights):
        loader = DataLoader(ImageFiles(paths, transform, views), BATCH, num_workers=WORKERS)
        with torch.inference_mode():
            blocks.append(torch.cat([model(batch) for batch in loader]))
    return torch.cat(blocks, dim=1).numpy()


def plain_heads(
    classifier: TorchClassifier,
    X: np.ndarray,
    T: np.ndarray,
    epochs: int,
    device: str = "cpu",
    workers: int = WORKERS,
    autocast: bool = False,
) -> tuple[torch.nn.Module, float]:
    """Train a head as one would without a toolkit; return the network and the seconds of an epoch.

    Network, initial weights and loss are those of the classifier, fitted or not, so that only the loop differs:
    a DataLoader with persistent workers, from pinned memory to a GPU, and `torch.optim.Adam` with its defaults.

    X, T      features, float32 (n_images, n_features), and encoded targets, float32 (n_images, n_targets)
    epochs    at least 2: the first, in which workers start and libraries choose kernels, is not counted
    autocast  whether network and loss are computed in mixed precision, bfloat16
    """
    seed, on_gpu = classifier.random_state, device != "cpu"
    network = classifier._new_network(seed, X.shape[1], T.shape[1]).to(device)
    torch.manual_seed(seed)
    loader = DataLoader(
        TensorDataset(torch.from_numpy(X), torch.from_numpy(T)),
        batch_size=classifier.batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=on_gpu,
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=classifier.lr)
    network.train()
    ends = []
    for _ in range(epochs):
        for x, t in loader:
            x, t = x.to(device, non_blocking=True), t.to(device, non_blocking=True)
            optimiser.zero_grad()
            with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=autocast):
                log_p, log_not_p = network(x)
                loss = classifier._losses(log_p, log_not_p, t).mean()
            loss.backward()
            optimiser.step()
        if on_gpu:
            torch.cuda.synchronize()
        ends.append(time.perf_counter())
    return network.eval(), (ends[-1] - ends[0]) / (epochs - 1)


def main() -> None:
    """Compute features and save them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="images", help="a folder of images")
    parser.add_argument("weights", type=Path, help="the folder with the three files")
    parser.add_argument("out", type=Path, help=".npy")
    parser.add_argument("--views", type=int, default=0)
    parser.add_argument("--images", type=int, default=None, help="at most this many")
    options = parser.parse_args()
    random.seed(0)
    paths = sorted(options.folder.glob("*.jpg"))[: options.images]
    np.save(options.out, features(paths, options.weights, options.views))


if __name__ == "__main__":
    main()
