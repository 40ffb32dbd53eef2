"""Systems trained end to end, from the image to the label. This table imports nothing heavy.

To add one, write a file with a `build` that gives a `network.SystemNetwork` and with its settings, and add a record to
SYSTEMS. Where the file imports torch, as ours do, put the settings into `settings.py`: they are checked before anything
heavy is loaded. The tests run over the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any

from mediaeval.errors import choose
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.settings import parse_settings

METADATA = "system"  # key of a saved system's metadata, by which its file is known


@dataclass(frozen=True)
class SystemRecord:
    """One system: where it is built, what can be chosen, what it is in a sentence, and who described it.

    Both paths are `module:name`; the modules are imported when they are used.
    """

    build: str  # (settings, n_labels, width, *, pretrained) → `network.SystemNetwork`
    settings: str  # a subclass of `TrainingSettings`
    summary: str
    source: str
    defaults: dict[str, Any] = field(default_factory=dict)  # its own, in place of those of its settings


# Campos et al. 2017, section 4.1: lr .001 tenfold on the new layer, a tenth every 6 epochs, batches of 256, 65 epochs.
# Not stated, so Caffe's own for this network: decay 5e-4 but not of biases, which learn twice as fast; random crops.
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
_CAMPOS_SOURCE = "Campos, Jou and Giró-i-Nieto 2017"
# The paper says nothing of the training; the rates are ours
_MULTIGAP = {"optimiser": "adam", "lr": 1e-4, "new_lr": 10.0, "epochs": 20, "crop": "random", "schedule": "cosine"}
# The report states batches of 50 and 50 epochs, and not the rest
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

SYSTEMS: dict[str, SystemRecord] = {
    "timm": SystemRecord(
        "mediaeval.finetune.systems.timm_network:build",
        "mediaeval.finetune.settings:TimmSettings",
        "any network of timm, fine-tuned as the teams of 2021 did",
        "HCMUS at MediaEval 2021; the training settings are ours",
        {
            "optimiser": "adamw",
            "lr": 1e-4,  # five times as much was worse on images of OASIS: benchmarks.finetune
            "new_lr": 10.0,
            "weight_decay": 0.02,
            "layer_decay": 0.9,
            "warmup_epochs": 1.0,
            "label_smoothing": 0.1,
            "epochs": 12,
        },
    ),
    "caffenet": SystemRecord(
        "mediaeval.finetune.systems.caffenet:build",
        "mediaeval.finetune.settings:CaffeNetSettings",
        "CaffeNet with a new last layer",
        _CAMPOS_SOURCE,
        _CAMPOS,
    ),
    "caffenet-fc7-2": SystemRecord(
        "mediaeval.finetune.systems.caffenet:build",
        "mediaeval.finetune.settings:CaffeNetSettings",
        "the new layer in place of fc7: 16,781,312 weights fewer",
        _CAMPOS_SOURCE,
        _CAMPOS | {"form": "fc7-2"},
    ),
    "caffenet-fc6-2": SystemRecord(
        "mediaeval.finetune.systems.caffenet:build",
        "mediaeval.finetune.settings:CaffeNetSettings",
        "the new layer in place of fc6: 54,523,904 weights fewer",
        _CAMPOS_SOURCE,
        _CAMPOS | {"form": "fc6-2", "lr": 1e-4},
    ),
    "caffenet-fc9": SystemRecord(
        "mediaeval.finetune.systems.caffenet:build",
        "mediaeval.finetune.settings:CaffeNetSettings",
        "all of CaffeNet, and the new layer after its classes",
        _CAMPOS_SOURCE,
        _CAMPOS | {"form": "fc9"},
    ),
    "multigap": SystemRecord(
        "mediaeval.finetune.systems.multigap:build",
        "mediaeval.finetune.settings:MultiGapSettings",
        "averages of five blocks of MobileNetV2 (objects) and VGG16 (places), with a GRU, attention or ANP scores",
        "Lim et al. 2020 (Multi-GAP)",
        _MULTIGAP,
    ),
    "attention-alexnet": SystemRecord(
        "mediaeval.finetune.systems.attention_alexnet:build",
        "mediaeval.finetune.settings:AttentionAlexNetSettings",
        "two AlexNets, one with attention over the cells of its last map",
        "Agarwal 2019 (attention AlexNet)",
        _ATTENTION,
    ),
}


def settings_model(name: str) -> type[TrainingSettings]:
    """Return the model of the settings of a system of the table."""
    return resolve_name(SYSTEMS[choose("system", name, SYSTEMS)].settings)


def settings_of(system: Mapping[str, Any], section: str = "system") -> TrainingSettings:
    """Return the checked settings of `{name = "timm", epochs = 5, …}`, the record's defaults and the others' included.

    `section`: where they are written. Raises ConfigError with every unknown setting and bad value.
    """
    name = choose("system", system["name"], SYSTEMS)
    own = {key: value for key, value in system.items() if key != "name"}
    return parse_settings(settings_model(name), SYSTEMS[name].defaults | own, section, reference=name)
