"""The reference of settings is read from the models: it is complete, and what it says is what is checked."""

import subprocess
import sys

import pytest

from mediaeval.classifiers import CLASSIFIERS, REGRESSORS, classifier_settings
from mediaeval.config import load_config
from mediaeval.errors import ConfigError
from mediaeval.features.kinds import KINDS
from mediaeval.finetune import SYSTEMS, settings_of
from mediaeval.pretrain import PRETRAINERS
from mediaeval.settings_reference import all_groups, groups_named, to_markdown
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

GROUPS = {(group.kind, group.name): group for group in all_groups()}


def test_everything_that_has_settings_is_there():
    names = {kind: [name for of, name in GROUPS if of == kind] for kind, _ in GROUPS}
    assert names == {
        "section": ["run", "task", "data", "split", "features", "extractors", "subtask"],
        "classifier": list(CLASSIFIERS),
        "regressor": list(REGRESSORS),
        "system": list(SYSTEMS),
        "extractor kind": list(KINDS),
        "network to pretrain": list(PRETRAINERS),
    }


@pytest.mark.parametrize("group", GROUPS.values(), ids=lambda group: f"{group.kind} {group.name}")
def test_every_setting_has_a_type_a_default_and_a_meaning_of_one_sentence(group):
    assert group.summary and group.place
    for setting in group.settings:
        assert setting.type and setting.type != "any value", setting
        assert setting.default_in_words and setting.meaning.endswith("."), setting
        assert setting.range or setting.type not in ("whole number", "choice", "list of choices"), setting


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_defaults_of_classifiers_are_those_that_are_used(name):
    settings = classifier_settings({"name": name}).model_dump(mode="json")
    assert {f"classifier.{key}": value for key, value in settings.items()} == {
        setting.key: setting.default for setting in GROUPS["classifier", name].settings
    }


@pytest.mark.parametrize("name", SYSTEMS)
def test_defaults_of_systems_are_those_that_are_used(name):
    settings = settings_of({"name": name}).model_dump(mode="json")
    assert {f"system.{key}": value for key, value in settings.items()} == {
        setting.key: setting.default for setting in GROUPS["system", name].settings
    }


def test_defaults_of_sections_are_those_that_are_used(workdir):
    tree = load_config(task=VISUAL_SENTIMENT_2021).to_dict()
    for section in ("data", "split", "features"):
        defaults = {setting.key.partition(".")[2]: setting.default for setting in GROUPS["section", section].settings}
        assert {key: value for key, value in defaults.items() if value is not None} == tree[section]


def test_a_name_that_several_things_have_gives_all_of_them():
    assert [group.kind for group in groups_named("timm")] == ["system", "extractor kind"]
    with pytest.raises(ConfigError, match=r"unknown name 'featurs'. Did you mean 'features'"):
        groups_named("featurs")


def test_markdown_holds_every_setting():
    text = to_markdown()
    assert text.startswith("## Sections of mediaeval.toml\n") and text.endswith("|\n")
    for group in GROUPS.values():
        assert f"### `{group.name}`\n" in text
        assert all(f"| `{setting.key}` | {setting.type} |" in text for setting in group.settings)
    assert text.count("| `system.momentum` |") == 1, "what all systems have alike is listed once"
    assert all(line.count(" | ") == 4 for line in text.splitlines() if line.startswith("| `"))


def test_the_module_prints_it_without_what_computes():
    code = (
        "import sys, mediaeval.settings_reference as r; print(r.to_markdown(), end='');"
        "print([m for m in ('torch', 'sklearn', 'numpy', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == to_markdown() + "[]\n"
