"""Where computing takes place: auto, cpu, cuda, on machines with and without a driver."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from mediaeval import devices
from mediaeval.devices import resolve_device
from mediaeval.errors import ConfigError


@pytest.mark.parametrize("driver", ["nvidiactl", "kfd", "dxg"])
@pytest.mark.parametrize("usable", [True, False])
def test_torch_is_asked_where_a_driver_is_there(monkeypatch, tmp_path, driver, usable):
    """NVIDIA, AMD, and WSL2, which has /dev/dxg alone."""
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: usable))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(devices, "DRIVERS", tuple(tmp_path / path.name for path in devices.DRIVERS))
    (tmp_path / driver).touch()
    assert resolve_device("auto") == ("cuda" if usable else "cpu")
    assert resolve_device("cpu") == "cpu"


def test_without_a_driver_torch_is_not_imported():
    code = (
        "import sys; from mediaeval import devices; devices.DRIVERS = (); sys.platform = 'linux';"
        "print(devices.resolve_device('auto'), 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["cpu", "False"]


def test_absent_and_unknown_devices_are_refused(monkeypatch):
    monkeypatch.setattr(devices, "has_gpu", lambda: False)
    with pytest.raises(ConfigError, match=r"classifier\.device: got 'cuda', but this machine has no GPU"):
        resolve_device("cuda", "classifier.device")
    with pytest.raises(ConfigError, match="--device: got 'tpu'; expected one of auto, cpu, cuda"):
        resolve_device("tpu")
