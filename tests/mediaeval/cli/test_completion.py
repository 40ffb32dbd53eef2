"""Shell completion: names of what there is, quickly, and nothing where something is wrong."""

import subprocess
import sys

import pytest

from mediaeval.cli import completion

pytestmark = pytest.mark.integration


@pytest.fixture
def complete(workdir, monkeypatch):
    """complete("mediaeval predict f") → what bash would offer for the last word."""

    def offered(line: str) -> list[str]:
        words = line.split(" ")
        environment = {"_MEDIAEVAL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = "import sys; sys.argv[0] = 'mediaeval'; from mediaeval.cli import main; main()"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert not result.stderr
        return result.stdout.split()

    return offered


def make_run(name: str) -> None:
    from mediaeval.runs import run_folder

    folder = run_folder(name)
    folder.path.mkdir(parents=True)
    folder.manifest.write_text("{}")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mediaeval pre", ["predict", "pretrain"]),
        ("mediaeval predict fi", ["first"]),
        ("mediaeval compare first s", ["second"]),
        ("mediaeval train subtask", ["subtask1", "subtask2", "subtask3"]),
        ("mediaeval train a", ["all"]),
        ("mediaeval train all --preset op", ["open2026"]),
        ("mediaeval train all --system ti", ["timm"]),
        ("mediaeval train all --set classifier=lo", ["classifier=logistic"]),
        ("mediaeval features --use hand", ["handcrafted"]),
        ("mediaeval features --use handcrafted,mobilenetv2,mi", ["handcrafted,mobilenetv2,mine"]),
        ("mediaeval probe first --subtask subtask3", ["subtask3"]),
        ("mediaeval features --device au", ["auto"]),
        ("mediaeval features --engine torch-", ["torch-mixed", "torch-fp16"]),
        ("mediaeval weights f", ["fetch"]),
        ("mediaeval weights fetch mi", ["mine"]),
        ("mediaeval weights list certh", ["certh2021"]),
        ("mediaeval experiment ca", ["campos2017"]),
        ("mediaeval experiment smap2021 --gr", ["--groups"]),
        ("mediaeval pretrain si", ["signature"]),
        ("mediaeval ls exp", ["experiments"]),
        ("mediaeval experiment nothing --", ["--help"]),
    ],
)
def test_names_are_offered(workdir, complete, line, offered):
    for name in ("first", "second"):
        make_run(name)
    (workdir / "mediaeval.toml").write_text('[extractors.mine]\nkind = "timm"\nmodel = "resnet18"\n')
    assert complete(line) == offered


FUNCTIONS = [name for name in vars(completion) if name.startswith("complete_")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_raised(workdir, name):
    (workdir / "mediaeval.toml").write_text("not TOML")
    (workdir / "runs").write_text("a file")
    assert getattr(completion, name)("no such name") == []


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from mediaeval.cli import completion;"
        f"[getattr(completion, name)('') for name in {FUNCTIONS}];"
        "print('heavy:', *sorted({'torch', 'pandas', 'sklearn', 'cv2', 'timm', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["heavy:"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(shell):
    """The script is typer's; it must name the program as it is installed."""
    code = "import sys; sys.argv[0] = 'mediaeval'; from mediaeval.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "--show-completion", shell],
        capture_output=True,
        text=True,
        env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "PATH": ""},
    )
    assert "_MEDIAEVAL_COMPLETE" in result.stdout, result.stderr


def test_gpus_are_offered_by_their_number(tmp_path, monkeypatch):
    for name in ("nvidiactl", "nvidia0", "nvidia1", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr("mediaeval.devices.NVIDIA", tmp_path / "nvidiactl")
    assert completion.complete_devices("cu") == ["cuda", "cuda:0", "cuda:1"]
