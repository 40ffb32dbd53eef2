"""What frozen features of a system's network give, from the store alone."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from mediaeval.config import Config, load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.features.build import build
from mediaeval.features.extract import extract
from mediaeval.features.extractors import EXTRACTORS
from mediaeval.features.store import FeatureStore
from mediaeval.runs import RunFolder
from mediaeval.steps import frozen
from mediaeval.steps.frozen import FrozenScore, with_frozen_score
from mediaeval.steps.train import train
from mediaeval.steps.training_data import TrainingData, prepare_training
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

pytestmark = pytest.mark.integration

SETTINGS = '[extractors.mine]\nkind = "timm"\nmodel = "resnet18"\nweights = "w.safetensors"\n'


@pytest.fixture
def mine(monkeypatch):
    """Let the extractor `mine` give hand-crafted vectors, which need no weights."""
    network = replace(build("handcrafted", EXTRACTORS["handcrafted"]), name="mine")
    monkeypatch.setattr(frozen, "build_all", lambda names, *others: [network])
    return network


def of_system(devset: Path, weights: str, *more: str) -> tuple[TrainingData, Config]:
    """The data of a system that starts from a file of weights."""
    for name in ("w.safetensors", "other.safetensors"):
        Path(name).write_bytes(save({"a": np.zeros(1, np.float32)}))
    Path("mediaeval.toml").write_text(SETTINGS)
    sets = ["system.model=resnet18", f"system.weights={weights}", *more]
    config = load_config(
        task=VISUAL_SENTIMENT_2021, data=str(devset), system="timm", sets=sets, subtasks=["subtask1"]
    ).for_training(["subtask1"])
    dataset = load_dataset(devset, VISUAL_SENTIMENT_2021)
    prepared = prepare_training(dataset, config, [], ["subtask1"], None, refit=False, skip_bad=False)
    return prepared.of_subtask("subtask1"), config


def test_the_default_preset_on_the_stored_features_of_the_same_network(workdir, make_devset, mine, caplog):
    caplog.set_level(logging.INFO)
    devset = make_devset(40)
    data, config = of_system(devset, "w.safetensors")
    plain = load_config(task=VISUAL_SENTIMENT_2021, data=str(devset), use="handcrafted", sets=["split.folds=0"])
    [trained] = train(plain, ["subtask1"], RunFolder(workdir / "runs/plain"), refit=False)
    caplog.clear()
    assert with_frozen_score(trained, data, config, "cpu").frozen is None
    assert caplog.messages == [
        "subtask1: what frozen features of the same network give is not known, since they are not stored. A minute "
        f"tells: mediaeval train subtask1 --data {devset} --use mine --run frozen."
    ]
    extract(load_dataset(devset, VISUAL_SENTIMENT_2021), [mine], FeatureStore(Path(config.features.store)))
    found = with_frozen_score(trained, data, config, "cpu").frozen
    assert found == FrozenScore("mine", "moe", trained.score.weighted_f1, trained.score.interval)


@pytest.mark.parametrize("weights_and_more", [("other.safetensors",), ("w.safetensors", "system.init=random")])
def test_nothing_of_other_networks(workdir, make_devset, mine, caplog, weights_and_more):
    data, config = of_system(make_devset(20), *weights_and_more)
    caplog.clear()
    assert with_frozen_score("trained", data, config, "cpu") == "trained" and not caplog.messages


def test_published_weights_are_known_by_where_they_are_from():
    known = load_config(task=VISUAL_SENTIMENT_2021).all_extractors()
    settings = {name: frozen.settings_of({"name": "timm", "model": name}) for name in ("mobilenetv2_100", "resnet18")}
    found = {name: list(frozen._of_same_network(of, known)) for name, of in settings.items()}
    assert found == {"mobilenetv2_100": ["mobilenetv2"], "resnet18": []}
