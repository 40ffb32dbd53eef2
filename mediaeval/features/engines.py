"""What computes the networks: torch, or on a processor OpenVINO, several times as fast.

Engine and precision are part of a feature's identity, so vectors of two engines never meet. What OpenVINO converted is
kept beside the cache of weights, with all that the command needs to know of the network: the next command imports
neither torch nor timm, which would take longer than the images of a small set.
"""

import contextlib
import hashlib
import importlib.util
import json
import shutil
import sys
import tempfile
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
from mediaeval.errors import ConfigError, FeaturesError, first_line
from mediaeval.features.feature_extractor import BATCH
from mediaeval.features.precision import resolve_precision
from mediaeval.weights.cache import cache_folder

if TYPE_CHECKING:
    import torch

# bfloat16 only where it is asked for: it is up to twice as fast, but vectors of MobileNetV2 turned by as much as cosine
# 0.966 from float32's on real photographs (SqueezeNet's 0.9998). float32 gives torch's to 0.99999. mixed: in bfloat16
# what bears it, by trial (`precision`).
PRECISIONS = {"openvino": "float32", "openvino-mixed": "mixed", "openvino-bf16": "bfloat16"}
ENGINES = ("auto", "torch", *PRECISIONS)
# Images a batch for OpenVINO. Measured on 2 cores in float32, images/s in batches of 1, 2 and 4: MobileNetV2 268, 272,
# 227; SqueezeNet 126, 127, 115; EfficientNet-B2 71, 68, 62; ResNet-152 10 in all. Larger maps no longer fit the caches.
# In bfloat16 all three are alike.
FEW = 2
LAYOUT = 1  # of what is kept; raise it when `CompiledModel.metadata` or the modules given to `load` change

Start = Callable[[np.ndarray], Callable[[], np.ndarray]]


class ModuleSpec(NamedTuple):
    """What a kind gives to be computed: a module from prepared arrays to vectors, one such array, and facts to keep."""

    module: "torch.nn.Module"
    example: np.ndarray  # one prepared image, (…)
    metadata: dict[str, Any]  # JSON: what the kind gets back with the compiled model


class CompiledModel(NamedTuple):
    """A network ready to compute. `start` begins a batch and returns what waits for its vectors, float32 (n, width)."""

    start: Start
    width: int
    metadata: dict[str, Any]
    engine: str  # for the feature's identity
    batch: int  # images that a batch holds
    in_flight: int  # batches that may be begun before the first is waited for


@dataclass(frozen=True)
class Engine:
    """`name`: torch or openvino; `device`: cpu or cuda; `precision`: float32, bfloat16, or mixed: a network its own."""

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
        return (
            next(key for key, value in PRECISIONS.items() if value == self.precision)
            if self.name != "torch"
            else "torch"
        )

    def load(self, owner: str, key: dict[str, Any], make: Callable[[], ModuleSpec]) -> CompiledModel:
        """Return the network that `make` builds; what is kept of an earlier conversion makes `make` unnecessary.

        `key`: all that the module's numbers follow from, JSON. A network that OpenVINO cannot convert is computed by
        torch, which is said on stderr and in the features' identity.
        """
        if self.name == "torch":
            return _by_torch(self, make(), owner)
        folder = _kept(self, key)
        if not (folder / "about.json").is_file():
            spec = make()
            try:
                _convert(spec, folder, owner)
            except _unconvertible() as error:
                reason = first_line(error)[:200]
                print(
                    f"extractor '{owner}': OpenVINO cannot convert it ({reason}): torch computes it.", file=sys.stderr
                )
                return _by_torch(torch_on(self), spec, owner)
        engine = self if self.precision != "mixed" else replace(self, precision=_settled(folder, owner))
        return _by_openvino(engine, folder, owner)


TORCH = Engine()


def torch_on(engine: Engine) -> Engine:
    """Return the engine of what torch computes whatever is chosen: small networks on vectors, and the detector."""
    return Engine("torch", engine.device)


def resolve_engine(wanted: str, device: str) -> Engine:
    """Return the engine meant by a name of ENGINES on a device (cpu or cuda).

    auto: OpenVINO in float32 on a processor where it is installed, else torch. Raises ConfigError for an engine that is
    not here, or not for that device or processor.
    """
    if wanted not in ENGINES:
        raise ConfigError(f"engine '{wanted}': {', '.join(ENGINES)} is wanted.")
    installed = importlib.util.find_spec("openvino") is not None
    named = wanted not in ("auto", "torch")
    if named and not installed:
        raise ConfigError(
            f"engine '{wanted}' is not installed. Install it (pip install 'mediaeval[fast]'), or take torch."
        )
    if named and device != "cpu":
        raise ConfigError(f"engine '{wanted}' computes on the processor, not on {device}. Take --device cpu, or torch.")
    if wanted == "torch" or not installed or device != "cpu":
        return Engine("torch", device)
    precision = PRECISIONS.get(wanted, "float32")
    if precision != "float32" and "BF16" not in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ConfigError(f"engine '{wanted}': this processor does not compute in bfloat16. Take openvino.")
    return Engine("openvino", precision=precision)


# --- torch ----------------------------------------------------------------------------------------------------------


def _by_torch(engine: Engine, spec: ModuleSpec, owner: str) -> CompiledModel:
    import torch

    module = spec.module.eval().requires_grad_(False).to(engine.device)

    said = False

    def forward(batch: np.ndarray) -> np.ndarray:
        """Compute a batch; where memory runs out, in halves, which is said once."""
        nonlocal said
        try:
            with torch.inference_mode():
                return module(torch.tensor(batch, device=engine.device)).float().cpu().numpy()
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError, and so is the CPU's
            if not _is_out_of_memory(error) or len(batch) == 1:
                raise
        if not said:
            print(
                f"extractor '{owner}': out of memory with {len(batch)} images at once; fewer are tried.",
                file=sys.stderr,
            )
            said = True
        half = len(batch) // 2
        return np.concatenate([forward(batch[:half]), forward(batch[half:])])

    def start(batch: np.ndarray) -> Callable[[], np.ndarray]:
        vectors = forward(batch)
        return lambda: vectors

    vectors = forward(spec.example[None])
    _require_vectors(owner, vectors.shape)
    return CompiledModel(start, vectors.shape[1], spec.metadata, str(engine), BATCH, 1)


def _is_out_of_memory(error: Exception) -> bool:
    words = ("out of memory", "can't allocate", "bad_alloc")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def _require_vectors(owner: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise ConfigError(
            f"extractor '{owner}': it gives features of shape {shape[1:]} an image; one vector is wanted. "
            "Choose a classification network."
        )


# --- OpenVINO -------------------------------------------------------------------------------------------------------


def _openvino() -> ModuleType:
    """Import OpenVINO without the package through which its converter reports to its makers: nothing leaves here."""
    sys.modules.setdefault("openvino_telemetry", None)  # an import of it fails, which the converter provides for
    import openvino

    return openvino


def _core():
    return _core_of(_folder())


@cache
def _core_of(folder: Path):
    # Kept as long as the process lives: with the last network, OpenVINO would unload what its threads still run, which
    # crashed the process later on.
    core = _openvino().Core()
    core.set_property({"CACHE_DIR": str(folder / "blobs")})
    return core


def _folder() -> Path:
    return cache_folder().parent / "compiled"


def _kept(engine: Engine, key: dict[str, Any]) -> Path:
    whole = {"layout": LAYOUT, "batch": FEW, "openvino": version("openvino"), **key}
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True, default=list).encode()).hexdigest()
    return _folder() / digest[:32]


def _unconvertible() -> tuple[type[Exception], ...]:
    OpConversionFailure = _openvino().frontend.OpConversionFailure

    # what the conversion raises for operators it lacks, and what tracing a network raises
    return (OpConversionFailure, RuntimeError, TypeError, ValueError, NotImplementedError)


def _convert(spec: ModuleSpec, folder: Path, owner: str) -> None:
    """Convert a module for batches of one size, and keep it; the folder appears whole or not at all."""
    import torch

    openvino = _openvino()
    module = spec.module.eval().requires_grad_(False)
    example = torch.tensor(spec.example)[None]
    with torch.inference_mode():
        shape = tuple(module(example).shape)
    _require_vectors(owner, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of itself being deprecated, and of constants in the networks
        network = openvino.convert_model(module, example_input=example)
    network.reshape([FEW, *example.shape[1:]])
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        openvino.save_model(network, temporary / "network.xml", compress_to_fp16=False)
        (temporary / "about.json").write_text(json.dumps({"width": shape[1], "about": spec.metadata}), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _memory_told(owner: str) -> Iterator[None]:
    """Say what to do where memory runs out; a network converted for `FEW` images takes no fewer."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        raise FeaturesError(
            f"extractor '{owner}': out of memory with {FEW} images at once, and OpenVINO takes no fewer. Close other "
            "programs, use fewer extractors in one command, or pass --engine torch. What was stored is kept."
        ) from error


def _settled(folder: Path, owner: str) -> str:
    """Return the precision of one network for an engine that mixes them."""
    network = _core().read_model(folder / "network.xml")

    def vectors(precision: str, images: np.ndarray) -> np.ndarray:
        compiled = _by_openvino(Engine("openvino", precision=precision), folder, owner)
        return np.concatenate([compiled.start(images[k : k + FEW])() for k in range(0, len(images), FEW)])

    takes = network.input(0)
    pixels = takes.element_type.get_type_name() == "u8"
    return resolve_precision(folder, owner, tuple(takes.shape)[1:] if pixels else (), vectors)


def _by_openvino(engine: Engine, folder: Path, owner: str) -> CompiledModel:
    kept = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    precision = {"bfloat16": "bf16", "float32": "f32"}[engine.precision]
    compiled = _core().compile_model(
        folder / "network.xml", "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    )
    in_flight = max(2, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    free = [compiled.create_infer_request() for _ in range(in_flight)]

    def start(batch: np.ndarray) -> Callable[[], np.ndarray]:
        # a network may be used by two at once: whole images for R, and crops for G
        request = free.pop() if free else compiled.create_infer_request()
        n = len(batch)
        batch = padded(batch, FEW)
        with _memory_told(owner):
            request.start_async({0: batch})

        def wait() -> np.ndarray:
            with _memory_told(owner):
                request.wait()
            vectors = request.get_output_tensor(0).data[:n].astype(np.float32)
            free.append(request)
            return vectors

        return wait

    return CompiledModel(start, kept["width"], kept["about"], str(engine), FEW, in_flight)
