"""Converting PyTorch files of others, once, into .safetensors, which can hold nothing but tensors."""

import argparse
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from mediaeval.errors import WeightsError, first_few, first_line
from mediaeval.files import write_atomically
from mediaeval.weights.read import tensors_of

# First bytes of what torch.save writes: a zip archive, or, before PyTorch 1.6, a pickle
_PYTORCH = (b"PK", b"\x80")


@dataclass(frozen=True)
class Converted:
    """What was written: keys in order; and what was left out of the file, such as `epoch` or `optimizer.state`."""

    keys: list[str]
    left_out: list[str]


def convert(path: Path, out: Path, trust: bool = False) -> Converted:
    """Read a PyTorch file and write its tensors to `out`, a .safetensors file, whole or not at all.

    Wrappers of training scripts (`state_dict`, `model`, `model_state_dict`) and `module.` prefixes are removed; keys of
    lists of state dicts begin with `0.`, `1.`. What is not a tensor is left out and named.
    `trust`: load the file even if it holds more than tensors, which may run code that its author put in.
    Raises WeightsError when the file is absent, damaged, refused, or holds no tensors.
    """
    path, out = Path(path), Path(out)
    if out.suffix != ".safetensors":
        raise WeightsError(f"{out}: expected a name that ends in .safetensors.")
    if out.exists():
        raise WeightsError(f"{out} exists already and was not changed. Give another name, or delete it.")
    loaded = _without_networks(_load(path, out, trust))
    leaves = dict(_leaves(loaded))
    tensors = tensors_of(_tensors_alone(loaded))
    if not tensors:
        found = f": only {first_few(list(leaves))}" if leaves else ""
        raise WeightsError(f"{path} holds no state dict (key → tensor){found}. Save model.state_dict().")
    from safetensors.torch import save

    kept = {id(tensor) for tensor in tensors.values()}
    # safetensors stores no two tensors that share memory, as tied layers do
    write_atomically(out, save({key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()}))
    return Converted(list(tensors), _outermost([key for key, leaf in leaves.items() if id(leaf) not in kept], leaves))


def _load(path: Path, out: Path, trust: bool) -> object:
    if not path.is_file():
        raise WeightsError(f"{path} is not a file; expected a PyTorch file.")
    with path.open("rb") as file:
        if not file.read(2).startswith(_PYTORCH):
            raise WeightsError(
                f"{path} is not a PyTorch file. Give a .pt, .pth or .pth.tar file; "
                ".safetensors, .h5 and .params files need no conversion."
            )
    try:
        # argparse.Namespace: the options of a training, which public checkpoints contain; it runs no code
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=not trust)
    except pickle.UnpicklingError as error:
        if trust:
            raise _unreadable(path, error) from error
        raise WeightsError(
            f"{path} is refused: it holds more than tensors, and loading that could run code. "
            "Only if you trust its author, and on a machine without anything valuable: "
            f"mediaeval weights convert {path} {out} --trust"
        ) from error
    except Exception as error:  # torch and zip raise many exception types; with trust, so does code in the file
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"{path} cannot be read ({type(error).__name__}: {first_line(error)}). It is damaged: download it again; "
        "or it holds classes of a package that is not installed here."
    )


def _without_networks(loaded: object) -> object:
    """Return the same dicts and lists with whole networks, which only trusted files hold, as their state dicts."""
    if isinstance(loaded, torch.nn.Module):
        return dict(loaded.state_dict())
    if isinstance(loaded, dict):
        return {key: _without_networks(value) for key, value in loaded.items()}
    return [_without_networks(value) for value in loaded] if isinstance(loaded, list | tuple) else loaded


def _tensors_alone(loaded: object) -> object:
    """Return the same dicts and lists with nothing but tensors; None where there are none."""
    if isinstance(loaded, dict):
        inner = {key: _tensors_alone(value) for key, value in loaded.items()}
        return {key: value for key, value in inner.items() if value is not None} or None
    if isinstance(loaded, list):
        # a state dict keeps its place in a list, which becomes a part of its keys
        items = [_tensors_alone(value) for value in loaded]
        found = any(item is not None for item in items)
        return [{} if item is None else item for item in items] if found else None
    return loaded if isinstance(loaded, torch.Tensor) else None


def _leaves(loaded: object, above: str = "") -> Iterator[tuple[str, object]]:
    """Yield (path with dots, value) for all that is not a dict or list."""
    if isinstance(loaded, dict | list):
        pairs = loaded.items() if isinstance(loaded, dict) else enumerate(loaded)
        for key, value in pairs:
            yield from _leaves(value, f"{above}.{key}" if above else str(key))
    else:
        yield above, loaded


def _outermost(left_out: list[str], all_leaves: dict[str, object]) -> list[str]:
    """Name what was left out by the highest key below which nothing was kept: `optimizer`, not each of its numbers."""
    kept = {place for key in all_leaves.keys() - set(left_out) for place in _places(key)}
    return list(dict.fromkeys(next(place for place in _places(key) if place not in kept) for key in left_out))


def _places(key: str) -> Iterator[str]:
    """Yield a, a.b, a.b.c for a.b.c."""
    parts = key.split(".")
    for n in range(1, len(parts) + 1):
        yield ".".join(parts[:n])
