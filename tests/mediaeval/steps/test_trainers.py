"""The fits of a subtask, and of several, side by side as on a GPU: their models are those of single fits."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from mediaeval.classifiers.torch_head import TorchHead
from mediaeval.config import load_config
from mediaeval.errors import ConfigError
from mediaeval.steps import trainers
from mediaeval.steps.fitting import fit_subtask, fits_of
from mediaeval.steps.models import FIT, REFIT
from mediaeval.steps.trainers import FeatureTrainer, Fit, prepare_all
from mediaeval.steps.training_data import TrainingData
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

pytestmark = pytest.mark.integration

RNG = np.random.default_rng(9)
IDS = [f"d{k}" for k in range(60)]
X = pd.DataFrame(RNG.normal(size=(60, 10)).astype(np.float32), index=IDS)
QUICK = ["subtask2.classifier.epochs=3", "subtask2.classifier.hidden=[8]", "subtask1.classifier.epochs=3"]


class Stored:
    """Features by image id, as `Features` gives them."""

    def matrix(self, names, ids):
        return X.loc[list(ids)].to_numpy()

    def views(self, names, ids, n_views):
        return np.stack([self.matrix(names, ids) + 0.1 * view for view in range(1, n_views + 1)], axis=1)


def data_of(name, folds):
    task = VISUAL_SENTIMENT_2021[name]
    columns = X.to_numpy()[:, : len(task.labels)]
    truth = columns > 0 if task.multi_label else columns == columns.max(axis=1, keepdims=True)
    labels = pd.DataFrame(truth.astype(int), index=IDS, columns=list(task.labels))
    sides = pd.Series(["val" if k % 5 == 0 else "train" for k in range(60)], index=IDS)
    fold = pd.Series([k % 5 for k in range(60)], index=IDS) if folds else None
    return TrainingData(task, labels, {}, Stored(), [SimpleNamespace(name="block", width=10)], sides, IDS, fold)


def config_with(*sets):
    return load_config(task=VISUAL_SENTIMENT_2021, preset="certh2021", sets=[*QUICK, *sets])


@pytest.fixture
def prepared(monkeypatch):
    """Has networks train on the processor as on a GPU, and lists which fits were done side by side, and which alone."""
    which = {"beside": [], "alone": []}
    real, fit = trainers.side_by_side, FeatureTrainer._fitted

    def side_by_side(works, device):
        which["beside"] += [work.args[1].which for work in works]
        return real(works, device)

    def fitted(self, one, on_epoch):
        which["alone"].append(one.which)
        return fit(self, one, on_epoch)

    monkeypatch.setattr(TorchHead, "_graphed", lambda self, device: True)
    monkeypatch.setattr(TorchHead, "gpu", lambda self: "cpu")
    monkeypatch.setattr(trainers, "side_by_side", side_by_side)
    monkeypatch.setattr(FeatureTrainer, "_fitted", fitted)
    return which


def model_bytes(trained):
    states = {file: model.estimator.state() for file, model in trained.models.items()}
    return {(file, key): array.tobytes() for file, state in states.items() for key, array in state.items()}


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("folds", [False, True])
def test_fits_side_by_side_are_those_of_single_fits(device, folds, monkeypatch, request):
    if device == "cpu":
        which = request.getfixturevalue("prepared")
    config, data = config_with(), data_of("subtask2", folds)
    beside = fit_subtask(data, config, FeatureTrainer(data, config, device), refit=True)
    if device == "cpu":
        # fold 1 is the validation side: the split's model stands for it
        of_folds = [f"fold{k}.safetensors" for k in (2, 3, 4, 5)] if folds else []
        assert which["beside"] == [FIT, *of_folds, REFIT]
        assert sorted(which["alone"]) == sorted(which["beside"])  # each once
    monkeypatch.setattr(FeatureTrainer, "prepare", lambda self, fits: None)
    alone = fit_subtask(data, config, FeatureTrainer(data, config, device), refit=True)
    assert model_bytes(beside) == model_bytes(alone)
    assert beside.models[FIT].history == alone.models[FIT].history
    assert beside.record() == alone.record()


def test_a_fit_that_fails_spoils_no_other_subtask(prepared):
    config = config_with("subtask2.classifier.lr=1e30")
    both = [FeatureTrainer(data_of(name, False), config, "cpu") for name in ("subtask1", "subtask2")]
    prepare_all([(one, fits_of(one.data, refit=True)) for one in both])
    assert prepared["beside"] == [FIT, REFIT] * 2
    assert fit_subtask(both[0].data, config, both[0], refit=True).models.keys() == {FIT, REFIT}
    with pytest.raises(ConfigError, match=r"Lower classifier\.lr"):
        fit_subtask(both[1].data, config, both[1], refit=True)


def test_on_a_processor_nothing_is_prepared(monkeypatch):
    monkeypatch.setattr(trainers, "side_by_side", None)
    config, data = config_with(), data_of("subtask1", False)
    trainer = FeatureTrainer(data, config, "cpu")
    trainer.prepare([Fit(IDS, FIT), Fit(IDS, REFIT)])
    assert trainer.prepared == {}
    before = torch.get_rng_state()
    trainer.fit(IDS, FIT)
    assert torch.equal(torch.get_rng_state(), before)
