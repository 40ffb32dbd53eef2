"""The two files of a training: the weights so far, and the state from which an interrupted training is resumed."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from mediaeval.errors import ConfigError
from mediaeval.files import write_atomically
from mediaeval.formats.torch_outline import torch_outline
from mediaeval.training.objective import EpochMetrics, TrainingObjective
from mediaeval.training.output import METADATA

_STATE_KEYS = {"modules": dict, "optimiser": dict, "settings": dict, "history": list, "examples": int}


def write_weights(out: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a .safetensors file of weights, with `metadata` as JSON under METADATA."""
    # copied, since safetensors refuses tensors that share memory
    plain = {key: tensor.detach().to("cpu", copy=True).contiguous() for key, tensor in tensors.items()}
    write_atomically(out, save(plain, {METADATA: json.dumps(metadata, sort_keys=True, ensure_ascii=False)}))


def state_of(
    objective: TrainingObjective[Any], settings: Mapping[str, str], history: list[EpochMetrics], examples: int
) -> dict[str, Any]:
    """Return what `read_state` reads: networks, optimiser, settings, history and the number of examples seen so far."""
    return {
        "modules": {name: module.state_dict() for name, module in objective.modules.items()},
        "optimiser": objective.optimiser.state_dict(),
        "settings": settings,
        "history": list(history),
        "examples": examples,
    }


def write_state(file: Path, state: Mapping[str, Any]) -> None:
    """Write a state as `state_of` returns it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(file, buffer.getbuffer())


def read_state(
    file: Path, objective: TrainingObjective[Any], settings: Mapping[str, str]
) -> tuple[list[EpochMetrics], int]:
    """Load the state into the objective's networks and optimiser; return the history and the number of examples seen.

    Raises ConfigError if the file is damaged, or belongs to a training with other settings or of another network.
    """
    unusable = f"Cannot resume from {file}: {{}}. Delete it and train again."
    try:
        torch_outline(file)  # it claims no more than it holds
        state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch, pickle and zip raise many exception types on a damaged file
        raise ConfigError(unusable.format(f"it is damaged ({type(error).__name__})")) from error
    if not isinstance(state, dict) or state.keys() != set(_STATE_KEYS) or not _are_of(state, _STATE_KEYS):
        raise ConfigError(unusable.format("it is not the state of a training"))
    if changed := _differences(state["settings"], settings):
        raise ConfigError(f"{file} belongs to a training with other settings. Resume with the same ones:", *changed)
    try:
        for name, module in objective.modules.items():
            module.load_state_dict(state["modules"][name])
        objective.optimiser.load_state_dict(state["optimiser"])
    except Exception as error:  # values of any type in the place of others
        raise ConfigError(unusable.format("it belongs to another network")) from error
    return state["history"], state["examples"]


def _are_of(state: Mapping[str, object], types: Mapping[str, type]) -> bool:
    return all(isinstance(state[key], kind) for key, kind in types.items())


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return a line for each setting that differs, in alphabetical order."""
    return [
        f"  {key}: was {old.get(key, 'unset')}, now {new.get(key, 'unset')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
