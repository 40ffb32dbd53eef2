"""Networks of torchvision: the vector that the classifier reads, or the classifier's scores.

Importing it needs neither torchvision nor torch: a network that an engine kept is computed without them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import Transform, at_size, library_module, library_network, unknown_model
from mediaeval.features.library_errors import LIBRARY_ERRORS, in_words
from mediaeval.features.preprocess import of_torchvision
from mediaeval.features.weight_files import locate
from mediaeval.weights.files import WeightFile, file_at, plain_name

if TYPE_CHECKING:
    import torch


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return the extractor of a torchvision model: the vector that its classifier reads, or the classifier's scores."""
    path = locate(name, extractor)
    owner = f"extractor '{name}'"

    def make() -> ModuleSpec:
        from mediaeval.weights.read import load_state, read_weights

        model, transform = _model(owner, extractor)
        head = remove_head(model) if extractor.output == "features" else ""
        state = _fitting_state(model, read_weights(path, owner), owner, path)
        load_state(model, state, owner, path, head=(head, "AuxLogits", "aux1", "aux2"))
        preprocessing = {"transform": " ".join(repr(transform).split())}
        return library_module(extractor, model, preprocessing, of_torchvision(transform), _as_array(transform))

    return library_network(name, extractor, engine, path, make, lambda _: _as_array(_transform(extractor)))


def _model(owner: str, extractor: ExtractorConfig) -> tuple["torch.nn.Module", Callable[[Image.Image], "torch.Tensor"]]:
    """Return a network with random weights, for images of the extractor's size, and its preprocessing."""
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)

    def build(further: Mapping[str, Any]) -> "torch.nn.Module":
        try:
            if extractor.model not in known:  # a detector, say, which would fetch weights of its backbone
                raise ValueError(f"it has no classification network {extractor.model}")
            model: torch.nn.Module = torchvision.models.get_model(
                extractor.model, weights=None, **_arguments(extractor), **further
            )
            return model
        except LIBRARY_ERRORS as error:
            raise unknown_model(owner, extractor, error, known) from error

    side = extractor.image_size
    model = at_size(owner, extractor, build, ({"image_size": side}, {"input_size": (side, side)}))
    return model, _transform(extractor)


def _fitting_state(
    model: "torch.nn.Module", state: Mapping[str, "torch.Tensor"], owner: str, path: Path
) -> Mapping[str, "torch.Tensor"]:
    """Return the tensors of a file as a network has them: positions of a ViT for another size are resampled."""
    from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

    key = "encoder.pos_embedding"
    if (
        not isinstance(model, VisionTransformer)
        or key not in state
        or state[key].shape == model.state_dict()[key].shape
    ):
        return state
    try:
        resampled: dict[str, torch.Tensor] = interpolate_embeddings(model.image_size, model.patch_size, dict(state))
        return resampled
    except LIBRARY_ERRORS as error:
        raise WeightsError(
            f"{owner}: {path} does not fit the network: its positions cannot be resampled ({in_words(error)})."
        ) from error


def _arguments(extractor: ExtractorConfig) -> dict[str, Any]:
    """Return the arguments for building a model.

    GoogLeNet and Inception are spared their slow random initialisation, which the weights overwrite, and its warning.
    """
    slow = extractor.model in ("googlenet", "inception_v3")
    return ({"init_weights": False} if slow else {}) | extractor.model_args


def _transform(extractor: ExtractorConfig) -> Callable[[Image.Image], "torch.Tensor"]:
    """Return the preprocessing of a model's published weights, with the extractor's own mean, std and size."""
    import torchvision

    changes: dict[str, Any] = {}
    if extractor.mean:
        changes["mean"] = extractor.mean
    if extractor.std:
        changes["std"] = extractor.std
    if extractor.image_size:
        changes |= {"crop_size": extractor.image_size, "resize_size": extractor.image_size}
    weights = torchvision.models.get_model_weights(extractor.model).DEFAULT
    transform: Callable[[Image.Image], torch.Tensor] = weights.transforms(**changes)
    return transform


def _as_array(transform: Callable[[Image.Image], "torch.Tensor"]) -> Transform:
    return lambda image: transform(image).numpy()


def remove_head(model: "torch.nn.Module") -> str:
    """Take the classifier off a torchvision network, in place; return the prefix of the keys that went with it.

    What remains gives the vector that the last linear layer read; for SqueezeNet, which classifies before it pools, the
    average of the last feature map. Raises ConfigError for a network without a classifier.
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
    raise ConfigError(f"{type(model).__name__} has no classifier to remove. Choose a classification network.")


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
