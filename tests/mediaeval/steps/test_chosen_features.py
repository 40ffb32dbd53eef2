"""Which features are used where none are named: of a sample, of a run, of what is at hand, or hand-crafted ones."""

import json
import logging
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import timm
from safetensors.numpy import save

from mediaeval.config import PRESETS, load_config
from mediaeval.errors import ConfigError
from mediaeval.features.extractors import EXTRACTORS
from mediaeval.runs import RunFolder
from mediaeval.steps.chosen_features import SMALL_MB, with_chosen_features
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import Recipe

pytestmark = pytest.mark.integration

RECIPE = Recipe(
    dev=30, test=0, commands=(("train", "subtask1", "--data", "devset", "--no-refit", "--set", "classifier=logistic"),)
)
SAFE = save({"a": np.zeros(10, np.float32)})
FILES = {
    "mobilenetv2": "mobilenetv2_100.ra_in1k.safetensors",
    "efficientnet_b2": "tf_efficientnet_b2.aa_in1k.safetensors",
    "siglip": "vit_base_patch16_siglip_224.v2_webli.safetensors",
    "bit_resnet101": "resnetv2_101x1_bit.goog_in21k.safetensors",
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def fill(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / FILES[name]).write_bytes(SAFE)


def chosen(run=None, folder="own", **more) -> list[str]:
    config = load_config(task=VISUAL_SENTIMENT_2021, **more)
    return with_chosen_features(config, [Path(folder)], run).features.use


def test_the_two_strongest_that_are_quick_and_one_line_that_names_all(workdir, cache, caplog):
    caplog.set_level(logging.INFO)
    fill(cache, *FILES)
    assert chosen() == chosen(use="auto") == chosen(sets=["features.use=auto"]) == ["bit_resnet101", "efficientnet_b2"]
    assert caplog.messages[0] == (
        "features: bit_resnet101, efficientnet_b2 (the strongest at hand; also here: siglip, 0.4 s per image, "
        "mobilenetv2, 0.025 s per image). To name others: --use NAMES."
    )
    assert len(caplog.messages) == 3


def test_hand_crafted_where_nothing_is_at_hand_with_what_it_costs_and_what_mends_it(workdir, cache, caplog):
    assert chosen() == ["handcrafted"]
    [line] = caplog.messages
    assert "no network's weights are here" in line and ".476 where three small networks reached .545" in line
    assert line.endswith("mediaeval weights fetch small.")
    fill(cache, "siglip")
    assert chosen() == ["handcrafted"]
    assert "networks here take long (siglip, 0.4 s per image)" in caplog.messages[1]
    assert "Take one of them: --use siglip; or fetch a quick one" in caplog.messages[1]


def test_weights_beside_the_settings_under_other_names_are_pointed_out(workdir, caplog):
    (workdir / "weights").mkdir()
    (workdir / "weights/mine.safetensors").write_bytes(SAFE)
    assert chosen() == ["handcrafted"]
    assert "weights here have names of no published file (weights/mine.safetensors)" in caplog.text
    assert 'Name each as weights = "FILE" in a section [extractors.NAME]' in caplog.text


def test_the_drawn_sample_keeps_hand_crafted_features(workdir, cache, caplog):
    fill(cache, "mobilenetv2")
    for folder in ("drawn", "own"):
        (workdir / folder / "devset").mkdir(parents=True)
    about = {"seed": 0, "dev": 20, "test": 5, "traps": False, "version": 1}
    (workdir / "drawn/sample.json").write_text(json.dumps(about))
    assert chosen(folder="drawn/devset") == ["handcrafted"] and not caplog.messages
    assert chosen(folder="own/devset") == ["mobilenetv2"]


def test_what_is_named_is_used_whatever_is_at_hand(workdir, cache, caplog):
    fill(cache, "mobilenetv2")
    assert chosen(use="handcrafted") == ["handcrafted"] and chosen(preset="small") == ["efficientnet_b2"]
    assert len(chosen(preset="certh2021")) == 5 and not caplog.messages


def test_files_beside_the_settings_are_used_and_recorded_with_what_they_need(workdir, cache):
    fill(workdir / "weights", "mobilenetv2")
    named = load_config(task=VISUAL_SENTIMENT_2021, use="mobilenetv2")
    for config in (named, with_chosen_features(load_config(task=VISUAL_SENTIMENT_2021), [Path("own")])):
        table = config.to_dict()["extractors"]
        assert list(table) == ["mobilenetv2"] and table["mobilenetv2"]["weights"] == f"weights/{FILES['mobilenetv2']}"
    assert not load_config(task=VISUAL_SENTIMENT_2021, use="handcrafted").extractors


def test_a_run_keeps_its_features_when_more_are_at_hand(job, cache, run):
    fill(cache, "mobilenetv2")
    told = run(
        "train", "subtask2", "--data", "devset", "--no-refit", "--set", "augment=0", "--set", "classifier=logistic"
    ).stderr
    assert "features: handcrafted (those of runs/first). To choose others, train another run: --run NAME." in told
    written = tomllib.loads((job / "runs/first/run.toml").read_text())
    assert written["features"]["use"] == ["handcrafted"] and written["extractors"] == {}
    assert chosen(run=RunFolder(job / "runs/second")) == ["mobilenetv2"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[features]\nuse = ['auto', 'mobilenetv2']", "got auto, mobilenetv2; expected 'auto' alone, or names"),
        ("[extractors.auto]\nkind = 'handcrafted'", "extractors.auto: this name stands for what is at hand"),
    ],
)
def test_auto_stands_alone(workdir, text, problem):
    (workdir / "mediaeval.toml").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        load_config(task=VISUAL_SENTIMENT_2021)


def test_an_experiment_names_its_extractors(workdir, run):
    told = run("experiment", "smap2021", "--use", "auto", "--dataset", "x=y", code=1).stderr
    assert "--use auto: got no names; expected those of the rows of the table" in told


def test_the_small_preset_is_fetched_and_then_at_hand(workdir, cache, run):
    fill(workdir / "mirror", "efficientnet_b2")
    run("weights", "fetch", "small", "--mirror", "mirror")
    assert chosen() == PRESETS["small"].extractors
    assert "takes those at hand" in run("weights", "list", "default").stderr


def test_the_small_preset_has_the_size_that_is_stated():
    network = timm.create_model(EXTRACTORS["efficientnet_b2"].model)
    size = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    assert round(size / 1e6) == SMALL_MB < 40 and f"{SMALL_MB} MB" in PRESETS["small"].summary


@pytest.mark.shared
def test_a_published_file_gives_the_same_features_beside_the_settings_and_in_the_cache(
    workdir, cache, run, shared, make_devset
):
    (workdir / "weights").mkdir()
    place = shutil.copy(shared / "weights/timm-mobilenetv2_100.safetensors", workdir / "weights" / FILES["mobilenetv2"])
    options = ("features", make_devset(3), "--engine", "torch", "--json")
    [row] = json.loads(run(*options).stdout)["features"]
    assert (row["extractor"], row["width"], row["new"]) == ("mobilenetv2", 1280, 3)
    shutil.move(place, cache)
    [row] = json.loads(run(*options).stdout)["features"]
    assert (row["extractor"], row["new"]) == ("mobilenetv2", 0)
