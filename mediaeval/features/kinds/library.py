"""What kinds share whose network an engine computes, and above all the networks of timm and torchvision.

Importing it needs neither library, nor torch: a network that an engine kept is computed without them.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.errors import ConfigError
from mediaeval.features.engines import CompiledModel, Engine, ModuleSpec
from mediaeval.features.extractors import OF_ALL_KINDS, ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.library_errors import LIBRARY_ERRORS, in_words
from mediaeval.features.preprocess import Preprocessing, from_dict
from mediaeval.weights.identity import weights_identity

if TYPE_CHECKING:
    import torch

Transform = Callable[[Image.Image], np.ndarray]  # an upright RGB image → the array that a network is given


def network_of(
    name: str,
    identity: dict[str, Any],
    compiled: CompiledModel,
    prepare: Callable[[Image.Image], np.ndarray],
    side: int | None,
) -> FeatureExtractor:
    """Return an extractor whose network an engine computes; the arguments are those of `FeatureExtractor`."""
    return FeatureExtractor(
        name,
        identity,
        compiled.width,
        prepare,
        lambda batch: compiled.start(batch)(),
        batch=compiled.batch,
        start=compiled.start,
        in_flight=compiled.in_flight,
        on_gpu=compiled.on_gpu,
        side=side,
    )


def identity_of(extractor: ExtractorConfig, engine: str, library: str = "torchvision") -> dict[str, Any]:
    """Return the part of a feature's identity that all networks have; `library`: the one that builds them."""
    identity = {
        "kind": extractor.kind,
        "model_args": extractor.model_args,
        "library": _versions(library),
        "engine": engine,
    }
    return identity if extractor.output == "features" else identity | {"output": extractor.output}


def _versions(library: str) -> str:
    return f"{library} {version(library)}, torch {version('torch')}"


def library_module(
    extractor: ExtractorConfig,
    model: "torch.nn.Module",
    preprocessing: dict[str, Any],
    steps: Preprocessing | None,
    transform: Transform,
) -> ModuleSpec:
    """Return what an engine is to compute for a library's model.

    preprocessing  the library's, JSON: a part of the identity
    steps          the same as steps of ours; None where they are others. The module then includes mean and std
    transform      the library's preprocessing of an image, which is used where there are no steps
    """
    from mediaeval.features.modules import OfPixels, OfUnitLength

    module = OfUnitLength(model) if extractor.output == "unit" else model
    image = Image.new("RGB", (64, 64))
    if steps is None:
        return ModuleSpec(module, transform(image), {"preprocessing": preprocessing, "steps": None})
    return ModuleSpec(
        OfPixels(module, steps.mean, steps.std),
        steps.pixels(image),
        {"preprocessing": preprocessing, "steps": steps.to_dict()},
    )


def library_network(
    name: str,
    extractor: ExtractorConfig,
    engine: Engine,
    path: Path,
    make: Callable[[], ModuleSpec],
    transform_of: Callable[[dict[str, Any]], Transform],
) -> FeatureExtractor:
    """Return the extractor of a library's model.

    path          its weight file
    make          builds what `library_module` returns
    transform_of  from the preprocessing that `library_module` was given, the library's transform
    """
    digest = weights_identity(path)
    versions = _versions(extractor.kind)
    own = {"kind": extractor.kind}
    own |= extractor.model_dump(exclude={"weights", "parts", *OF_ALL_KINDS}, mode="json")
    key = {
        "extractor": own,
        "weights": digest,
        "library": versions,
        "published": not extractor.weights,
    }
    compiled = engine.load(name, key, make)
    steps = compiled.metadata["steps"]
    prepare = from_dict(steps).pixels if steps else transform_of(compiled.metadata["preprocessing"])
    identity = {
        **identity_of(extractor, compiled.engine, library=extractor.kind),
        "model": extractor.model,
        "weights": digest,
        "preprocessing": compiled.metadata["preprocessing"],
        "decoder": DECODER,
    }
    return network_of(name, identity, compiled, prepare, side=steps["resize"] if steps else None)


def at_size(
    owner: str,
    extractor: ExtractorConfig,
    build: Callable[[Mapping[str, Any]], "torch.nn.Module"],
    ways: Sequence[Mapping[str, Any]],
) -> "torch.nn.Module":
    """Return a library's network that takes images of the extractor's size.

    build  builds it with further arguments; with none, where that network takes such images, as convolutions do
    ways   arguments for the others, such as transformers with a position for each patch; the first that suit are taken

    Raises ConfigError where none do, or where memory is short.
    """
    model, side = build({}), extractor.image_size
    if not side or not (reason := _refusal(model, side)):
        return model
    for way in ways:
        if extractor.model_args.keys().isdisjoint(way):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # torch's, of layers that would have no weights
                    model = build(way)
            except ConfigError:  # it has no such argument
                continue
            if not _refusal(model, side):
                return model
    raise ConfigError(
        f"{owner}: image_size: {extractor.model} does not take images of {side} × {side} pixels ({reason}). Leave "
        "image_size out, take a multiple of the weights' own size, or choose a network that takes any size."
    )


def _refusal(model: "torch.nn.Module", side: int) -> str:
    """Return why a network cannot compute an image of `side` pixels per side, nothing where it can."""
    import torch

    trained = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, 3, side, side))
    except LIBRARY_ERRORS as error:
        return in_words(error)
    finally:
        model.train(trained)
    return ""


def unknown_model(owner: str, extractor: ExtractorConfig, error: Exception, known: list[str]) -> ConfigError:
    """Return the error to raise for a model that its library cannot build; `known`: the names of its models."""
    from difflib import get_close_matches

    base = extractor.model.partition(".")[0]
    near = get_close_matches(base, known, n=3)
    hint = f" Similar names: {', '.join(near)}." if near and base not in known else ""
    return ConfigError(
        f"{owner}: {extractor.kind} cannot build '{extractor.model}' with "
        f"{extractor.model_args or 'no further arguments'}: {in_words(error)}.{hint}"
    )
