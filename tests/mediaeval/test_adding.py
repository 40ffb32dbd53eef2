"""A classifier is one file and one record, a system too: both are added from outside the package and trained."""

import json
import sys
from pathlib import Path

import pytest

from mediaeval.classifiers import CLASSIFIERS, ClassifierRecord
from mediaeval.finetune import SYSTEMS, SystemRecord
from tests.conftest import make_folder

pytestmark = pytest.mark.integration

RIDGE = '''
"""Ridge regression on 0 and 1, cut off at both ends."""
import numpy as np
from pydantic import Field

from mediaeval.classifiers.base import Classifier
from mediaeval.classifiers.settings import ClassifierSettings


class RidgeSettings(ClassifierSettings):
    """How strongly weights are held back."""

    alpha: float = Field(default=1.0, gt=0, description="Penalty of the squared weights.")


class Ridge(Classifier):
    settings = RidgeSettings

    def __init__(self, alpha=1.0, random_state=0):
        self.alpha = alpha
        self.random_state = random_state

    def _fit(self, X, T, views, validation, on_epoch):
        X = X.astype(np.float64)
        self.prior_ = T.mean(axis=0)
        self.weights_ = np.linalg.solve(X.T @ X + self.alpha * np.eye(X.shape[1]), X.T @ (T - self.prior_))

    def _probabilities(self, X):
        P = np.clip(X @ self.weights_ + self.prior_, 0.01, 0.99)
        return P if self.multi_label_ else P / P.sum(axis=1, keepdims=True)

    def _arrays(self):
        return {"weights": self.weights_, "prior": self.prior_}

    def _expected_arrays(self):
        n_labels = len(self.classes_)
        return {"weights": ((self.n_features_in_, n_labels), "float64"), "prior": ((n_labels,), "float32")}

    def _set_arrays(self, arrays):
        self.weights_, self.prior_ = arrays["weights"].copy(), arrays["prior"].copy()
'''

POOLED = '''
"""One convolution and the average over places."""
from pydantic import Field
from torch import nn

from mediaeval.finetune.network import RgbNormalised, SystemNetwork, View
from mediaeval.finetune.settings import TrainingSettings


class PooledSettings(TrainingSettings):
    """How wide it is."""

    channels: int = Field(default=8, ge=1, description="Channels of the convolution.")


class Pooled(nn.Sequential):
    def forward(self, pixels, vectors=None):
        return super().forward(pixels)


def build(settings, n_labels, width, *, pretrained):
    conv = nn.Conv2d(3, settings.channels, 5, stride=2)
    network = Pooled(
        RgbNormalised((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        conv,
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(settings.channels, n_labels),
    )
    return SystemNetwork(network, View(36, 32), new=("",), taps={"conv": conv}, maps={"conv": conv})
'''


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Path:
    """A folder outside the package, from which modules can be imported; what they left in sys.modules is removed."""
    folder = tmp_path / "outside"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_a_classifier_is_one_file_and_one_record(outside, monkeypatch, workdir, run, make_devset):
    (outside / "ridge.py").write_text(RIDGE)
    record = ClassifierRecord("ridge:Ridge", "ridge:RidgeSettings", "ridge regression on 0 and 1", "this test")
    monkeypatch.setitem(CLASSIFIERS, "ridge", record)

    dev = make_devset(30)
    result = run(
        "train", "all", "--data", dev, "--run", "a", "--set", "classifier=ridge", "--set", "classifier.alpha=9"
    )
    assert "subtask3: weighted F1" in result.stdout
    assert '[subtask2.classifier]\nname = "ridge"\nalpha = 9' in Path("runs/a/run.toml").read_text()
    run("predict", "a", "--data", make_folder(workdir / "test", 6, prefix="t", labelled=False))
    run("submit", "a")

    assert "classifier ridge\tclassifier.alpha\tnumber\t1.0\tabove 0\t" in run("ls", "settings", "ridge").stdout
    assert "ridge" in [row["classifier"] for row in json.loads(run("ls", "classifiers", "--json").stdout)]
    wrong = run("train", "subtask1", "--set", "classifier=ridge", "--set", "classifier.alfa=9", code=1).stderr
    assert "unknown setting 'subtask1.classifier.alfa'. Did you mean 'alpha'? Known: alpha." in wrong
    wrong = run("train", "subtask1", "--set", "classifier=ridge", "--set", "classifier.alpha=0", code=1).stderr
    assert "subtask1.classifier.alpha: got 0; expected a number above 0." in wrong


def test_a_system_is_one_file_and_one_record(outside, monkeypatch, workdir, run, make_devset):
    (outside / "pooled.py").write_text(POOLED)
    record = SystemRecord(
        "pooled:build", "pooled:PooledSettings", "a convolution", "this test", defaults={"epochs": 1, "batch_size": 8}
    )
    monkeypatch.setitem(SYSTEMS, "pooled", record)

    train = ["train", "subtask1", "--data", make_devset(18), "--device", "cpu", "--system", "pooled"]
    run(*train, "--run", "a", "--set", "system.channels=4")
    text = Path("runs/a/run.toml").read_text()
    assert "epochs = 1\n" in text and "channels = 4\n" in text
    run("predict", "a", "--data", make_folder(workdir / "test", 6, prefix="t", labelled=False))
    run("submit", "a", "--partial")

    assert "system pooled\tsystem.epochs\twhole number\t1\t" in run("ls", "settings", "pooled").stdout
    wrong = run(*train, "--run", "b", "--set", "system.chanels=4", code=1).stderr
    assert "unknown setting 'subtask1.system.chanels'. Did you mean 'channels'?" in wrong
