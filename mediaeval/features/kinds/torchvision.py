"""Networks of torchvision: the vector that the classifier reads, or the classifier's scores.

Imports neither torchvision nor torch before a network has to be built: what an engine kept is used without.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mediaeval.errors import ConfigError
from mediaeval.features import preprocess
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import UNBUILT, library_module, library_network, unknown_model
from mediaeval.features.weight_files import locate
from mediaeval.weights.files import WeightFile, file_at, plain_name

if TYPE_CHECKING:
    import torch


def build(name: str, extractor: ExtractorConfig, engine: Engine, built: NetworkLookup) -> FeatureExtractor:
    """Return a network of torchvision: the vector its classifier reads, or with another `output` its scores."""
    path = locate(name, extractor)

    def make() -> ModuleSpec:
        import torchvision

        from mediaeval.weights.read import load_into

        known = torchvision.models.list_models(module=torchvision.models)
        try:
            model = torchvision.models.get_model(extractor.model, weights=None, **_quiet(extractor))
            entry = torchvision.models.get_model_weights(extractor.model).DEFAULT
        except UNBUILT as error:
            raise unknown_model(f"extractor '{name}'", extractor, error, known) from error
        head = remove_head(model) if extractor.output == "features" else ""
        load_into(model, path, f"extractor '{name}'", head=(head, "AuxLogits", "aux1", "aux2"))
        transform = torchvision_transform(entry)
        about = {"transform": " ".join(repr(transform).split())}
        return library_module(
            extractor, model, about, preprocess.of_torchvision(transform), lambda i: transform(i).numpy()
        )

    def torchvision_transform(entry) -> Callable[[Image.Image], "torch.Tensor"]:
        changes = {key: value for key in ("mean", "std") if (value := getattr(extractor, key))}
        if extractor.image_size:
            changes |= {"crop_size": extractor.image_size, "resize_size": extractor.image_size}
        return entry.transforms(**changes)

    def again(about: dict[str, Any]) -> Callable[[Image.Image], np.ndarray]:
        import torchvision

        transform = torchvision_transform(torchvision.models.get_model_weights(extractor.model).DEFAULT)
        return lambda image: transform(image).numpy()

    return library_network(name, extractor, engine, path, make, again)


def _quiet(extractor: ExtractorConfig) -> dict:
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


def weight_file(extractor: ExtractorConfig) -> WeightFile:
    """Return the file that torchvision publishes for a model; without an address where it publishes none."""
    return _published("weights", extractor.model)


def detector_file(extractor: ExtractorConfig) -> WeightFile:
    """Return the published file of the detector that finds the objects for `objects` and `objectgraphs`."""
    return _published("detector", "fasterrcnn_resnet50_fpn_v2")


def _published(role: str, model: str) -> WeightFile:
    import torchvision

    try:
        entry = torchvision.models.get_model_weights(model).DEFAULT
    except ValueError:
        origin = f"torchvision publishes no weights of {model}"
        return WeightFile(role, f"{plain_name(model)}.pth", "", "not stated", origin)
    return file_at(role, entry.url, "BSD-3-Clause", f"torchvision's {entry}")
