"""Training networks whose weights nobody publishes, from features in the layouts of the public code."""

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from mediaeval.errors import ConfigError, choose


class Entry(NamedTuple):
    """A network that can be trained."""

    path: str  # module:function; imported when it is used
    summary: str
    source: str
    layout: str  # what the folder of features holds


PRETRAINERS = {
    "yt8m": Entry(
        "mediaeval.pretrain.yt8m:train_yt8m",
        "YouTube-8M classifier, feature Y",
        "bmezaris/subclass_deep_neural_networks",
        "train*.tfrecord and validate*.tfrecord of YouTube-8M, video-level or frame-level",
    ),
    "signature": Entry(
        "mediaeval.pretrain.signature:train_signature",
        "visual branch of dual encoding, feature S",
        "danieljf24/dual_encoding, bmezaris/AVS_dual_encoding_attention_network",
        "FeatureData/<feature>/{id.txt,shape.txt,feature.bin,video2frames.txt} and TextData/*.caption.txt",
    ),
    "objectgraphs": Entry(
        "mediaeval.pretrain.objectgraphs:train_objectgraphs",
        "graph over the objects of a picture, feature G",
        "bmezaris/ObjectGraphs",
        "R152/<video>.npy, R152_global/<video>.npy and materials/FCVID_{VideoName_TrainTestSplit,Label}.txt",
    ),
}

# What the command passes to every trainer; its other keyword arguments are its own options.
SHARED = ("epochs", "lr", "batch_size", "seed", "device", "resume", "tell", "on_progress")


def trainer(name: str) -> Callable:
    """Return the function that trains a network; an unknown name is a ConfigError."""
    module, function = PRETRAINERS[choose("network", name, PRETRAINERS)].path.split(":")
    return getattr(import_module(module), function)


def own_options(name: str) -> dict[str, Any]:
    """Return the options that one trainer alone has, with their defaults."""
    parameters = inspect.signature(trainer(name)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in SHARED}


def read_options(name: str, texts: list[str]) -> Mapping[str, Any]:
    """Return options written as KEY=VALUE, each of the kind of its default.

    Raises ConfigError, all problems at once, for a key that the trainer lacks or a value of another kind.
    """
    known, options, problems = own_options(name), {}, []
    for text in texts:
        key, equals, value = text.partition("=")
        try:
            if not equals:
                raise ConfigError(f"--set {text}: KEY=VALUE is wanted.")
            default = known[choose(f"option of '{name}'", key.strip(), known)]
            kind = str if default is None else type(default)
            options[key.strip()] = kind(value.strip())
        except ConfigError as error:
            problems += error.problems
        except ValueError:
            kind_of_number = "a whole number" if kind is int else "a number"
            problems.append(f"--set {text}: {kind_of_number} such as {default} is wanted.")
    if problems:
        raise ConfigError(*problems)
    return options
