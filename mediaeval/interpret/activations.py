"""Outputs of a network's layers for many images, as exact Gram matrices in bounded memory.

All that a linear probe on n images needs of a layer are the n × n inner products of its outputs. For 2,432 images the
first layer of CaffeNet gives 290,400 numbers each, 2.8 GB: they are written to a file without a name, which vanishes
with the process, and read back a few columns at a time.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from mediaeval.errors import ConfigError, FeaturesError, first_few
from mediaeval.finetune.network import SystemNetwork
from mediaeval.interpret.layout import tensors_of

Batch = tuple[np.ndarray, np.ndarray | None]  # pixels uint8 (b, crop, crop, 3), vectors float32 (b, width) or None

DISK = 16 * 2**30  # bytes of activations at a time; taps that need more together are computed in several passes
CHUNK = 128 * 2**20  # bytes of the float64 columns that are multiplied at a time
_FREE = 0.9  # largest share of the free disk space that is used


@dataclass(frozen=True)
class TapGram:
    """Inner products of one tap's outputs, float64 (n_images, n_images), and the number of values per output."""

    matrix: np.ndarray
    dimension: int


def gram_matrices(
    built: SystemNetwork,
    taps: Sequence[str],
    batches: Callable[[], Iterable[Batch]],
    n_images: int,
    *,
    folder: Path,
    device: torch.device = torch.device("cpu"),
    disk: int = DISK,
    on_image: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[str, TapGram]]:
    """Yield (tap, Gram matrix) for each of `taps`, from the image to the scores; one matrix is in memory at a time.

    batches  gives the same images, in the same order, each time it is called: once a pass, once to learn the sizes
    folder   where the activations are written temporarily; at most `disk` bytes, and no more than is free

    Outputs are flattened, neither scaled nor centred. Of a module with several outputs, such as a GRU, the first with
    a row per image is used. The network is in evaluation mode, in float32. `on_image(done, total)`: images of all
    passes.

    Raises ConfigError for a tap that the system lacks, that is not computed once, or that is too large for the disk;
    FeaturesError for outputs that
    are not finite.
    """
    if unknown := [name for name in taps if name not in built.taps]:
        raise ConfigError(f"no tap {first_few(unknown)} in this system. It has: {', '.join(built.taps)}.")
    taps = [name for name in built.taps if name in set(taps)]
    network = built.network.to(device).eval()
    sizes = _sizes(built, taps, batches, device)
    passes = _passes(sizes, n_images, folder, disk)
    for number, group in enumerate(passes):
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            layout = _Layout(group, sizes, n_images)
            hooks = _Hooks(built, group, partial(layout.write, file))
            done = 0
            with hooks, torch.inference_mode():
                for pixels, vectors in batches():
                    layout.row = done
                    hooks.expect(len(pixels))
                    network(*_inputs(pixels, vectors, device))
                    hooks.require_all()
                    done += len(pixels)
                    on_image(number * n_images + done, len(passes) * n_images)
            assert done == n_images, f"got {done} images; expected {n_images}"
            for name in group:
                yield name, TapGram(_multiplied(layout, file, name), sizes[name])


def _inputs(pixels: np.ndarray, vectors: np.ndarray | None, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return what a network's forward takes: pixels (b, 3, crop, crop), float32 0..255, and vectors (b, width)."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2).float()
    return images, None if vectors is None else torch.from_numpy(vectors).to(device)


class _Hooks:
    """Within its context, `take(name, rows)` is called with each tap's output, float32 (b, d), as it is computed."""

    def __init__(self, built: SystemNetwork, taps: Sequence[str], take: Callable[[str, np.ndarray], None]):
        self.built, self.taps, self.take = built, {name: built.taps[name] for name in taps}, take
        self.seen: list[str] = []
        self.n_images = 0

    def __enter__(self) -> "_Hooks":
        self.handles = [module.register_forward_hook(self._hook(name)) for name, module in self.taps.items()]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _hook(self, name: str) -> Callable[[nn.Module, tuple, object], None]:
        def hook(_module: nn.Module, _inputs: tuple, output: object) -> None:
            rows = [tensor for tensor in tensors_of(output) if len(tensor) == self.n_images]
            if rows:
                self.seen.append(name)
                # at once, since later modules may work in place
                self.take(name, rows[0].detach().flatten(1).float().cpu().numpy())

        return hook

    def expect(self, n_images: int) -> None:
        """Prepare for a batch of so many images."""
        self.n_images = n_images
        self.seen.clear()

    def require_all(self) -> None:
        """Raise ConfigError unless each tap was computed once: a probe reads one output per image."""
        if other := [name for name in self.taps if self.seen.count(name) != 1]:
            fitting = [name for name in self.built.taps if name not in other]
            raise ConfigError(
                f"tap {first_few(other)}: the network does not give one output per image there. Name others with "
                f"--taps: {', '.join(fitting)}."
            )


def _sizes(built: SystemNetwork, taps: Sequence[str], batches: Callable, device: torch.device) -> dict[str, int]:
    """Return how many numbers each tap gives per image, by passing one image through the network."""
    sizes: dict[str, int] = {}

    def take(name: str, rows: np.ndarray) -> None:
        sizes[name] = rows.shape[1]

    with _Hooks(built, taps, take) as hooks, torch.inference_mode():
        for pixels, vectors in islice(batches(), 1):
            hooks.expect(1)
            built.network(*_inputs(pixels[:1], None if vectors is None else vectors[:1], device))
            hooks.require_all()
    return sizes


def _passes(sizes: Mapping[str, int], n_images: int, folder: Path, disk: int) -> list[list[str]]:
    """Return the taps in groups whose activations fit on the disk together.

    Raises ConfigError for a tap that does not fit alone.
    """
    room = min(disk, int(shutil.disk_usage(folder).free * _FREE))
    passes: list[list[str]] = [[]]
    taken = 0
    for name, size in sizes.items():
        need = size * n_images * 4
        if need > room:
            raise ConfigError(
                f"tap '{name}' gives {size:,} numbers per image: {need / 1e9:.1f} GB for {n_images:,} images, and "
                f"{folder.resolve()} has room for {room / 1e9:.1f} GB. Free some space, or leave this tap out."
            )
        if passes[-1] and taken + need > room:
            passes.append([])
            taken = 0
        passes[-1].append(name)
        taken += need
    return passes


class _Layout:
    """Where each tap's numbers are in the file: in ranges of columns, one block (n_images, some columns) each."""

    def __init__(self, taps: Sequence[str], sizes: Mapping[str, int], n_images: int):
        self.n_images = n_images
        self.row = 0  # of the first image of the batch that is being written
        self.chunks: dict[str, list[tuple[int, slice]]] = {}  # tap → (offset in bytes, columns)
        columns = max(CHUNK // (8 * n_images), 1)
        offset = 0
        for name in taps:
            self.chunks[name] = []
            for start in range(0, sizes[name], columns):
                chunk = slice(start, min(start + columns, sizes[name]))
                self.chunks[name].append((offset, chunk))
                offset += 4 * n_images * (chunk.stop - chunk.start)

    def write(self, file: BinaryIO, name: str, rows: np.ndarray) -> None:
        """Write the outputs of a batch, float32 (b, d), to their places."""
        for offset, chunk in self.chunks[name]:
            data = np.ascontiguousarray(rows[:, chunk]).data.cast("B")
            at = offset + 4 * self.row * (chunk.stop - chunk.start)
            while data:  # a large write may be done only in part
                written = os.pwrite(file.fileno(), data, at)
                data, at = data[written:], at + written

    def read(self, file: BinaryIO, name: str) -> Iterator[np.ndarray]:
        """Yield a tap's numbers, float64 (n_images, some columns)."""
        for offset, chunk in self.chunks[name]:
            count = self.n_images * (chunk.stop - chunk.start)
            file.seek(offset)
            yield np.fromfile(file, np.float32, count).reshape(self.n_images, -1).astype(np.float64)


def _multiplied(layout: _Layout, file: BinaryIO, name: str) -> np.ndarray:
    """Return a tap's Gram matrix, summed in float64. Raises FeaturesError for numbers that are not finite."""
    gram = np.zeros((layout.n_images, layout.n_images))
    for columns in layout.read(file, name):
        gram += columns @ columns.T
    if bad := int((~np.isfinite(gram.diagonal())).sum()):
        raise FeaturesError(
            f"tap '{name}': outputs of {bad} of {layout.n_images} images are not finite numbers. "
            "The network's weights are broken, or its training diverged: train it again at a lower rate."
        )
    return gram
