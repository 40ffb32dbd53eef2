"""Where computing takes place: auto, cpu, cuda, cuda:1, on machines with and without a driver."""

import logging
import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest

from mediaeval import devices
from mediaeval.devices import device_kind, gpus, resolve_device
from mediaeval.errors import ConfigError

TWO = ("NVIDIA H100 80GB HBM3", "NVIDIA A2")
# what torch 2.11 warns of, word for word but for the place in its source
TOO_OLD = (
    "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx "
    "Alternatively, go to: https://pytorch.org to install a PyTorch version that has been compiled with your version "
    "of the CUDA driver. (Triggered internally at /pytorch/c10/cuda/CUDAFunctions.cpp:119.)"
)
UNKNOWN = (
    "CUDA initialization: CUDA unknown error - this may be due to an incorrectly set up environment. Setting the "
    "available devices to be zero. (Triggered internally at /pytorch/c10/cuda/CUDAFunctions.cpp:119.)"
)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that draws up a machine: which drivers it has, the GPUs that its torch finds, what torch warns of."""

    def draw_up(*, names=(), driver="nvidiactl", warns="", raises="", cuda="12.8"):
        asked, current = [], []

        def is_available():
            asked.append(1)
            if warns:
                warnings.warn(warns, stacklevel=1)
            return bool(names or raises)

        def name_of(k):
            if raises:
                raise RuntimeError(raises)
            return names[k]

        torch = SimpleNamespace(
            __version__="2.11.0",
            version=SimpleNamespace(cuda=cuda, hip=None),
            cuda=SimpleNamespace(
                is_available=is_available,
                device_count=lambda: len(names) or int(bool(raises)),
                get_device_name=name_of,
                set_device=current.append,
            ),
        )
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path / "weights"))
        dev = tmp_path / "dev"
        dev.mkdir(exist_ok=True)
        (dev / driver).touch()
        monkeypatch.setattr(devices, "DRIVERS", tuple(dev / path.name for path in devices.DRIVERS))
        monkeypatch.setattr(devices, "NVIDIA", dev / "nvidiactl")
        monkeypatch.setattr(devices, "DRIVER_VERSION", tmp_path / "version")
        for cached in (devices._asked, devices._warn_once):
            cached.cache_clear()
        return SimpleNamespace(asked=asked, current=current, version=tmp_path / "version")

    yield draw_up
    devices._asked.cache_clear()


@pytest.mark.parametrize("driver", ["nvidiactl", "kfd", "dxg"])
@pytest.mark.parametrize("names", [TWO, ()])
def test_torch_is_asked_where_a_driver_is_there(machine, driver, names):
    """NVIDIA, AMD, and WSL2, which has /dev/dxg alone."""
    machine(driver=driver, names=names)
    assert resolve_device("auto") == ("cuda" if names else "cpu")
    assert resolve_device("cpu") == "cpu"


def test_without_a_driver_and_with_gpus_hidden_torch_is_not_imported(machine):
    code = (
        "import sys; from mediaeval import devices; {}; sys.platform = 'linux';"
        "print(devices.resolve_device('auto'), 'torch' in sys.modules)"
    )
    for change, visible in (("devices.DRIVERS = ()", "0"), ("devices.DRIVERS = (devices.Path('/'),)", "")):
        result = subprocess.run(
            [sys.executable, "-c", code.format(change)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": visible},
        )
        assert result.stdout.split() == ["cpu", "False"]


def test_one_of_two_gpus_becomes_the_current_one(machine):
    at = machine(names=TWO)
    assert [resolve_device(device) for device in ("cuda:1", "cuda", "cuda:00")] == ["cuda:1", "cuda", "cuda:0"]
    assert at.current == [1, 0]
    assert [device_kind(device) for device in ("cpu", "cuda", "cuda:1")] == ["cpu", "cuda", "cuda"]


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(machine):
    machine(names=TWO)
    there = r"cuda:0 \(NVIDIA H100 80GB HBM3\), cuda:1 \(NVIDIA A2\)"
    with pytest.raises(ConfigError, match=f"--device: got 'cuda:2'; expected one of the GPUs that torch sees: {there}"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:-1", "cuda:1 ", "cpu:0", "CUDA"])
def test_unknown_devices_are_refused(device):
    with pytest.raises(ConfigError, match=f"--device: got '{device}'; expected one of auto, cpu, cuda, or cuda:1"):
        resolve_device(device)


@pytest.mark.parametrize(
    ("drawn", "reason", "warned"),
    [
        ({"warns": TOO_OLD}, "the NVIDIA driver is too old: it is for CUDA 11.4, and torch 2.11.0 for CUDA 12.8", True),
        ({"warns": UNKNOWN}, "CUDA unknown error - this may be due to an incorrectly set up environment", True),
        ({"raises": "CUDA error: all CUDA-capable devices are busy"}, "all CUDA-capable devices are busy", True),
        ({"cuda": None}, "torch 2.11.0 is built for the processor alone; install a build with CUDA", True),
        ({"cuda": None, "driver": "dxg"}, "torch 2.11.0 is built for the processor alone", False),
        ({"hidden": ""}, "CUDA_VISIBLE_DEVICES hides every GPU", False),
        ({"driver": "none"}, "no driver for one is installed", False),
        ({}, "no GPU that torch can use. Use cpu or auto", False),
    ],
)
def test_the_reason_is_given_where_there_is_no_gpu(machine, monkeypatch, caplog, drawn, reason, warned):
    """`cuda` is refused with it; `auto` warns of it once, where a driver says that a GPU was meant to be used."""
    hidden = drawn.pop("hidden", None)
    machine(**drawn)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    with pytest.raises(ConfigError) as error:
        resolve_device("cuda", "classifier.device")
    assert str(error.value).startswith("classifier.device: got 'cuda', but this machine has no GPU that torch can use")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    with caplog.at_level(logging.WARNING, "mediaeval"):
        assert [resolve_device("auto") for _ in range(2)] == ["cpu", "cpu"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warned
    assert all(text.startswith("the processor computes, not a GPU: ") and reason in text for text in said)


def test_what_torch_warns_of_a_gpu_that_it_uses_is_passed_on(machine, caplog):
    machine(names=TWO, warns="NVIDIA A2 with CUDA capability sm_86 is not compatible with this torch.\nMore lines")
    with caplog.at_level(logging.WARNING, "mediaeval"):
        assert resolve_device("auto") == "cuda"
    (record,) = caplog.records
    assert record.getMessage() == "NVIDIA A2 with CUDA capability sm_86 is not compatible with this torch."


def test_gpus_are_remembered_until_the_driver_or_what_is_visible_changes(machine, monkeypatch):
    def asks(**change) -> int:
        at = machine(names=TWO, **change)
        assert gpus().names == TWO
        return len(at.asked)

    assert asks() == 1  # this driver has no version to remember by
    at = machine(names=TWO)
    at.version.write_text("NVRM version: 570.1")
    assert [asks(), asks()] == [1, 0]
    at.version.write_text("NVRM version: 580.2")
    assert [asks(), asks()] == [1, 0]
    monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", "1")
    assert asks() == 1
    (devices.NVIDIA.parent / "nvidia0").touch()
    assert asks() == 1


def test_that_there_is_no_gpu_is_not_remembered(machine):
    machine().version.write_text("NVRM version: 570.1")
    assert gpus().names == ()
    machine(names=TWO)
    assert gpus().names == TWO


@pytest.mark.gpu
def test_a_gpu_by_its_number_is_the_one_without():
    import torch

    from mediaeval.seeding import seeded

    assert [resolve_device(device) for device in ("auto", "cuda", "cuda:0")] == ["cuda", "cuda", "cuda:0"]
    drawn = []
    for device in ("cuda", "cuda:0"):
        before = torch.cuda.get_rng_state(0)
        with seeded(3, torch.device(device)):
            drawn.append(torch.randn(5, device=device).cpu())
        assert torch.equal(torch.cuda.get_rng_state(0), before)
    assert torch.equal(*drawn)
