"""The command around all pretrainers, and their options."""

import inspect
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mediaeval.errors import ConfigError
from mediaeval.pretrain import PRETRAINERS, SHARED, own_options, read_options, trainer
from mediaeval.pretrain.checks import OPTIONS, check_training
from tests.mediaeval.pretrain.test_objectgraphs import write_videos


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
def test_values_that_cannot_be_are_reported_by_name(out, name, value):
    with pytest.raises(ConfigError, match=rf"^{name} {value}: .* is wanted\.$"):
        check_training({name: value}, out, resume=False)


@pytest.mark.parametrize("name", PRETRAINERS)
def test_every_option_of_every_trainer_is_checked_with_the_others_before_anything_is_read(name, tmp_path):
    wrong = {key: WRONG[key][0] for key in [*own_options(name), "epochs", "lr", "batch_size", "seed"] if key in WRONG}
    with pytest.raises(ConfigError) as raised:
        trainer(name)(tmp_path / "nowhere", tmp_path / "w.pt", **wrong)
    *of_options, of_file = raised.value.problems
    assert {problem.split()[0] for problem in of_options} == wrong.keys()
    assert of_file.endswith("w.pt': expected a file name that ends in .safetensors.")
    numbers = {key for key, default in own_options(name).items() if isinstance(default, int | float)}
    assert numbers <= wrong.keys(), "an option that no test has a wrong value for"


@pytest.mark.parametrize("name", PRETRAINERS)
def test_defaults_are_values_that_can_be(name, out):
    parameters = inspect.signature(trainer(name)).parameters
    check_training({key: p.default for key, p in parameters.items() if key in OPTIONS}, out, resume=False)


# --- the table and the command -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRETRAINERS)
def test_every_entry_is_a_trainer_that_takes_what_the_command_gives(name):
    parameters = inspect.signature(trainer(name)).parameters
    assert set(SHARED) - {"tell"} <= parameters.keys()
    assert all(default is not inspect.Parameter.empty for default in own_options(name).values())
    assert PRETRAINERS[name].summary and PRETRAINERS[name].layout and "/" in PRETRAINERS[name].source


def test_options_are_read_as_what_they_are_and_all_wrong_ones_reported():
    assert read_options("yt8m", ["classes=10", "l2 = 0.005"]) == {"classes": 10, "l2": 0.005}
    assert read_options("signature", ["feature=resnet"]) == {"feature": "resnet"}
    with pytest.raises(ConfigError) as raised:
        read_options("yt8m", ["clases=10", "classes=ten", "l2"])
    clases, ten, l2 = raised.value.problems
    assert clases.startswith("unknown option of 'yt8m' 'clases'. Did you mean 'classes'?")
    assert ten == "--set classes=ten: a whole number such as 3862 is wanted."
    assert l2 == "--set l2: KEY=VALUE is wanted."


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
    text = run(*arguments, "--out", "h.safetensors", "--resume").stdout
    assert "0.0001" in text and text.endswith("objectgraphs: h.safetensors\n")
    assert same(load_file("g.safetensors"), load_file("h.safetensors"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["objectgraph"], "unknown network 'objectgraph'. Did you mean 'objectgraphs'?"),
        (["yt8m", "--set", "epochs=3"], "unknown option of 'yt8m' 'epochs'"),
        (["yt8m"], "empty: got no .tfrecord file; expected files of YouTube-8M named train*.tfrecord"),
        (["yt8m", "--features", "nowhere"], "--features nowhere: no such folder. It is to hold train*.tfrecord"),
        (["yt8m", "--device", "tpu"], "--device: got 'tpu'; expected one of auto, cpu, cuda"),
        (["signature", "--set", "dropout=nan"], "dropout nan: a share from 0 to below 1 is wanted"),
        (["signature", "--set", "clip=-1", "--set", "hidden=0"], "hidden 0: a whole number from 1 to 65536 is wanted"),
        (
            ["signature", "--batch-size", "1"],
            "batch_size 1: a number of pairs of 2 or more, for the loss to compare, is wanted",
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
