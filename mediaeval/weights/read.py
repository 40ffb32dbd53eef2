"""Reading weight files of others: known by their content, tensors only, and every key accounted for."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch

from mediaeval.errors import WeightsError, first_few, first_line
from mediaeval.formats.caffe import read_caffe
from mediaeval.formats.content import CAFFE, HDF5, MXNET, SAFETENSORS, TORCH, TORCH_LEGACY, content_of
from mediaeval.formats.mxnet import read_mxnet
from mediaeval.weights.state_dicts import below_prefix
from mediaeval.weights.torch_files import load_torch, not_opened, not_readable, state_of
from submission.wording import quoted

logger = logging.getLogger(__name__)


def read_weights(path: Path, owner: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a .safetensors, PyTorch, Keras (.h5), MXNet (.params) or .caffemodel file, by key.

    The file is known by its content, whatever its name. Of raw and averaged weights in one PyTorch file the averaged
    ones are returned, and the choice is logged.
    `owner`: who needs the file, for messages: "extractor 'signature'" or "system 'caffenet'".
    A list of state dicts, such as the two branches of dual encoding, gives keys that begin with `0.` and `1.`.
    Raises WeightsError when the file is damaged or another one, claims more numbers than it holds, or holds anything
    but tensors: a pickle may run code on loading.
    """
    path = Path(path)
    try:
        return _tensors(path, owner)
    except WeightsError as error:
        raise WeightsError(*(f"{owner}: {problem}" for problem in error.problems)) from None
    except OSError as error:
        raise WeightsError(f"{owner}: {not_opened(path, error)}") from error


def _tensors(path: Path, owner: str) -> dict[str, torch.Tensor]:
    content = content_of(path)
    if content in _READERS:
        return {key: _as_tensor(path, key, array) for key, array in _READERS[content](path).items()}
    if content == SAFETENSORS:
        return _safetensors(path)
    if content not in (TORCH, TORCH_LEGACY):
        raise not_readable(path, content)
    state = state_of(path, load_torch(path))
    if choice := state.choice():
        logger.info(f"{owner}: {path}: {choice}")
    return state.tensors


def _read_keras(path: Path) -> dict[str, np.ndarray]:
    from mediaeval.formats.keras import read_keras  # only here: few networks need h5py

    return read_keras(path)


_READERS = {HDF5: _read_keras, MXNET: read_mxnet, CAFFE: read_caffe}


def _as_tensor(path: Path, key: str, array: np.ndarray) -> torch.Tensor:
    """Return an array as a tensor, in this machine's byte order."""
    try:
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
    except TypeError:
        raise WeightsError(
            f"{path}: {quoted(key)}: got numbers of type {array.dtype}, which PyTorch lacks. Save them as float32."
        ) from None


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except Exception as error:  # a damaged header raises many exception types
        raise WeightsError(
            f"{path} is a .safetensors file, cut short or damaged ({first_line(error)[:200]}). Download it again."
        ) from error
    return tensors


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

    Where the file has the network's keys, all of them, below one prefix, such as `model.` or `backbone.`, that part of
    it is taken. Raises WeightsError that shows every other unknown key, every missing one, every other shape and every
    complex number: such a file belongs to another network.
    """
    expected = model.state_dict()
    state = without_prefix(state, expected, owner, source)
    heads = tuple(f"{h}." for h in ([head] if isinstance(head, str) else head) if h)
    differences = {
        "keys that the network lacks": [k for k in state if k not in expected and not (heads and k.startswith(heads))],
        "keys that the file lacks": [k for k in expected if k not in state and not k.endswith("num_batches_tracked")],
        "other shapes": [
            f"{k}: got {tuple(state[k].shape)}, expected {tuple(expected[k].shape)}"
            for k in expected
            if k in state and state[k].shape != expected[k].shape
        ],
        "complex numbers": [k for k in expected if k in state and state[k].is_complex() != expected[k].is_complex()],
    }
    if any(differences.values()):
        raise WeightsError(
            f"{owner}: {source} does not fit the network: it is from another one, or from one with other arguments.",
            *(f"  {what}: {first_few(keys)}" for what, keys in differences.items() if keys),
        )
    model.load_state_dict({k: v for k, v in state.items() if k in expected}, strict=False)


def without_prefix(
    state: Mapping[str, torch.Tensor], expected: Iterable[str], owner: str, source: Path | str
) -> Mapping[str, torch.Tensor]:
    """Return the part of a state dict below the prefix with which it has all `expected` keys, without the prefix.

    What else is in it is left out, and logged. Where there is no such prefix, all is returned as it is. The other
    arguments are those of `load_state`. Raises WeightsError where there are several such prefixes.
    """
    needed = [key for key in expected if not key.endswith("num_batches_tracked")]
    try:
        prefix = below_prefix(state, needed)
    except WeightsError as error:
        raise WeightsError(f"{owner}: {source}: {error.problems[0]}") from None
    if not prefix:
        return state
    others = [key for key in state if not key.startswith(prefix)]
    left_out = f"; left out: {first_few(quoted(key) for key in others)}" if others else ""
    logger.info(f"{owner}: {source}: the keys that begin with {prefix} are taken{left_out}.")
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
