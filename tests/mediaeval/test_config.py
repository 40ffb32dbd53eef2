"""mediaeval.toml, presets and --set: what wins over what, and what a slip of the pen is told."""

import os
import random
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

import pytest
import tomli_w
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mediaeval.config
from mediaeval.classifiers.recipes import RECIPES
from mediaeval.config import PRESETS, Config, parse_config, with_store_near
from mediaeval.errors import ConfigError
from submission.task import Subtask, Task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.mediaeval import malformed_settings

load_config = partial(mediaeval.config.load_config, task=VISUAL_SENTIMENT_2021)

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
    assert (config.features.scale, config.subtask("subtask2").augment, config.subtask("subtask2").threshold) == (
        "unit",
        2,
        "tuned",
    )


def test_the_file_in_the_folder_is_taken_without_asking(toml, monkeypatch):
    monkeypatch.chdir(toml.parent)
    assert load_config().features.scale == "unit"


def test_without_a_file_the_default_needs_no_weights(workdir):
    config = load_config()
    assert config.features.use == ["auto"] and config.preset == "default" and config.data.dev == ""


def test_options_win_over_the_file_and_the_file_over_the_preset(toml):
    config = load_config(toml, preset="certh2021", use="squeeze", data="elsewhere", sets=["features.scale=none"])
    assert config.data.dev == "elsewhere"
    assert config.features.use == ["squeeze"]
    assert config.features.scale == "none"
    assert config.split.how == "random", "the preset's, which the file does not mention"
    assert config.subtask("subtask2").classifier["lr"] == RECIPES["certh2021-subtask2"].params["lr"]


def test_another_classifier_does_not_inherit_the_presets_parameters(toml):
    config = load_config(toml, preset="certh2021")
    assert config.subtask("subtask1").classifier == {"name": "dense"}, "not the mixture of experts' learning rate"


def test_a_key_of_a_subtask_goes_to_those_being_trained(workdir):
    config = load_config(sets=["classifier.epochs=7", "threshold=0.25"], subtasks=["subtask2"])
    assert config.subtask("subtask2").classifier["epochs"] == 7 and config.subtask("subtask2").threshold == 0.25
    assert config.subtask("subtask3").classifier.get("epochs") != 7 and config.subtask("subtask3").threshold == "tuned"
    both = load_config(sets=["subtask3.augment=1"], subtasks=["subtask2"])
    assert both.subtask("subtask3").augment == 1
    named = load_config(sets=["classifier=logistic"], subtasks=["subtask1"])
    assert named.subtask("subtask1").classifier == {"name": "logistic"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[extractors.a]\nkind='caffenet'\nmodel='a'\nmean=[0.5]",
            r"a.mean: got \[0.5\]; expected three numbers, such",
        ),
        ("[extractors.a]\nkind='timm'\nmodel='a'\nmean='x'", r"a.mean: got 'x'; .* such as \[0.5, 0.5, 0.5\]"),
        ("[extractors.a]\nkind='timm'\nmodel='a'\nstd=[1, 1, true]", r"a.std: got \[1, 1, True\]; expected three"),
        ("[fetures]\nuse=['handcrafted']", r"unknown key 'fetures'. Did you mean 'features'\?"),
        ("[features]\nscal='unit'", r"unknown setting 'features.scal'. Did you mean 'scale'\?.*Known: use, scale"),
        ("[features]\nscale='units'", r"features.scale: got 'units'; expected 'none', 'unit' or 'standard'\."),
        ("[features]\nuse=['handcraft']", r"unknown extractor 'handcraft'. Did you mean 'handcrafted'\?"),
        ("[features]\nuse=['handcrafted', 'handcrafted']", "names an extractor twice"),
        ("[extractors.a]\nkind='tim'", r"extractors.a.kind: unknown kind 'tim'. Did you mean 'timm'\?"),
        (
            "[extractors.a]\nkind='timm'\nwheights='x'",
            r"unknown setting 'extractors.a.wheights'. Did you mean 'weights'\?",
        ),
        ("[subtask1]\nclassifier='mo'", r"unknown classifier 'mo'. Did you mean 'moe'\?"),
        (
            "[subtask1]\nclassifier={epochs=3}\naugment=-1",
            "subtask1.augment: got -1; expected a whole number from 0 to",
        ),
        ("[subtask2]\nthreshold=1.5", "subtask2.threshold: got 1.5; expected a number above 0 and below 1, or 'tuned'"),
        ("[split]\nval=2.0", "split.val: got 2.0; expected a number above 0 and below 1"),
        ("preset='certh'", r"unknown preset 'certh'. Did you mean 'certh2021'\?"),
        ("preset=3", "preset: got 3; expected a name in quotes"),
        ("[features\nuse=3", "is not TOML"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(tmp_path, text, message):
    (tmp_path / "mediaeval.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "mediaeval.toml")


def test_all_slips_are_told_at_once(tmp_path):
    (tmp_path / "mediaeval.toml").write_text(
        "[split]\nval=2.0\nsede=1\n[features]\nscale='x'\n[subtask1]\nclassifier={name='moe', epoch=3, lr=0}\n"
        "[subtask2]\nsystem={name='timm', epochs=0}"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "mediaeval.toml")
    assert len(caught.value.problems) == 6
    assert all(problem.startswith(f"{tmp_path}/mediaeval.toml: ") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[subtask1.classifier]\nepoch=5", r"unknown setting 'subtask1.classifier.epoch'. Did you mean 'epochs'\?"),
        ("[subtask1.classifier]\nlr=-1", r"subtask1.classifier.lr: got -1; expected a number above 0\."),
        ("[subtask2.classifier]\nlr='fast'", r"subtask2.classifier.lr: got 'fast'; expected a number above 0\."),
        ("[subtask3]\nclassifier={name='logistic', C='best'}", r"subtask3.classifier.C: got 'best'; expected a number"),
        (
            "[subtask2]\nclassifier={name='moe', loss='nll'}",
            r"subtask2.classifier.loss: got 'nll'; expected 'bce'",
        ),
        ("[subtask1]\nclassifier={name=3}", r"subtask1.classifier: got no name; expected one, such as \{ name = 'moe'"),
        ("[subtask1]\nclassifier=3", r"subtask1.classifier: got 3; expected a table"),
        (
            "[subtask1]\nsystem={name='timm', epoch=5}",
            r"unknown setting 'subtask1.system.epoch'. Did you mean",
        ),
        ("[subtask1]\nsystem={name='timn'}", r"unknown system 'timn'. Did you mean 'timm'"),
        ("[subtask1]\nsystem={epochs=5}", r"subtask1.system: got no name; expected one, .* or --system"),
        ("[subtask1]\nsystem={name='multigap', streams=[]}", r"subtask1.system: streams or anp: the network must look"),
        ("[subtask1]\nsystem={name='multigap', anp='sentibank'}", r"subtask1.system: unknown extractor 'sentibank'"),
        ("[subtask1]\nclassifier='moe'\nsystem='timm'", r"got classifier and system of classifier, system, ensemble"),
        ("subtask1=3", r"subtask1: got 3; expected a table of settings"),
        ("features=3", r"features: got 3; expected a table of settings"),
        ("extractors=3", r"extractors: got 3; expected a table per name"),
        (
            "seed=-1",
            r": seed: got -1; expected a whole number of at least 0 and below 4294967296",
        ),
    ],
)
def test_settings_of_classifiers_and_systems_are_checked_with_the_others(tmp_path, text, message):
    (tmp_path / "mediaeval.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "mediaeval.toml")


def test_a_setting_written_alone_is_reported_for_each_subtask_that_it_goes_to(workdir):
    with pytest.raises(ConfigError) as caught:
        load_config(sets=["classifier.epoch=5"], subtasks=["subtask1", "subtask2"])
    assert [problem.partition(". ")[0] for problem in caught.value.problems] == [
        "--set: unknown setting 'subtask1.classifier.epoch'",
        "--set: unknown setting 'subtask2.classifier.epoch'",
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_right(name, workdir):
    assert load_config(preset=name).preset == name and PRESETS[name].summary
    assert load_config(preset=name).features.use == (PRESETS[name].extractors or ["auto"])


def test_what_is_wrong_is_refused_without_what_computes():
    """The whole of it takes a tenth of a second: neither torch nor scikit-learn nor pandas is imported."""
    code = (
        "import sys\n"
        "from mediaeval.config import load_config\n"
        "from mediaeval.errors import ConfigError\n"
        "from submission.visual_sentiment import VISUAL_SENTIMENT_2021\n"
        "for sets in (['classifier.epochs=5'], ['system.name=timm'], ['classifier.epoch=5'], ['system.epoch=5']):\n"
        "    try:\n"
        "        load_config(task=VISUAL_SENTIMENT_2021, sets=sets, subtasks=['subtask1'])\n"
        "    except ConfigError as error:\n"
        "        print(error)\n"
        "print([m for m in ('torch', 'sklearn', 'numpy', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]" and "Did you mean 'epochs'?" in out


@pytest.mark.integration
@pytest.mark.parametrize("setting", ["classifier.epoch=5", "classifier.epochs=none", "system=3"])
def test_train_refuses_a_wrong_setting_before_anything_is_computed_or_stored(setting, workdir):
    command = [sys.executable, "-X", "importtime", "-m", "mediaeval", "train", "subtask1", "--set", setting]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert time.perf_counter() - began < 4, "two seconds on a machine that is not busy"
    assert done.returncode == 1 and f"subtask1.{setting.partition('=')[0]}" in done.stderr
    assert " torch\n" not in done.stderr and " sklearn\n" not in done.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("classifier.epochs", "--set classifier.epochs: expected KEY=VALUE, such as"),
        ("featurs.scale=unit", r"unknown key 'featurs'. Did you mean 'features'"),
        ("features.use=handcrafted", "^--set: features.use: got 'handcrafted'; expected a list of strings"),
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
        ('kind = "yt8m"\nsource = "mine"', r"extractors.mine.source: got 'mine', which reads vectors itself"),
        (
            'kind = "yt8m"\nsource = "inception"',
            r"extractors.mine.source: unknown extractor 'inception'.* you mean 'inception2015'",
        ),
        (
            'kind = "timm"\nmodel = "resnet18"\nsource = "squeezenet"',
            r"unknown setting '.*mine.source'\. Known: .*model",
        ),
        (
            'kind = "objects"\nparts = { detectr = "x.pth" }',
            r"'extractors.mine.parts.detectr'\. Did you mean 'detector'",
        ),
        ('kind = "objects"\nimage_size = 400\nmean = [0, 0, 0]', r"'.*mine.mean'.*\n.*'extractors.mine.image_size'"),
        ('kind = "handcrafted"\nweights = "x.pth"', r"unknown setting 'extractors.mine.weights'\. Known: kind, width"),
        ('kind = "timm"', r"extractors.mine.model is not set; expected a string, such as 'resnet50'"),
        ('kind = "tim"', r"extractors.mine.kind: unknown kind 'tim'. Did you mean 'timm'\? Known: handcrafted"),
        ('kind = "timm"\nmodel = "resnet18"\nimage_size = 4', r"mine.image_size: got 4; expected .* from 8 to 4096"),
        ('kind = "timm"\nmodel = "resnet18"\nmodle = "x"', r"'extractors.mine.modle'. Did you mean 'model'"),
        ('kind = "caffenet"\nmodel = "x"\noutput = "unit"', r"got 'unit'; expected 'features' or 'scores'"),
        ('kind = "yt8m"', r"extractors.mine.source is not set; expected a string, such as 'inception2015'"),
        (
            'kind = "objects"\nmodel_args = { objects = "many" }',
            r"mine.model_args.objects: got 'many'; expected a whole",
        ),
    ],
)
def test_what_an_extractor_has_no_use_for_is_told(section, told, tmp_path):
    (tmp_path / "mediaeval.toml").write_text(f"[extractors.mine]\n{section}\n")
    with pytest.raises(ConfigError, match=told):
        load_config(tmp_path / "mediaeval.toml")


# another task -------------------------------------------------------------------------------------------------------

WALKS = Task(
    "walks",
    (
        Subtask("view", "V", ("V",), ("sea", "hill"), multi_label=False),
        Subtask("weather", "W", ("W.1", "W.2"), ("sun", "rain"), multi_label=True),
    ),
)


def test_sections_are_those_of_the_task(tmp_path):
    file = tmp_path / "mediaeval.toml"
    file.write_text("[view]\nclassifier = 'logistic'\n[weather]\nthreshold = 0.25\n")
    config = mediaeval.config.load_config(file, task=WALKS, sets=["classifier.C=0.5"], subtasks=["view"])
    assert config.task is WALKS and list(config.subtasks) == ["view", "weather"]
    assert config.subtask("view").classifier == {"name": "logistic", "C": 0.5}
    assert config.subtask("weather").classifier["name"] == "dense" and config.subtask("weather").threshold == 0.25


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_for_any_task(preset, workdir):
    config = mediaeval.config.load_config(task=WALKS, preset=preset)
    assert config.subtask("view").classifier["name"] == "moe"
    assert config.subtask("weather").classifier["name"] == "dense"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[subtask1]\nclassifier='moe'", r"unknown key 'subtask1'\. Known: .*, extractors, view, weather\."),
        ("[wether]\nthreshold=0.5", r"unknown key 'wether'\. Did you mean 'weather'\?"),
        ("[weather.classifier]\nepoch=5", r"unknown setting 'weather.classifier.epoch'\. Did you mean 'epochs'\?"),
        ("[weather]\nclassifier={name='moe', loss='nll'}", r"weather.classifier.loss: got 'nll'; expected 'bce'"),
    ],
)
def test_messages_name_the_subtasks_of_the_task(tmp_path, text, message):
    (tmp_path / "mediaeval.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        mediaeval.config.load_config(tmp_path / "mediaeval.toml", task=WALKS)


@pytest.mark.parametrize("task", [VISUAL_SENTIMENT_2021, WALKS])
def test_what_a_run_records_is_read_again_as_it_was(task, toml):
    text = (
        TOML if task is VISUAL_SENTIMENT_2021 else TOML.replace("[subtask1]", "[view]").replace("subtask2", "weather")
    )
    toml.write_text(text)
    config = mediaeval.config.load_config(toml, task=task)
    tree = config.to_dict()
    assert list(tree) == ["preset", "seed", "data", "split", "features", "extractors", *task.names]
    assert parse_config(tomllib.loads(tomli_w.dumps(tree)), task, "run.toml") == config


def test_sections_can_be_replaced_without_changing_the_configuration_they_are_of(workdir):
    config = load_config()
    other = config.with_subtasks({"subtask3": config.subtask("subtask2")})
    assert other.subtask("subtask3") is config.subtask("subtask2") is not config.subtask("subtask3")
    assert list(other.subtasks) == list(config.subtasks) and other.task is VISUAL_SENTIMENT_2021


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"system": "timm", "sets": ["classifier.epochs=1"]},
            "--set classifier.epochs=1: got a setting of a classifier, but system 'timm' is trained. "
            "With --system: system.epochs.",
        ),
        (
            {"system": "timm", "sets": ["classifier.experts=1"]},
            "--set classifier.experts=1: got a setting of a classifier, but system 'timm' is trained. "
            "With --system: mediaeval ls settings timm.",
        ),
        (
            {"system": "timm", "sets": ["classifier=moe"]},
            "--set classifier=moe: got --system timm as well; expected one of them. Leave one out.",
        ),
        (
            {"sets": ["system.epochs=1"]},
            "--set system.epochs=1: got a setting of a system, but classifier 'moe' is trained. "
            "Write classifier.epochs, or choose a system: --system NAME.",
        ),
    ],
)
def test_a_setting_of_the_other_way_to_train_is_told(workdir, options, message):
    with pytest.raises(ConfigError) as caught:
        load_config(**options, subtasks=["subtask1"])
    assert caught.value.problems == (message,)


def test_the_order_of_a_name_and_its_settings_does_not_matter(workdir):
    config = load_config(sets=["system.epochs=3", "system=timm"], subtasks=["subtask1"])
    assert config.subtask("subtask1").system == {"name": "timm", "epochs": 3}


def test_a_threshold_without_effect_is_reported(workdir):
    config = load_config(sets=["threshold=tuned"])
    assert config.without_effect(["subtask1", "subtask2"]) == [
        "subtask1: threshold = tuned has no effect: an image gets the likeliest of subtask1's labels, whatever its "
        "probability. Leave it out, or set that of a subtask with several labels per image."
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"seed = " + b"1" * 5000, "is not TOML: got a number or date that is out of range"),
        (b"seed = 0x" + b"1" * 5000, r"seed: got a number of 19997 bits; expected at most 4294967295"),
        (b"seed = 18446744073709551616", "seed: got a number of 65 bits"),
        (b"a = " + b"[" * 2000, "nested too deeply; expected at most 16"),
        (b"a = " + b"[" * 20 + b"]" * 20, "nested too deeply; expected at most 16"),
        (b".".join([b"a"] * 20) + b" = 1", "nested too deeply; expected at most 16"),
        (b".".join([b"a"] * 5000) + b" = 1", "line 1 has 4999 dots"),
        (b"[split]\nval = 2020-01-01", "split.val: got 2020-01-01, a date or time"),
        (b"[data]\ndev = 2020-13-45", "is not TOML"),
        (b'[data]\ndev = "a\\u0000b"', r"data.dev: got 'a\\x00b', with the character U\+0000"),
        (b'[data]\n"a\\u0000" = 1', r"data: got 'a\\x00' as a name, with the character U\+0000"),
        (b"[split]\nval = nan\n[features]\nstore = 3", r"split.val: got nan; expected a number above 0 and below 1"),
        (
            b"[subtask1.classifier]\nlr = 1e300",
            r"subtask1.classifier.lr: got 1e\+300; expected 0, or a number of 1e-37",
        ),
        (b"a.b = 1\n[a.b]\nc = 1", "is not TOML"),
        (b"# ok\n[data]\ndev = 'caf\xe9'", "is not TOML: line 3 is not UTF-8"),
        (b"\0", "is not TOML"),
        (b"#" + b" " * 300_000, "is larger than 256 KiB"),
    ],
    ids=range(17),
)
def test_a_file_that_is_no_settings_file_is_told(tmp_path, data, message):
    (tmp_path / "mediaeval.toml").write_bytes(data)
    begun = time.perf_counter()
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(tmp_path / "mediaeval.toml")
    assert time.perf_counter() - begun < 2
    assert all(str(tmp_path / "mediaeval.toml") in problem for problem in caught.value.problems)


def test_what_is_in_the_place_of_the_file_is_told(workdir):
    os.mkfifo("mediaeval.toml")
    with pytest.raises(ConfigError, match=r"mediaeval.toml cannot be read: is a named pipe, not a file"):
        load_config()
    Path("mediaeval.toml").unlink()
    Path("mediaeval.toml").mkdir()
    with pytest.raises(ConfigError, match=r"mediaeval.toml is a folder; expected a TOML file"):
        load_config()
    Path("mediaeval.toml").rmdir()
    Path("mediaeval.toml").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"mediaeval.toml does not exist"):
        load_config()
    with pytest.raises(ConfigError, match=r"does not exist"):
        load_config(Path("a\0b"))


TREE = malformed_settings.full_tree()


def test_every_value_may_be_of_another_kind():
    assert isinstance(malformed_settings.outcome(TREE), Config)
    rng = random.Random(0)
    for place in malformed_settings.places(TREE):
        for value in rng.sample(malformed_settings.VALUES, 4):
            malformed_settings.outcome(malformed_settings.replaced(TREE, place, value))


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_settings_end_in_a_traceback(rng):
    outcome = malformed_settings.outcome(malformed_settings.mutated(TREE, rng))
    assert isinstance(outcome, Config) or 0 < len(str(outcome)) < 5000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20) | st.from_regex(r"(classifier|system|subtask1|data)(\.\w*)?=.*"), max_size=3))
@example(["classifier=lgistic", "system.lr=1"])
def test_no_set_ends_in_a_traceback(sets):
    try:
        config = load_config(sets=sets)
    except ConfigError as error:
        assert "--set" in str(error)
    else:
        assert set(config.subtasks) == set(load_config().subtasks)


def test_a_file_puts_the_store_near_and_only_the_user_elsewhere(tmp_path, workdir, monkeypatch):
    """A settings file may be somebody else's; the command line and the environment are the user's own word."""
    file, shared = tmp_path / "project/mediaeval.toml", str(tmp_path / "shared")
    file.parent.mkdir()

    def store_of(written: str, **options) -> str:
        file.write_text(f"[features]\nstore = '{written}'")
        return load_config(file, **options).features.store

    assert store_of("kept") == str(file.parent / "kept")
    assert store_of(str(workdir / "kept")) == str(workdir / "kept")
    Path("way-out").symlink_to(tmp_path)
    for written in (shared, "../shared", "a/../../shared", str(workdir / "way-out/shared")):
        with pytest.raises(ConfigError, match=r"features.store: got .*shared; expected a folder inside .*project or"):
            store_of(written)
    assert store_of("../shared", sets=[f"features.store={shared}"]) == shared
    monkeypatch.setenv("MEDIAEVAL_FEATURES", shared)
    assert store_of("../other") == shared and load_config().features.store == shared
    assert load_config(sets=["features.store=mine"]).features.store == "mine"


def test_a_runs_recorded_store_elsewhere_is_not_used(tmp_path, workdir, monkeypatch, caplog):
    caplog.set_level("INFO", "mediaeval")

    def store_of(recorded: str) -> str:
        tree = load_config().to_dict() | {"features": {"store": recorded}}
        return with_store_near(parse_config(tree, VISUAL_SENTIMENT_2021, "run.toml"), Path("run.toml")).features.store

    for recorded in (".mediaeval/features", "mine", str(workdir / "mine")):
        assert store_of(recorded) == recorded
    assert not caplog.messages
    for recorded in ("../shared", "/shared"):
        assert store_of(recorded) == ".mediaeval/features"
        assert (
            f"run.toml: its feature store {recorded} is outside of this folder and is not used" in caplog.messages[-1]
        )
    monkeypatch.setenv("MEDIAEVAL_FEATURES", "/shared")
    assert store_of("../shared") == store_of("/shared") == "/shared"


def test_a_runs_own_file_trains_the_same_again(toml, workdir):
    """Its paths are recorded as they held in the working folder, not from the folder of the file."""
    run = workdir / "runs/first"
    run.mkdir(parents=True)
    (run / "manifest.json").write_text("{}")
    config = load_config(toml, data="devset", sets=["subtask1.system=caffenet", "subtask1.system.weights=w.caffemodel"])
    config.features.store = "kept"
    (run / "run.toml").write_bytes(tomli_w.dumps(config.to_dict()).encode())
    assert load_config(Path("runs/first/run.toml")) == config


def test_a_preset_of_2021_trains_a_subtask_of_another_task_by_its_kind_not_by_its_name():
    of_2021 = load_config(task=VISUAL_SENTIMENT_2021, preset="certh2021")
    named_alike = Task("other", (Subtask("subtask3", "c", ("c",), ("low", "high"), multi_label=False),))
    other = load_config(task=named_alike, preset="certh2021")
    assert other.subtask("subtask3") == of_2021.subtask("subtask1") != of_2021.subtask("subtask3")


def test_the_task_is_no_setting_of_the_command_line():
    with pytest.raises(ConfigError, match=r"task: got it as a setting; expected a section \[task\] .* or --task"):
        load_config(sets=["task.name=flood2020"])
