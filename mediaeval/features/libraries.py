"""Networks of timm and torchvision as extractors: their weights, their preprocessing, their classifier taken off."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.errors import ConfigError
from mediaeval.features.extractors import Extractor
from mediaeval.features.network import Network
from mediaeval.features.sources import locate
from mediaeval.features.weights import file_digest, load_into

ENGINE = "torch, float32"


def timm_network(name: str, extractor: Extractor, device: str, built: Callable) -> Network:
    """Return a network of timm: its pooled vector, or with another `output` its classifier's scores."""
    import timm

    arguments = dict(extractor.model_args) | ({"num_classes": 0} if extractor.output == "features" else {})
    try:
        # With `num_classes=0` timm's forward ends at the pooled vector that its classifier would have read.
        model = timm.create_model(extractor.model, pretrained=False, **arguments)
    except (RuntimeError, TypeError, ValueError) as error:
        raise _unknown_model(name, extractor, error, timm.list_models()) from error
    path = locate(name, extractor)
    if extractor.weights:
        load_into(model, path, name, head=model.default_cfg.get("classifier", ""))
    else:  # the published file is in whatever layout timm converts on loading
        overlay = {"file": str(path)}
        model = timm.create_model(extractor.model, pretrained=True, pretrained_cfg_overlay=overlay, **arguments)
    config = timm.data.resolve_model_data_config(model)
    if extractor.mean:
        config["mean"] = extractor.mean
    if extractor.std:
        config["std"] = extractor.std
    if extractor.image_size:
        config["input_size"] = (3, extractor.image_size, extractor.image_size)
    transform = timm.data.create_transform(**config, is_training=False)
    return _network(name, extractor, device, model, transform, json.loads(json.dumps(config, default=list)), path)


def torchvision_network(name: str, extractor: Extractor, device: str, built: Callable) -> Network:
    """Return a network of torchvision: the vector its classifier reads, or with another `output` its scores."""
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    try:
        model = torchvision.models.get_model(extractor.model, weights=None, **_quiet(extractor))
        entry = torchvision.models.get_model_weights(extractor.model).DEFAULT
    except (RuntimeError, TypeError, ValueError) as error:
        raise _unknown_model(name, extractor, error, known) from error
    head = remove_head(model) if extractor.output == "features" else ""
    path = locate(name, extractor)
    load_into(model, path, name, head=(head, "AuxLogits", "aux1", "aux2"))
    changes = {key: value for key in ("mean", "std") if (value := getattr(extractor, key))}
    if extractor.image_size:
        changes |= {"crop_size": extractor.image_size, "resize_size": extractor.image_size}
    transform = entry.transforms(**changes)
    return _network(name, extractor, device, model, transform, {"transform": " ".join(repr(transform).split())}, path)


def _network(
    name: str,
    extractor: Extractor,
    device: str,
    model: torch.nn.Module,
    transform: Callable[[Image.Image], torch.Tensor],
    preprocessing: dict[str, Any],
    weights: Path,
) -> Network:
    model = frozen(model, device)

    def prepare(image: Image.Image) -> np.ndarray:
        return transform(image).numpy()

    def forward(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            vectors = model(torch.from_numpy(batch).to(device)).float()
            if extractor.output == "unit":
                vectors = torch.nn.functional.normalize(vectors, dim=-1)
            return vectors.cpu().numpy()

    shape = prepare(Image.new("RGB", (64, 64))).shape
    features = forward(np.zeros((1, *shape), np.float32))
    if features.ndim != 2:
        raise ConfigError(
            f"extractor '{name}': {extractor.model} gives features of shape {features.shape[1:]} an image; "
            "one vector is wanted. Choose a classification network."
        )
    identity = {
        **identity_of(extractor, device, library=extractor.kind),
        "model": extractor.model,
        "weights": f"file sha256 {file_digest(weights)}",
        "preprocessing": preprocessing,
        "decoder": DECODER,
    }
    return Network(name, identity, features.shape[1], prepare, forward)


def frozen(model: torch.nn.Module, device: str) -> torch.nn.Module:
    """Return the network ready to compute features: in eval mode (dropout off), without gradients, on the device."""
    return model.eval().requires_grad_(False).to(device)


def identity_of(extractor: Extractor, device: str, library: str = "torchvision") -> dict[str, Any]:
    """Return the part of a feature's identity that all networks share."""
    return {
        "kind": extractor.kind,
        "model_args": extractor.model_args,
        "library": f"{library} {version(library)}, torch {torch.__version__}",
        "engine": ENGINE + ("" if device == "cpu" else f", {device}"),
    } | ({} if extractor.output == "features" else {"output": extractor.output})


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


_IN_WORDS = {int: "a whole number", float: "a number", str: "a word"}


def _quiet(extractor: Extractor) -> dict:
    """Spare GoogLeNet and Inception their slow random initialisation, about to be overwritten, and its warning."""
    return ({"init_weights": False} if extractor.model in ("googlenet", "inception_v3") else {}) | extractor.model_args


def remove_head(model: torch.nn.Module) -> str:
    """Take the classifier off a torchvision network, in place; return the prefix of the keys that went with it.

    What remains gives the vector that the last linear layer read. SqueezeNet classifies before it pools, so there
    it is the average of the last feature map.
    """
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


def _unknown_model(name: str, extractor: Extractor, error: Exception, known: list[str]) -> ConfigError:
    from difflib import get_close_matches

    base = extractor.model.partition(".")[0]
    near = get_close_matches(base, known, n=3)
    hint = f" Near: {', '.join(near)}." if near and base not in known else ""
    return ConfigError(
        f"extractor '{name}': {extractor.kind} cannot build '{extractor.model}' "
        f"with {extractor.model_args or 'no further arguments'}: {error}.{hint}"
    )
