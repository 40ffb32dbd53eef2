"""Reading weight files that others made: tensors only, and every key accounted for."""

import argparse
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from mediaeval.errors import WeightsError, first_few, first_line
from mediaeval.formats.caffe import is_caffe, read_caffe
from mediaeval.formats.keras import read_keras
from mediaeval.formats.mxnet import read_mxnet

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # what training scripts put around a state dict
# First bytes of files that are not PyTorch's. MXNet's is its list magic, 0x112, as uint64.
_HDF5, _MXNET = b"\x89HDF\r\n\x1a\n", (0x112).to_bytes(8, "little")


def read_weights(path: Path, owner: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a .safetensors, PyTorch, Keras (.h5), MXNet (.params) or .caffemodel file, by key.

    `owner`: who wants the file, as a message begins: "extractor 'signature'" or "system 'caffenet'".
    A list of state dicts, as dual encoding saves its two branches, gives keys that begin with `0.` and `1.`.
    Raises WeightsError when the file is damaged, or holds anything but tensors: a pickle may run code on loading.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start in (_HDF5, _MXNET):
            arrays = read_keras(path) if start == _HDF5 else read_mxnet(path)
            return {key: torch.from_numpy(array) for key, array in arrays.items()}
        if is_caffe(path):
            return {key: torch.from_numpy(array) for key, array in read_caffe(path).items()}
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        # argparse.Namespace: the options of a training run, as public checkpoints hold them; it runs nothing
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError as error:
        raise WeightsError(*(f"{owner}: {problem}" for problem in error.problems)) from None
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{owner}: {path} is refused: it holds more than tensors, and loading that could run code. "
            "If you trust who made it, on a machine you can spare: "
            f"mediaeval weights convert {path} {path.with_suffix('.safetensors')} --trust; then name the new file."
        ) from error
    except Exception as error:  # torch, safetensors and zip each raise what befell them on a damaged file
        raise WeightsError(
            f"{owner}: {path} cannot be read as weights ({first_line(error)}). Download it again."
        ) from error
    state = tensors_of(loaded)
    if state is None:
        raise WeightsError(f"{owner}: {path} holds no state dict (key → tensor). Save model.state_dict().")
    return state


def tensors_of(loaded: object) -> dict[str, torch.Tensor] | None:
    """Return the state dict in what `torch.load` gave, without training scripts' wrappers; None where there is none."""
    for wrapper in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict | list | tuple):
            loaded = loaded[wrapper]
    if isinstance(loaded, list | tuple) and all(isinstance(part, dict) for part in loaded):
        loaded = {f"{k}.{key}": value for k, part in enumerate(loaded) for key, value in part.items()}
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        return None
    return {str(key).removeprefix("module."): value for key, value in loaded.items()}


def load_into(model: torch.nn.Module, path: Path, owner: str, head: str | Iterable[str] = "") -> None:
    """Load a weight file into a network whose classifier was taken off; see `load_state`."""
    load_state(model, read_weights(path, owner), owner, path, head)


def load_state(
    model: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    owner: str,
    source: Path | str,
    head: str | Iterable[str] = "",
) -> None:
    """Load a state dict, every key accounted for. `source`: the file that it came from, for messages.

    Keys under `head` may be in the file: they belong to the classifier. Any other key too many, too few or of another
    shape is a WeightsError that shows them: such a file belongs to another network.
    """
    wanted = model.state_dict()
    heads = tuple(f"{h}." for h in ([head] if isinstance(head, str) else head) if h)
    extra = [k for k in state if k not in wanted and not (heads and k.startswith(heads))]
    missing = [k for k in wanted if k not in state and not k.endswith("num_batches_tracked")]
    shapes = [
        f"{k} is {tuple(state[k].shape)}, wanted {tuple(wanted[k].shape)}"
        for k in wanted
        if k in state and state[k].shape != wanted[k].shape
    ]
    if extra or missing or shapes:
        raise WeightsError(
            f"{owner}: {source} does not fit the network; it is from another one, or from one with other arguments.",
            *(f"  {what}: {first_few(keys)}" for what, keys in _named(extra, missing, shapes) if keys),
        )
    model.load_state_dict({k: v for k, v in state.items() if k in wanted}, strict=False)


def _named(extra: list[str], missing: list[str], shapes: list[str]):
    return ("keys that the network lacks", extra), ("keys that the file lacks", missing), ("other shapes", shapes)
