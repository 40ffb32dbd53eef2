"""Extractors whose weights are on this machine, told without a library and without loading anything."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from mediaeval.config import load_config
from mediaeval.errors import ConfigError
from mediaeval.features.at_hand import at_hand, seconds_per_image
from mediaeval.features.extractors import EXTRACTORS
from mediaeval.features.kinds import KINDS
from mediaeval.features.weight_files import files_of
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

SAFE = save({"a": np.zeros(1000, np.float32)})
MOBILENET = "mobilenetv2_100.ra_in1k.safetensors"
R, INCEPTION = "resnet152_imagenet11k_11221_no_top.h5", "pt_inception-2015-12-05-6726825d.pth"
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(range(256))


@pytest.fixture(autouse=True)
def cache(workdir, monkeypatch):
    """An empty cache; commands run in an empty folder."""
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(workdir / "cache"))
    return workdir / "cache"


def write(path, data=SAFE):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def found(text="", file="mediaeval.toml"):
    """What is at hand with these settings."""
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return at_hand(load_config(path, task=VISUAL_SENTIMENT_2021))


def own(name, weights, more=""):
    return f'[extractors.{name}]\nkind = "timm"\nmodel = "resnet18"\nweights = "{weights}"\n{more}\n'


def test_nothing_is_at_hand_without_weights(workdir):
    assert found() == []


def test_settings_then_weights_beside_them_then_the_cache_strongest_first(workdir, cache):
    write(workdir / "mine/first.safetensors")
    write(workdir / "mine/weights/tf_efficientnet_b2.aa_in1k.safetensors")
    write(cache / MOBILENET)
    text = (
        own("last", "first.safetensors", "order = 10") + own("b", "first.safetensors") + own("a", "first.safetensors")
    )
    assert found(text, "mine/mediaeval.toml") == ["b", "a", "efficientnet_b2", "mobilenetv2", "last"]
    assert found() == ["mobilenetv2"], "weights/ is looked for beside the settings"


def test_an_extractor_in_the_place_of_one_of_the_table_has_its_rank_and_time(workdir, cache):
    write(workdir / "mine.safetensors")
    write(cache / "tf_efficientnet_b2.aa_in1k.safetensors")
    text = own("squeezenet", "mine.safetensors")
    assert found(text) == ["efficientnet_b2", "squeezenet"]
    known = load_config(task=VISUAL_SENTIMENT_2021).all_extractors()
    assert known["squeezenet"].seconds == EXTRACTORS["squeezenet"].seconds


def test_one_that_reads_another_is_at_hand_when_both_are(workdir, cache):
    write(workdir / "weights/signature.safetensors")
    assert found() == []
    write(cache / R, HDF5)
    assert found() == ["resnet152_11k", "signature"]


def test_detectors_are_not_chosen(cache):
    write(cache / "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth")
    write(cache / "objectgraphs.safetensors")
    write(cache / R, HDF5)
    assert found() == ["resnet152_11k"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 14\n", "Git LFS pointer"),
        (SAFE[:-100], "cut short"),
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
    ],
)
@pytest.mark.parametrize("folder", ["cache", "weights", "mine"])
def test_what_cannot_be_read_does_not_count_and_is_named_once(workdir, caplog, data, why, folder):
    write(workdir / folder / MOBILENET, data)
    text = f'[extractors.mine]\nkind = "timm"\nmodel = "a"\nweights = "mine/{MOBILENET}"\n' if folder == "mine" else ""
    assert found(text) == []
    [line] = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert why in line and line.count(MOBILENET) == 1


def test_a_sound_file_in_the_cache_replaces_a_damaged_one_beside_the_settings(workdir, cache, caplog):
    write(workdir / "weights" / MOBILENET, SAFE[:-8])
    write(cache / MOBILENET)
    assert found() == ["mobilenetv2"] and f"weights/{MOBILENET} (cut short" in caplog.text


def test_a_file_of_another_size_than_was_fetched_does_not_count(cache, caplog):
    write(cache / MOBILENET)
    entry = {"sha256": "0" * 64, "bytes": 10**6, "url": "", "date": ""}
    write(cache / "index.json", json.dumps({MOBILENET: entry}).encode())
    assert found() == [] and f"{len(SAFE)} of 1000000 bytes" in caplog.text


def test_folders_that_are_none_and_a_damaged_index_are_a_line(workdir, cache, caplog):
    write(workdir / "weights", b"")
    write(cache / MOBILENET)
    write(cache / "index.json", b"{")
    assert found() == []
    [line] = [record.message for record in caplog.records]
    assert "weights (a file, where a folder is expected)" in line and "index.json is damaged" in line


def test_time_is_estimated_from_the_size_of_a_file(workdir):
    write(workdir / "w.safetensors", bytes(10**6))
    found(own("mine", "w.safetensors"))
    mine = load_config(task=VISUAL_SENTIMENT_2021).all_extractors()["mine"]
    assert seconds_per_image(mine) == pytest.approx(1.1e-3)
    assert seconds_per_image(mine.model_copy(update={"seconds": 2.0})) == 2


@pytest.mark.parametrize("setting", ["order = -1", "order = 101", "order = nan", "seconds = 0", "seconds = inf"])
def test_ranks_and_times_out_of_range_are_refused(setting):
    with pytest.raises(ConfigError, match=rf"extractors.mine.{setting.split()[0]}: got .*; expected"):
        found(own("mine", "w.safetensors", setting))


@pytest.mark.integration
@pytest.mark.parametrize("name", EXTRACTORS)
def test_names_of_published_files_are_those_that_the_libraries_have(name):
    entry = EXTRACTORS[name]
    known = KINDS[entry.kind].file_name
    assert known is None or known(entry.model) == files_of(entry)[0].name
    weights = bool(files_of(entry))
    assert weights == (entry.seconds is not None)
    assert (entry.order is not None) == (weights and not KINDS[entry.kind].finds_objects)


def test_no_library_is_imported(cache):
    write(cache / "squeezenet1_0-b66bff10.pth", b"PK")
    program = (
        "import sys; from mediaeval.config import load_config; from mediaeval.features.at_hand import at_hand\n"
        "from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as task\n"
        "at_hand(load_config(task=task)); print([m for m in ('torch', 'timm', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
