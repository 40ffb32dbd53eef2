"""Networks of timm and torchvision as extractors: their weights, their preprocessing, their classifier taken off.

Imports neither library, nor torch, before a network has to be built: what an engine kept is used without.
"""

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features import preprocess
from mediaeval.features.engines import Engine, Loaded, Made
from mediaeval.features.extractors import Extractor
from mediaeval.features.network import Network
from mediaeval.features.sources import locate
from mediaeval.files import file_digest

if TYPE_CHECKING:
    import torch


def timm_network(name: str, extractor: Extractor, engine: Engine, built: Callable) -> Network:
    """Return a network of timm: its pooled vector, or with another `output` its classifier's scores."""
    path = locate(name, extractor)
    owner = f"extractor '{name}'"

    def make() -> Made:
        from mediaeval.weights.read import load_state, read_weights

        arguments = dict(extractor.model_args) | ({"num_classes": 0} if extractor.output == "features" else {})
        model = timm_model(owner, extractor, arguments)
        state = read_weights(path, owner)
        if not extractor.weights:
            state = published_state(model, state, owner, path)
        load_state(model, state, owner, path, head=model.default_cfg.get("classifier", ""))
        config = json.loads(json.dumps(timm_config(model, extractor), default=list))
        return _made(extractor, model, config, preprocess.of_timm(config), _timm_transform(config))

    return _network(name, extractor, engine, path, make, _timm_transform)


def published_state(model: "torch.nn.Module", state: dict, owner: str, path: Path) -> dict:
    """Return a published file's tensors under the keys of today's timm, by timm's own conversion for that network.

    Only the keys are timm's affair. Its loading would leave out what does not fit, and keep random numbers there.
    """
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    try:
        return convert(dict(state), model) if convert else state
    except (RuntimeError, KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        raise WeightsError(
            f"{owner}: {path} does not fit the network: timm cannot convert it ({type(error).__name__})."
        ) from error


def timm_model(owner: str, extractor: Extractor, arguments: dict[str, Any]) -> "torch.nn.Module":
    """Build a model of timm. Raises ConfigError, with the nearest names, for one that it does not know."""
    import timm

    if ":" in extractor.model or "/" in extractor.model:  # timm would fetch, or read a folder, past our cache
        raise ConfigError(f"{owner}: model = '{extractor.model}': a name of timm's own models is wanted.")
    try:
        # With `num_classes=0` timm's forward ends at the pooled vector that its classifier would have read.
        return timm.create_model(extractor.model, **arguments)
    except _UNBUILT as error:
        raise _unknown_model(owner, extractor, error, timm.list_models()) from error


def timm_config(model: "torch.nn.Module", extractor: Extractor) -> dict[str, Any]:
    """Return timm's data config of a model, with what the extractor puts in its place."""
    import timm

    config = timm.data.resolve_model_data_config(model)
    config |= {key: value for key in ("mean", "std") if (value := getattr(extractor, key))}
    return config | ({"input_size": (3, extractor.image_size, extractor.image_size)} if extractor.image_size else {})


def _timm_transform(config: dict[str, Any]) -> Callable[[Image.Image], np.ndarray]:
    import timm

    transform = timm.data.create_transform(**config | {"input_size": tuple(config["input_size"])}, is_training=False)
    return lambda image: transform(image).numpy()


def torchvision_network(name: str, extractor: Extractor, engine: Engine, built: Callable) -> Network:
    """Return a network of torchvision: the vector its classifier reads, or with another `output` its scores."""
    path = locate(name, extractor)

    def make() -> Made:
        import torchvision

        from mediaeval.weights.read import load_into

        known = torchvision.models.list_models(module=torchvision.models)
        try:
            model = torchvision.models.get_model(extractor.model, weights=None, **_quiet(extractor))
            entry = torchvision.models.get_model_weights(extractor.model).DEFAULT
        except _UNBUILT as error:
            raise _unknown_model(f"extractor '{name}'", extractor, error, known) from error
        head = remove_head(model) if extractor.output == "features" else ""
        load_into(model, path, f"extractor '{name}'", head=(head, "AuxLogits", "aux1", "aux2"))
        transform = torchvision_transform(entry)
        about = {"transform": " ".join(repr(transform).split())}
        return _made(extractor, model, about, preprocess.of_torchvision(transform), lambda i: transform(i).numpy())

    def torchvision_transform(entry) -> Callable[[Image.Image], "torch.Tensor"]:
        changes = {key: value for key in ("mean", "std") if (value := getattr(extractor, key))}
        if extractor.image_size:
            changes |= {"crop_size": extractor.image_size, "resize_size": extractor.image_size}
        return entry.transforms(**changes)

    def again(about: dict[str, Any]) -> Callable[[Image.Image], np.ndarray]:
        import torchvision

        transform = torchvision_transform(torchvision.models.get_model_weights(extractor.model).DEFAULT)
        return lambda image: transform(image).numpy()

    return _network(name, extractor, engine, path, make, again)


def _made(
    extractor: Extractor,
    model: "torch.nn.Module",
    about: dict[str, Any],
    steps: preprocess.Preprocessing | None,
    transform: Callable[[Image.Image], np.ndarray],
) -> Made:
    """Return the network behind its preprocessing: ours on 8-bit pixels where it is one of ours, else the library's."""
    from mediaeval.features.modules import OfPixels, OfUnitLength

    module = OfUnitLength(model) if extractor.output == "unit" else model
    picture = Image.new("RGB", (64, 64))
    if steps is None:
        return Made(module, transform(picture), {"preprocessing": about, "steps": None})
    return Made(
        OfPixels(module, steps.mean, steps.std),
        steps.pixels(picture),
        {"preprocessing": about, "steps": steps.as_json()},
    )


def _network(
    name: str,
    extractor: Extractor,
    engine: Engine,
    path: Path,
    make: Callable[[], Made],
    transform: Callable[[dict[str, Any]], Callable[[Image.Image], np.ndarray]],
) -> Network:
    digest = f"file sha256 {file_digest(path)}"
    own = extractor.model_dump(exclude={"weights", "parts", "width", "licence", "summary"}, mode="json")
    key = {"extractor": own, "weights": digest, "library": _library(extractor.kind), "published": not extractor.weights}
    loaded = engine.load(name, key, make)
    steps = loaded.about["steps"]
    prepare = preprocess.from_json(steps).pixels if steps else transform(loaded.about["preprocessing"])
    identity = {
        **identity_of(extractor, loaded.engine, library=extractor.kind),
        "model": extractor.model,
        "weights": digest,
        "preprocessing": loaded.about["preprocessing"],
        "decoder": DECODER,
    }
    return network_of(name, identity, loaded, prepare, side=steps["resize"] if steps else None)


def network_of(
    name: str, identity: dict, loaded: Loaded, prepare: Callable[[Image.Image], np.ndarray], side: int | None
) -> Network:
    """Return a network that an engine computes; `side` as in Network."""
    return Network(
        name,
        identity,
        loaded.width,
        prepare,
        lambda batch: loaded.start(batch)(),
        batch=loaded.batch,
        start=loaded.start,
        in_flight=loaded.in_flight,
        side=side,
    )


def identity_of(extractor: Extractor, engine: str, library: str = "torchvision") -> dict[str, Any]:
    """Return the part of a feature's identity that all networks share."""
    return {
        "kind": extractor.kind,
        "model_args": extractor.model_args,
        "library": _library(library),
        "engine": engine,
    } | ({} if extractor.output == "features" else {"output": extractor.output})


def _library(library: str) -> str:
    return f"{library} {version(library)}, torch {version('torch')}"


def arguments_of(name: str, extractor: Extractor, known: dict[str, Any]) -> dict[str, Any]:
    """Return `known`, arguments with their defaults, with the extractor's model_args in their place.

    Raises ConfigError, all at once, for an argument that is not known, or is not of the default's type.
    """
    problems = [
        f"extractor '{name}': model_args.{key}: unknown. Known for {extractor.kind}: {', '.join(known) or 'none'}."
        for key in extractor.model_args
        if key not in known
    ]
    problems += [
        f"extractor '{name}': model_args.{key} = {value!r}: {_IN_WORDS[type(known[key])]} is wanted, such as "
        f"{known[key]!r}."
        for key, value in extractor.model_args.items()
        if key in known and not isinstance(value, int | float if isinstance(known[key], float) else type(known[key]))
    ]
    if problems:
        raise ConfigError(*problems)
    return known | extractor.model_args


# what the libraries' builders raise for names and arguments that they do not know
_UNBUILT = (RuntimeError, TypeError, ValueError, AttributeError, AssertionError, KeyError, NotImplementedError)
_IN_WORDS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}


def _quiet(extractor: Extractor) -> dict:
    """Spare GoogLeNet and Inception their slow random initialisation, about to be overwritten, and its warning."""
    return ({"init_weights": False} if extractor.model in ("googlenet", "inception_v3") else {}) | extractor.model_args


def remove_head(model: "torch.nn.Module") -> str:
    """Take the classifier off a torchvision network, in place; return the prefix of the keys that went with it.

    What remains gives the vector that the last linear layer read. SqueezeNet classifies before it pools, so there
    it is the average of the last feature map.
    """
    import torch

    for attribute in ("fc", "heads", "head", "classifier"):
        head = getattr(model, attribute, None)
        if head is None:
            continue
        if isinstance(head, torch.nn.Sequential):
            linear = [i for i, layer in enumerate(head) if isinstance(layer, torch.nn.Linear)]
            if not linear:  # SqueezeNet
                setattr(model, attribute, torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
                return attribute
            head[linear[-1]] = torch.nn.Identity()
            key = [k for k, _ in head.named_children()][linear[-1]]
            return f"{attribute}.{key}"
        setattr(model, attribute, torch.nn.Identity())
        return attribute
    raise ConfigError(f"{type(model).__name__} has no classifier to take off. Choose a classification network.")


def _unknown_model(owner: str, extractor: Extractor, error: Exception, known: list[str]) -> ConfigError:
    from difflib import get_close_matches

    base = extractor.model.partition(".")[0]
    near = get_close_matches(base, known, n=3)
    hint = f" Near: {', '.join(near)}." if near and base not in known else ""
    return ConfigError(
        f"{owner}: {extractor.kind} cannot build '{extractor.model}' "
        f"with {extractor.model_args or 'no further arguments'}: {str(error).rstrip('.')}.{hint}"
    )
