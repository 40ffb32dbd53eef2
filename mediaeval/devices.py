"""What computes: the processor or a GPU, decided here alone."""

import os
import sys
from pathlib import Path
from typing import Any

from mediaeval.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda")
DRIVERS = (  # one of these exists on Linux where torch may find a GPU
    Path("/dev/nvidiactl"),  # NVIDIA
    Path("/dev/kfd"),  # AMD, which torch calls cuda as well
    Path("/dev/dxg"),  # either, below Windows (WSL2)
)

DRIVER_VERSION = Path("/proc/driver/nvidia/version")


def driver_facts() -> dict[str, Any]:
    """Return, JSON, what decides without torch which GPUs it will find: the driver, its devices, what is visible."""
    try:
        driver = DRIVER_VERSION.read_text(encoding="utf-8", errors="replace")
    except OSError:
        driver = ""
    visible = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE")
    return {
        "driver": driver,
        "devices": sorted(str(device) for device in Path("/dev").glob("nvidia[0-9]*")),
        **{name: os.environ.get(name) for name in visible},
    }


def device_kind(device: str) -> str:
    """Return `cpu` or `cuda` for a resolved device: vectors follow from the kind, not from a GPU's number."""
    return device.partition(":")[0]


def has_gpu() -> bool:
    """Return whether torch can use a GPU; where there is no driver, torch is not imported, which takes seconds."""
    if sys.platform == "linux" and not any(driver.exists() for driver in DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


def resolve_device(device: str, setting: str = "--device") -> str:
    """Return `cpu` or `cuda` for one of DEVICES; `auto` is `cuda` where torch can use a GPU.

    `setting`: where the value comes from, for the message. Raises ConfigError for another value, and for `cuda` where
    there is no GPU.
    """
    if device not in DEVICES:
        raise ConfigError(f"{setting}: got '{device}'; expected one of {', '.join(DEVICES)}.")
    present = device != "cpu" and has_gpu()
    if device == "cuda" and not present:
        raise ConfigError(f"{setting}: got 'cuda', but this machine has no GPU that torch can use. Use cpu or auto.")
    return "cuda" if present else "cpu"
