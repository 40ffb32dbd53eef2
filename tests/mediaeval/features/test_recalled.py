"""A command that finds every vector stored neither builds networks nor imports torch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mediaeval.data.dataset import load_dataset
from mediaeval.errors import FeaturesError, WeightsError
from mediaeval.features import build as build_module
from mediaeval.features.build import build_all
from mediaeval.features.extract import extract
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.store import FeatureStore
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import command, make_folder

pytestmark = pytest.mark.integration
LONG_AGO = 1_000_000_000  # seconds since 1970


@pytest.fixture
def known(tmp_path):
    """A network of timm with drawn weights, in a file that was written long ago."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    save_file(timm.create_model("resnet10t").state_dict(), tmp_path / "net.safetensors")
    os.utime(tmp_path / "net.safetensors", (LONG_AGO, LONG_AGO))
    config = ExtractorConfig(kind="timm", model="resnet10t", weights=str(tmp_path / "net.safetensors"), image_size=32)
    return {"net": config}


@pytest.fixture
def images(tmp_path):
    make_folder(tmp_path / "devset", 3)
    return load_dataset(tmp_path / "devset", VISUAL_SENTIMENT_2021)


def of(known):
    return build_all(["net"], known, recall=True)[0]


def test_what_is_recalled_is_what_was_built_and_computes_the_same(known, images, tmp_path):
    first, again = of(known), of(known)
    assert (first.build, again.build is not None) == (None, True)
    assert (again.identity, again.width) == (first.identity, first.width)
    vectors = [
        extract(images, [network], FeatureStore(tmp_path / name)).matrix(["net"], images.ids)
        for name, network in {"built": first, "recalled": again}.items()
    ]
    assert np.array_equal(*vectors)


def test_nothing_is_built_where_all_vectors_are_stored(known, images, tmp_path, monkeypatch):
    store = FeatureStore(tmp_path / "store")
    extract(images, [of(known)], store)
    monkeypatch.setattr(build_module, "build", None)  # calling it would fail
    found = extract(images, [of(known)], store)
    assert not found.computed
    assert found.matrix(["net"], images.ids).shape == (3, 512)


@pytest.mark.parametrize("change", ["settings", "weights"])
def test_another_setting_or_file_is_built_anew(known, change):
    before = of(known)
    config = known["net"]
    if change == "settings":
        known["net"] = config.model_copy(update={"mean": (0.5, 0.5, 0.5)})
    else:
        os.utime(config.weights, (LONG_AGO, LONG_AGO + 1))
    after = of(known)
    assert after.build is None
    assert (after.identity == before.identity) == (change == "weights")  # the same bytes, hashed anew


def test_files_of_one_name_in_two_folders_are_two_networks(known, tmp_path, monkeypatch):
    from safetensors.torch import load_file, save_file

    state, identities = load_file(known["net"].weights), []
    here = {"net": known["net"].model_copy(update={"weights": "w.safetensors"})}
    for number in (0.0, 1.0):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        changed = {key: tensor + number * (tensor.ndim == 4) for key, tensor in state.items()}
        save_file(changed, folder / "w.safetensors")
        os.utime(folder / "w.safetensors", (LONG_AGO, LONG_AGO))
        monkeypatch.chdir(folder)
        identities += [of(here).identity, of(here).identity]  # built, then recalled
    assert identities[0] == identities[1] != identities[2] == identities[3]


def test_weights_that_are_gone_are_reported_at_once(known):
    of(known)
    Path(known["net"].weights).unlink()
    with pytest.raises(WeightsError, match="not found"):
        of(known)


def test_weights_exchanged_unnoticed_are_noticed_before_they_compute(known, images, tmp_path):
    of(known)
    file = Path(known["net"].weights)
    with file.open("r+b") as stream:  # the same size, time and inode
        stream.seek(-4, os.SEEK_END)
        stream.write(np.float32(7).tobytes())
    os.utime(file, (LONG_AGO, LONG_AGO))
    store = FeatureStore(tmp_path / "store")
    with pytest.raises(FeaturesError, match="'net': its files changed while their size and time stayed"):
        extract(images, [of(known)], store)
    assert not list(store.folder.glob("*.features")), "a vector was stored under the wrong name"
    assert extract(images, [of(known)], store).computed["net"] == 3


def test_the_command_imports_no_torch_where_nothing_is_left_to_compute(known, images, tmp_path, monkeypatch):
    (tmp_path / "mediaeval.toml").write_text(
        '[features]\nengine = "torch"\n[extractors.net]\nkind = "timm"\nmodel = "resnet10t"\nimage_size = 32\n'
        f'weights = "{known["net"].weights}"\n'
    )
    program = """
import sys
from mediaeval.cli import main
try:
    main()
except SystemExit as end:
    print("status", end.code)
print(sorted({"torch", "timm", "sklearn", "openvino"} & set(sys.modules)))
"""
    arguments = ["features", "devset", "--use", "net", "--device", "cpu"]
    monkeypatch.chdir(tmp_path)
    command(*arguments)
    stored = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert stored.stdout.splitlines()[-1] == "[]", stored.stdout
