"""Reading weight files of others: tensors only, and every key accounted for."""

import argparse
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from mediaeval.errors import WeightsError, first_few, first_line
from mediaeval.formats.caffe import is_caffe, read_caffe
from mediaeval.formats.keras import read_keras
from mediaeval.formats.mxnet import read_mxnet

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # in which training scripts wrap a state dict
# First bytes of files that are not PyTorch's; MXNet's are the magic number of its lists, 0x112, as uint64
_HDF5, _MXNET = b"\x89HDF\r\n\x1a\n", (0x112).to_bytes(8, "little")


def read_weights(path: Path, owner: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a .safetensors, PyTorch, Keras (.h5), MXNet (.params) or .caffemodel file, by key.

    `owner`: who needs the file, for messages: "extractor 'signature'" or "system 'caffenet'".
    A list of state dicts, such as the two branches of dual encoding, gives keys that begin with `0.` and `1.`.
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

            tensors: dict[str, torch.Tensor] = load_file(path)
            return tensors
        # argparse.Namespace: the options of a training, which public checkpoints contain; it runs no code
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError as error:
        raise WeightsError(*(f"{owner}: {problem}" for problem in error.problems)) from None
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{owner}: {path} is refused: it holds more than tensors, and loading that could run code. "
            "Only if you trust its author, and on a machine without anything valuable: "
            f"mediaeval weights convert {path} {path.with_suffix('.safetensors')} --trust; then use the new file."
        ) from error
    except Exception as error:  # on a damaged file torch, safetensors and zip raise many exception types
        raise WeightsError(
            f"{owner}: {path} cannot be read as weights ({first_line(error)}). Download it again."
        ) from error
    state = tensors_of(loaded)
    if state is None:
        raise WeightsError(f"{owner}: {path} holds no state dict (key → tensor). Save model.state_dict().")
    return state


def tensors_of(loaded: object) -> dict[str, torch.Tensor] | None:
    """Return the state dict in what `torch.load` returned, without wrappers of training scripts; None without one."""
    for wrapper in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict | list | tuple):
            loaded = loaded[wrapper]
    if isinstance(loaded, list | tuple) and all(isinstance(part, dict) for part in loaded):
        loaded = {f"{k}.{key}": value for k, part in enumerate(loaded) for key, value in part.items()}
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        return None
    return {str(key).removeprefix("module."): value for key, value in loaded.items()}


def load_into(model: torch.nn.Module, path: Path, owner: str, head: str | Iterable[str] = "") -> None:
    """Load a weight file into a network whose classifier may have been removed; see `load_state`."""
    load_state(model, read_weights(path, owner), owner, path, head)


def load_state(
    model: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    owner: str,
    source: Path | str,
    head: str | Iterable[str] = "",
) -> None:
    """Load a state dict into a network, every key accounted for.

    owner   who needs the weights, for messages
    source  the file that they are from, for messages
    head    prefixes of keys of the classifier, which may be in the file without being in the network

    Raises WeightsError that shows every other unknown key, every missing one and every other shape: such a file belongs
    to another network.
    """
    expected = model.state_dict()
    heads = tuple(f"{h}." for h in ([head] if isinstance(head, str) else head) if h)
    differences = {
        "keys that the network lacks": [k for k in state if k not in expected and not (heads and k.startswith(heads))],
        "keys that the file lacks": [k for k in expected if k not in state and not k.endswith("num_batches_tracked")],
        "other shapes": [
            f"{k}: got {tuple(state[k].shape)}, expected {tuple(expected[k].shape)}"
            for k in expected
            if k in state and state[k].shape != expected[k].shape
        ],
    }
    if any(differences.values()):
        raise WeightsError(
            f"{owner}: {source} does not fit the network: it is from another one, or from one with other arguments.",
            *(f"  {what}: {first_few(keys)}" for what, keys in differences.items() if keys),
        )
    model.load_state_dict({k: v for k, v in state.items() if k in expected}, strict=False)
