"""What kinds share whose network an engine computes: identities, arguments, and networks of timm and torchvision.

Imports neither library, nor torch, before a network has to be built: what an engine kept is used without.
"""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.errors import ConfigError
from mediaeval.features import preprocess
from mediaeval.features.engines import CompiledModel, Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.files import file_digest

if TYPE_CHECKING:
    import torch

# what the libraries' builders raise for names and arguments that they do not know
UNBUILT = (RuntimeError, TypeError, ValueError, AttributeError, AssertionError, KeyError, NotImplementedError)


def network_of(
    name: str, identity: dict, compiled: CompiledModel, prepare: Callable[[Image.Image], np.ndarray], side: int | None
) -> FeatureExtractor:
    """Return a network that an engine computes; `side` as in FeatureExtractor."""
    return FeatureExtractor(
        name,
        identity,
        compiled.width,
        prepare,
        lambda batch: compiled.start(batch)(),
        batch=compiled.batch,
        start=compiled.start,
        in_flight=compiled.in_flight,
        side=side,
    )


def identity_of(extractor: ExtractorConfig, engine: str, library: str = "torchvision") -> dict[str, Any]:
    """Return the part of a feature's identity that all networks share."""
    return {
        "kind": extractor.kind,
        "model_args": extractor.model_args,
        "library": _library(library),
        "engine": engine,
    } | ({} if extractor.output == "features" else {"output": extractor.output})


def _library(library: str) -> str:
    return f"{library} {version(library)}, torch {version('torch')}"


def library_module(
    extractor: ExtractorConfig,
    model: "torch.nn.Module",
    about: dict[str, Any],
    steps: preprocess.Preprocessing | None,
    transform: Callable[[Image.Image], np.ndarray],
) -> ModuleSpec:
    """Return the network behind its preprocessing: ours on 8-bit pixels where it is one of ours, else the library's."""
    from mediaeval.features.modules import OfPixels, OfUnitLength

    module = OfUnitLength(model) if extractor.output == "unit" else model
    picture = Image.new("RGB", (64, 64))
    if steps is None:
        return ModuleSpec(module, transform(picture), {"preprocessing": about, "steps": None})
    return ModuleSpec(
        OfPixels(module, steps.mean, steps.std),
        steps.pixels(picture),
        {"preprocessing": about, "steps": steps.as_json()},
    )


def library_network(
    name: str,
    extractor: ExtractorConfig,
    engine: Engine,
    path: Path,
    make: Callable[[], ModuleSpec],
    transform: Callable[[dict[str, Any]], Callable[[Image.Image], np.ndarray]],
) -> FeatureExtractor:
    """Return a library's network as an engine computes it; `transform` makes the preprocessing that is not ours."""
    digest = f"file sha256 {file_digest(path)}"
    own = extractor.model_dump(exclude={"weights", "parts", "width", "licence", "summary"}, mode="json")
    key = {"extractor": own, "weights": digest, "library": _library(extractor.kind), "published": not extractor.weights}
    compiled = engine.load(name, key, make)
    steps = compiled.metadata["steps"]
    prepare = preprocess.from_json(steps).pixels if steps else transform(compiled.metadata["preprocessing"])
    identity = {
        **identity_of(extractor, compiled.engine, library=extractor.kind),
        "model": extractor.model,
        "weights": digest,
        "preprocessing": compiled.metadata["preprocessing"],
        "decoder": DECODER,
    }
    return network_of(name, identity, compiled, prepare, side=steps["resize"] if steps else None)


def unknown_model(owner: str, extractor: ExtractorConfig, error: Exception, known: list[str]) -> ConfigError:
    """Return the error for a model that its library does not build, with the nearest of the names that it knows."""
    from difflib import get_close_matches

    base = extractor.model.partition(".")[0]
    near = get_close_matches(base, known, n=3)
    hint = f" Near: {', '.join(near)}." if near and base not in known else ""
    return ConfigError(
        f"{owner}: {extractor.kind} cannot build '{extractor.model}' "
        f"with {extractor.model_args or 'no further arguments'}: {str(error).rstrip('.')}.{hint}"
    )
