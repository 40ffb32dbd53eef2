"""What computes the networks: torch or, on a processor, OpenVINO, which is several times as fast.

Engine, precision and kind of device are part of a feature's identity, so vectors of two engines are never mixed.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mediaeval.devices import device_kind
from mediaeval.errors import ConfigError
from mediaeval.features.compiled import CompiledModel, ModuleSpec

__all__ = ["ENGINES", "TORCH", "CompiledModel", "Engine", "ModuleSpec", "resolve_engine", "torch_on"]

# What a name of the settings means: (engine, precision). mixed: half precision for the networks that a trial shows to
# bear it (`features.precision`), float32 for the others. On a processor half precision is bfloat16, which is up to
# twice as fast and for those who ask for it: vectors of MobileNetV2 turned by as much as cosine 0.966 from those of
# float32 on real images (SqueezeNet's 0.9998). On a GPU it is float16, as fast as bfloat16 there and fifty times as
# exact for MobileNetV2 (0.99986).
MEANT = {
    "torch": ("torch", "float32"),
    "torch-mixed": ("torch", "mixed"),
    "torch-fp16": ("torch", "float16"),
    "openvino": ("openvino", "float32"),
    "openvino-mixed": ("openvino", "mixed"),
    "openvino-bf16": ("openvino", "bfloat16"),
}
ENGINES = ("auto", *MEANT)
ON_A_GPU, ON_A_PROCESSOR = "torch-mixed", "openvino"  # what auto is, there where it is installed


@dataclass(frozen=True)
class Engine:
    """What computes networks.

    name       torch or openvino
    device     cpu, cuda or cuda:N
    precision  float32, float16 (on a GPU), bfloat16 (on a processor), or mixed: float32 or the other for each network
    """

    name: str = "torch"
    device: str = "cpu"
    precision: str = "float32"

    def __str__(self) -> str:
        from mediaeval.features import by_openvino, by_torch

        if self.name == "openvino":
            return by_openvino.in_words_of(self.precision)
        return by_torch.in_words_of(self.precision, self.device)

    @property
    def setting(self) -> str:
        """The name in ENGINES that means this engine."""
        return next(name for name, meant in MEANT.items() if meant == (self.name, self.precision))

    def load(self, owner: str, key: dict[str, Any], make: Callable[[], ModuleSpec]) -> CompiledModel:
        """Return the network that `make` builds, ready to compute; `make` is not called for what is kept converted.

        owner  name of the extractor, for messages
        key    JSON: all that the module's numbers follow from

        A network that OpenVINO cannot convert is computed by torch; a warning says so, and the identity names torch.
        """
        from mediaeval.features.by_torch import by_torch

        if self.name == "torch":
            return by_torch(self.precision, self.device, owner, key, make())
        from mediaeval.features.by_openvino import by_openvino

        def otherwise(spec: ModuleSpec) -> CompiledModel:
            return by_torch("float32", self.device, owner, key, spec)

        return by_openvino(self.precision, owner, key, make, otherwise)


TORCH = Engine()


def torch_on(engine: Engine) -> Engine:
    """Return the engine of what torch always computes in float32: small networks on vectors, and the detector."""
    return Engine("torch", engine.device)


def resolve_engine(engine: str, device: str) -> Engine:
    """Return the engine meant by a name of ENGINES on a resolved device.

    auto is, on a GPU, torch in float16 for the networks that bear it; on a processor OpenVINO in float32 where it is
    installed, else torch. Raises ConfigError for an engine that is not installed, or does not compute on that device or
    processor.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine: got '{engine}'; expected one of {', '.join(ENGINES)}.")
    kind = device_kind(device)
    installed = importlib.util.find_spec("openvino") is not None
    if engine == "auto":
        engine = ON_A_GPU if kind == "cuda" else ON_A_PROCESSOR if installed else "torch"
    name, precision = MEANT[engine]
    if name == "openvino" and not installed:
        raise ConfigError(
            f"engine '{engine}' is not installed. Install it (pip install 'mediaeval[fast]'), or use torch."
        )
    if name == "openvino" and kind != "cpu":
        raise ConfigError(f"engine '{engine}' computes on the processor, not on {device}. Use --device cpu, or torch.")
    if name == "torch" and precision != "float32" and kind != "cuda":
        raise ConfigError(
            f"engine '{engine}' computes on a GPU, not on the processor. Use it where there is a GPU, or torch; a run "
            "keeps the engine that it was trained with, so train it again for another."
        )
    if name == "openvino" and precision != "float32":
        from mediaeval.features.by_openvino import computes_bfloat16

        if not computes_bfloat16():
            raise ConfigError(f"engine '{engine}': this processor does not compute in bfloat16. Use openvino.")
    return Engine(name, device, precision)
