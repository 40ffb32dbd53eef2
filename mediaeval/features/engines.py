"""What computes the networks: torch or, on a processor, OpenVINO, which is several times as fast.

Engine and precision are part of a feature's identity, so vectors of two engines are never mixed. What OpenVINO
converted is kept beside the cache of weights, with all that a command needs to know about the network: the next command
imports neither torch nor timm, which would take longer than the images of a small dataset.
"""

import contextlib
import hashlib
import importlib.util
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mediaeval.batches import padded
from mediaeval.errors import ConfigError, FeaturesError, is_out_of_memory
from mediaeval.features.feature_extractor import BATCH, Start
from mediaeval.features.library_errors import LIBRARY_ERRORS, in_words, library_errors
from mediaeval.features.precision import resolve_precision
from mediaeval.files import folder_atomically, write_atomically
from mediaeval.remembered import cache_folder

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# bfloat16 only on request: it is up to twice as fast, but vectors of MobileNetV2 turned by as much as cosine 0.966 from
# those of float32 on real images (SqueezeNet's 0.9998). float32 agrees with torch's to 0.99999. mixed: bfloat16 for
# the networks that a trial shows to bear it (`precision`).
PRECISIONS = {"openvino": "float32", "openvino-mixed": "mixed", "openvino-bf16": "bfloat16"}
ENGINES = ("auto", "torch", *PRECISIONS)
# Images per batch of OpenVINO. Measured on 2 cores in float32, images/s in batches of 1, 2 and 4: MobileNetV2 268, 272,
# 227; SqueezeNet 126, 127, 115; EfficientNet-B2 71, 68, 62; ResNet-152 10 each. Larger maps no longer fit the caches.
# In bfloat16 all three are alike.
FEW = 2
LAYOUT = 1  # of what is kept; raise it when `CompiledModel.metadata` or the modules given to `load` change


class ModuleSpec(NamedTuple):
    """What a kind gives to be computed: a module from prepared arrays to vectors, an example, and facts to keep."""

    module: "torch.nn.Module"
    example: np.ndarray  # one prepared image, without the batch's axis
    metadata: dict[str, Any]  # JSON: what the kind gets back with the compiled model


class CompiledModel(NamedTuple):
    """A network ready to compute. `start` begins a batch and returns what waits for its vectors, float32 (n, width)."""

    start: Start
    width: int
    metadata: dict[str, Any]
    engine: str  # for the feature's identity
    batch: int  # images per batch
    in_flight: int  # batches that may be begun before the first is waited for


@dataclass(frozen=True)
class Engine:
    """What computes networks.

    name       torch or openvino
    device     cpu or cuda
    precision  float32, bfloat16, or mixed: one of the two for each network
    """

    name: str = "torch"
    device: str = "cpu"
    precision: str = "float32"

    def __str__(self) -> str:
        if self.name == "openvino":
            return f"openvino {version('openvino')}, {self.precision}"
        return "torch, " + self.precision + ("" if self.device == "cpu" else f", {self.device}")

    @property
    def setting(self) -> str:
        """The name in ENGINES that means this engine."""
        if self.name == "torch":
            return "torch"
        return next(name for name, precision in PRECISIONS.items() if precision == self.precision)

    def load(self, owner: str, key: dict[str, Any], make: Callable[[], ModuleSpec]) -> CompiledModel:
        """Return the network that `make` builds, ready to compute; `make` is not called for what is kept converted.

        owner  name of the extractor, for messages
        key    JSON: all that the module's numbers follow from

        A network that OpenVINO cannot convert is computed by torch; a warning says so, and the identity names torch.
        """
        if self.name == "torch":
            return _by_torch(self, make(), owner)
        folder = _kept(self, key)
        if not (folder / "about.json").is_file():
            spec = make()
            width = _width_of(spec, owner)
            try:
                _convert(spec, width, folder)
            except _unconvertible() as error:
                reason = in_words(error)
                logger.warning(f"extractor '{owner}': OpenVINO cannot convert it ({reason}): torch computes it.")
                return _by_torch(torch_on(self), spec, owner)
        with _computing(owner, f"Remove {folder}, which is made again, or pass --engine torch."):
            engine = replace(self, precision=_precision_of(folder, owner)) if self.precision == "mixed" else self
            return _by_openvino(engine, folder, owner)


TORCH = Engine()


def torch_on(engine: Engine) -> Engine:
    """Return the engine of what torch always computes: small networks on vectors, and the detector."""
    return Engine("torch", engine.device)


def resolve_engine(engine: str, device: str) -> Engine:
    """Return the engine meant by a name of ENGINES on a device, cpu or cuda.

    auto is OpenVINO in float32 on a processor where it is installed, else torch. Raises ConfigError for an engine that
    is not installed, or does not compute on that device or processor.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine: got '{engine}'; expected one of {', '.join(ENGINES)}.")
    installed = importlib.util.find_spec("openvino") is not None
    named = engine not in ("auto", "torch")
    if named and not installed:
        raise ConfigError(
            f"engine '{engine}' is not installed. Install it (pip install 'mediaeval[fast]'), or use torch."
        )
    if named and device != "cpu":
        raise ConfigError(f"engine '{engine}' computes on the processor, not on {device}. Use --device cpu, or torch.")
    if engine == "torch" or not installed or device != "cpu":
        return Engine("torch", device)
    precision = PRECISIONS.get(engine, "float32")
    if precision != "float32" and "BF16" not in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ConfigError(f"engine '{engine}': this processor does not compute in bfloat16. Use openvino.")
    return Engine("openvino", precision=precision)


# --- torch ----------------------------------------------------------------------------------------------------------


def _by_torch(engine: Engine, spec: ModuleSpec, owner: str) -> CompiledModel:
    import torch

    module = spec.module.eval().requires_grad_(False).to(engine.device)
    warned = False

    def forward(batch: np.ndarray) -> np.ndarray:
        """Compute a batch; where memory runs out, in halves, with one warning."""
        nonlocal warned
        try:
            with torch.inference_mode():
                vectors: np.ndarray = module(torch.tensor(batch, device=engine.device)).float().cpu().numpy()
                return vectors
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or len(batch) == 1:
                raise
        if not warned:
            logger.warning(f"extractor '{owner}': out of memory with {len(batch)} images at once; trying fewer.")
            warned = True
        half = len(batch) // 2
        return np.concatenate([forward(batch[:half]), forward(batch[half:])])

    def start(batch: np.ndarray) -> Callable[[], np.ndarray]:
        with _computing(owner, "Choose another network."):
            vectors = forward(batch)
        return lambda: vectors

    width = _width_of(spec, owner, engine.device)
    return CompiledModel(start, width, spec.metadata, str(engine), BATCH, 1)


def _width_of(spec: ModuleSpec, owner: str, device: str = "cpu") -> int:
    """Return how many numbers a module gives for its example.

    Raises ConfigError where it cannot compute it, or gives no vector.
    """
    import torch

    size = " × ".join(str(side) for side in spec.example.shape)
    with (
        torch.inference_mode(),
        library_errors(
            ConfigError,
            f"extractor '{owner}': the network cannot compute an input of {size} numbers",
            "Set image_size to the size that model_args names, leave both out, or choose another network.",
            "Set a smaller image_size, close other programs, or choose a smaller network.",
        ),
    ):
        shape = tuple(spec.module.eval()(torch.tensor(spec.example, device=device)[None]).shape)
    if len(shape) != 2:
        raise ConfigError(
            f"extractor '{owner}': got features of shape {shape[1:]} per image; expected one vector. "
            "Choose a classification network."
        )
    return shape[1]


def _computing(owner: str, remedy: str) -> contextlib.AbstractContextManager[None]:
    """Return a context in which errors of torch and OpenVINO become a FeaturesError with what to do."""
    return library_errors(
        FeaturesError,
        f"extractor '{owner}': the network cannot be computed",
        remedy,
        "Close other programs, set a smaller image_size, or use fewer extractors at once. What was stored is kept.",
    )


# --- OpenVINO -------------------------------------------------------------------------------------------------------


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


def _kept(engine: Engine, key: dict[str, Any]) -> Path:
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
        compiled = _by_openvino(Engine("openvino", precision=precision), folder, owner)
        return np.concatenate([compiled.start(images[k : k + FEW])() for k in range(0, len(images), FEW)])

    takes = network.input(0)
    is_pixels = takes.element_type.get_type_name() == "u8"
    return resolve_precision(folder, owner, tuple(takes.shape)[1:] if is_pixels else (), vectors)


def _by_openvino(engine: Engine, folder: Path, owner: str) -> CompiledModel:
    kept = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    precision = {"bfloat16": "bf16", "float32": "f32"}[engine.precision]
    compiled = _core().compile_model(
        folder / "network.xml", "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
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

    return CompiledModel(start, kept["width"], kept["about"], str(engine), FEW, in_flight)
