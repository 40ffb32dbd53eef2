"""The training loop shared by the networks."""

import numpy as np
import pytest
import torch

from mediaeval.classifiers import make_classifier
from mediaeval.errors import ConfigError

pytestmark = pytest.mark.integration

QUICK = {"hidden": 16, "lr": 0.02, "epochs": 4, "batch_size": 32}
RNG = np.random.default_rng(2)
X = RNG.normal(size=(70, 4)).astype(np.float32)
Y = (X[:, :2] > 0).astype(int)
NAMES = ["calm", "fear", "joy"]
y = np.array(NAMES)[X[:, :3].argmax(axis=1)]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def moe(seed=0, **params):
    return make_classifier("moe", QUICK | params, random_state=seed)


def dense(seed=0, **params):
    return make_classifier("dense", QUICK | {"hidden": [16]} | params, random_state=seed)


def same(a, b):
    a, b = a.state(), b.state()
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(
    ("params", "rates"),
    [
        # Pournaras et al. 2021: halved every 70 epochs
        ({"lr": 8.0, "lr_step": 70}, {0: 8, 69: 8, 70: 4, 139: 4, 140: 2, 210: 1, 299: 0.5}),
        # the group's next paper: a tenth every 40 epochs
        ({"lr": 1.0, "lr_step": 40, "lr_gamma": 0.1}, {39: 1, 40: 0.1, 79: 0.1, 80: 0.01}),
        ({"lr": 1.0, "lr_step": None}, {0: 1, 299: 1}),
        ({"lr": 1.0, "schedule": "constant"}, {0: 1, 70: 1, 299: 1}),
        ({"lr": 1.0, "schedule": "cosine", "epochs": 100}, {0: 1, 50: 0.5, 99: (1 - np.cos(np.pi / 100)) / 2}),
    ],
)
def test_learning_rate_of_an_epoch(params, rates):
    classifier = make_classifier("moe", params, random_state=0)
    assert {epoch: classifier.lr_at(epoch) for epoch in rates} == pytest.approx(rates)


@pytest.mark.parametrize("make", [moe, dense])
@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
def test_history_and_callback(make, target):
    seen = []
    classifier = make(lr_step=2).fit(X, target, validation=(X[:20], target[:20]), on_epoch=seen.append)
    assert seen == classifier.history_
    assert [row["epoch"] for row in seen] == [0, 1, 2, 3]
    assert [row["lr"] for row in seen] == [0.02, 0.02, 0.01, 0.01]
    assert all(list(row) == ["epoch", "lr", "train_loss", "val_loss", "val_f1"] for row in seen)
    assert all(np.isfinite(row["val_loss"]) and 0 <= row["val_f1"] <= 1 for row in seen)
    assert seen[-1]["train_loss"] < seen[0]["train_loss"]

    from sklearn.metrics import f1_score

    expected = f1_score(target[:20], classifier.predict(X[:20]), average="weighted", zero_division=0)
    assert seen[-1]["val_f1"] == expected


@pytest.mark.parametrize("make", [moe, dense])
def test_validation_and_callback_change_no_weight(make):
    def disturb(row):
        torch.rand(3)
        np.random.rand()
        row.clear()

    plain = make().fit(X, y)
    watched = make().fit(X, y, validation=(X[:9], y[:9]), on_epoch=disturb)
    assert same(plain, watched)
    assert [row["train_loss"] for row in plain.history_] == [row["train_loss"] for row in watched.history_]
    assert all(row["val_loss"] is None and row["val_f1"] is None for row in plain.history_)


def test_validation_may_hold_a_class_that_training_lacks():
    rows = y != "joy"
    classifier = moe().fit(X[rows], y[rows], validation=(X, y))
    assert np.isfinite(classifier.history_[-1]["val_loss"])
    assert classifier.history_[-1]["val_f1"] < 1


@pytest.mark.parametrize("make", [moe, dense])
def test_views_matter_only_through_which_is_drawn(make):
    plain = make().fit(X, y)
    assert same(plain, make().fit(X, y, views=np.stack([X, X, X], axis=1)))
    assert same(plain, make().fit(X, y, views=np.zeros((70, 0, 4), np.float32)))
    views = np.stack([X + 1, X - 1], axis=1)
    assert not same(plain, make().fit(X, y, views=views))
    assert same(make().fit(X, y, views=views), make().fit(X, y, views=views))


def test_one_of_the_plain_vector_and_its_views_is_drawn_uniformly():
    # the network is given the mark of what it is shown: 0 for the plain vector, 1 and 2 for the views
    shown = []
    classifier = dense(epochs=60, lr=1e-6, device="cpu")  # a recorded graph would call the hook only once
    build = classifier._build

    def spying(*sizes):
        network = build(*sizes)
        network.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0].clone().cpu()) and None)
        return network

    classifier._build = spying
    image = np.arange(70, dtype=np.float32)
    vectors = [np.stack([image, np.full(70, mark, np.float32)], axis=1) for mark in (0, 1, 2)]
    classifier.fit(vectors[0], y, views=np.stack(vectors[1:], axis=1))
    drawn = torch.cat(shown).numpy().reshape(60, 70, 2)
    assert (np.sort(drawn[..., 0], axis=1) == image).all()  # every image once an epoch
    assert (drawn[0, :, 0] != drawn[1, :, 0]).any()  # in another order
    counts = np.bincount(drawn[..., 1].astype(int).ravel(), minlength=3)
    assert (abs(counts / 4200 - 1 / 3) < 0.04).all()  # five standard deviations of a fair draw


def test_seeds_differ():
    assert not same(moe(seed=0).fit(X, y), moe(seed=1).fit(X, y))


@pytest.mark.parametrize("make", [moe, dense])
@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
def test_an_ensemble_is_the_mean_of_consecutive_seeds(make, target):
    members = [make(seed=seed).fit(X, target) for seed in (3, 4)]
    ensemble = make(seed=3, ensemble=2).fit(X, target)
    expected = np.mean([member.predict_proba(X) for member in members], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(X), expected, atol=1e-12)
    assert ensemble.history_[-1]["train_loss"] == pytest.approx(
        np.mean([member.history_[-1]["train_loss"] for member in members])
    )


def test_label_smoothing_and_weight_decay_draw_towards_the_middle():
    def spread(**params):
        return np.abs(dense(epochs=30, **params).fit(X, Y).predict_proba(X) - 0.5).mean()

    assert spread(label_smoothing=0.5) < spread()
    assert spread(weight_decay=0.1) < spread()


def test_weight_decay_is_coupled():
    # one step of Adam moves each weight by lr against the sign of gradient + decay · weight; AdamW would move further
    weights = []
    for decay in (0.0, 1e3):
        classifier = dense(hidden=[], dropout=0.0, epochs=1, batch_size=70, lr=1e-3, weight_decay=decay)
        weights.append((classifier._new_network, classifier.fit(X, Y).state()["network0.layers.0.weight"]))
    start = weights[0][0](0, 4, 2).state_dict()["layers.0.weight"].numpy()
    np.testing.assert_allclose(weights[1][1] - start, -1e-3 * np.sign(start), rtol=1e-3)


def test_divergence_is_told():
    with pytest.raises(
        ConfigError, match=r"became (nan|inf) in epoch \d+ of \d+\. Lower classifier.lr \(it is 1e\+30\)"
    ):
        dense(lr=1e30).fit(X, Y)


def test_absent_cuda_is_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(ConfigError, match=r"classifier\.device: got 'cuda'"):
        moe(device="cuda").fit(X, y)


@pytest.mark.gpu
@pytest.mark.parametrize("make", [moe, dense])
def test_cuda_learns_as_the_cpu_does(make):
    def fit(device):
        return make(device=device, dropout=0.0, precision="float32").fit(
            X, y
        )  # TF32 rounds more than is asked for here

    on_cuda = fit("cuda")
    np.testing.assert_allclose(on_cuda.predict_proba(X), fit("cpu").predict_proba(X), atol=1e-3)
    assert same(on_cuda, fit("cuda"))


@pytest.mark.parametrize("make", [moe, dense])
def test_tiny_data(make):
    assert make().fit(X[:1], y[:1]).predict(X[:1]) == y[0]
    assert make().fit(X[:2], Y[:2]).predict(X[:1]).shape == (1, 2)
