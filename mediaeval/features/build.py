"""From an `Extractor` to something that turns images into vectors. Imports torch: only for commands that compute."""

import json
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import skimage
import torch
from PIL import Image

from mediaeval.data.duplicates import THUMBNAIL, thumbnail
from mediaeval.data.images import DECODER
from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features import handcrafted, witness
from mediaeval.features.extractors import Extractor
from mediaeval.features.network import Network
from mediaeval.features.weights import file_digest, load_into, tensors_digest

ENGINE = "torch, float32"


def build(name: str, extractor: Extractor, device: str = "cpu") -> Network:
    """Build one extractor with its weights loaded.

    Raises WeightsError when the weights are absent or those of another network - there are never random ones -
    and ConfigError when the library knows no such model or argument.
    """
    if extractor.kind == "handcrafted":
        libraries = f"opencv {cv2.__version__}, scikit-image {skimage.__version__}"
        identity = {"kind": "handcrafted", "version": handcrafted.VERSION, "decoder": DECODER, "libraries": libraries}
        return Network(name, identity, handcrafted.WIDTH, handcrafted.handcrafted, lambda batch: batch)
    if extractor.kind == "thumbnail":
        identity = {"kind": "thumbnail", "side": THUMBNAIL, "decoder": DECODER}
        return Network(name, identity, THUMBNAIL**2, thumbnail, lambda batch: batch)
    if extractor.kind == "witness":
        identity = {"kind": "witness", "version": witness.VERSION, "decoder": witness.DECODER}
        return Network(name, identity, witness.WIDTH, witness.witness, lambda batch: batch, from_bytes=True)

    model, transform, preprocessing, weights = LIBRARIES[extractor.kind](name, extractor)
    model = model.eval().requires_grad_(False).to(device)

    def prepare(image: Image.Image) -> np.ndarray:
        return transform(image).numpy()

    def forward(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(batch).to(device)).float().cpu().numpy()

    shape = prepare(Image.new("RGB", (64, 64))).shape
    features = forward(np.zeros((1, *shape), np.float32))
    if features.ndim != 2:
        raise ConfigError(
            f"extractor '{name}': {extractor.model} gives features of shape {features.shape[1:]} an image; "
            "one vector is wanted. Choose a classification network."
        )
    identity = {
        "kind": extractor.kind,
        "model": extractor.model,
        "model_args": extractor.model_args,
        "weights": weights,
        "preprocessing": preprocessing,
        "decoder": DECODER,
        "library": f"{extractor.kind} {version(extractor.kind)}, torch {torch.__version__}",
        "engine": ENGINE + ("" if device == "cpu" else f", {device}"),
    }
    return Network(name, identity, features.shape[1], prepare, forward)


def _timm(name: str, extractor: Extractor):
    """Return (model without classifier, transform, what the transform does, what the weights are)."""
    import timm

    local = bool(extractor.weights)
    digest = _local_digest(name, extractor)
    try:
        # With `num_classes=0` timm's forward ends at the pooled vector that its classifier would have read.
        model = timm.create_model(extractor.model, pretrained=not local, num_classes=0, **extractor.model_args)
    except (RuntimeError, TypeError, ValueError) as error:
        raise _unknown_model(name, extractor, error, timm.list_models()) from error
    except Exception as error:  # the hub client has a tree of its own for "not cached and not reachable"
        raise _not_fetched(name, extractor, error) from error
    if local:
        load_into(model, Path(extractor.weights), name, head=model.default_cfg.get("classifier", ""))
    config = timm.data.resolve_model_data_config(model)
    if extractor.mean:
        config["mean"] = extractor.mean
    if extractor.std:
        config["std"] = extractor.std
    if extractor.image_size:
        config["input_size"] = (3, extractor.image_size, extractor.image_size)
    transform = timm.data.create_transform(**config, is_training=False)
    return model, transform, _jsonable(config), digest or tensors_digest(model)


def _torchvision(name: str, extractor: Extractor):
    """Return (model without classifier, transform, what the transform does, what the weights are)."""
    import torchvision

    digest = _local_digest(name, extractor)
    known = torchvision.models.list_models(module=torchvision.models)
    try:
        model = torchvision.models.get_model(extractor.model, weights=None, **_quiet(extractor))
        entry = torchvision.models.get_model_weights(extractor.model).DEFAULT
    except (RuntimeError, TypeError, ValueError) as error:
        raise _unknown_model(name, extractor, error, known) from error
    head = _remove_head(model)
    if extractor.weights:
        load_into(model, Path(extractor.weights), name, head=head)
    else:
        try:
            state = entry.get_state_dict(progress=True, check_hash=True)
        except OSError as error:
            raise _not_fetched(name, extractor, error) from error
        model.load_state_dict({k: v for k, v in state.items() if k in model.state_dict()})
    changes = {key: value for key in ("mean", "std") if (value := getattr(extractor, key))}
    if extractor.image_size:
        changes |= {"crop_size": extractor.image_size, "resize_size": extractor.image_size}
    transform = entry.transforms(**changes)
    return model, transform, {"transform": " ".join(repr(transform).split())}, digest or tensors_digest(model)


LIBRARIES = {"timm": _timm, "torchvision": _torchvision}


def _quiet(extractor: Extractor) -> dict:
    """Spare GoogLeNet and Inception their slow random initialisation, about to be overwritten, and its warning."""
    return ({"init_weights": False} if extractor.model in ("googlenet", "inception_v3") else {}) | extractor.model_args


def _remove_head(model: torch.nn.Module) -> str:
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


def _local_digest(name: str, extractor: Extractor) -> str | None:
    if not extractor.weights:
        return None
    path = Path(extractor.weights)
    if not path.is_file():
        raise WeightsError(
            f"extractor '{name}': weights of {extractor.kind} {extractor.model} not found: {path}. "
            f"Put the file there, or name another under [extractors.{name}] weights."
        )
    return f"file sha256 {file_digest(path)}"


def _unknown_model(name: str, extractor: Extractor, error: Exception, known: list[str]) -> ConfigError:
    from difflib import get_close_matches

    base = extractor.model.partition(".")[0]
    near = get_close_matches(base, known, n=3)
    hint = f" Near: {', '.join(near)}." if near and base not in known else ""
    return ConfigError(
        f"extractor '{name}': {extractor.kind} cannot build '{extractor.model}' "
        f"with {extractor.model_args or 'no further arguments'}: {error}.{hint}"
    )


def _not_fetched(name: str, extractor: Extractor, error: Exception) -> WeightsError:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return WeightsError(
        f"extractor '{name}': weights of {extractor.kind} {extractor.model} are not on this machine and could not be "
        f"fetched ({first_line}). Connect once, or download the file elsewhere and name it under "
        f"[extractors.{name}] weights."
    )


def _jsonable(config: dict) -> dict:
    return json.loads(json.dumps(config, default=list))
