"""Networks of timm: the vector that the classifier reads, or the classifier's scores.

Importing it needs neither timm nor torch: a network that an engine kept is computed without them.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mediaeval.errors import WeightsError, first_few
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import Transform, at_size, library_module, library_network, unknown_model
from mediaeval.features.library_errors import LIBRARY_ERRORS
from mediaeval.features.preprocess import of_timm
from mediaeval.features.weight_files import locate
from mediaeval.weights.files import HUB, WeightFile, file_at, plain_name

if TYPE_CHECKING:
    import torch


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return the extractor of a timm model: its pooled vector, or with another `output` its classifier's scores."""
    path = locate(name, extractor)
    owner = f"extractor '{name}'"

    def make() -> ModuleSpec:
        from mediaeval.weights.read import load_state, read_weights

        arguments = dict(extractor.model_args) | ({"num_classes": 0} if extractor.output == "features" else {})
        model = timm_model(owner, extractor, arguments)
        state = fitting_state(model, read_weights(path, owner), extractor, owner, path)
        load_state(model, state, owner, path, head=cast(dict[str, Any], model.default_cfg).get("classifier", ""))
        config = json.loads(json.dumps(timm_config(model, extractor), default=list))
        return library_module(extractor, model, config, of_timm(config), _transform_of(config))

    return library_network(name, extractor, engine, path, make, _transform_of)


def fitting_state(
    model: "torch.nn.Module",
    state: Mapping[str, "torch.Tensor"],
    extractor: ExtractorConfig,
    owner: str,
    path: Path,
    heads: tuple[str, ...] = (),
) -> Mapping[str, "torch.Tensor"]:
    """Return the tensors of an extractor's file as its network has them, but those below `heads`, which may be others.

    Those of a published file, also one that the settings name, get the keys of today's timm. Where another size of
    images was set, positions are resampled by timm, in a file of the user's, too. Raises WeightsError where timm cannot
    convert them.
    """
    from mediaeval.weights.read import without_prefix

    if not extractor.weights or path.name == weight_file(extractor).name:
        return published_state(model, state, owner, path)
    if extractor.image_size or "img_size" in extractor.model_args:
        expected = {key: tensor for key, tensor in model.state_dict().items() if not key.startswith(heads)}
        state = without_prefix(state, expected, owner, path)
        if _of_other_shapes(state, expected):
            state = published_state(model, state, owner, path)
        if expected.keys() <= state.keys() and (others := _of_other_shapes(state, expected)):
            raise WeightsError(
                f"{owner}: {path} is for images of another size, which timm cannot change: {first_few(others)}. Leave "
                "image_size and img_size out, or choose another network."
            )
    return state


def _of_other_shapes(state: Mapping[str, "torch.Tensor"], expected: Mapping[str, "torch.Tensor"]) -> list[str]:
    return [
        f"{key}: got {tuple(state[key].shape)}, expected {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and state[key].shape != tensor.shape
    ]


def published_state(
    model: "torch.nn.Module", state: Mapping[str, "torch.Tensor"], owner: str, path: Path
) -> Mapping[str, "torch.Tensor"]:
    """Return the tensors of a published file under the keys of today's timm, by timm's own conversion.

    timm converts the keys and nothing else: its loading would leave out what does not fit, and keep random numbers
    there. `owner` and `path` are for messages. Raises WeightsError where timm cannot convert them.
    """
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        converted: dict[str, torch.Tensor] = convert(dict(state), model)
        return converted
    except LIBRARY_ERRORS as error:
        raise WeightsError(
            f"{owner}: {path} does not fit the network: timm cannot convert it ({type(error).__name__})."
        ) from error


def timm_model(owner: str, extractor: ExtractorConfig, arguments: dict[str, Any]) -> "torch.nn.Module":
    """Return a model of timm with random weights, for images of the extractor's size.

    Raises ConfigError, with similar names, for a model that timm does not know, and for arguments and sizes that do not
    fit.
    """
    import timm

    def build(further: Mapping[str, Any]) -> "torch.nn.Module":
        try:
            # With `num_classes=0` the forward pass ends at the pooled vector that the classifier would have read.
            model: torch.nn.Module = timm.create_model(extractor.model, **arguments, **further)
            return model
        except LIBRARY_ERRORS as error:
            raise unknown_model(owner, extractor, error, timm.list_models()) from error

    return at_size(owner, extractor, build, ({"img_size": extractor.image_size}, {"dynamic_img_size": True}))


def timm_config(model: "torch.nn.Module", extractor: ExtractorConfig) -> dict[str, Any]:
    """Return timm's data config of a model, with the extractor's own mean, std and size in place of the weights'."""
    from timm.data.config import resolve_model_data_config

    config: dict[str, Any] = resolve_model_data_config(model)
    if extractor.mean:
        config["mean"] = extractor.mean
    if extractor.std:
        config["std"] = extractor.std
    if extractor.image_size:
        config["input_size"] = (3, extractor.image_size, extractor.image_size)
    return config


def _transform_of(config: dict[str, Any]) -> Transform:
    """Return timm's preprocessing for a data config."""
    from timm.data.transforms_factory import create_transform

    transform = create_transform(**config | {"input_size": tuple(config["input_size"])}, is_training=False)
    return lambda image: np.asarray(transform(image))


def weight_file(extractor: ExtractorConfig) -> WeightFile:
    """Return the file that timm publishes for a model; without an address where it publishes none."""
    import timm

    try:
        entry = timm.get_pretrained_cfg(extractor.model)
    except RuntimeError:  # a tag that the model does not have
        entry = None
    name = plain_name(extractor.model)
    licence = (entry.license if entry else "") or extractor.licence or "not stated"
    spdx = _SPDX.get(licence, licence)
    origin = f"timm's {extractor.model}"
    if entry and entry.hf_hub_id:
        filename = entry.hf_hub_filename or "model.safetensors"
        suffix = PurePosixPath(filename).suffix
        return WeightFile("weights", name + suffix, f"{HUB}{entry.hf_hub_id}/{filename}", spdx, origin)
    if entry and entry.url:
        return file_at("weights", str(entry.url), spdx, origin)
    origin = f"timm publishes no weights of {extractor.model}"
    return WeightFile("weights", f"{name}.safetensors", "", licence, origin)


# licences as they are usually written; timm has them in small letters
_SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
