"""The signature network: the published sizes, its formula written out, and checkpoints of both public repositories."""

import argparse

import numpy as np
import pytest
import torch
from torch import nn

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.networks.dual_encoding import (
    END,
    MOST_FRAMES,
    N_SPECIAL,
    START,
    TextEncoder,
    VisualEncoder,
    load_visual,
)
from mediaeval.weights.read import read_weights

pytestmark = pytest.mark.integration

WIDTH, HIDDEN, FILTERS, SPACE = 6, 4, 5, 7
SIZES = {"width": WIDTH, "hidden": HIDDEN, "kernels": (2, 3), "filters": FILTERS, "space": SPACE}


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every tensor drawn, BatchNorm's statistics too, so that none can be forgotten unseen."""
    generator = torch.Generator().manual_seed(seed)
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2, generator=generator)
        elif value.is_floating_point():
            value.normal_(0, 0.7, generator=generator)
    return network.eval()


def small(seed: int = 0, **options) -> VisualEncoder:
    return randomised(VisualEncoder(**SIZES, **options), seed)


def video(length: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(length, WIDTH, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def alone(network: VisualEncoder, frames: torch.Tensor) -> np.ndarray:
    return network(frames[None], torch.tensor([len(frames)]))[0].numpy()


def n_parameters(module: nn.Module) -> int:
    return sum(tensor.numel() for tensor in module.parameters())


# --- the formula, in numpy ---------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(x: np.ndarray, state: dict, suffix: str) -> np.ndarray:
    """States of one direction, (T, hidden), from zero: Cho et al. 2014, with PyTorch's two biases."""
    W, U = state[f"rnn.weight_ih_l0{suffix}"], state[f"rnn.weight_hh_l0{suffix}"]
    b, c = state[f"rnn.bias_ih_l0{suffix}"], state[f"rnn.bias_hh_l0{suffix}"]
    h, states = np.zeros(U.shape[1]), []
    for frame in x:
        (ir, iz, in_), (hr, hz, hn) = np.split(W @ frame + b, 3), np.split(U @ h + c, 3)
        r, z = sigmoid(ir + hr), sigmoid(iz + hz)
        h = (1 - z) * np.tanh(in_ + r * hn) + z * h
        states.append(h)
    return np.array(states)


def both_directions(x: np.ndarray, state: dict) -> np.ndarray:
    return np.concatenate([gru(x, state, ""), gru(x[::-1], state, "_reverse")[::-1]], axis=1)


def level_3(states: np.ndarray, state: dict, kernels) -> np.ndarray:
    """Of each filter the largest ReLU response, over all places at which its kernel touches a state."""
    found = []
    for k, rows in enumerate(kernels):
        W, b = state[f"convs1.{k}.weight"][:, 0], state[f"convs1.{k}.bias"]  # (filters, rows, 2 · hidden)
        padded = np.pad(states, ((rows - 1, rows - 1), (0, 0)))
        responses = [np.einsum("frw,rw->f", W, padded[p : p + rows]) + b for p in range(len(states) + rows - 1)]
        found.append(np.maximum(responses, 0).max(axis=0))
    return np.concatenate(found)


def into_space(levels: np.ndarray, state: dict, name: str) -> np.ndarray:
    y = state[f"{name}.fc1.weight"] @ levels + state[f"{name}.fc1.bias"]
    y = (y - state[f"{name}.bn_1.running_mean"]) / np.sqrt(state[f"{name}.bn_1.running_var"] + 1e-5)
    y = y * state[f"{name}.bn_1.weight"] + state[f"{name}.bn_1.bias"]
    return y / np.linalg.norm(y)


def arrays(network: nn.Module) -> dict[str, np.ndarray]:
    return {key: value.double().numpy() for key, value in network.state_dict().items()}


def signature(frames: torch.Tensor, network: VisualEncoder) -> np.ndarray:
    state, axis = arrays(network), network.attention_axis
    x = frames.double().numpy()
    if network.normalise:
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    seen = x[:MOST_FRAMES]
    states = both_directions(seen, state)
    weights = np.ones(len(seen))
    if axis == "time":
        hidden = np.tanh(states @ state["atten.fc1.weight"].T + state["atten.fc1.bias"])
        scores = (hidden @ state["atten.fc2.weight"].T + state["atten.fc2.bias"])[:, 0]
        weights = len(seen) * np.exp(scores) / np.exp(scores).sum()
    weighted = weights[:, None] * states
    levels = [weighted.mean(axis=0), level_3(weighted, state, SIZES["kernels"])]
    levels += [] if network.reduced else [x.mean(axis=0)]
    return into_space(np.concatenate(levels), state, "visual_mapping")


# --- sizes ---------------------------------------------------------------------------------------------------------


def test_full_size_has_the_published_numbers_of_parameters():
    """Sizes of the paper: GRU of 1024 on 2048, four kernels of 512 filters, a space of 2048."""
    with torch.device("meta"):
        network = VisualEncoder()
    assert n_parameters(network.rnn) == 2 * 3 * 1024 * (2048 + 1024 + 2) == 18_886_656
    assert n_parameters(network.atten) == 2048 * 2048 + 2048 + 2048 + 1 == 4_198_401
    assert n_parameters(network.convs1) == sum(512 * (rows * 2048 + 1) for rows in (2, 3, 4, 5)) == 14_682_112
    assert n_parameters(network.visual_mapping.fc1) == (3 * 2048 + 1) * 2048 == 12_584_960
    assert n_parameters(network.visual_mapping.bn_1) == 2 * 2048


def test_keys_are_those_of_the_public_code():
    gru_keys = {f"rnn.{b}_l0{d}" for b in ("weight_ih", "weight_hh", "bias_ih", "bias_hh") for d in ("", "_reverse")}
    layers = ["atten.fc1", "atten.fc2", "convs1.0", "convs1.1", "visual_mapping.fc1", "visual_mapping.bn_1"]
    wanted = gru_keys | {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    wanted |= {f"visual_mapping.bn_1.{kind}" for kind in ("running_mean", "running_var", "num_batches_tracked")}
    assert small().state_dict().keys() == wanted
    assert not any(key.startswith("atten") for key in small(attention_axis=None).state_dict())


# --- what it computes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 5, MOST_FRAMES + 6])
@pytest.mark.parametrize(
    "options",
    [
        {"attention_axis": "time"},
        {"attention_axis": "singleton"},
        {"attention_axis": None, "normalise": False},
        {"attention_axis": "time", "reduced": True},
    ],
    ids=str,
)
def test_the_network_is_its_formula(options, length):
    network, frames = small(**options), video(length)
    ours = alone(network, frames)
    np.testing.assert_allclose(ours, signature(frames, network), atol=1e-5)
    assert np.linalg.norm(ours) == pytest.approx(1, abs=1e-6)


def test_of_one_frame_every_attention_gives_the_same():
    frame = video(1)
    one, *others = (alone(small(attention_axis=axis), frame) for axis in ("time", "singleton"))
    without = small(attention_axis=None)
    without.load_state_dict({k: v for k, v in small().state_dict().items() if not k.startswith("atten")})
    for other in (*others, alone(without, frame)):
        np.testing.assert_array_equal(one, other)


def test_attention_over_time_weighs_frames_and_equal_scores_weigh_nothing():
    time, singleton, frames = small(attention_axis="time"), small(attention_axis="singleton"), video(5)
    assert np.abs(alone(time, frames) - alone(singleton, frames)).max() > 0.01
    for tensor in (time.atten.fc2.weight, singleton.atten.fc2.weight):
        nn.init.zeros_(tensor)
    np.testing.assert_allclose(alone(time, frames), alone(singleton, frames), atol=1e-6)


def test_of_one_frame_a_convolution_is_its_largest_kernel_row():
    """max over k of ReLU(W[k] · h + b): the padding slides the one state past every row."""
    from mediaeval.features.networks.dual_encoding import largest_responses

    network = small()
    h = torch.randn(1, 1, 2 * HIDDEN, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        ours = largest_responses(network.convs1, h, torch.tensor([1]))[0].numpy()
    expected = []
    for conv in network.convs1:
        rows = conv.weight.detach().numpy()[:, 0] @ h[0, 0].numpy()  # (filters, rows)
        expected.append(np.maximum(rows + conv.bias.detach().numpy()[:, None], 0).max(axis=1))
    np.testing.assert_allclose(ours, np.concatenate(expected), atol=1e-6)
    assert ours.max() > 0


@pytest.mark.parametrize("axis", ["time", "singleton", None])
@pytest.mark.parametrize("filling", [0.0, 7.0])
def test_a_vector_does_not_depend_on_its_batch(axis, filling):
    network = small(attention_axis=axis)
    for conv in network.convs1:
        nn.init.constant_(conv.bias, 3.0)  # a place of padding alone would answer ReLU(3)
    videos = [video(length, seed=length) for length in (1, 3, 70, 5)]
    batch = torch.full((4, 70, WIDTH), filling)
    for row, frames in enumerate(videos):
        batch[row, : len(frames)] = frames
    with torch.no_grad():
        together = network(batch, torch.tensor([1, 3, 70, 5])).numpy()
    for row, frames in enumerate(videos):
        np.testing.assert_allclose(together[row], alone(network, frames), atol=1e-6)


def test_frames_after_the_64th_reach_the_mean_alone():
    long = video(80)
    changed = long.clone()
    changed[70] += 1
    full, reduced = small(), small(reduced=True)
    assert np.abs(alone(full, long) - alone(full, changed)).max() > 1e-4
    np.testing.assert_array_equal(alone(reduced, long), alone(reduced, changed))


def test_the_length_of_a_frame_is_of_no_account_and_zeros_stay_zeros():
    network, frames = small(), video(3)
    np.testing.assert_allclose(alone(network, 20 * frames), alone(network, frames), atol=1e-6)
    assert np.isfinite(alone(network, torch.zeros(2, WIDTH))).all()
    raw = small(normalise=False)
    assert np.abs(alone(raw, 20 * frames) - alone(raw, frames)).max() > 0.01


def test_captions_are_encoded_as_the_formula_says_whatever_their_batch():
    n_words = 5
    network = randomised(TextEncoder(n_words, 3, HIDDEN, (2, 3), FILTERS, SPACE))
    captions = [[START, 4, 8, 4, END], [START, 3, END]]  # 3 is UNKNOWN, of which the bag of words knows nothing
    words = torch.tensor([captions[0], captions[1] + [6, 6]])  # 6: what fills up may be any word
    with torch.no_grad():
        ours = network(words, torch.tensor([5, 3])).numpy()
    state = arrays(network)
    for vector, caption in zip(ours, captions, strict=True):
        states = both_directions(state["embed.weight"][caption], state)
        bag = [caption.count(N_SPECIAL + k) for k in range(n_words)]
        levels = np.concatenate([states.mean(axis=0), level_3(states, state, (2, 3)), bag])
        np.testing.assert_allclose(vector, into_space(levels, state, "text_mapping"), atol=1e-5)


# --- checkpoints ---------------------------------------------------------------------------------------------------


def text_state(embedding: str) -> dict[str, torch.Tensor]:
    state = randomised(TextEncoder(5, 3, HIDDEN, (2, 3), FILTERS, SPACE)).state_dict()
    return {key.replace("embed.", f"{embedding}."): value for key, value in state.items()}


def checkpoint(folder, visual: dict, text: dict):
    """What the public trainers save: a list of two state dicts, the options as a Namespace."""
    path = folder / "model_best.pth.tar"
    options = argparse.Namespace(visual_rnn_size=HIDDEN, concate="full", visual_kernel_sizes=[2, 3])
    torch.save({"epoch": 7, "model": [visual, text], "best_rsum": 99.5, "opt": options, "Eiters": 123}, path)
    return path


def load(path, **options) -> VisualEncoder:
    return load_visual(read_weights(path, "extractor 'signature'"), "extractor 'signature'", path, **options)


def test_a_checkpoint_with_attention_loads_as_the_public_code_computes(tmp_path):
    """bmezaris/AVS_dual_encoding_attention_network, whose softmax is over an axis of size 1."""
    network = small(attention_axis="singleton")
    path = checkpoint(tmp_path, network.state_dict(), text_state("embed_w2v"))
    loaded, frames = load(path), video(5)
    assert (loaded.attention_axis, loaded.normalise, loaded.training) == ("singleton", True, False)
    assert (loaded.frame_width, loaded.space) == (WIDTH, SPACE)
    np.testing.assert_array_equal(alone(loaded, frames), alone(network, frames))
    over_time = load(path, attention_axis="time")
    np.testing.assert_array_equal(alone(over_time, frames), alone(small(attention_axis="time"), frames))


def test_a_checkpoint_without_attention_loads_and_takes_frames_as_they_are(tmp_path):
    """danieljf24/dual_encoding, trained with PyTorch 0.3: frames not of unit length, BatchNorm without a counter."""
    network = small(attention_axis=None, normalise=False)
    state = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    path = checkpoint(tmp_path, state, text_state("embed"))
    loaded, frames = load(path), video(4)
    assert (loaded.attention_axis, loaded.normalise) == (None, False)
    np.testing.assert_array_equal(alone(loaded, frames), alone(network, frames))
    assert load(path, normalise=True).normalise


@pytest.mark.parametrize("reduced", [False, True])
def test_a_visual_branch_alone_loads(tmp_path, reduced):
    network = small(reduced=reduced)
    torch.save({key: value.half() for key, value in network.state_dict().items()}, tmp_path / "bare.pth")
    loaded = load(tmp_path / "bare.pth")
    assert (loaded.attention_axis, loaded.normalise, loaded.reduced) == ("time", True, reduced)
    assert all(value.dtype != torch.float16 for value in loaded.state_dict().values())
    np.testing.assert_allclose(alone(loaded, video(5)), alone(network, video(5)), atol=0.02)  # half keeps 11 bits


def without(*keys):
    return lambda state: {key: value for key, value in state.items() if key not in keys}


def with_(**tensors):
    return lambda state: state | {key.replace("__", "."): value for key, value in tensors.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("atten.fc2.bias"), r"keys that the file lacks: atten\.fc2\.bias"),
        (without("rnn.bias_hh_l0_reverse", "convs1.1.bias"), r"lacks: .*bias_hh_l0_reverse.*convs1\.1\.bias"),
        (with_(head__weight=torch.zeros(2, 2)), r"keys that the network lacks: head\.weight"),
        (with_(atten__fc1__bias=torch.zeros(3)), r"atten\.fc1\.bias: got \(3,\), expected \(8,\)"),
        (with_(visual_mapping__fc1__weight=torch.zeros(7, 99)), r"fc1\.weight: got \(7, 99\), expected \(7, 24\)"),
        (with_(rnn__weight_ih_l0=torch.zeros(12)), r"rnn\.weight_ih_l0: got \(12,\); expected 2 axes"),
        (without("convs1.0.weight"), r"convs1\.0\.weight: got no such key; expected 4 axes"),
        (with_(convs1__0__weight=torch.zeros(0, 1, 2, 8)), r"convs1\.0\.weight: got \(0, 1, 2, 8\); expected 4 axes"),
        (
            lambda state: {"fc.weight": torch.zeros(2, 2)},
            r"the visual branch(.|\n)*file: fc\.weight(.|\n)*expected:",
        ),
        (lambda state: {}, r"not the visual branch(.|\n)*keys in the file: none"),
    ],
)
def test_other_weights_are_told(change, message):
    with pytest.raises(WeightsError, match=message) as error:
        load_visual(change(small().state_dict()), "extractor 'signature'", "some.pth")
    assert "extractor 'signature': some.pth" in str(error.value)


def test_a_file_that_claims_a_huge_network_is_told_before_memory_is_taken():
    """A GRU of a million units needs 12 TB; the tensor that states it has 4 MB."""
    state = small().state_dict() | {"rnn.weight_hh_l0": torch.zeros(1, 1_000_000)}
    with pytest.raises(WeightsError, match=r"expected \(3000000, 1000000\)"):
        load_visual(state, "extractor 'signature'", "some.pth")


def test_an_axis_of_another_name_is_told():
    with pytest.raises(ConfigError, match=r"unknown attention_axis 'tim'\. Did you mean 'time'\?"):
        load_visual(small().state_dict(), "extractor 'signature'", "some.pth", attention_axis="tim")
