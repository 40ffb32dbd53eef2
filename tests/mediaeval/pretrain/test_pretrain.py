"""The command around all pretrainers, and their options."""

import inspect
import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import Field
from safetensors.torch import load_file

from mediaeval.errors import ConfigError
from mediaeval.features.networks.yt8m import CLASSES
from mediaeval.pretrain import PRETRAINERS, PretrainerRecord, objective_class, read_settings, settings_model
from mediaeval.pretrain.objective import PretrainObjective
from mediaeval.pretrain.run import pretrain
from mediaeval.pretrain.settings import PretrainSettings, check_training
from tests.mediaeval.pretrain.test_objectgraphs import write_videos

pytestmark = pytest.mark.integration


@pytest.fixture
def out(tmp_path):
    return tmp_path / "w.safetensors"


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# --- options -------------------------------------------------------------------------------------------------------

NO_NUMBERS = (math.nan, math.inf, -math.inf)
WRONG = {
    "epochs": (0, -1, 1.5, True),
    "lr": (0.0, -1e-3, *NO_NUMBERS),
    "batch_size": (0, -2, 0.5),
    "seed": (-1, 2**64),
    "classes": (0, -3, 10**12),
    "l2": (-0.1, *NO_NUMBERS),
    "buffer": (0, -1),
    "val": (0.0, 1.0, *NO_NUMBERS),
    "min_count": (0, -1),
    "margin": (-0.1, 2.1, *NO_NUMBERS),
    "dropout": (-0.1, 1.0, 2.0, *NO_NUMBERS),
    "clip": (0.0, -1.0, *NO_NUMBERS),
    "hidden": (0, -3, 10**9),
    "filters": (0, -3, 10**9),
    "space": (0, -3, 10**9),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_values_that_cannot_be_are_told_by_name(out, name, value):
    model = next(model for model in map(settings_model, PRETRAINERS) if name in {*model.model_fields, "seed"})
    values, seed = ({}, value) if name == "seed" else ({name: value}, 0)
    expected = rf"^{name}: got {re.escape(repr(value))}; expected a (whole )?number .*\.$"
    with pytest.raises(ConfigError, match=expected):
        check_training(model, values, seed=seed, out=out, resume=False)


@pytest.mark.parametrize("name", PRETRAINERS)
def test_every_option_of_every_trainer_is_checked_with_the_others_before_anything_is_read(name, tmp_path):
    fields = settings_model(name).model_fields
    wrong = {key: WRONG[key][0] for key in [*fields, "seed"] if key in WRONG}
    with pytest.raises(ConfigError) as raised:
        pretrain(name, tmp_path / "nowhere", tmp_path / "w.pt", **wrong)
    *of_options, of_file = raised.value.problems
    assert {problem.partition(":")[0] for problem in of_options} == wrong.keys()
    assert of_file.endswith("w.pt': expected a file name that ends in .safetensors.")
    numbers = {key for key, field in fields.items() if isinstance(field.default, int | float)}
    assert numbers <= wrong.keys(), "an option that no test has a wrong value for"


@pytest.mark.parametrize("name", PRETRAINERS)
def test_defaults_are_values_that_can_be_and_every_setting_says_what_it_means(name, out):
    check_training(settings_model(name), {}, seed=0, out=out, resume=False)
    fields = settings_model(name).model_fields
    assert [key for key, field in fields.items() if not (field.description or "").endswith(".")] == []


def test_classes_are_those_of_youtube_8m():
    assert settings_model("yt8m")().classes == CLASSES


# --- the table and the command -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRETRAINERS)
def test_every_record_is_of_an_objective_that_takes_what_the_command_gives(name):
    assert issubclass(objective_class(name), PretrainObjective)
    assert {"folder", "settings", "seed", "device"} <= inspect.signature(objective_class(name)).parameters.keys()
    assert PRETRAINERS[name].summary and PRETRAINERS[name].layout and "/" in PRETRAINERS[name].source


def test_settings_are_read_as_what_they_are_and_all_wrong_ones_told():
    assert read_settings("yt8m", ["classes=10", "l2 = 0.005"], {"epochs": None}) == {"classes": 10, "l2": 0.005}
    assert read_settings("signature", ["feature=resnet"], {"epochs": 3}) == {"feature": "resnet", "epochs": 3}
    with pytest.raises(ConfigError) as raised:
        read_settings("yt8m", ["clases=10", "classes=ten", "l2"], {"epochs": 0})
    l2, epochs, ten, clases = raised.value.problems
    assert clases.startswith("unknown setting 'clases'. Did you mean 'classes'?")
    assert ten == "classes: got 'ten'; expected a whole number from 1 to 1000000."
    assert epochs == "epochs: got 0; expected a whole number of at least 1."
    assert l2 == "--set l2: expected KEY=VALUE, such as epochs=5."


class LineSettings(PretrainSettings):
    """Of a pretrainer from outside the package."""

    epochs: int = 2
    lr: float = 0.1
    batch_size: int = 4
    slope: float = Field(default=2.0, description="Slope of the line to learn.")


class LineObjective(PretrainObjective):
    """A line through points; a folder is not read."""

    def __init__(self, folder, settings, *, seed, device):
        self.settings, self.device = settings, device
        self.line = torch.nn.Linear(1, 1, device=device)
        torch.nn.init.zeros_(self.line.weight)
        self.modules = {"line": self.line}
        self.optimiser = torch.optim.SGD(self.line.parameters(), lr=settings.lr)
        self.metadata = {"slope": str(settings.slope)}

    def batches(self, epoch):
        return torch.linspace(-1, 1, 8).unsqueeze(1).split(self.settings.batch_size)

    def loss(self, x):
        return (self.line(x) - self.settings.slope * x).square().mean()

    def size(self, x):
        return len(x)

    def lr_at(self, epoch, examples, history):
        return self.settings.lr

    def weights(self):
        return self.line.state_dict()


def test_a_pretrainer_from_outside_is_one_record_and_one_file(run, workdir, monkeypatch):
    monkeypatch.setitem(
        PRETRAINERS,
        "line",
        PretrainerRecord(f"{__name__}:LineObjective", f"{__name__}:LineSettings", "a line", "none/public", "nothing"),
    )
    arguments = ["pretrain", "line", "--features", ".", "--epochs", "20", "--set", "slope=3"]
    found = json.loads(run(*arguments, "--out", "line.safetensors", "--json").stdout)
    assert len(found["history"]) == 20 and found["history"][-1]["loss"] < found["history"][0]["loss"] / 10
    assert load_file("line.safetensors")["weight"].item() == pytest.approx(3, abs=0.3)
    refused = run(*arguments, "--out", "other.safetensors", "--set", "slop=1", code=1).stderr
    assert "unknown setting 'slop'. Did you mean 'slope'?" in refused


def test_settings_are_refused_without_what_trains():
    code = (
        "import sys, mediaeval.pretrain as p; [p.read_settings(name, [], {}) for name in p.PRETRAINERS];"
        "print([m for m in ('torch', 'sklearn', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_command_trains_tells_and_resumes(run, workdir):
    labels = np.eye(3, dtype=int)[[0, 1, 2, 0]]
    folder = write_videos(workdir / "FCVID", ["train"] * 3 + ["test"], labels)
    (folder / "R152/Class1/v1.npy").unlink()
    arguments = ["pretrain", "objectgraphs", "--features", folder, "--epochs", "2", "--device", "cpu"]
    result = run(*arguments, "--out", "g.safetensors", "--json")
    assert "1 videos without features are left out: Class1/v1" in result.stderr
    found = json.loads(result.stdout)
    assert [row["epoch"] for row in found["history"]] == [0, 1] and found["out"] == "g.safetensors"
    assert "exists already" in run(*arguments, "--out", "g.safetensors", "--resume", code=1).stderr
    text = run(*arguments, "--out", "h.safetensors", "--resume", "--history", "h.jsonl").stdout
    assert "0.0001" in text and text.endswith("objectgraphs: h.safetensors\n")
    assert same(load_file("g.safetensors"), load_file("h.safetensors"))
    kept = json.loads(run("history", "h.jsonl", "--json").stdout)["epochs"]
    assert kept == [{"run": "h", "subtask": "objectgraphs"} | row for row in found["history"]]
    assert "ends in .jsonl" in run(*arguments, "--out", "i.safetensors", "--history", "h.txt", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["objectgraph"], "unknown network 'objectgraph'. Did you mean 'objectgraphs'?"),
        (["yt8m", "--set", "epoch=3"], "unknown setting 'epoch'. Did you mean 'epochs'?"),
        (["yt8m"], "empty: got no .tfrecord file; expected files of YouTube-8M named train*.tfrecord"),
        (["yt8m", "--features", "nowhere"], "--features nowhere: no such folder; expected one with train*.tfrecord"),
        (["yt8m", "--device", "tpu"], "--device: got 'tpu'; expected one of auto, cpu, cuda"),
        (["signature", "--set", "dropout=nan"], "dropout: got nan; expected a number of at least 0 and below 1"),
        (
            ["signature", "--set", "clip=-1", "--set", "hidden=0"],
            "hidden: got 0; expected a whole number from 1 to 65536",
        ),
        (
            ["signature", "--batch-size", "1"],
            "batch_size: got 1; expected a whole number of at least 2",
        ),
        (["objectgraphs", "--out", "afile/w.safetensors"], "afile is a file; expected a folder"),
        (["yt8m", "--out", ""], "expected a file name that ends in .safetensors"),
    ],
)
def test_what_the_command_cannot_do_it_says(run, workdir, arguments, message):
    (workdir / "empty").mkdir()
    (workdir / "afile").touch()
    result = run("pretrain", "--features", "empty", "--out", "w.safetensors", *arguments, code=1)
    assert message in result.stderr and not result.stdout
