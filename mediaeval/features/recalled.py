"""Extractors as they are remembered: a command that finds all vectors stored builds no network and imports no torch.

What is remembered of an extractor is what its vectors are found by: identity and width. It holds for the same settings,
libraries, code, driver and weight files (size and time of change). Whatever is computed is computed by a network that
was built, with its weights hashed anew.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from mediaeval.devices import device_kind, driver_facts
from mediaeval.errors import FeaturesError
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.kinds import KINDS
from mediaeval.remembered import cache_folder, keep, recall

KIND = "extractor"
LIBRARIES = (  # whose version may change a vector, or the words of an identity
    *("mediaeval", "numpy", "pillow", "opencv-python-headless", "scikit-image"),
    *("torch", "torchvision", "timm", "openvino"),
)
OF_NO_VECTOR = {"order", "seconds", "licence", "summary"}  # settings

Build = Callable[[], tuple[FeatureExtractor, Iterable[Path]]]  # builds an extractor; the files that it was built from


def recalled_or_built(
    name: str,
    known: Mapping[str, ExtractorConfig],
    engine: Engine,
    decoder: str,
    source: Callable[[str], FeatureExtractor],
    build: Build,
) -> FeatureExtractor:
    """Return an extractor as it is remembered, which builds itself when asked to, else a built one.

    source  gives the extractor that this one reads
    build   builds the extractor; what it gives is remembered
    """
    key = _key(name, known, engine, decoder)
    if key is None:
        return build()[0]
    kept = recall(KIND, key)

    def built() -> FeatureExtractor:
        network, files = build()
        keep(KIND, key, _facts(network), files)
        return network

    if kept is None:
        return built()

    def built_as_remembered() -> FeatureExtractor:
        network = built()
        if _facts(network) != kept:
            raise FeaturesError(
                f"extractor '{name}': its files changed while their size and time stayed. What is known of it is "
                "corrected now: run the command again."
            )
        return network

    reads = source(known[name].source) if KINDS[known[name].kind].reads_vectors else None
    return FeatureExtractor(
        name, kept["identity"], kept["width"], _not_built, _not_built, source=reads, build=cache(built_as_remembered)
    )


def _not_built(_: Any) -> np.ndarray:
    raise AssertionError("an extractor that is not built computes nothing")


def _facts(network: FeatureExtractor) -> dict[str, Any]:
    return {"identity": network.identity, "width": network.width}


def _key(name: str, known: Mapping[str, ExtractorConfig], engine: Engine, decoder: str) -> dict[str, Any] | None:
    """Return all that what is remembered follows from, but the files; None for a kind from outside of the package."""
    configs = [known[name]]
    if known[name].source:
        configs.append(known[known[name].source])
    if not all(KINDS[config.kind].builder.startswith("mediaeval.") for config in configs):
        return None  # whose code may change
    return {
        "extractors": [config.model_dump(mode="json", exclude=OF_NO_VECTOR) for config in configs],
        # where files that the settings name without a folder are looked for
        "folder": str(Path.cwd()),
        "published in": str(cache_folder()),
        "engine": [engine.name, device_kind(engine.device), engine.precision],
        "decoder": decoder,
        "libraries": _versions(),
        "code": _code(),
        "driver": driver_facts() if device_kind(engine.device) == "cuda" else None,
    }


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


@cache
def _code() -> list[tuple[str, int, int]]:
    """Return name, size and time of change of each module that an extractor is built by, for those who change them."""
    package = Path(__file__).parents[1]
    modules = [module for room in ("data", "features", "weights") for module in sorted((package / room).rglob("*.py"))]
    stats = [(module, module.stat()) for module in modules]
    return [(str(module.relative_to(package)), stat.st_size, stat.st_mtime_ns) for module, stat in stats]
