"""Mixture of experts and the dense network: sizes, numerics and losses."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.dense import DenseNetwork
from mediaeval.classifiers.moe import MoENetwork, mix
from mediaeval.errors import ConfigError

pytestmark = pytest.mark.integration

WIDTH = 11414  # the five features of Pournaras et al. 2021 side by side


def count(network):
    return sum(tensor.numel() for tensor in network.parameters())


def formula(gate, experts):
    """o as the paper writes it, in float64."""
    gate, experts = np.asarray(gate, np.float64), np.asarray(experts, np.float64)
    p = np.exp(gate - gate.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    return (p[..., :-1] / (1 + np.exp(-experts))).sum(axis=-1)


def tensors(gate, experts):
    return torch.tensor(gate, dtype=torch.float32), torch.tensor(experts, dtype=torch.float32)


@pytest.mark.parametrize(
    ("n_labels", "parameters"),
    # hidden 11,414 · 200 + 200, gates 200 · 3N, experts 200 · 2N + 2N
    [(2, 2_285_004), (3, 2_286_006), (7, 2_290_014), (10, 2_293_020)],
)
def test_moe_parameters(n_labels, parameters):
    with torch.device("meta"):
        assert count(MoENetwork(WIDTH, n_labels)) == parameters


@pytest.mark.parametrize(("n_labels", "parameters"), [(7, 11_616_607), (10, 11_617_210)])
def test_dense_parameters(n_labels, parameters):
    with torch.device("meta"):
        assert count(DenseNetwork(WIDTH, n_labels)) == parameters


@pytest.mark.parametrize("d", [512, 1408, 2048, 3862, WIDTH])
def test_small_parameters(d):
    small = make_classifier("small", {}, 0)
    small.multi_label_ = False
    with torch.device("meta"):
        assert count(small._build(d, 2)) == d * 200 + 200 + 200 * 2 + 2


def test_small_is_the_papers_formula():
    """softmax(W₂ relu(W₁ x + b₁) + b₂) for two classes, in float64."""
    X = np.random.default_rng(2).normal(size=(40, 7)).astype(np.float32)
    small = make_classifier("small", {"epochs": 3, "lr": 0.01}, 0).fit(X, np.where(X[:, 0] > 0, "positive", "negative"))
    arrays = small.state()
    first, first_bias, last, last_bias = (
        arrays[f"network0.layers.{key}"].astype(np.float64) for key in ("0.weight", "0.bias", "3.weight", "3.bias")
    )
    z = np.maximum(X @ first.T + first_bias, 0) @ last.T + last_bias
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(small.predict_proba(X), p, atol=1e-5)
    assert first.shape == (200, 7) and last.shape == (2, 200)


def test_small_trains_at_one_rate():
    small = make_classifier("small", {}, 0)
    assert [small.lr_at(epoch) for epoch in range(20)] == [1e-4] * 20
    assert (small.batch_size, small.epochs, small.dropout) == (8, 20, 0.4)


def test_defaults_are_those_sizes():
    moe, dense = make_classifier("moe", {}, 0), make_classifier("dense", {}, 0)
    dense.multi_label_ = True
    with torch.device("meta"):
        assert count(moe._build(WIDTH, 3)) == 2_286_006
        assert count(dense._build(WIDTH, 7)) == 11_616_607


LOGITS = st.floats(-30, 30, width=32)


@given(st.lists(LOGITS, min_size=5, max_size=5))
def test_o_is_the_papers_formula_and_the_complement_adds_up(logits):
    gate, experts = [[logits[:3]]], [[logits[3:]]]
    log_o, log_not_o = mix(*tensors(gate, experts))
    assert log_o.shape == log_not_o.shape == (1, 1)
    assert log_o.exp().item() == pytest.approx(formula(gate, experts).item(), abs=1e-5)
    assert log_o.exp().item() + log_not_o.exp().item() == pytest.approx(1, abs=1e-6)
    # 0 < o < 1 in exact numbers; rounded, a logarithm may be 0 only if the other is far below
    assert log_o <= 1e-6 and log_not_o <= 1e-6 and min(log_o, log_not_o) < 0
    assert log_o.isfinite() and log_not_o.isfinite()


def test_a_gate_on_the_dummy_says_no():
    log_o, log_not_o = mix(*tensors([[[-50, -50, 50]]], [[[3, 3]]]))
    assert log_o.item() < -99 and log_not_o.item() == pytest.approx(0)


@pytest.mark.parametrize("e", [-20.0, -1.0, 0.0, 2.0, 20.0])
def test_a_gate_on_one_expert_says_what_it_says(e):
    log_o, log_not_o = mix(*tensors([[[200, -200, -200]]], [[[e, -e]]]))
    assert log_o.item() == pytest.approx(-np.log1p(np.exp(-e)), rel=1e-5, abs=1e-12)
    assert log_not_o.item() == pytest.approx(-np.log1p(np.exp(e)), rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("loss", ["bce", "nll"])
def test_extreme_logits_have_finite_losses_and_gradients(loss):
    corners = np.stack(np.meshgrid(*[[-1e4, 0, 1e4]] * 5), axis=-1).reshape(-1, 1, 5).repeat(2, axis=1)  # 2 labels
    gate, experts = (part.requires_grad_() for part in tensors(corners[..., :3], corners[..., 3:]))
    classifier = make_classifier("moe", {"loss": loss}, 0)
    T = torch.tensor([[1.0, 0.0]]).repeat(len(corners), 1)
    losses = classifier._losses(*mix(gate, experts), T)
    losses.sum().backward()
    assert losses.isfinite().all() and (losses >= 0).all()
    assert gate.grad.isfinite().all() and experts.grad.isfinite().all()


def test_gradient_is_that_of_the_formula():
    rng = np.random.default_rng(0)
    gate, experts = rng.normal(size=(4, 3, 3)), rng.normal(size=(4, 3, 2))
    logits = torch.tensor(gate, requires_grad=True)
    mix(logits, torch.tensor(experts))[0].exp().sum().backward()
    step = 1e-6
    for place in np.ndindex(gate.shape):
        moved = [gate.copy(), gate.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        slope = (formula(moved[0], experts).sum() - formula(moved[1], experts).sum()) / (2 * step)
        assert logits.grad[place].item() == pytest.approx(slope, abs=1e-7)


def test_losses_by_hand():
    log_o, log_not_o = torch.tensor([[0.8, 0.4]]).log(), torch.tensor([[0.2, 0.6]]).log()
    T = torch.tensor([[1.0, 0.0]])
    bce = make_classifier("moe", {"loss": "bce"}, 0)._losses(log_o, log_not_o, T)
    assert bce.item() == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    nll = make_classifier("moe", {"loss": "nll"}, 0)._losses(log_o, log_not_o, T)
    assert nll.item() == pytest.approx(-np.log(0.8 / 1.2))


@pytest.mark.parametrize("softmax", [False, True])
def test_dense_losses_are_pytorchs(softmax):
    torch_loss = torch.nn.functional.cross_entropy if softmax else torch.nn.functional.binary_cross_entropy_with_logits
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DenseNetwork(6, 3, hidden=(5,), softmax=softmax).eval()
        x = torch.randn(8, 6)
    T = torch.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
    classifier = make_classifier("dense", {}, 0)
    classifier.multi_label_ = not softmax
    assert classifier._losses(*network(x), T).mean().item() == pytest.approx(
        torch_loss(network.layers(x), T).item(), abs=1e-6
    )


def test_expert_scores_are_o_before_it_is_normalised():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(40, 3)).astype(np.float32), rng.integers(0, 3, 40)
    params = {"hidden": 8, "epochs": 3, "lr": 0.01}
    for loss in ("bce", "nll"):
        classifier = make_classifier("moe", params | {"loss": loss}, 0).fit(X, y)
        o, P = classifier.expert_scores(X), classifier.predict_proba(X)
        assert ((o > 0) & (o < 1)).all() and np.abs(o.sum(axis=1) - 1).max() > 1e-3
        np.testing.assert_allclose(P, o / o.sum(axis=1, keepdims=True), atol=1e-6)
        assert (P.argmax(axis=1) == o.argmax(axis=1)).all()
    Y = np.eye(3, dtype=int)[y]
    multi = make_classifier("moe", params, 0).fit(X, Y)
    np.testing.assert_array_equal(multi.expert_scores(X), multi.predict_proba(X))


def test_nll_is_refused_where_an_image_may_have_several_labels():
    with pytest.raises(ConfigError, match=r"classifier\.loss: got 'nll'; expected 'bce', since an image"):
        make_classifier("moe", {"loss": "nll"}, 0).fit(np.zeros((4, 2)), np.eye(4, dtype=int)[:, :2])
