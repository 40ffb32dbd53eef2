"""Loading PyTorch's files within bounds: what they claim is compared with what they hold first."""

import argparse
import contextlib
import pickle
import re
import shlex
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import torch

from mediaeval.errors import WeightsError, first_few, first_line
from mediaeval.formats.bounded import most_unpacked
from mediaeval.formats.content import DAMAGED, TORCHSCRIPT, Content
from mediaeval.formats.torch_outline import torch_outline
from mediaeval.weights.state_dicts import StateDict, find_state_dict
from submission.reading import open_regular
from submission.wording import quoted

_WHAT_IS_READ = "weights: .safetensors, PyTorch, Keras .h5, MXNet .params or .caffemodel"


def load_torch(path: Path, out: Path | None = None) -> object:
    """Return what torch.save wrote, tensors and plain containers only; on the CPU.

    `out`: the file to convert it to, for messages; None: one beside it.
    Raises WeightsError when the file is damaged, claims more than it holds, or holds more than tensors.
    """
    torch_outline(path)
    try:
        # argparse.Namespace: the options of a training, which public checkpoints contain; it runs no code
        with torch.serialization.safe_globals([argparse.Namespace]), opened_for_torch(path) as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise WeightsError(
            f"{path} is refused: it holds more than tensors{f' ({named[1]})' if named else ''}, and loading that could "
            f"run code. Only if you trust its author, and on a machine without anything valuable: {_convert(path, out)}"
            + ("" if out else "; then use the new file.")
        ) from error
    except Exception as error:  # on a damaged file torch and zip raise many exception types
        raise WeightsError(
            f"{path} cannot be read ({type(error).__name__}: {first_line(error)[:200]}). It is damaged: download it "
            "again."
        ) from error


@contextlib.contextmanager
def opened_for_torch(path: Path) -> Iterator[BinaryIO]:
    """Open a file for torch.load, which for a path goes by its suffix; its warnings are about its own future."""
    with open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield file


def _free_name(path: Path) -> Path:
    """Return a name beside a file that `weights convert` can write to: FILE.safetensors, or another that is free."""
    names = (path.with_suffix(f"{middle}.safetensors") for middle in ("", ".converted", ".converted2", ".converted3"))
    return next((name for name in names if not name.exists()), path.with_suffix(".new.safetensors"))


def not_opened(path: Path, error: OSError, expected: str = _WHAT_IS_READ) -> WeightsError:
    """Return the error to raise for what cannot be opened, such as a folder or a pipe."""
    return WeightsError(
        f"{path}: {error.strerror or first_line(error)}; expected {expected}. Give the path of the file."
    )


def not_readable(path: Path, content: Content, expected: str = _WHAT_IS_READ) -> WeightsError:
    """Return the error to raise for a file that is not a weight file: what it is, what to do."""
    if content == TORCHSCRIPT:
        content = replace(content, remedy=f"Only if you trust its author: {_convert(path)}")
    instead_of = "" if content.what.endswith(DAMAGED) else f"; expected {expected}"
    return WeightsError(f"{path} is {content.what}{instead_of}. {content.remedy}")


def _convert(path: Path, out: Path | None = None) -> str:
    return f"mediaeval weights convert {shlex.quote(str(path))} {shlex.quote(str(out or _free_name(path)))} --trust"


def state_of(
    path: Path, loaded: object, opened: Callable[[object], object] = lambda value: value
) -> StateDict[torch.Tensor]:
    """Return the state dict in what torch.load returned for a file, without wrappers of training scripts.

    `opened`: see `find_state_dict`.
    Raises WeightsError when there is none, and for tensors that are not plain numbers, or more than the file holds.
    """
    try:
        state = find_state_dict(loaded, torch.Tensor, opened)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error.problems[0]}") from None
    except ValueError as error:  # a number of thousands of digits as a key
        raise WeightsError(f"{path}: a key is not text ({first_line(error)[:100]}). Save model.state_dict().") from None
    if state is None:
        keys = list(loaded) if isinstance(loaded, dict) else []
        found = f": only {first_few(quoted(key) for key in keys)}" if keys else ""
        raise WeightsError(f"{path} holds no state dict (key → tensor){found}. Save model.state_dict().")
    _require_plain(path, state.tensors)
    return state


def _require_plain(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise WeightsError unless tensors are dense, with as many numbers as their file holds, all problems at once."""
    problems = [f"{quoted(key)} is {odd}" for key, tensor in tensors.items() if (odd := _odd(tensor))]
    if problems:
        raise WeightsError(
            f"{path} holds tensors that are not plain numbers: {first_few(problems)}. Save the network's state "
            "dict in dense floating point."
        )
    claimed = sum(_bytes(tensor) for tensor in tensors.values())
    most = most_unpacked(path.stat().st_size)
    repeated = {
        key: _bytes(tensor)
        for key, tensor in tensors.items()
        if _bytes(tensor) > max(tensor.untyped_storage().nbytes(), 2**26)
    }
    if claimed > most or repeated:
        worst = max(tensors, key=lambda key: _bytes(tensors[key]))
        raise WeightsError(
            f"{path} has {path.stat().st_size} bytes, and its tensors claim {claimed}, {quoted(worst)} alone "
            f"{_bytes(tensors[worst])}: they repeat a few numbers. Save tensors that hold their own numbers: "
            "tensor.clone()."
        )


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


_IS_ODD: tuple[tuple[str, Callable[[torch.Tensor], bool]], ...] = (
    ("sparse", lambda tensor: tensor.layout != torch.strided),
    ("quantised", lambda tensor: tensor.is_quantized),
    ("without numbers (meta)", lambda tensor: tensor.is_meta),
    ("nested", lambda tensor: tensor.is_nested),
    ("not on the CPU", lambda tensor: tensor.device.type != "cpu"),
)


def _odd(tensor: torch.Tensor) -> str:
    return next((what for what, is_so in _IS_ODD if is_so(tensor)), "")
