"""mediaeval.toml, presets and --set: what wins over what, and what a slip of the pen is told."""

import pytest

from mediaeval.config import PRESETS, load_config
from mediaeval.errors import ConfigError

TOML = """
[data]
dev = "photos"
[features]
use = ["mobilenet", "squeeze"]
scale = "unit"
[extractors.mobilenet]
kind = "timm"
model = "mobilenetv2_100"
model_args = { pad_type = "same" }
mean = [0.5, 0.5, 0.5]
weights = "w/mobilenet.safetensors"
[extractors.squeeze]
kind = "torchvision"
model = "squeezenet1_0"
[subtask1]
classifier = "dense"
[subtask2]
augment = 2
threshold = "tuned"
"""


@pytest.fixture
def toml(tmp_path):
    (tmp_path / "mediaeval.toml").write_text(TOML)
    return tmp_path / "mediaeval.toml"


def test_the_file_is_read_and_its_paths_hold_from_anywhere(toml, workdir):
    config = load_config(toml)
    assert config.data.dev == str(toml.parent / "photos")
    assert list(config.used_extractors()) == ["mobilenet", "squeeze"]
    mobilenet = config.extractors["mobilenet"]
    assert mobilenet.weights == str(toml.parent / "w/mobilenet.safetensors")
    assert (mobilenet.model_args, mobilenet.mean, mobilenet.std) == ({"pad_type": "same"}, (0.5, 0.5, 0.5), None)
    assert (config.features.scale, config.subtask2.augment, config.subtask2.threshold) == ("unit", 2, "tuned")


def test_the_file_in_the_folder_is_taken_without_asking(toml, monkeypatch):
    monkeypatch.chdir(toml.parent)
    assert load_config().features.scale == "unit"


def test_without_a_file_the_default_needs_no_weights(workdir):
    config = load_config()
    assert config.features.use == ["handcrafted"] and config.preset == "default" and config.data.dev == ""


def test_options_win_over_the_file_and_the_file_over_the_preset(toml):
    config = load_config(toml, preset="certh2021", use="squeeze", data="elsewhere", sets=["features.scale=none"])
    assert config.data.dev == "elsewhere"
    assert config.features.use == ["squeeze"]
    assert config.features.scale == "none"
    assert config.split.how == "random", "the preset's, which the file does not mention"
    assert config.subtask2.classifier["lr"] == PRESETS["certh2021"]["subtask2"]["classifier"]["lr"]


def test_another_classifier_does_not_inherit_the_presets_parameters(toml):
    config = load_config(toml, preset="certh2021")
    assert config.subtask1.classifier == {"name": "dense"}, "not the mixture of experts' learning rate"


def test_a_key_of_a_subtask_goes_to_those_being_trained(workdir):
    config = load_config(sets=["classifier.epochs=7", "threshold=0.25"], subtasks=["subtask2"])
    assert config.subtask2.classifier["epochs"] == 7 and config.subtask2.threshold == 0.25
    assert config.subtask3.classifier.get("epochs") != 7 and config.subtask3.threshold == "tuned"
    both = load_config(sets=["subtask3.augment=1"], subtasks=["subtask2"])
    assert both.subtask3.augment == 1
    named = load_config(sets=["classifier=logistic"], subtasks=["subtask1"])
    assert named.subtask1.classifier == {"name": "logistic"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fetures]\nuse=['handcrafted']", r"unknown key 'fetures'. Did you mean 'features'\?"),
        ("[features]\nscal='unit'", r"unknown key 'features.scal'. Did you mean 'scale'\?.*Known here: use, scale"),
        ("[features]\nscale='units'", r"features.scale = 'units'.*'none', 'unit' or 'standard'"),
        ("[features]\nuse=['handcraft']", r"unknown extractor 'handcraft'. Did you mean 'handcrafted'\?"),
        ("[features]\nuse=['handcrafted', 'handcrafted']", "names an extractor twice"),
        ("[extractors.a]\nkind='tim'", r"extractors.a.kind = 'tim'"),
        ("[extractors.a]\nkind='timm'\nwheights='x'", r"unknown key 'extractors.a.wheights'. Did you mean 'weights'\?"),
        ("[subtask1]\nclassifier='mo'", r"unknown classifier 'mo'. Did you mean 'moe'\?"),
        ("[subtask1]\nclassifier={epochs=3}\naugment=-1", "subtask1.augment = -1"),
        ("[subtask2]\nthreshold=1.5", "a probability between 0 and 1, or 'tuned'"),
        ("[split]\nval=2.0", "split.val = 2.0"),
        ("preset='certh'", r"unknown preset 'certh'. Did you mean 'certh2021'\?"),
        ("preset=3", "a name in quotes is wanted"),
        ("[features\nuse=3", "is not TOML"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(tmp_path, text, message):
    (tmp_path / "mediaeval.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "mediaeval.toml")


def test_all_slips_are_told_at_once(tmp_path):
    (tmp_path / "mediaeval.toml").write_text("[split]\nval=2.0\nsede=1\n[features]\nscale='x'")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "mediaeval.toml")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("classifier.epochs", "KEY=VALUE is wanted"),
        ("featurs.scale=unit", r"unknown key 'featurs'. Did you mean 'features'"),
        ("features.use=handcrafted", "features.use = 'handcrafted'"),
    ],
)
def test_a_bad_set_is_told(workdir, item, message):
    with pytest.raises(ConfigError, match=message):
        load_config(sets=[item])


def test_a_file_that_is_not_there_is_told(workdir):
    with pytest.raises(ConfigError, match=r"other.toml does not exist"):
        load_config("other.toml")


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ('kind = "yt8m"\nsource = "mine"', r"extractors.mine.source = 'mine', which reads vectors itself"),
        ('kind = "yt8m"\nsource = "inception"', r"extractors.mine.source = 'inception'.*Did you mean 'inception2015'"),
        ('kind = "timm"\nmodel = "resnet18"\nsource = "squeezenet"', r"kind 'timm' has no source; it takes: model"),
        ('kind = "objects"\nparts = { detectr = "x.pth" }', r"kind 'objects' has no parts.detectr; .*parts.detector"),
        ('kind = "objects"\nimage_size = 400\nmean = [0, 0, 0]', r"kind 'objects' has no image_size, mean"),
        ('kind = "handcrafted"\nweights = "x.pth"', r"kind 'handcrafted' has no weights; it takes: nothing"),
        ('kind = "timm"', r"kind 'timm' wants a model"),
    ],
)
def test_what_an_extractor_has_no_use_for_is_told(section, told, tmp_path):
    (tmp_path / "mediaeval.toml").write_text(f"[extractors.mine]\n{section}\n")
    with pytest.raises(ConfigError, match=told):
        load_config(tmp_path / "mediaeval.toml")
