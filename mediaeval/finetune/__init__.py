"""Systems trained end to end, from the photograph to the label. This table imports nothing heavy.

A newcomer adds an entry, its settings in `settings.py`, and a file in `systems/` whose `build` gives a `built.Built`.
"""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from mediaeval.errors import ConfigError, choose
from mediaeval.finetune.settings import (
    AttentionAlexNetSettings,
    CaffeNetSettings,
    MultiGapSettings,
    Recipe,
    TimmSettings,
)


@dataclass(frozen=True)
class System:
    """One system: where it is built, what can be chosen, and its own recipe in place of the plain one's."""

    path: str  # "module:function" below mediaeval.finetune.systems
    settings: type[Recipe]
    summary: str
    source: str
    recipe: dict[str, Any] = field(default_factory=dict)


# Campos et al. 2017, section 4.1: lr .001 tenfold on the new layer, a tenth every 6 epochs, batches of 256, 65 epochs.
# Unsaid, Caffe's own for this network: decay 5e-4 but not of biases, which learn twice as fast; random crops, mirrored.
_CAMPOS = {
    "optimiser": "sgd",
    "lr": 1e-3,
    "new_lr": 10.0,
    "bias_lr": 2.0,
    "weight_decay": 5e-4,
    "schedule": "step",
    "step_epochs": 6.0,
    "batch_size": 256,
    "epochs": 65,
    "crop": "random",
}
_CAMPOS_SOURCE = "Campos, Jou and Giró-i-Nieto 2017 (seed 002)"
# Nothing is said of the training; the rates are ours
_MULTIGAP = {"optimiser": "adam", "lr": 1e-4, "new_lr": 10.0, "epochs": 20, "crop": "random", "schedule": "cosine"}
# Batch 50 and 50 epochs are said, the rest is not
_ATTENTION = {
    "optimiser": "sgd",
    "lr": 1e-3,
    "new_lr": 10.0,
    "weight_decay": 5e-4,
    "batch_size": 50,
    "epochs": 50,
    "crop": "random",
    "schedule": "constant",
}

SYSTEMS: dict[str, System] = {
    "timm": System(
        "timm_network:build",
        TimmSettings,
        "any network of timm, fine-tuned as the teams of 2021 did",
        "HCMUS at MediaEval 2021; recipe of ours",
        {
            "optimiser": "adamw",
            "lr": 1e-4,  # five times as much was worse on photographs of OASIS: benchmarks.finetune
            "new_lr": 10.0,
            "weight_decay": 0.02,
            "layer_decay": 0.9,
            "warmup_epochs": 1.0,
            "label_smoothing": 0.1,
            "epochs": 12,
        },
    ),
    "caffenet": System("caffenet:build", CaffeNetSettings, "CaffeNet with a new last layer", _CAMPOS_SOURCE, _CAMPOS),
    "caffenet-fc7-2": System(
        "caffenet:build",
        CaffeNetSettings,
        "the new layer in the place of fc7: 16,781,312 weights fewer",
        _CAMPOS_SOURCE,
        _CAMPOS | {"form": "fc7-2"},
    ),
    "caffenet-fc6-2": System(
        "caffenet:build",
        CaffeNetSettings,
        "the new layer in the place of fc6: 54,523,904 weights fewer",
        _CAMPOS_SOURCE,
        _CAMPOS | {"form": "fc6-2", "lr": 1e-4},
    ),
    "caffenet-fc9": System(
        "caffenet:build",
        CaffeNetSettings,
        "all of CaffeNet, and the new layer behind its classes",
        _CAMPOS_SOURCE,
        _CAMPOS | {"form": "fc9"},
    ),
    "multigap": System(
        "multigap:build",
        MultiGapSettings,
        "averages of five blocks of MobileNetV2 (objects) and VGG16 (places), with a GRU, attention or ANP scores",
        "Multi-GAP (seed 003)",
        _MULTIGAP,
    ),
    "attention-alexnet": System(
        "attention_alexnet:build",
        AttentionAlexNetSettings,
        "two AlexNets, one with attention over the cells of its last map",
        "attention AlexNet (seed 004)",
        _ATTENTION,
    ),
}


def settings_of(system: dict[str, Any], source: str = "system") -> Recipe:
    """Return the checked settings of `{name = "timm", epochs = 5, …}`: the table's recipe, with these in its place.

    Raises ConfigError with every unknown key and bad value; `source` says where they were written.
    """
    entry = SYSTEMS[choose("system", system["name"], SYSTEMS)]
    own = {key: value for key, value in system.items() if key != "name"}
    try:
        return entry.settings.model_validate(entry.recipe | own)
    except ValidationError as error:
        raise ConfigError(
            *(_explain(problem, source, list(entry.settings.model_fields)) for problem in error.errors())
        ) from None


def _explain(problem: Any, source: str, known: list[str]) -> str:
    """Put a pydantic error into words: where, what came, what was wanted."""
    where = ".".join([source, *(str(part) for part in problem["loc"])])
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(problem["loc"][-1]), known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return f"unknown setting '{where}'.{hint} Known here: {', '.join(known)}."
    came = f" = {problem['input']!r}" if problem["loc"] else ""
    return f"{where}{came}: {problem['msg'].removeprefix('Value error, ')}."
