"""Networks computed by OpenVINO, on a processor: converted once, and kept beside the cache of weights.

With the converted network all is kept that a command needs to know about it: the next command imports neither torch nor
timm, which would take longer than the images of a small dataset.
"""

import contextlib
import hashlib
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mediaeval.batches import padded
from mediaeval.errors import FeaturesError, is_out_of_memory
from mediaeval.features.compiled import CompiledModel, ModuleSpec, computing, width_of
from mediaeval.features.library_errors import LIBRARY_ERRORS, in_words
from mediaeval.features.precision import resolve_precision
from mediaeval.files import folder_atomically, write_atomically
from mediaeval.remembered import cache_folder

logger = logging.getLogger(__name__)

# Images per batch. Measured on 2 cores in float32, images/s in batches of 1, 2 and 4: MobileNetV2 268, 272, 227;
# SqueezeNet 126, 127, 115; EfficientNet-B2 71, 68, 62; ResNet-152 10 each. Larger maps no longer fit the caches.
# In bfloat16 all three are alike.
FEW = 2
LAYOUT = 1  # of what is kept; raise it when `CompiledModel.metadata` or the modules given to `by_openvino` change


def in_words_of(precision: str) -> str:
    """Return the engine as a feature's identity names it."""
    return f"openvino {version('openvino')}, {precision}"


def by_openvino(
    precision: str,
    owner: str,
    key: dict[str, Any],
    make: Callable[[], ModuleSpec],
    otherwise: Callable[[ModuleSpec], CompiledModel],
) -> CompiledModel:
    """Return a network computed by OpenVINO in float32, bfloat16 or "mixed": one of the two, as a trial shows.

    owner      name of the extractor, for messages
    key        JSON: all that the module's numbers follow from
    make       builds the module; it is not called for what is kept converted
    otherwise  what computes a network that OpenVINO cannot convert; a warning says so
    """
    folder = _kept(key)
    if not (folder / "about.json").is_file():
        spec = make()
        width = width_of(spec, owner)
        try:
            _convert(spec, width, folder)
        except _unconvertible() as error:
            reason = in_words(error)
            logger.warning(f"extractor '{owner}': OpenVINO cannot convert it ({reason}): torch computes it.")
            return otherwise(spec)
    with computing(owner, f"Remove {folder}, which is made again, or pass --engine torch."):
        return _compiled(_precision_of(folder, owner) if precision == "mixed" else precision, folder, owner)


def computes_bfloat16() -> bool:
    """Return whether OpenVINO computes in bfloat16 on this processor."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _openvino() -> ModuleType:
    """Import OpenVINO without the package with which its converter reports usage: nothing leaves this machine."""
    # with None an import of it fails, which the converter provides for
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is what import looks for
    import openvino

    return openvino


def _core() -> Any:
    return _core_of(_folder())


@cache
def _core_of(folder: Path) -> Any:
    # Kept as long as the process lives: with its last network, OpenVINO would unload what its threads still run, which
    # crashed the process later on.
    core = _openvino().Core()
    core.set_property({"CACHE_DIR": str(folder / "blobs")})
    return core


def _folder() -> Path:
    return cache_folder().parent / "compiled"


def _kept(key: dict[str, Any]) -> Path:
    """Return the folder that a converted network is kept in."""
    whole = {"layout": LAYOUT, "batch": FEW, "openvino": version("openvino"), **key}
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True, default=list).encode()).hexdigest()
    return _folder() / digest[:32]


def _unconvertible() -> tuple[type[Exception], ...]:
    """Return what conversion raises for operators that it lacks, and what tracing a network raises."""
    lacking: type[Exception] = _openvino().frontend.OpConversionFailure
    return (lacking, *LIBRARY_ERRORS)


def _convert(spec: ModuleSpec, width: int, folder: Path) -> None:
    """Convert a module for batches of one size, and keep it; the folder appears whole or not at all."""
    import torch

    openvino = _openvino()
    module = spec.module.eval().requires_grad_(False)
    example = torch.tensor(spec.example)[None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns that it is deprecated, and of constants in the networks
        network = openvino.convert_model(module, example_input=example)
    network.reshape([FEW, *example.shape[1:]])
    with folder_atomically(folder) as new:
        openvino.save_model(network, new / "network.xml", compress_to_fp16=False)
        metadata = {"width": width, "about": spec.metadata}
        write_atomically(new / "about.json", json.dumps(metadata).encode())


@contextlib.contextmanager
def _explained(owner: str) -> Iterator[None]:
    """Say what to do where OpenVINO fails. Out of memory, a network converted for `FEW` images cannot compute fewer."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise FeaturesError(
                f"extractor '{owner}': OpenVINO cannot compute it ({in_words(error)}). Pass --engine torch."
            ) from error
        raise FeaturesError(
            f"extractor '{owner}': out of memory with {FEW} images at once, the fewest that OpenVINO computes. Close "
            "other programs, use fewer extractors in one command, or pass --engine torch. What was stored is kept."
        ) from error


def _precision_of(folder: Path, owner: str) -> str:
    """Return the precision of one network for an engine that mixes them."""
    network = _core().read_model(folder / "network.xml")

    def vectors(precision: str, images: np.ndarray) -> np.ndarray:
        compiled = _compiled(precision, folder, owner)
        return np.concatenate([compiled.start(images[k : k + FEW])() for k in range(0, len(images), FEW)])

    takes = network.input(0)
    is_pixels = takes.element_type.get_type_name() == "u8"
    return resolve_precision(folder, owner, tuple(takes.shape)[1:] if is_pixels else (), vectors)


def _compiled(precision: str, folder: Path, owner: str) -> CompiledModel:
    kept = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    hint = {"bfloat16": "bf16", "float32": "f32"}[precision]
    compiled = _core().compile_model(
        folder / "network.xml", "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": hint}
    )
    in_flight = max(2, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    free = [compiled.create_infer_request() for _ in range(in_flight)]

    def start(batch: np.ndarray) -> Callable[[], np.ndarray]:
        # a network may be used by two at once: R by whole images, and by the crops of G
        request = free.pop() if free else compiled.create_infer_request()
        n = len(batch)
        with _explained(owner):
            request.start_async({0: padded(batch, FEW)})

        def wait() -> np.ndarray:
            with _explained(owner):
                request.wait()
            vectors: np.ndarray = request.get_output_tensor(0).data[:n].astype(np.float32)
            free.append(request)
            return vectors

        return wait

    return CompiledModel(start, kept["width"], kept["about"], in_words_of(precision), FEW, in_flight)
