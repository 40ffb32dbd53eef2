"""Reading weight files that others made: tensors only, and every key accounted for."""

import hashlib
import pickle
from pathlib import Path

import torch

from mediaeval.errors import WeightsError

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # what training scripts put around a state dict


def file_digest(path: Path) -> str:
    """Return the sha256 hex digest of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensors_digest(model: torch.nn.Module) -> str:
    """Return a digest of a network's tensors: the identity of weights that came through a library's own cache."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode() + str(value.dtype).encode() + value.cpu().contiguous().numpy().tobytes())
    return f"tensors sha256 {digest.hexdigest()}"


def read_weights(path: Path, owner: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a .safetensors or PyTorch file, by key.

    Raises WeightsError when the file is damaged, or holds anything but tensors: a pickle may run code on loading.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"extractor '{owner}': {path} is refused: it holds more than tensors, and loading that could run code "
            f"({str(error).splitlines()[0]}). Save its state dict as .safetensors on a machine you can spare."
        ) from error
    except Exception as error:
        raise WeightsError(
            f"extractor '{owner}': {path} cannot be read as weights ({_first_line(error)}). Download it again."
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"extractor '{owner}': {path} holds no state dict (key → tensor). Save model.state_dict().")
    return {key.removeprefix("module."): value for key, value in state.items()}


def load_into(model: torch.nn.Module, path: Path, owner: str, head: str = "") -> None:
    """Load a weight file into a network whose classifier was taken off.

    Keys under `head` may be in the file: they belong to the classifier. Any other key too many, too few or of another
    shape is a WeightsError that shows them: such a file belongs to another network.
    """
    state = read_weights(path, owner)
    wanted = model.state_dict()
    heads = tuple(f"{h}." for h in ([head] if isinstance(head, str) else head) if h)
    extra = [k for k in state if k not in wanted and not k.startswith(heads)] if heads else [*(state.keys() - wanted)]
    missing = [k for k in wanted if k not in state and not k.endswith("num_batches_tracked")]
    shapes = [
        f"{k} is {tuple(state[k].shape)}, wanted {tuple(wanted[k].shape)}"
        for k in wanted
        if k in state and state[k].shape != wanted[k].shape
    ]
    if extra or missing or shapes:
        raise WeightsError(
            f"extractor '{owner}': {path} does not fit the network; it is from another one, or from other model_args.",
            *(f"  {what}: {_some(keys)}" for what, keys in _named(extra, missing, shapes) if keys),
        )
    model.load_state_dict({k: v for k, v in state.items() if k in wanted}, strict=False)


def _named(extra: list[str], missing: list[str], shapes: list[str]):
    return ("keys that the network lacks", extra), ("keys that the file lacks", missing), ("other shapes", shapes)


def _some(items: list[str]) -> str:
    return ", ".join(items[:3]) + (f" … and {len(items) - 3} more" if len(items) > 3 else "")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
