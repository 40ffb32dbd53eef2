"""Attention AlexNet: 36 weights a picture, both readings of the layer, both branches."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from mediaeval.errors import WeightsError
from mediaeval.finetune import settings_of
from mediaeval.finetune.systems import attention_alexnet
from mediaeval.finetune.systems.attention_alexnet import Attention, CellWeights, build
from tests.mediaeval.formats.caffemodel import network_file

pytestmark = pytest.mark.integration

LABELS = 8
FEW = 12  # units of fc6 and fc7, for networks that are computed here
CONVS = {  # Krizhevsky et al. 2012: filters, channels that one sees, side
    "conv1": (96, 3, 11),
    "conv2": (256, 48, 5),
    "conv3": (384, 256, 3),
    "conv4": (384, 192, 3),
    "conv5": (256, 192, 3),
}
POOL5 = 256 * 6 * 6
UP_TO_FC7 = sum(f * c * s * s + f for f, c, s in CONVS.values()) + (POOL5 + 1) * 4096 + (4096 + 1) * 4096


def made(pretrained: bool = False, **settings):
    return build(settings_of({"name": "attention-alexnet"} | settings), LABELS, 0, pretrained=pretrained)


def on_meta(**settings):
    """Sizes alone: no weight is drawn."""
    with torch.device("meta"):
        return made(**settings)


@pytest.fixture
def few(monkeypatch):
    """Networks with few units in fc6 and fc7: quick to draw, with the real convolutions."""
    monkeypatch.setattr(attention_alexnet, "UNITS", FEW)


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def outputs(module: torch.nn.Module) -> list[Tensor]:
    """A list that what the module gives is put into."""
    seen: list[Tensor] = []
    module.register_forward_hook(lambda m, inputs, output: seen.append(output.detach().clone()))
    return seen


def pixels(n: int = 2, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, 227, 227, generator=torch.Generator().manual_seed(seed)) * 255


# ---------------------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize(("kind", "parameters"), [("shared", 292), ("dense", 331_812)])
def test_the_attention_layer_has_the_parameters_of_its_reading(kind, parameters):
    by_formula = 256 + 36 if kind == "shared" else POOL5 * 36 + 36
    assert count(on_meta(attention=kind).network.attention) == by_formula == parameters


def test_the_whole_network_counts_as_two_alexnets_up_to_fc7_and_a_last_layer():
    assert UP_TO_FC7 + 4097 * 1000 == 60_965_224, "AlexNet in groups, 1000 classes: fact sheet E"
    network = on_meta().network
    assert count(network.scores) == 8192 * LABELS + LABELS == 65_544
    assert count(network) == 2 * UP_TO_FC7 + 292 + 65_544
    convolutions = sum(f * c * s * s + f for f, c, s in CONVS.values())
    assert count(on_meta(branches="shared").network) == 2 * UP_TO_FC7 - convolutions + 292 + 65_544


@pytest.mark.parametrize("branches", ["separate", "shared"])
def test_shapes_from_pixels_to_scores(branches):
    built = on_meta(branches=branches)
    taps = {name: outputs(module) for name, module in built.taps.items()}
    assert built.network(torch.zeros(3, 3, 227, 227, device="meta")).shape == (3, LABELS)
    shapes = {name: tuple(seen[0].shape[1:]) for name, seen in taps.items()}
    assert shapes["attended.conv1"] == (96, 55, 55) and shapes["attended.conv5"] == (256, 13, 13)
    assert shapes["attended.pool5"] == shapes["attention"] == (256, 6, 6)
    assert shapes["attended.fc6"] == shapes["plain.fc7"] == (4096,)
    assert shapes["concat"] == (8192,) and shapes["scores"] == (LABELS,)
    assert all(len(seen) == 1 for seen in taps.values()), "each is computed once"
    assert list(built.maps) == ["attended.conv5", "plain.conv5"][: 1 if branches == "shared" else 2]
    assert (built.view.resize, built.view.crop, built.view.squash, built.view.interpolation) == (
        256,
        227,
        True,
        "opencv",
    )


def test_normalisation_stands_before_pooling_or_nowhere():
    order = {True: ["norm1", "pool1", "norm2", "pool2", "pool5"], False: ["pool1", "pool2", "pool5"]}
    for lrn, wanted in order.items():
        network = on_meta(lrn=lrn).network
        for branch in (network.attended, network.plain):
            names = [name for name, _ in branch.named_children()]
            assert [name for name in names if name.startswith(("norm", "pool"))] == wanted


# ------------------------------------------------------------------------------------------------------- attention


@pytest.mark.parametrize("kind", ["shared", "dense"])
def test_36_weights_a_picture_sum_to_1_and_weigh_each_cell_in_all_channels(kind):
    torch.manual_seed(0)
    attention = Attention(kind, rescale=1)
    torch.nn.init.normal_(attention.weights.bias)
    x = torch.randn(4, 256, 6, 6)
    weights, y = attention.weights(x), attention(x)
    assert weights.shape == (4, 36) and y.shape == (4, 256, 6, 6)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))
    assert weights.min() > 0 and weights.std(dim=1).min() > 1e-3 and weights.std(dim=0).max() > 1e-3
    for row in range(6):
        for column in range(6):
            cell = weights[:, 6 * row + column, None] * x[:, :, row, column]
            torch.testing.assert_close(y[:, :, row, column], cell)


def test_both_readings_equal_their_equation():
    torch.manual_seed(0)
    x = torch.randn(3, 256, 6, 6)
    for kind in ("shared", "dense"):
        layer = CellWeights(kind)
        torch.nn.init.normal_(layer.bias)
        W, B, X = layer.score.weight.detach().double().numpy(), layer.bias.detach().double().numpy(), x.double().numpy()
        for image, ours in zip(X, layer(x).detach().numpy(), strict=True):
            if kind == "shared":
                H = np.array([W[0] @ image[:, i, j] for i in range(6) for j in range(6)]) + B
            else:
                H = W @ image.ravel() + B
            np.testing.assert_allclose(ours, np.exp(H) / np.exp(H).sum(), rtol=1e-4)


def test_a_bias_that_all_cells_share_would_be_dead():
    torch.manual_seed(0)
    layer, x = CellWeights("shared"), torch.randn(2, 256, 6, 6)
    before = layer(x)
    with torch.no_grad():
        layer.bias += 5
    torch.testing.assert_close(layer(x), before)
    with torch.no_grad():
        layer.bias[7] += 5
    assert (layer(x)[:, 7] > 10 * before[:, 7]).all()


@pytest.mark.parametrize("kind", ["shared", "dense"])
def test_uniform_weights_rescaled_by_36_change_nothing(kind):
    attention = Attention(kind, rescale=36)
    torch.nn.init.zeros_(attention.weights.score.weight)
    torch.nn.init.constant_(attention.weights.bias, 3.0)
    x = torch.randn(2, 256, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(attention(x), x)


# ---------------------------------------------------------------------------------------------------------- weights


def alexnet(units: int = FEW, seed: int = 0) -> dict[str, Tensor]:
    """Random numbers under the names of bvlc_alexnet.caffemodel, fc6 and fc7 with few units."""
    draw = torch.Generator().manual_seed(seed)
    shapes = {name: (f, c, s, s) for name, (f, c, s) in CONVS.items()}
    shapes |= {"fc6": (units, POOL5), "fc7": (units, units), "fc8": (1000, units)}
    state = {}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = torch.randn(shape, generator=draw) * (2 / np.prod(shape[1:])) ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[:1], generator=draw) * 0.1
    return state


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("alexnet") / "alexnet.safetensors"
    save_file(alexnet(), path)
    return path


def by_hand(x: Tensor, state: dict[str, Tensor]) -> Tensor:
    """AlexNet of 2012 up to fc7: BGR, the mean taken off, normalised before it is pooled."""
    x = x.flip(1) - torch.tensor([104.00699, 116.66877, 122.67892]).view(3, 1, 1)
    settings = {"conv1": (4, 0, 1), "conv2": (1, 2, 2), "conv3": (1, 1, 1), "conv4": (1, 1, 2), "conv5": (1, 1, 2)}
    for name, (stride, padding, groups) in settings.items():
        x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding, groups=groups).relu()
        if name in ("conv1", "conv2"):
            x = F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1)
        if name in ("conv1", "conv2", "conv5"):
            x = F.max_pool2d(x, 3, 2)
    x = x.flatten(1)
    for name in ("fc6", "fc7"):
        x = F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]).relu()
    return x


@pytest.mark.parametrize("branches", ["separate", "shared"])
def test_pretrained_with_uniform_rescaled_attention_both_branches_are_the_same_alexnet(few, weights, branches):
    built = made(pretrained=True, weights=str(weights), branches=branches, rescale=36)
    network = built.network.eval()
    torch.nn.init.zeros_(network.attention.weights.score.weight)
    read, cells = outputs(network.concat), outputs(network.attention.weights)
    x = pixels()
    scores = network(x)
    attended, plain = read[0].split(FEW, dim=1)
    torch.testing.assert_close(cells[0], torch.full((2, 36), 1 / 36))
    torch.testing.assert_close(attended, plain, rtol=1e-4, atol=1e-4)
    wanted = by_hand(x, load_file(weights))
    assert wanted.std() > 0.1
    torch.testing.assert_close(plain, wanted, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(scores, network.scores(read[0]))


def test_in_the_literal_form_fc6_differs_36_times_less_between_pictures(few, weights):
    differences = {}
    for rescale in (1, 36):
        network = made(pretrained=True, weights=str(weights), rescale=rescale).network.eval()
        torch.nn.init.zeros_(network.attention.weights.score.weight)
        fc6 = outputs(network.attended.fc6)
        network(pixels())
        differences[rescale] = fc6[0][0] - fc6[0][1]
    torch.testing.assert_close(36 * differences[1], differences[36], rtol=1e-3, atol=1e-3)


def test_the_literal_form_is_noted_when_a_training_begins(few, weights):
    (note,) = made(pretrained=True, weights=str(weights)).notes
    assert "inputs 36 times smaller" in note and "rescale = 36" in note
    assert "inputs 3 times smaller" in made(pretrained=True, init="random", rescale=12).notes[0]
    assert made(pretrained=True, weights=str(weights), rescale=36).notes == ()
    assert made().notes == (), "whoever only predicts begins nothing"


@pytest.mark.parametrize("branches", ["separate", "shared"])
def test_all_parameters_learn_and_those_without_a_file_are_new(few, weights, branches):
    built = made(pretrained=True, weights=str(weights), branches=branches)
    built.network(pixels()).pow(2).sum().backward()
    assert [name for name, p in built.network.named_parameters() if p.grad is None] == []
    new = {name for name, _ in built.network.named_parameters() if name.startswith(built.new)}
    assert new == {"attention.weights.bias", "attention.weights.score.weight", "scores.weight", "scores.bias"}
    assert made(init="random").new == ("",)
    own = {name: p.data_ptr() for name, p in built.network.named_parameters()}
    assert len(set(own.values())) == len(own), "nothing is tied"
    assert ("plain.conv1.weight" in own) is (branches == "separate")
    assert "plain.fc6.weight" in own and "attended.fc6.weight" in own


def test_a_caffemodel_is_loaded_and_caffenets_is_refused(few, tmp_path):
    state = alexnet()
    layers = dict.fromkeys(key.split(".")[0] for key in state)
    arrays = {layer: [state[f"{layer}.weight"].numpy(), state[f"{layer}.bias"].numpy()] for layer in layers}
    own, caffenets = tmp_path / "bvlc_alexnet.caffemodel", tmp_path / "bvlc_reference_caffenet.caffemodel"
    own.write_bytes(network_file(arrays, order=("norm1", "pool1")))
    caffenets.write_bytes(network_file(arrays, order=("pool1", "norm1")))
    network = made(pretrained=True, weights=str(own)).network
    for branch in (network.attended, network.plain):
        loaded = branch.state_dict()
        assert loaded.keys() == state.keys() - {"fc8.weight", "fc8.bias"}
        for key, value in loaded.items():
            torch.testing.assert_close(value, state[key], rtol=0, atol=0)
    with pytest.raises(WeightsError, match=r"^system 'attention-alexnet': .*pool1 before norm1"):
        made(pretrained=True, weights=str(caffenets))


def test_absent_weights_are_told_with_the_setting_and_the_origin(few, tmp_path):
    with pytest.raises(
        WeightsError, match=r"system 'attention-alexnet': system\.weights: got no file; expected bvlc_alexnet"
    ):
        made(pretrained=True)
    nothing = tmp_path / "nothing.caffemodel"
    with pytest.raises(
        WeightsError, match=r"system\.weights: got .*nothing\.caffemodel, which does not exist; expected bvlc_alexnet"
    ):
        made(pretrained=True, weights=str(nothing))
    made(weights=str(nothing))
    made(pretrained=True, weights=str(nothing), init="random")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s | {"fc5.weight": torch.zeros(1)}, r"keys that the network lacks: fc5\.weight"),
        (lambda s: {k: v for k, v in s.items() if k != "conv4.bias"}, r"keys that the file lacks: conv4\.bias"),
        (lambda s: {k: v for k, v in s.items() if k != "fc7.bias"}, r"keys that the file lacks: fc7\.bias"),
        (lambda s: s | {"conv1.weight": torch.zeros(64, 3, 11, 11)}, r"other shapes: .*64, 3, 11, 11"),
        (lambda s: {"features.0.weight": torch.zeros(64, 3, 11, 11)}, r"network lacks: features\.0\.weight"),
    ],
)
def test_foreign_files_are_refused_with_their_keys(few, tmp_path, change, message):
    save_file(change(alexnet()), tmp_path / "changed.safetensors")
    with pytest.raises(WeightsError, match=message) as told:
        made(pretrained=True, weights=str(tmp_path / "changed.safetensors"))
    assert told.value.problems[0].startswith("system 'attention-alexnet': ")
