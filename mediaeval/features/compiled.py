"""What kinds give to be computed, and what they get back from whatever computes it."""

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mediaeval.errors import ConfigError, FeaturesError
from mediaeval.features.feature_extractor import Start
from mediaeval.features.library_errors import library_errors

if TYPE_CHECKING:
    import torch


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
    on_gpu: bool = False


def width_of(spec: ModuleSpec, owner: str, device: str = "cpu") -> int:
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


def computing(owner: str, remedy: str) -> contextlib.AbstractContextManager[None]:
    """Return a context in which errors of torch and OpenVINO become a FeaturesError with what to do."""
    return library_errors(
        FeaturesError,
        f"extractor '{owner}': the network cannot be computed",
        remedy,
        "Close other programs, set a smaller image_size, or use fewer extractors at once. What was stored is kept.",
    )
