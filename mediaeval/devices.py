"""What computes: the processor or a GPU, decided here alone."""

import contextlib
import functools
import logging
import os
import re
import sys
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mediaeval.errors import ConfigError, first_line
from mediaeval.remembered import keep, recall

logger = logging.getLogger(__name__)

DEVICES = ("auto", "cpu", "cuda")  # and cuda:N, the GPU of that number
NUMBERED = r"cuda:[0-9]{1,3}"
NVIDIA = Path("/dev/nvidiactl")
DRIVERS = (  # one of these exists on Linux where torch may find a GPU
    NVIDIA,
    Path("/dev/kfd"),  # AMD, which torch calls cuda as well
    Path("/dev/dxg"),  # either, below Windows (WSL2)
)
DRIVER_VERSION = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Gpus:
    """The GPUs that torch can use.

    names       by their number
    reason      why there are none, or what torch warns of where there are: a clause; empty where nothing is known
    surprising  whether people should be told of the reason though they did not ask for a GPU
    """

    names: tuple[str, ...] = ()
    reason: str = ""
    surprising: bool = False


def driver_facts() -> dict[str, Any]:
    """Return, JSON, what decides without torch which GPUs it will find: the driver, its devices, what is visible."""
    try:
        driver = DRIVER_VERSION.read_text(encoding="utf-8", errors="replace")
    except OSError:
        driver = ""
    visible = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "CUDA_DEVICE_ORDER")
    return {
        "driver": driver,
        "models": _models(),
        "devices": sorted(str(device) for device in NVIDIA.parent.glob("nvidia[0-9]*")),
        **{name: os.environ.get(name) for name in visible},
    }


def _models() -> list[str]:
    """Return what the driver says of each of its GPUs: a home may be shared by machines with others."""
    models = []
    for about in sorted(DRIVER_VERSION.parent.glob("gpus/*/information")):
        with contextlib.suppress(OSError):
            lines = about.read_text(encoding="utf-8", errors="replace").splitlines()
            models += [" ".join(line.split()) for line in lines if line.startswith("Model")]
    return models


def device_kind(device: str) -> str:
    """Return `cpu` or `cuda` for a resolved device: vectors follow from the kind, not from a GPU's number."""
    return device.partition(":")[0]


def has_gpu() -> bool:
    """Return whether torch can use a GPU."""
    return bool(gpus().names)


def gpus() -> Gpus:
    """Return the GPUs that torch can use.

    torch, which takes seconds to import, is asked only where there is a driver, and once for a driver, a version of
    torch and a choice of visible GPUs, since what it found is remembered.
    """
    if sys.platform == "linux" and not any(driver.exists() for driver in DRIVERS):
        return Gpus(reason="no driver for one is installed")
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return Gpus(reason="CUDA_VISIBLE_DEVICES hides every GPU")
    key = {"torch": version("torch"), **driver_facts()}
    if key["driver"] and (kept := recall("gpus", key)):
        return Gpus(tuple(kept["names"]))
    found = _asked()
    if key["driver"] and found.names and not found.reason:
        keep("gpus", key, {"names": found.names})
    return found


def resolve_device(device: str, setting: str = "--device") -> str:
    """Return `cpu`, `cuda` or `cuda:N` for one of DEVICES or cuda:N; `auto` is `cuda` where torch can use a GPU.

    A GPU that is asked for by its number becomes torch's current one, for libraries that ask for no other.

    `setting`: where the value comes from, for the message. Raises ConfigError for another value, and for a GPU that is
    not there.
    """
    if device not in DEVICES and not re.fullmatch(NUMBERED, device):
        raise ConfigError(f"{setting}: got '{device}'; expected one of {', '.join(DEVICES)}, or cuda:1 and the like.")
    if device == "cpu":
        return device
    found = gpus()
    if not found.names and device != "auto":
        why = f": {found.reason}" if found.reason else ""
        raise ConfigError(
            f"{setting}: got '{device}', but this machine has no GPU that torch can use{why}. Use cpu or auto."
        )
    if found.surprising:
        _warn_once(found.reason if found.names else f"the processor computes, not a GPU: {found.reason}")
    if not found.names:
        return "cpu"
    # so that products on several streams at once are the same bytes each time; read when the first one is computed
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return _numbered(int(device[5:]), found, setting) if ":" in device else "cuda"


def _numbered(number: int, found: Gpus, setting: str) -> str:
    if number >= len(found.names):
        there = ", ".join(f"cuda:{k} ({name})" for k, name in enumerate(found.names))
        raise ConfigError(f"{setting}: got 'cuda:{number}'; expected one of the GPUs that torch sees: {there}.")
    import torch

    torch.cuda.set_device(number)
    return f"cuda:{number}"


@functools.cache
def _warn_once(reason: str) -> None:
    logger.warning(f"{reason}.")


@functools.cache  # torch gives its reason only the first time
def _asked() -> Gpus:
    """Ask torch for its GPUs, and for the reason where it finds none."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        reason = (
            f"torch {torch.__version__} is built for the processor alone; install a build with CUDA "
            "(https://pytorch.org/get-started/locally shows the command)"
        )
        return Gpus((), reason, surprising=NVIDIA.exists())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
            names = tuple(torch.cuda.get_device_name(k) for k in range(n_gpus))
        except RuntimeError as error:  # the driver sees a GPU that it cannot begin to use
            return Gpus((), _in_words(first_line(error)), surprising=True)
    said = _in_words(str(caught[0].message)) if caught else ""
    return Gpus(names, said, surprising=bool(said))


def _in_words(text: str) -> str:
    """Return what torch says against a GPU, as a clause."""
    import torch

    if old := re.search(r"driver on your system is too old \(found version ([0-9]+)\)", text):
        major, minor = divmod(int(old[1]), 1000)  # 12040 is 12.4
        return (
            f"the NVIDIA driver is too old: it is for CUDA {major}.{minor // 10}, and torch {torch.__version__} for "
            f"CUDA {torch.version.cuda}; update the driver, or install a torch for that CUDA"
        )
    words = text.strip().partition("\n")[0].partition(" (Triggered internally")[0]
    return words.removeprefix("CUDA initialization: ").rstrip(".")[:300]
