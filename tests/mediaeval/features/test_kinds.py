"""The kinds of extractor: one record and one file each, also for a kind that is added from outside the package."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import PIL
import pytest
import skimage

import mediaeval.features.kinds
from mediaeval.errors import ConfigError
from mediaeval.features.build import build
from mediaeval.features.extractors import EXTRACTORS, THUMBNAIL, WITNESS, ExtractorConfig, require_settings
from mediaeval.features.kinds import KINDS
from mediaeval.features.kinds.kind import ExtractorKind, import_function
from mediaeval.settings import properties


@pytest.mark.integration
@pytest.mark.parametrize("name", KINDS)
def test_a_kind_has_a_file_and_says_what_it_takes(name):
    kind = KINDS[name]
    assert (Path(mediaeval.features.kinds.__file__).parent / f"{name}.py").is_file()
    assert callable(import_function(kind.builder))
    assert all(schema["description"].endswith(".") for schema in properties(kind.settings).values())
    assert {file.role for file in kind.files if not isinstance(file, str)} <= {"weights", "pca"}


@pytest.mark.parametrize("name", EXTRACTORS)
def test_the_tables_entries_set_what_their_kinds_take(name):
    entry = EXTRACTORS[name]
    require_settings(name, entry)
    taken = entry.settings_as(KINDS[entry.kind].settings, name)
    assert {key: getattr(taken, key) for key in entry.settings()} == entry.settings()
    with pytest.raises(ConfigError, match="nonsense"):
        require_settings(name, ExtractorConfig(**entry.model_dump(exclude_unset=True), nonsense=1))


def test_reading_the_table_imports_nothing_heavy():
    program = (
        "import sys, mediaeval.config; print([m for m in ('torch', 'timm', 'cv2', 'skimage') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_identities_are_those_of_features_stored_before():
    """Another key or word would have every stored vector computed anew, and recorded runs refused."""
    decoder = f"pillow {PIL.__version__}, upright, RGB"
    libraries = f"opencv {cv2.__version__}, scikit-image {skimage.__version__}"
    expected = {
        "handcrafted": {"kind": "handcrafted", "version": 1, "decoder": decoder, "libraries": libraries},
        "thumbnail": {"kind": "thumbnail", "side": 32, "decoder": decoder},
        "witness": {"kind": "witness", "version": 1, "decoder": f"opencv {cv2.__version__}, upright, BGR"},
    }
    configs = {"handcrafted": EXTRACTORS["handcrafted"], "thumbnail": THUMBNAIL, "witness": WITNESS}
    assert {name: build(name, config).identity for name, config in configs.items()} == expected


def test_what_a_recorded_run_wrote_of_an_extractor_is_read():
    """Runs record every shared setting, also at the default that means: not set."""
    written = ExtractorConfig(kind="objects", parts={"detector": "d.pth"}).model_dump(mode="json")
    assert written["source"] == "" and written["image_size"] is None
    require_settings("objects", ExtractorConfig(**written))


TONES = '''
"""How often each tone of grey occurs."""

import numpy as np
from pydantic import Field

from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.settings import Settings


class ToneSettings(Settings):
    bins: int = Field(default=4, ge=2, le=64, description="Tones that are told apart.")


def build(name, config, engine, networks):
    bins = config.settings_as(ToneSettings, name).bins

    def prepare(image):
        counts = np.histogram(np.asarray(image.convert("L")), bins, (0, 256))[0]
        return (counts / counts.sum()).astype(np.float32)

    return FeatureExtractor(name, {"kind": "tones", "bins": bins}, bins, prepare, lambda batch: batch)
'''


@pytest.fixture
def tones(tmp_path, monkeypatch):
    """A kind whose module lies outside the package: a record in KINDS is all that it takes."""
    (tmp_path / "grey_tones.py").write_text(TONES)
    monkeypatch.syspath_prepend(tmp_path)
    settings = import_function("grey_tones:ToneSettings")
    monkeypatch.setitem(KINDS, "tones", ExtractorKind("grey_tones:build", settings, uses_engine=False))
    yield
    sys.modules.pop("grey_tones")


def test_a_kind_from_outside_is_configured_and_computed(tones, workdir, run, make_devset):
    (workdir / "mediaeval.toml").write_text('[extractors.grey]\nkind = "tones"\nbins = 8\n')
    result = json.loads(run("features", make_devset(4), "--use", "grey,handcrafted", "--json").stdout)
    rows = {row["extractor"]: row for row in result["features"]}
    assert (rows["grey"]["width"], rows["grey"]["images"], rows["grey"]["new"]) == (8, 4, 4)
    assert "none needed" in run("ls", "extractors").stdout


def test_the_settings_of_a_kind_from_outside_are_checked(tones, workdir, run, make_devset):
    (workdir / "mediaeval.toml").write_text(
        '[extractors.grey]\nkind = "tones"\nbins = 1\n[extractors.other]\nkind = "tones"\nbin = 3\n'
    )
    told = run("features", make_devset(1), "--use", "grey", code=1).stderr
    assert "extractors.grey.bins: got 1; expected a whole number from 2 to 64." in told
    assert "unknown setting 'extractors.other.bin'. Did you mean 'bins'?" in told
    with pytest.raises(ConfigError, match="expected a whole number"):
        build("grey", ExtractorConfig(kind="tones", bins="many"))
