"""Networks computed by torch, on a processor or on a GPU.

On a GPU a batch is as large as a few gigabytes allow and always of one size, pixels lie channels last, the next batch
is copied from pinned memory while one is computed, and half precision is float16 by autocast: weights stay float32, so
that images whose vectors overflow are computed again in float32.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mediaeval.batches import padded
from mediaeval.devices import device_kind, driver_facts
from mediaeval.errors import is_out_of_memory
from mediaeval.features.compiled import CompiledModel, ModuleSpec, computing, width_of
from mediaeval.features.feature_extractor import BATCH
from mediaeval.features.precision import resolve_precision
from mediaeval.remembered import cache_folder

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# Images of 224 × 224 per batch on a GPU, a power of two for images of other sizes, so that a batch takes about the same
# memory. ResNet-152 on an H200, images/s in batches of 16, 128 and 256: 1,022, 7,159, 7,659 in half precision.
ON_GPU, SIDE = 128, 224
REMEDY = "Choose another network."


def in_words_of(precision: str, device: str) -> str:
    """Return the engine as a feature's identity names it: precision, and on a GPU where it rounds to TF32."""
    if device_kind(device) == "cpu":
        return f"torch, {precision}"
    return f"torch, {precision}, {device_kind(device)}, {_tf32()}"


def _tf32() -> str:
    """Return in words where a GPU rounds float32 to TF32; by default torch does so in convolutions alone."""
    import torch

    if os.environ.get("NVIDIA_TF32_OVERRIDE") == "0":
        return "no TF32"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older of two ways to ask
        of_convolutions = getattr(torch.backends.cudnn, "conv", None)  # since torch 2.9
        if of_convolutions is not None:
            convolutions = of_convolutions.fp32_precision == "tf32"
            products = torch.backends.cuda.matmul.fp32_precision == "tf32"
        else:
            convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    where = [name for name, rounds in (("convolutions", convolutions), ("products", products)) if rounds]
    return f"TF32 in {' and '.join(where)}" if where else "no TF32"


def by_torch(precision: str, device: str, owner: str, key: dict[str, Any], spec: ModuleSpec) -> CompiledModel:
    """Return a module computed by torch on a resolved device, in float32, float16 or "mixed": see `precision`.

    owner  name of the extractor, for messages
    key    JSON: all that the module's numbers follow from
    """
    if device_kind(device) == "cpu":
        return _on_processor(spec, owner)
    network = GpuNetwork(spec, device, owner)
    with computing(owner, REMEDY):
        width = width_of(spec, owner, device)
        if precision == "mixed":
            precision = resolve_precision(
                _kept(key, device), owner, _pixels_shape(spec.example), network.vectors, half="float16"
            )
    network.half = precision == "float16"
    return CompiledModel(
        network.start, width, spec.metadata, in_words_of(precision, device), network.batch, in_flight=2, on_gpu=True
    )


def _kept(key: dict[str, Any], device: str) -> Path:
    """Return the folder in which a network's precision is kept, for this GPU and driver."""
    import torch

    gpu = torch.cuda.get_device_name(device) if torch.cuda.is_available() else ""
    whole = {"torch": version("torch"), "gpu": gpu, **driver_facts(), **key}
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True, default=list).encode()).hexdigest()
    return cache_folder().parent / "compiled" / digest[:32]


def _pixels_shape(example: np.ndarray) -> tuple[int, ...]:
    return example.shape if example.dtype == np.uint8 else ()


# --- on a processor -------------------------------------------------------------------------------------------------


def _on_processor(spec: ModuleSpec, owner: str) -> CompiledModel:
    import torch

    module = spec.module.eval().requires_grad_(False)
    warned = False

    def forward(batch: np.ndarray) -> np.ndarray:
        """Compute a batch; where memory runs out, in halves, with one warning."""
        nonlocal warned
        try:
            with torch.inference_mode():
                vectors: np.ndarray = module(torch.tensor(batch)).float().numpy()
                return vectors
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or len(batch) == 1:
                raise
        if not warned:
            logger.warning(_fewer(owner, len(batch)))
            warned = True
        half = len(batch) // 2
        return np.concatenate([forward(batch[:half]), forward(batch[half:])])

    def start(batch: np.ndarray) -> Callable[[], np.ndarray]:
        with computing(owner, REMEDY):
            vectors = forward(batch)
        return lambda: vectors

    return CompiledModel(start, width_of(spec, owner), spec.metadata, in_words_of("float32", "cpu"), BATCH, 1)


def _fewer(owner: str, n: int) -> str:
    return f"extractor '{owner}': out of memory with {n} images at once; trying fewer."


# --- on a GPU -------------------------------------------------------------------------------------------------------


class GpuNetwork:
    """A network on a GPU. The same code computes on a processor, which is how it is tested where there is no GPU.

    batch  images per batch: it follows from the size of an image alone, so that the vectors of an image do not depend
           on how many others are computed, nor on the GPU's memory
    half   whether it computes in float16; what overflows is computed again in float32
    """

    def __init__(self, spec: ModuleSpec, device: str, owner: str, *, half: bool = False):
        import torch

        self.owner, self.half, self.device = owner, half, torch.device(device)
        self.is_gpu = self.device.type == "cuda"
        self.batch = batch_size(spec.example)
        self.most = self.batch  # images computed at once: fewer than a batch where memory ran out
        self.said: set[str] = set()  # kinds of warnings, of which each is given once
        self.module = spec.module.eval().requires_grad_(False)
        with computing(owner, REMEDY):
            self.module.to(self.device).to(memory_format=torch.channels_last)
            self.copies = torch.cuda.Stream(self.device) if self.is_gpu else None

    def start(self, batch: np.ndarray) -> Callable[[], np.ndarray]:
        """Begin a batch, (n, …); return what waits for its vectors, float32 (n, width)."""
        import torch

        with computing(self.owner, REMEDY), self._on_device():
            rows = self._sent(torch.from_numpy(batch))
            vectors = self._computed(rows, self.half)
            host = torch.empty(vectors.shape, pin_memory=self.is_gpu)
            host.copy_(vectors, non_blocking=True)
            done = torch.cuda.Event() if self.is_gpu else None
            if done:
                done.record()

        def wait() -> np.ndarray:
            with computing(self.owner, REMEDY), self._on_device():
                if done:
                    done.synchronize()
                found = host.numpy()
                overflowed = ~np.isfinite(found).all(axis=1)
                if self.half and overflowed.any():
                    found[overflowed] = self._again(rows)[overflowed]
                return found

        return wait

    def vectors(self, precision: str, images: np.ndarray) -> np.ndarray:
        """Return the vectors of images in a precision, float32 or float16; what overflows is not computed again."""
        import torch

        found = []
        with self._on_device():
            for k in range(0, len(images), self.batch):
                part = images[k : k + self.batch]
                rows = self._sent(torch.from_numpy(padded(part, self.batch)))
                found.append(self._computed(rows, precision == "float16").cpu().numpy()[: len(part)])
        return np.concatenate(found)

    def _on_device(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        return torch.cuda.device(self.device) if self.is_gpu else contextlib.nullcontext()

    def _sent(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Return rows on the device; the copy runs beside what is being computed."""
        import torch

        if self.copies is None:
            return rows
        with torch.cuda.stream(self.copies):
            there = rows.pin_memory().to(self.device, non_blocking=True)
        now = torch.cuda.current_stream()
        now.wait_stream(self.copies)
        there.record_stream(now)  # its memory is not given away before the network has read it
        return there

    def _computed(self, rows: "torch.Tensor", half: bool) -> "torch.Tensor":
        """Return the vectors of rows; where memory runs out, of fewer at once from then on, with one warning."""
        import torch

        if len(rows) > self.most:
            return torch.cat([self._computed(part, half) for part in rows.split(self.most)])
        try:
            with torch.inference_mode(), torch.autocast(self.device.type, torch.float16, enabled=half):
                vectors: torch.Tensor = self.module(_channels_last(rows)).float()
                return vectors
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or len(rows) == 1:
                raise
        self._say("memory", _fewer(self.owner, len(rows)))
        if self.is_gpu:
            torch.cuda.empty_cache()
        self.most = len(rows) // 2
        return self._computed(rows, half)

    def _again(self, rows: "torch.Tensor") -> np.ndarray:
        said = f"extractor '{self.owner}': float16 overflows on some images, which float32 computes."
        self._say("overflow", said)
        again: np.ndarray = self._computed(rows, half=False).cpu().numpy()
        return again

    def _say(self, kind: str, warning: str) -> None:
        if kind not in self.said:
            self.said.add(kind)
            logger.warning(warning)


def batch_size(example: np.ndarray) -> int:
    """Return how many images like `example`, (h, w, 3) or (3, h, w), a GPU computes at once: 8 to 256.

    >>> batch_size(np.zeros((224, 224, 3))), batch_size(np.zeros((3, 448, 448))), batch_size(np.zeros((4000, 4000, 3)))
    (128, 32, 8)
    """
    share = 3 * SIDE * SIDE / max(example.size, 1)
    return int(min(max(2 ** math.floor(math.log2(ON_GPU * share)), 8), 256))


def _channels_last(rows: "torch.Tensor") -> "torch.Tensor":
    """Return rows of planes, (n, c, h, w), with the channels last in memory; pixels, (n, h, w, 3), have them so."""
    import torch

    return rows.contiguous(memory_format=torch.channels_last) if rows.is_floating_point() and rows.ndim == 4 else rows
