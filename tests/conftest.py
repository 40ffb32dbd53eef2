"""Small datasets, real photographs where they are at hand, and a way to run commands."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image
from typer.testing import CliRunner

from mediaeval.devices import has_gpu
from submission.task import Subtask, Task

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

# A colour for each class, so that the handcrafted features can tell them apart.
COLOURS = {"negative": (150, 40, 30), "neutral": (128, 128, 128), "positive": (90, 160, 220)}
T2_T3 = {"negative": "0,1,1,0,0,0,0,0,1,0,0,1,1,0,0,1,0", "neutral": "0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0"}
T2_T3["positive"] = "1,0,0,0,0,0,0,0,0,0,0,0,0,1,1,0,0"
HEADER = (
    "id,T1,T2.1: Joy,T2.2: Sadness,T2.3: Fear,T2.4: Disgust,T2.5: Anger,T2.6: Surprise,T2.7: Neutral,T3.1: Anger,"
    "T3.2: Anxiety,T3.3: Craving,T3.4: Emphatic pain,T3.5: Fear,T3.6: Horror,T3.7: Joy,T3.8: Relief,T3.9: Sadness,"
    "T3.10:surprise"
)

settings.register_profile("any machine", deadline=None)  # a busy one takes longer than hypothesis allows an example
settings.load_profile("any machine")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out modules that are `integration` as a whole where these tests are not run.

    To import them, and torch with them, takes longer than `make test-quick` takes for its tests.
    """
    if "not integration" not in config.option.markexpr or collection_path.suffix != ".py":
        return None
    return True if "\npytestmark = pytest.mark.integration\n" in collection_path.read_text("utf-8") else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine lacks, with the reason."""
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent: real photographs and weights are not at hand")
    if item.get_closest_marker("gpu") and not has_gpu():
        pytest.skip("this machine has no GPU that torch can use")
    if item.get_closest_marker("browser") and not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium or chromedriver is absent: the report was not opened in a browser")


@pytest.fixture
def shared(request) -> Path:
    """../shared/data: real photographs, ratings and weights; for tests that are marked `shared`."""
    assert request.node.get_closest_marker("shared"), "mark this test: @pytest.mark.shared"
    return SHARED


@pytest.fixture(scope="session")
def invented_task() -> Task:
    """A task of two subtasks that nobody has set: other names, labels and columns; one label an image, and several."""
    weather = Subtask("weather", "sky", ("sky",), ("clear", "cloudy", "storm", "fog"), multi_label=False)
    columns, labels = ("tugs", "ferries", "tankers"), ("tug", "ferry", "tanker")
    ships = Subtask("ships", "ships", columns, labels, multi_label=True, max_runs=1)
    return Task("harbour", (weather, ships), id_column="image")


def picture(label: str, seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A noisy picture in the colour of a class."""
    rng = np.random.default_rng(seed)
    pixels = np.array(COLOURS[label]) + rng.normal(0, 30, (size[1], size[0], 1)) + rng.normal(0, 10, (1, 1, 3))
    pixels = pixels + 40 * np.sin(rng.uniform(0.05, 0.6) * np.arange(size[0]))[None, :, None]
    return Image.fromarray(np.uint8(np.clip(pixels, 0, 255)))


def make_folder(folder: Path, n: int, prefix: str = "d", labelled: bool = True) -> Path:
    """A dataset folder of n pictures, ids `prefix`0 …, classes in turn."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for k in range(n):
        label = list(COLOURS)[k % 3]
        picture(label, k + 1000 * ord(prefix)).save(folder / "images" / f"{prefix}{k}.jpg", quality=90)
        rows.append(f"{prefix}{k},{label},{T2_T3[label]}" if labelled else f"{prefix}{k}")
    csv = "devset.csv" if labelled else "testset.csv"
    (folder / csv).write_text("\n".join([HEADER if labelled else "id", *rows]) + "\n")
    return folder


@pytest.fixture
def make_devset(tmp_path) -> Callable[[int], Path]:
    """make_devset(n) → a folder with n labelled pictures."""
    return lambda n=30: make_folder(tmp_path / "devset", n)


@pytest.fixture
def make_testset(tmp_path) -> Callable[[int], Path]:
    """make_testset(n) → a folder with n pictures and a list of their ids without labels."""
    return lambda n=9: make_folder(tmp_path / "testset", n, prefix="t", labelled=False)


@pytest.fixture
def workdir(tmp_path, monkeypatch) -> Path:
    """An empty folder to run commands in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@dataclass(frozen=True)
class Recipe:
    """How a folder with runs is made: `devset` and `testset` of so many images are drawn, then commands run in order.

    A test module states its own as RECIPE, and its tests take the fixtures `trained` or `job`.
    """

    dev: int
    test: int
    commands: tuple[tuple[str, ...], ...]

    def carry_out(self, folder: Path, weights: Path) -> Path:
        """Make the folder's content and return the folder; converted networks are kept in `weights`."""
        make_folder(folder / "devset", self.dev)
        make_folder(folder / "testset", self.test, prefix="t", labelled=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("MEDIAEVAL_WEIGHTS", str(weights))
            for arguments in self.commands:
                command(*arguments)
        return folder


@pytest.fixture(scope="session")
def _made() -> dict[Recipe, Path]:
    return {}


@pytest.fixture(scope="module")
def trained(request, tmp_path_factory, _made, _weights_folder) -> Path:
    """The folder in which the module's RECIPE was carried out, once in a session; not to be changed."""
    recipe = request.module.RECIPE
    if recipe not in _made:
        _made[recipe] = recipe.carry_out(tmp_path_factory.mktemp("trained"), _weights_folder)
    return _made[recipe]


@pytest.fixture
def job(trained, tmp_path, monkeypatch) -> Path:
    """A copy of the `trained` folder to work in."""
    shutil.copytree(trained, tmp_path / "job")
    monkeypatch.chdir(tmp_path / "job")
    return tmp_path / "job"


def command(*arguments: str) -> None:
    """Run a command in this process; an error that it tells is on stderr, its exit status is dropped."""
    from mediaeval.cli import app

    app(list(arguments), standalone_mode=False)


def without_digests(run: Path) -> None:
    """Make a run folder as versions before 0.2 made it."""
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    kept = {key: value for key, value in manifest.items() if key not in ("files", "digest")}
    (run / "manifest.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@pytest.fixture
def run():
    """run("train", "subtask1", …) → the result of a command: exit_code, stdout, stderr."""
    from mediaeval.cli import app

    runner = CliRunner()

    def invoke(*arguments: object, code: int | None = 0):
        result = runner.invoke(app, [str(a) for a in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        if code is not None:
            assert result.exit_code == code, f"exit {result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result

    return invoke


@pytest.fixture(scope="session")
def _weights_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache") / "weights"


@pytest.fixture(autouse=True)
def _no_users_cache(_weights_folder, monkeypatch):
    """Weights and converted networks are kept for these tests, never in the user's own cache."""
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(_weights_folder))


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    """Tables and help as they are without colours, in one width."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach out
