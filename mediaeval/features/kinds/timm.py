"""Networks of timm: the vector that the classifier reads, or the classifier's scores.

Imports neither timm nor torch before a network has to be built: what an engine kept is used without.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features import preprocess
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import UNBUILT, library_module, library_network, unknown_model
from mediaeval.features.weight_files import locate
from mediaeval.weights.files import HUB, WeightFile, file_at, plain_name

if TYPE_CHECKING:
    import torch


def build(name: str, extractor: ExtractorConfig, engine: Engine, built: NetworkLookup) -> FeatureExtractor:
    """Return a network of timm: its pooled vector, or with another `output` its classifier's scores."""
    path = locate(name, extractor)
    owner = f"extractor '{name}'"

    def make() -> ModuleSpec:
        from mediaeval.weights.read import load_state, read_weights

        arguments = dict(extractor.model_args) | ({"num_classes": 0} if extractor.output == "features" else {})
        model = timm_model(owner, extractor, arguments)
        state = read_weights(path, owner)
        if not extractor.weights:
            state = published_state(model, state, owner, path)
        load_state(model, state, owner, path, head=model.default_cfg.get("classifier", ""))
        config = json.loads(json.dumps(timm_config(model, extractor), default=list))
        return library_module(extractor, model, config, preprocess.of_timm(config), _timm_transform(config))

    return library_network(name, extractor, engine, path, make, _timm_transform)


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


def timm_model(owner: str, extractor: ExtractorConfig, arguments: dict[str, Any]) -> "torch.nn.Module":
    """Build a model of timm. Raises ConfigError, with the nearest names, for one that it does not know."""
    import timm

    if ":" in extractor.model or "/" in extractor.model:  # timm would fetch, or read a folder, past our cache
        raise ConfigError(f"{owner}: model = '{extractor.model}': a name of timm's own models is wanted.")
    try:
        # With `num_classes=0` timm's forward ends at the pooled vector that its classifier would have read.
        return timm.create_model(extractor.model, **arguments)
    except UNBUILT as error:
        raise unknown_model(owner, extractor, error, timm.list_models()) from error


def timm_config(model: "torch.nn.Module", extractor: ExtractorConfig) -> dict[str, Any]:
    """Return timm's data config of a model, with what the extractor puts in its place."""
    import timm

    config = timm.data.resolve_model_data_config(model)
    config |= {key: value for key in ("mean", "std") if (value := getattr(extractor, key))}
    return config | ({"input_size": (3, extractor.image_size, extractor.image_size)} if extractor.image_size else {})


def _timm_transform(config: dict[str, Any]) -> Callable[[Image.Image], np.ndarray]:
    import timm

    transform = timm.data.create_transform(**config | {"input_size": tuple(config["input_size"])}, is_training=False)
    return lambda image: transform(image).numpy()


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
        return file_at("weights", entry.url, spdx, origin)
    origin = f"timm publishes no weights of {extractor.model}"
    return WeightFile("weights", f"{name}.safetensors", "", licence, origin)


# licences as they are usually written; timm has them in small letters
_SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
