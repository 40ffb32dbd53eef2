"""Epochs recorded as graphs: they learn what the plain loop learns. Without a GPU their steps are called plainly."""

import numpy as np
import pytest
import torch

from mediaeval.classifiers import epochs, make_classifier, make_regressor
from mediaeval.classifiers.dropout import Dropout
from mediaeval.classifiers.epochs import Examples, GraphedEpochs, PlainEpochs
from mediaeval.classifiers.torch_head import TorchHead

pytestmark = pytest.mark.integration

RNG = np.random.default_rng(5)
X = RNG.normal(size=(75, 6)).astype(np.float32)
Y = (X[:, :3] > 0).astype(int)
VIEWS = np.stack([X + 1, X - 1], axis=1)
y = np.array(["calm", "fear", "joy"])[X[:, :3].argmax(axis=1)]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
MAKE = {"moe": {"hidden": 16}, "dense": {"hidden": [16, 8]}}


@pytest.fixture
def graphed(monkeypatch):
    """Has classifiers train by `GraphedEpochs` on the processor too."""
    monkeypatch.setattr(TorchHead, "_graphed", lambda self, device: True)


def make(name, seed=0, **params):
    quick = {"lr": 0.02, "epochs": 4, "batch_size": 32, "device": "cpu"}
    return make_classifier(name, quick | MAKE[name] | params, random_state=seed)


def training(kind, name, views, device="cpu", dtype=torch.float32, **params):
    """A network of fixed weights and what trains it, 16 images at a time, the last 11."""
    classifier = make(name, **params)
    classifier.multi_label_ = True
    network = classifier._new_network(0, X.shape[1], Y.shape[1]).to(device)
    tensors = [None if a is None else torch.from_numpy(a).to(device) for a in (X, Y.astype(np.float32), views)]
    data = Examples(tensors[0].to(dtype), *tensors[1:])
    return network, kind(network, classifier._losses, data, batch_size=16, weight_decay=0.01)


def trained(kind, name, views, n_epochs=3, **params):
    network, of_epochs = training(kind, name, views, **params)
    losses = []
    for epoch in range(n_epochs):
        of_epochs.begin(0.01 / (epoch + 1), (epoch, 100 + epoch))
        losses.append(of_epochs.loss())
    return losses, {key: tensor.cpu() for key, tensor in network.state_dict().items()}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("steps", [64, 2])  # at once: an epoch of five minibatches in one graph, or in three
@pytest.mark.parametrize("views", [None, VIEWS], ids=["plain", "views"])
@pytest.mark.parametrize("name", MAKE)
def test_both_loops_learn_the_same_without_dropout(monkeypatch, name, views, steps, device):
    monkeypatch.setattr(epochs, "STEPS", steps)
    losses, weights = trained(PlainEpochs, name, views, dropout=0.0)
    graphed_losses, graphed_weights = trained(GraphedEpochs, name, views, dropout=0.0, device=device)
    rounding = 1e-5 if device == "cpu" else 1e-3  # Adam makes much of the rounding of small gradients
    np.testing.assert_allclose(graphed_losses, losses, rtol=rounding)
    torch.testing.assert_close(graphed_weights, weights, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("device", DEVICES)
def test_dropout_is_that_of_torch_and_follows_from_the_seed_alone(device):
    # with a rate too small to move anything, the loss of an epoch is that of its draws
    def losses(kind, seeds, device="cpu"):
        _, of_epochs = training(kind, "dense", None, device=device, dropout=0.4)
        found = []
        for seed in seeds:
            of_epochs.begin(1e-12, (0, seed))
            found.append(of_epochs.loss())
        return np.array(found)

    graphed = losses(GraphedEpochs, range(60), device)
    plain = losses(PlainEpochs, range(60))
    assert len(set(graphed)) == 60
    # the standard error of the difference of two means
    error = np.sqrt((graphed.var() + plain.var()) / 60)
    assert abs(graphed.mean() - plain.mean()) < 4 * error
    np.testing.assert_allclose(losses(GraphedEpochs, [7, 7, 3], device), graphed[[7, 7, 3]], rtol=1e-6)


def test_a_share_of_units_is_dropped_and_the_others_are_scaled():
    layer, factors = Dropout(0.4, width=50), torch.empty(200, 50)
    layer.draw(factors, torch.Generator().manual_seed(0))
    assert factors.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert abs((factors == 0).float().mean() - 0.4) < 0.02  # four standard deviations of 10,000 draws
    layer.factors = factors
    x = torch.randn(200, 50)
    assert torch.equal(layer(x), x * factors)
    assert torch.equal(layer.eval()(x), x)
    assert layer.state_dict() == {}


def test_warming_up_changes_nothing(monkeypatch):
    def warmed_up(function, device, *, restore, tf32=False):
        function()
        restore()
        return function

    monkeypatch.setattr(epochs, "STEPS", 2)  # two graphs, each warmed up
    plain = trained(GraphedEpochs, "dense", VIEWS)
    monkeypatch.setattr(epochs, "captured", warmed_up)
    warm = trained(GraphedEpochs, "dense", VIEWS)
    assert warm[0] == plain[0]
    assert all(torch.equal(warm[1][key], plain[1][key]) for key in plain[1])


def test_bfloat16_rounds_the_first_layer_alone():
    exact, _ = trained(GraphedEpochs, "dense", None, dropout=0.0)
    rounded, weights = trained(GraphedEpochs, "dense", None, dropout=0.0, dtype=torch.bfloat16)
    np.testing.assert_allclose(rounded, exact, rtol=0.01)
    assert rounded != exact
    assert all(tensor.dtype == torch.float32 for tensor in weights.values())


@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
@pytest.mark.parametrize("name", MAKE)
def test_a_classifier_is_fitted_as_by_the_plain_loop(graphed, monkeypatch, name, target):
    def fit():
        classifier = make(name, ensemble=2, dropout=0.0)
        return classifier.fit(X, target, views=VIEWS, validation=(X[:20], target[:20]))

    by_graphs = fit()
    monkeypatch.undo()
    plain = fit()
    np.testing.assert_allclose(by_graphs.predict_proba(X), plain.predict_proba(X), atol=1e-4)
    for row, expected in zip(by_graphs.history_, plain.history_, strict=True):
        assert row == pytest.approx(expected, rel=1e-4)


def test_a_regressor_is_fitted_as_by_the_plain_loop(graphed, monkeypatch):
    def fit():
        regressor = make_regressor("network", {"epochs": 3, "dropout": 0.0, "device": "cpu"}, random_state=0)
        return regressor.fit(X, X[:, :2], validation=(X[:20], X[:20, :2]))

    by_graphs = fit()
    monkeypatch.undo()
    plain = fit()
    np.testing.assert_allclose(by_graphs.outputs(X), plain.outputs(X), atol=1e-4)
    assert by_graphs.history_[-1] == pytest.approx(plain.history_[-1], rel=1e-4)


def state_bytes(classifier):
    return {key: array.tobytes() for key, array in classifier.state().items()}


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
@pytest.mark.parametrize("name", MAKE)
def test_the_same_seed_gives_the_same_bytes_on_a_gpu(name, target, precision, caplog):
    def fit(seed, **held_out):
        return make(name, seed, precision=precision, ensemble=2, device="cuda").fit(X, target, views=VIEWS, **held_out)

    first, again = fit(0), fit(0, validation=(X[:20], target[:20]))
    assert state_bytes(first) == state_bytes(again) != state_bytes(fit(1))
    assert [row["train_loss"] for row in first.history_] == [row["train_loss"] for row in again.history_]
    assert "cannot record" not in caplog.text


@pytest.mark.gpu
@pytest.mark.parametrize("name", MAKE)
def test_graphs_and_plain_launches_agree_on_a_gpu(name, monkeypatch):
    def fit():
        return make(name, precision="float32", device="cuda").fit(X, Y)

    by_graphs = fit()
    monkeypatch.setattr(epochs, "captured", lambda function, device, **_: function)
    np.testing.assert_allclose(fit().predict_proba(X), by_graphs.predict_proba(X), atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", MAKE)
def test_what_a_gpu_learns_is_as_good_as_what_the_processor_learns(name):
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    many = rng.normal(size=(1200, 40)).astype(np.float32)
    target = (many[:, :3] + many[:, 3:6] > 0).astype(int)

    def scores(device):
        fitted = [make(name, seed, epochs=8, device=device).fit(many[:800], target[:800]) for seed in range(4)]
        return [f1_score(target[800:], one.predict(many[800:]), average="weighted") for one in fitted]

    assert np.mean(scores("cuda")) == pytest.approx(np.mean(scores("cpu")), abs=0.02)
