"""Every error that a user can correct, in one tree (its root is `submission.errors.UserError`).

UserError
├── RunFileError, LabelFileError      (submission)
├── ConfigError       mediaeval.toml, --set, a preset, an unknown name
├── DatasetError      a dataset folder, a split or a groups file
├── ImageError        one image that cannot be decoded
├── WeightsError      weights absent, or of another network
├── FeaturesError     features absent, or of another width than recorded
└── RunFolderError    a run folder that is absent, incomplete or in use already
"""

from collections.abc import Iterable, Sequence

from submission.errors import LabelFileError, RunFileError, UserError
from submission.wording import nearest, printable

__all__ = [
    "ConfigError",
    "DatasetError",
    "FeaturesError",
    "ImageError",
    "LabelFileError",
    "RunFileError",
    "RunFolderError",
    "UserError",
    "WeightsError",
    "choose",
    "first_few",
    "first_line",
    "first_problems",
    "is_gpu_lost",
    "is_out_of_memory",
    "nearest",
]


class ConfigError(UserError):
    """A setting, an option or a name that does not exist or does not fit."""


class DatasetError(UserError):
    """A dataset folder, a split or a groups file that cannot be used."""


class ImageError(UserError):
    """One image that cannot be decoded; its message says why."""


class WeightsError(UserError):
    """Weights that are absent, or belong to another network."""


class FeaturesError(UserError):
    """Features that are absent, or have another width than the run recorded."""


class RunFolderError(UserError):
    """A run folder that is absent, incomplete or in use already."""


def choose(kind: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is one of `known`, else raise ConfigError with the nearest name and all that exist."""
    known = list(known)
    if name in known:
        return name
    shown = printable(name if len(name) <= 100 else f"{name[:99]}…")
    raise ConfigError(f"unknown {kind} '{shown}'.{nearest(name, known)} Known: {', '.join(known)}.")


def first_few(items: Iterable[object], n: int = 3) -> str:
    """Return the first `n` of some names in one line, and how many more there are: `a, b, c … and 4 more`."""
    names = [str(item) for item in items]
    return ", ".join(names[:n]) + (f" {_more(len(names) - n)}" if len(names) > n else "")


def first_problems(problems: Sequence[str], n: int = 5) -> list[str]:
    """Return the first `n` problems, and a line that counts the others: `… and 4 more`."""
    return [*problems[:n], _more(len(problems) - n)] if len(problems) > n else list(problems)


def _more(n: int) -> str:
    return f"… and {n} more"


def first_line(error: BaseException) -> str:
    """Return the first line of another library's error, or its kind where it says nothing."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory was short: libraries raise a plain RuntimeError for it, on a processor and on a GPU."""
    words = (
        "out of memory",
        "can't allocate",
        "not enough memory",
        "bad_alloc",
        "out of shared memory",
        "signal: Killed",
        "STATUS_ALLOC_FAILED",  # of cuBLAS and cuDNN, which take memory of their own
    )
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(w in str(error) for w in words))


def is_gpu_lost(error: BaseException) -> bool:
    """Return whether a GPU failed or was taken away; nothing more can be computed on it in this process.

    Memory that was short is another matter, though torch may call it a CUDA error too: see `is_out_of_memory`.
    """
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    words = (
        "CUDA error",
        "HIP error",
        "CUDA driver error",
        "device-side assert",
        "unspecified launch failure",
        "device unavailable",
        "CUDNN_STATUS_EXECUTION_FAILED",
        "No CUDA GPUs are available",
    )
    # the class is new in torch 2.8, and torch is not imported for its sake
    return type(error).__name__ == "AcceleratorError" or any(word in str(error) for word in words)
