"""Converting PyTorch files of others, once, into .safetensors, which can hold nothing but tensors."""

from dataclasses import dataclass
from pathlib import Path

import torch

from mediaeval.errors import WeightsError, first_few, first_line
from mediaeval.files import write_atomically
from mediaeval.formats.content import READ_HERE, TORCH, TORCH_LEGACY, TORCHSCRIPT, content_of
from mediaeval.formats.torch_outline import require_bounded
from mediaeval.weights.torch_files import load_torch, not_opened, not_readable, opened_for_torch, state_of
from submission.wording import quoted

CHOICE = "state_dict"  # key of the metadata of a written file: which of two state dicts was taken


@dataclass(frozen=True)
class Converted:
    """What was written, and what was not.

    keys      keys in order
    left_out  what was left out of the file, such as `epoch` or `optimizer.state`
    taken     which state dict was taken, such as `state_dict_ema`; empty where the file is one
    choice    a sentence about which of two was taken; empty where there is one only
    """

    keys: list[str]
    left_out: list[str]
    taken: str = ""
    choice: str = ""


def convert(path: Path, out: Path, trust: bool = False) -> Converted:
    """Read a PyTorch file and write its tensors to `out`, a .safetensors file, whole or not at all.

    Wrappers of training scripts (`state_dict`, `model`, `model_state_dict`, …) and `module.` prefixes are removed; of
    raw and averaged weights the averaged ones are taken, which is recorded in the metadata of `out`. Keys of lists of
    state dicts begin with `0.`, `1.`. What is not a tensor is left out and named.
    `trust`: load the file even if it holds more than tensors, which may run code that its author put in.
    Raises WeightsError when the file is absent, damaged, refused, or holds no tensors that .safetensors can hold.
    """
    path, out = Path(path), Path(out)
    if out.suffix != ".safetensors":
        raise WeightsError(f"{out}: expected a name that ends in .safetensors.")
    if out.exists():
        raise WeightsError(f"{out} exists already and was not changed. Give another name, or delete it.")
    state = state_of(path, _load(path, out, trust), _network_opened)
    metadata = {CHOICE: state.place} if state.passed_over else None
    write_atomically(out, _safetensors(path, state.tensors, metadata))
    return Converted(list(state.tensors), list(state.left_out), state.place, state.choice())


def _load(path: Path, out: Path, trust: bool) -> object:
    try:
        content = content_of(path)
    except FileNotFoundError:
        raise WeightsError(f"{path} is not a file; expected a PyTorch file. Check the path.") from None
    except OSError as error:
        raise not_opened(path, error, "a PyTorch file") from error
    if content in READ_HERE and content not in (TORCH, TORCH_LEGACY):
        raise WeightsError(f"{path} is {content.what}, not a PyTorch file. It needs no conversion.")
    if content not in ((TORCH, TORCH_LEGACY, TORCHSCRIPT) if trust else (TORCH, TORCH_LEGACY)):
        raise not_readable(path, content, "a PyTorch file")
    if not trust:
        return load_torch(path, out)
    require_bounded(path)
    try:
        with opened_for_torch(path) as file:
            return torch.load(file, map_location="cpu", weights_only=not trust)
    except Exception as error:  # torch and zip raise many exception types, and so does code in the file
        raise WeightsError(
            f"{path} cannot be read ({type(error).__name__}: {first_line(error)[:200]}). It is damaged: download it "
            "again; or it holds classes of a package that is not installed here."
        ) from error


def _network_opened(value: object) -> object:
    """Return a whole network, which only trusted files hold, as its state dict.

    Raises WeightsError, without the file's name, for a network that another version of its package wrote.
    """
    if not isinstance(value, torch.nn.Module):
        return value
    try:
        return dict(value.state_dict())
    except Exception as error:  # any code of the network's package
        raise WeightsError(
            f"its {type(value).__name__} gives no state dict ({first_line(error)[:200]}). Install the versions of "
            "packages that it was saved with."
        ) from error


def _safetensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None) -> bytes:
    """Return the bytes of a .safetensors file with these tensors."""
    from safetensors.torch import save

    if RESERVED in tensors:
        raise WeightsError(
            f"{path} has a tensor with the key {RESERVED}, which .safetensors reserves. Save it under another key."
        )
    kinds = {str(tensor.dtype): key for key, tensor in reversed(tensors.items())}
    try:
        # safetensors stores no two tensors that share memory, as tied layers do
        return save({key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()}, metadata)
    except MemoryError:
        raise WeightsError(f"{path} holds more numbers than fit into the memory of this machine.") from None
    except Exception as error:  # safetensors has its own list of number types, and raises many exception types
        examples = first_few(f"{quoted(key)} of {kind}" for kind, key in kinds.items())
        raise WeightsError(
            f"{path} cannot be written as .safetensors ({first_line(error)[:200]}); its tensors: {examples}. Save them "
            "in floating point: tensor.float()."
        ) from error


RESERVED = "__metadata__"
