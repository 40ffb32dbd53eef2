"""The first layer in bfloat16: its gradient against autograd, its training against float32's, and who gets it."""

import numpy as np
import pytest
import torch

from mediaeval.classifiers import first_layer, make_classifier
from mediaeval.classifiers.first_layer import FirstLayer, NetworkOptimiser, choose_dtype, takes_tf32
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.errors import ConfigError
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

pytestmark = pytest.mark.integration

RNG = np.random.default_rng(4)
X = RNG.normal(size=(90, 50)).astype(np.float32)
y = np.array(["calm", "fear", "joy"])[X[:, :3].argmax(axis=1)]
Y = (X[:, :3] > 0).astype(int)
QUICK = {  # on the processor: a GPU does not train by `FirstLayer`
    "moe": {"hidden": 24, "lr": 0.01, "epochs": 6, "batch_size": 32, "device": "cpu"},
    "dense": {"hidden": [24, 8], "lr": 0.01, "epochs": 6, "batch_size": 32, "device": "cpu"},
}
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(name, seed=0, **params):
    return make_classifier(name, QUICK[name] | params, random_state=seed)


def network_of(name):
    classifier = make(name, dropout=0.0)
    classifier.multi_label_ = True
    return classifier._new_network(0, X.shape[1], Y.shape[1])


@pytest.mark.parametrize("name", QUICK)
def test_the_gradient_of_the_first_layer_is_autograds(name):
    x, t = torch.from_numpy(X), torch.from_numpy(Y).float()

    def loss_of(output):
        log_p, log_not_p = output
        return -(t * log_p + (1 - t) * log_not_p).mean()

    plain, split = network_of(name), network_of(name)
    loss_of(plain(x)).backward()
    first = FirstLayer(split.first.weight, torch.float32)
    z = first(x)
    loss_of(split.after(z + split.first.bias)).backward()
    wanted = plain.first.weight.grad
    torch.testing.assert_close(z.grad.T @ x, wanted, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(split.first.bias.grad, plain.first.bias.grad, rtol=1e-5, atol=1e-7)
    assert split.first.weight.grad is None

    # from moments of zero Adam's first moment is (1 − β₁) times the gradient
    first.step(x, z.grad, lr=0.01)
    torch.testing.assert_close(first.mean / (1 - 0.9), wanted, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("block", [1, 120, 10_000])  # 24 × 50 weights: 24 blocks of a row, 12 of two, one of all
def test_steps_are_those_of_adam_however_the_rows_are_divided(monkeypatch, block, decay):
    monkeypatch.setattr(first_layer, "BLOCK", block)
    start = torch.from_numpy(RNG.normal(size=(24, 50)).astype(np.float32))
    plain = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.Adam([plain], weight_decay=decay)
    first = FirstLayer(start.clone(), torch.float32, weight_decay=decay)
    assert sum(len(start[rows]) for rows, _ in first.blocks) == 24
    for lr in (0.01, 0.01, 0.001):
        x = torch.from_numpy(RNG.normal(size=(8, 50)).astype(np.float32))
        (x @ plain.T).square().sum().backward()
        optimiser.param_groups[0]["lr"] = lr
        optimiser.step()
        optimiser.zero_grad()
        z = first(x)
        z.square().sum().backward()
        first.step(x, z.grad, lr)
    torch.testing.assert_close(first.weight, plain.detach(), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(first.weight, start)


def test_weights_keep_steps_that_bfloat16_would_lose():
    # above 1 the numbers of bfloat16 are 2⁻⁷ apart: twenty steps of 10⁻⁴ are lost there, but not in the weights
    first = FirstLayer(torch.ones(2, 3), torch.bfloat16)
    x = torch.ones(4, 3, dtype=torch.bfloat16)
    for _ in range(20):
        first.step(x, -torch.ones(4, 2), lr=1e-4)
    # of a gradient that stays the same, each step of Adam is lr
    torch.testing.assert_close(first.weight, torch.full((2, 3), 1 + 20e-4))
    assert (first.product_weight == 1).all()
    assert first.weight.dtype == first(x).dtype == torch.float32


def test_both_optimisers_learn_the_same_without_dropout(monkeypatch):
    monkeypatch.setattr(first_layer, "BLOCK", 500)
    x, t = torch.from_numpy(X), torch.from_numpy(Y).float()
    losses = {}
    for dtype in (torch.float32, torch.bfloat16):
        optimiser = NetworkOptimiser(network_of("dense"), dtype, 0.0)
        losses[dtype] = []
        for _ in range(30):
            log_p, log_not_p = optimiser.output(x.to(dtype))
            loss = -(t * log_p + (1 - t) * log_not_p).mean()
            optimiser.learn(loss, 0.01)
            losses[dtype].append(loss.item())
    plain, rounded = losses.values()
    assert plain[-1] < plain[0] / 2
    np.testing.assert_allclose(rounded, plain, rtol=0.05)  # products of 8 bits are right to 2⁻⁹ each
    assert rounded != plain


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
def test_precisions_agree_and_what_is_saved_is_float32(name, target):
    # how far single probabilities move depends on which units are dropped, and a GPU drops others
    fitted = {p: make(name, precision=p).fit(X, target) for p in ("float32", "bfloat16")}
    P = {p: classifier.predict_proba(X) for p, classifier in fitted.items()}
    np.testing.assert_allclose(P["bfloat16"], P["float32"], atol=0.03)
    assert not np.array_equal(P["bfloat16"], P["float32"])

    states = {p: classifier.state() for p, classifier in fitted.items()}
    kinds = {p: {key: (a.shape, a.dtype) for key, a in state.items()} for p, state in states.items()}
    assert kinds["bfloat16"] == kinds["float32"]
    loaded = make(name).load_state(states["bfloat16"])
    np.testing.assert_array_equal(loaded.predict_proba(X), P["bfloat16"])


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("target", [y, Y], ids=["single", "multi"])
def test_precisions_agree_on_average_whatever_is_dropped(name, target, device):
    def probabilities(precision, seed):
        return make(name, seed, precision=precision, device=device).fit(X, target).predict_proba(X)

    P = probabilities("float32", 1)
    # over 60 seeds at most 0.017 between the precisions, and at least 0.05 between seeds
    assert np.abs(probabilities("bfloat16", 1) - P).mean() < 0.03 < np.abs(probabilities("float32", 2) - P).mean()


@pytest.mark.parametrize("name", QUICK)
def test_bfloat16_repeats_to_the_bit_and_follows_from_the_seed(name):
    def weights(seed):
        views = np.stack([X + 1, X - 1], axis=1)
        state = make(name, seed, precision="bfloat16", ensemble=2).fit(X, y, views=views).state()
        return {key: array.tobytes() for key, array in state.items()}

    assert weights(0) == weights(0)
    assert weights(0) != weights(1)


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    monkeypatch.setattr(first_layer, "BLOCK", 150)  # 24 × 50 weights: eight blocks
    monkeypatch.setattr(first_layer, "PIECE", 5)
    states = []
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        states.append(make("dense", precision="bfloat16").fit(X, y).state())
        assert torch.get_num_threads() == n_threads  # training leaves it as it was
    assert all(np.array_equal(states[0][key], states[1][key]) for key in states[0])


def test_the_same_images_are_drawn_in_both_precisions():
    # with a rate too small to move anything, the loss of an epoch is that of its draws of views and of dropout
    views = np.stack([X + 5], axis=1)
    losses = [
        make("moe", precision=p, lr=1e-12).fit(X, y, views=views).history_[0]["train_loss"]
        for p in ("float32", "bfloat16")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)


def test_auto_takes_bfloat16_for_large_layers_on_processors_that_multiply_it(monkeypatch):
    for able in (True, False):
        monkeypatch.setattr(first_layer, "multiplies_bfloat16", lambda able=able: able)
        large = choose_dtype("auto", CPU, 11_414 * 200)
        assert large == (torch.bfloat16 if able else torch.float32)
        assert choose_dtype("auto", CPU, 50 * 24) == torch.float32
        assert choose_dtype("auto", torch.device("cuda"), 11_414 * 1000) == torch.float32
        assert choose_dtype("float32", CPU, 11_414 * 200) == torch.float32
        assert choose_dtype("bfloat16", CPU, 50 * 24) == torch.bfloat16


def test_only_training_on_a_gpu_takes_tf32_and_not_where_float32_is_asked_for():
    cuda = torch.device("cuda")
    assert takes_tf32("auto", cuda)
    assert not takes_tf32("auto", CPU)
    assert not takes_tf32("float32", cuda)
    assert not takes_tf32("bfloat16", cuda)  # its later layers stay float32


def test_precisions_that_do_not_exist_are_told():
    with pytest.raises(ConfigError, match=r"precision.*float16"):
        make("moe", precision="float16")


def test_a_precision_is_among_a_models_settings_only_when_asked_for():
    def settings(**params):
        subtask = VISUAL_SENTIMENT_2021["subtask1"]
        return SubtaskModel(subtask, "moe", params, {"block": 4}, "none", seed=0).chosen_params()

    assert "precision" not in settings()
    assert "precision" not in settings(precision="auto")
    assert settings(precision="float32")["precision"] == "float32"
