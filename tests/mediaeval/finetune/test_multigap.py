"""Multi-GAP: the sizes of every row of its table, the sequence of blocks, files of its backbones."""

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.finetune import settings_of
from mediaeval.finetune.systems.gap_streams import Reducer, places_stream
from mediaeval.finetune.systems.gap_weights import layers_of_timm
from mediaeval.finetune.systems.gru_attention import BlockGru, StepAttention
from mediaeval.finetune.systems.multigap import build
from tests.mediaeval.formats.caffemodel import network_file

pytestmark = pytest.mark.integration

OBJECT = {320: (16, 24, 32, 96, 320), 1280: (16, 24, 32, 96, 1280)}  # fact sheet D1
PLACES = (64, 128, 256, 512, 512)
VGG = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}  # convolutions a block
LABELS = 8


def made(width: int = 0, *, pretrained: bool = False, **settings):
    return build(settings_of({"name": "multigap"} | settings), LABELS, width, pretrained=pretrained)


def on_meta(width: int = 0, **settings):
    """Sizes alone: no weight is drawn."""
    with torch.device("meta"):
        return made(width, **settings)


def outputs(module: torch.nn.Module) -> list[Tensor]:
    """A list that what the module gives is put into."""
    seen: list[Tensor] = []
    module.register_forward_hook(lambda m, inputs, output: seen.append(output.detach().clone()))
    return seen


def pixels(n: int = 2, side: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 255


# ---------------------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("settings", "channels", "stated"),
    [
        ({"streams": ["places"]}, PLACES, 94_528),
        ({"streams": ["object"]}, OBJECT[320], 31_552),
        ({"streams": ["object"], "last": 1280}, OBJECT[1280], 92_992),
    ],
)
def test_the_reducers_have_as_many_parameters_as_their_channels_say(settings, channels, stated):
    network = on_meta(**settings).network
    count = sum(p.numel() for name, p in network.named_parameters() if ".reducers." in name)
    assert count == sum(64 * c + 64 for c in channels) == stated
    assert network.classifier.scores.in_features == 5 * 64
    assert sum(p.numel() for p in network.classifier.parameters()) == 320 * LABELS + LABELS


@pytest.mark.parametrize("stream", ["object", "places"])
@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5])
def test_truncation_takes_blocks_off_with_all_their_layers(stream, blocks):
    network = on_meta(streams=[stream], blocks=blocks, sequence="gru-attention", units=7).network
    plain = on_meta(streams=[stream], blocks=blocks).network
    assert plain.classifier.scores.in_features == 64 * blocks
    assert network.classifier.scores.in_features == 2 * 7 * blocks
    assert len(network.streams[stream].sequence.attention.steps) == blocks
    kept = {name for name, _ in plain.streams[stream].features.named_children()}
    if stream == "object":
        last = [1, 3, 6, 13, 17][blocks - 1]  # fact sheet D1
        assert kept == {str(k) for k in range(last + 1)}
    else:
        wanted = {f"conv{b}_{k}" for b in range(1, blocks + 1) for k in range(1, VGG[b] + 1)}
        assert {name for name in kept if name.startswith("conv")} == wanted


def test_truncation_shortens_the_sequence():
    for blocks in (1, 3):
        network = made(blocks=blocks, sequence="gru", units=4).network.eval()
        lengths = []
        network.streams.object.sequence.gru.register_forward_hook(lambda m, i, o, to=lengths: to.append(i[0].shape))
        network(pixels(2, 32))
        assert lengths == [(2, blocks, 64)]


def test_maps_have_the_places_and_channels_of_the_fact_sheet():
    shapes = {"object": [112, 56, 28, 14, 7], "places": [224, 112, 56, 28, 14]}
    network = on_meta(streams=["object", "places"]).network
    seen = {name: [] for name in shapes}
    for name, stream in network.streams.items():
        for reducer in stream.reducers:
            reducer.conv.register_forward_hook(lambda m, i, o, to=seen[name]: to.append(i[0].shape[1:]))
    network(torch.zeros(1, 3, 224, 224, device="meta"))
    for name, channels in (("object", OBJECT[320]), ("places", PLACES)):
        assert seen[name] == [(c, side, side) for c, side in zip(channels, shapes[name], strict=True)]


ROWS = [  # of the paper's table, with what the classifier reads; late fusion is the mean of runs
    ({"streams": ["object"]}, 0, [320]),
    ({"streams": ["places"]}, 0, [320]),
    ({"streams": [], "anp": "deepsentibank"}, 2089, [2089, 1024, 512]),
    ({"streams": ["object"], "sequence": "gru"}, 0, [5 * 128]),
    ({"streams": ["object"], "sequence": "gru-attention"}, 0, [5 * 128]),
    ({"streams": ["places"], "sequence": "gru-attention"}, 0, [5 * 128]),
    ({"streams": ["object", "places"], "anp": "deepsentibank"}, 2089, [320 + 320 + 2089]),
    ({"streams": ["object", "places"], "anp": "sentibank", "hidden": 100}, 1200, [320 + 320 + 1200, 100]),
    ({"streams": ["object", "places"], "sequence": "gru-attention"}, 0, [2 * 5 * 128]),
]


@pytest.mark.parametrize(("settings", "width", "sizes"), ROWS)
def test_every_row_of_the_table_is_a_configuration(settings, width, sizes):
    built = on_meta(width, **settings)
    linear = [m for m in built.network.classifier if isinstance(m, torch.nn.Linear)]
    assert [m.in_features for m in linear] == sizes and linear[-1].out_features == LABELS
    relus = [isinstance(m, torch.nn.ReLU) for m in built.network.classifier]
    assert relus == [False, True] * (len(sizes) - 1) + [False], "a ReLU between layers, none behind the scores"
    vectors = torch.zeros(3, width, device="meta") if width else None
    assert built.network(torch.zeros(3, 3, 224, 224, device="meta"), vectors).shape == (3, LABELS)
    assert (built.view.resize, built.view.crop, built.view.interpolation) == (256, 224, "bilinear")


def test_early_fusion_reads_the_vectors_as_they_come():
    built = made(6, streams=["object"], blocks=1, anp="anp")
    read = outputs(built.network.concat)
    vectors = torch.randn(2, 6)
    built.network.eval()(pixels(), vectors)
    torch.testing.assert_close(read[0][:, 64:], vectors, rtol=0, atol=0)


def test_settings_that_change_nothing_are_refused():
    for useless in ({"hidden": 5}, {"sequence": "gru"}):
        with pytest.raises(ConfigError, match="hidden and sequence change nothing without streams"):
            settings_of({"name": "multigap", "streams": [], "anp": "deepsentibank"} | useless)


# ------------------------------------------------------------------------------------------------------- computation


def test_without_relu_reducing_and_averaging_commute_and_with_it_they_do_not():
    torch.manual_seed(0)
    x = torch.randn(3, 10, 8, 8)
    for relu, equal in ((False, True), (True, False)):
        reducer = Reducer(10, 6, relu)
        first_averaged = reducer.relu(F.linear(x.mean(dim=(2, 3)), reducer.conv.weight[:, :, 0, 0], reducer.conv.bias))
        assert torch.allclose(reducer(x), first_averaged, atol=1e-5) is equal


def gru_by_hand(x: np.ndarray, gru: torch.nn.GRU, suffix: str) -> np.ndarray:
    """States of one direction, (T, units), in the order they are computed: Cho et al. 2014, gates in torch's order."""
    w_i, w_h, b_i, b_h = (
        getattr(gru, f"{part}_l0{suffix}").detach().numpy() for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )

    def sigmoid(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    h, states = np.zeros(len(b_i) // 3), []
    for step in x:
        (ri, zi, ni), (rh, zh, nh) = np.split(w_i @ step + b_i, 3), np.split(w_h @ h + b_h, 3)
        reset, update = sigmoid(ri + rh), sigmoid(zi + zh)
        h = (1 - update) * np.tanh(ni + reset * nh) + update * h
        states.append(h)
    return np.stack(states)


def attention_by_hand(states: np.ndarray, attention: StepAttention) -> np.ndarray:
    parts = [
        np.tanh(step.weight.detach().numpy() @ state + step.bias.detach().numpy()) ** 2
        for step, state in zip(attention.steps, states, strict=True)
    ]
    return np.stack(parts)


@pytest.mark.parametrize("attention", [False, True])
def test_the_sequence_equals_its_equations_step_by_step(attention):
    torch.manual_seed(0)
    sequence = BlockGru(steps=4, channels=5, units=3, attention=attention)
    x = torch.randn(2, 4, 5)
    ours = sequence(x).detach().numpy()
    assert ours.shape == (2, 4 * 2 * 3)
    for row, image in zip(ours, x.numpy(), strict=True):
        forward = gru_by_hand(image, sequence.gru, "")
        backward = gru_by_hand(image[::-1], sequence.gru, "_reverse")[::-1]
        states = np.concatenate([forward, backward], axis=1)  # (T, 2 · units)
        if attention:
            states = states * attention_by_hand(states, sequence.attention)
        np.testing.assert_allclose(row, states.ravel(), atol=1e-6)


def test_attention_is_between_0_and_1_and_each_step_has_its_own():
    torch.manual_seed(0)
    attention = StepAttention(steps=5, width=8)
    x = torch.randn(50, 5, 8)
    before = attention(x)
    assert before.min() >= 0 and before.max() < 1
    assert before.sum(dim=2).std() > 0.1, "it is no softmax: sums differ"
    with torch.no_grad():
        attention.steps[2].weight.mul_(-0.5)
    changed = (attention(x) != before).flatten(2).any(dim=2).any(dim=0)
    assert changed.tolist() == [False, False, True, False, False]
    bound = math.sqrt(6 / (8 + 8))  # Glorot and Bengio 2010
    assert all(0.5 * bound < step.weight.abs().max() <= bound for k, step in enumerate(attention.steps) if k != 2)


def test_attention_can_be_seen_by_a_hook():
    built = made(streams=["object"], blocks=3, sequence="gru-attention", units=4)
    seen = outputs(built.network.streams.object.sequence.attention)
    built.network.eval()(pixels())
    assert seen[0].shape == (2, 3, 8) and seen[0].min() >= 0 and seen[0].max() < 1


def test_all_parameters_learn_and_taps_and_maps_lie_on_the_way():
    torch.manual_seed(0)
    built = made(5, streams=["object", "places"], blocks=2, sequence="gru-attention", units=3, hidden=4, anp="anp")
    assert list(built.taps) == [
        *("object.1", "object.2", "object.sequence", "places.1", "places.2", "places.sequence"),
        *("concat", "hidden1", "scores"),
    ]
    assert list(built.maps) == ["object.block2", "places.block2", "object.reducer2", "places.reducer2"]
    taps = {name: outputs(module) for name, module in built.taps.items()}
    maps = {name: outputs(module) for name, module in built.maps.items()}
    scores = built.network(pixels(), torch.randn(2, 5))
    scores.pow(2).sum().backward()
    assert [name for name, p in built.network.named_parameters() if p.grad is None] == []
    assert taps["object.1"][0].shape == (2, 64) and taps["places.sequence"][0].shape == (2, 2 * 2 * 3)
    assert taps["concat"][0].shape == (2, 12 + 12 + 5) and taps["hidden1"][0].shape == (2, 4)
    assert taps["hidden1"][0].min() >= 0, "behind the ReLU"
    torch.testing.assert_close(taps["scores"][0], scores.detach())
    # 64 pixels: MobileNetV2 halves twice, VGG16 once
    assert maps["object.block2"][0].shape == (2, 24, 16, 16) and maps["object.reducer2"][0].shape == (2, 64, 16, 16)
    assert maps["places.block2"][0].shape == (2, 128, 32, 32) and maps["places.reducer2"][0].shape == (2, 64, 32, 32)


@pytest.mark.parametrize("name", ["object.block2", "places.block2"])
def test_a_map_can_be_hooked_for_its_gradient(name):
    built = made(streams=["object", "places"], blocks=2)
    gradients = []
    built.maps[name].register_full_backward_hook(lambda m, i, o: gradients.append(o[0]))
    built.network.eval()(pixels().requires_grad_())[:, 0].sum().backward()
    assert gradients[0].abs().max() > 0


def test_new_layers_are_those_that_no_file_has():
    network = on_meta(streams=["object", "places"], sequence="gru").network
    new = on_meta(streams=["object", "places"], sequence="gru").new
    loaded = [name for name, _ in network.named_parameters() if not name.startswith(new)]
    assert loaded and all(".features." in name for name in loaded)
    assert sum(".features." in name for name, _ in network.named_parameters()) == len(loaded)
    assert on_meta(init="random").new == ("",)


# --------------------------------------------------------------------------------------------------- the places stream


def test_the_places_stream_reads_bgr_minus_the_mean_and_the_object_stream_rgb():
    built = made(streams=["object", "places"], blocks=1, places_mean=(1.0, 2.0, 3.0))
    read = {}
    for name, stream in built.network.streams.items():
        next(stream.features.children()).register_forward_pre_hook(lambda m, i, to=name: read.update({to: i[0]}))
    x = pixels()
    built.network.eval()(x)
    red, green, blue = x.unbind(1)
    torch.testing.assert_close(read["places"], torch.stack([blue - 1, green - 2, red - 3], dim=1))
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    by_hand = [(channel / 255 - m) / s for channel, m, s in zip((red, green, blue), mean, std, strict=True)]
    torch.testing.assert_close(read["object"], torch.stack(by_hand, dim=1))


def test_a_picture_with_red_and_blue_exchanged_is_another_for_the_places_stream():
    torch.manual_seed(0)
    stream = places_stream(settings_of({"name": "multigap", "streams": ["places"], "blocks": 1})).eval()
    x = pixels()
    right, exchanged = stream(x), stream(x.flip(1))
    assert (right - exchanged).abs().max() > 0.01 * right.abs().max()
    with torch.no_grad():  # exchanged in the weights and the mean as well, it is the same again
        stream.features.conv1_1.weight.copy_(stream.features.conv1_1.weight.flip(1))
    stream.normalise.mean = stream.normalise.mean.flip(0)
    torch.testing.assert_close(stream(x.flip(1)), right, rtol=1e-4, atol=1e-3)


def caffe_places(blocks: int = 5, seed: int = 0) -> dict[str, Tensor]:
    """Random numbers under the names of vgg16_places365.caffemodel, (out, in, 3, 3).

    Layers that a stream of `blocks` has no use for hold a single number: they are never looked at.
    """
    draw = torch.Generator().manual_seed(seed)
    state, before = {}, 3
    for block, depth in VGG.items():
        for k in range(1, depth + 1):
            shape = (PLACES[block - 1], before, 3, 3) if block <= blocks else (1,)
            state[f"conv{block}_{k}.weight"] = torch.randn(shape, generator=draw) * (2 / (9 * before)) ** 0.5
            state[f"conv{block}_{k}.bias"] = torch.randn(shape[:1], generator=draw)
            before = PLACES[block - 1]
    for layer in ("fc6", "fc7", "fc8a"):
        state |= {f"{layer}.weight": torch.zeros(1, 1), f"{layer}.bias": torch.zeros(1)}
    return state


def write_keras(path: Path, state: dict[str, Tensor], *, keras: int) -> Path:
    """The same numbers as the Keras port has them: (3, 3, in, out), its names in the dialect of Keras 1 or 2."""
    dense = {"fc6": "fc1", "fc7": "fc2", "fc8a": "predictions"}
    with h5py.File(path, "w") as file:
        for key, value in state.items():
            layer, variable = key.split(".")
            layer = dense.get(layer) or f"block{layer[4]}_{layer[:4]}{layer[6]}"
            if keras == 1:
                place = f"{layer}/{layer}_{'W' if variable == 'weight' else 'b'}_1:0"
            else:
                place = f"{layer}/{layer}/{'kernel' if variable == 'weight' else 'bias'}:0"
            array = value.numpy()
            file[place] = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
    return path


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, Path]:
    """The places file in each layout, good for two blocks."""
    folder = tmp_path_factory.mktemp("places")
    state = caffe_places(blocks=2)
    save_file(state, folder / "caffe-names.safetensors")
    layers = dict.fromkeys(key.split(".")[0] for key in state)
    arrays = {layer: [state[f"{layer}.weight"].numpy(), state[f"{layer}.bias"].numpy()] for layer in layers}
    (folder / "vgg16_places365.caffemodel").write_bytes(network_file(arrays, order=()))
    return {
        "caffemodel": folder / "vgg16_places365.caffemodel",
        "caffe": folder / "caffe-names.safetensors",
        "keras 1": write_keras(folder / "one.h5", state, keras=1),
        "keras 2": write_keras(folder / "two.h5", state, keras=2),
        "no top": write_keras(folder / "notop.h5", {k: v for k, v in state.items() if not k.startswith("fc")}, keras=2),
    }


@pytest.mark.parametrize("layout", ["caffemodel", "caffe", "keras 1", "keras 2", "no top"])
def test_vgg16_of_caffe_and_of_keras_give_the_network_that_they_describe(places, layout):
    built = made(streams=["places"], blocks=2, places_weights=str(places[layout]), pretrained=True)
    last = outputs(built.maps["places.block2"])
    x = pixels(2, 32)
    built.network.eval()(x)
    state = caffe_places(blocks=2)
    y = x.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    for layer in ("conv1_1", "conv1_2", "pool", "conv2_1", "conv2_2"):
        if layer == "pool":
            y = F.max_pool2d(y, 2)
        else:
            y = F.conv2d(y, state[f"{layer}.weight"], state[f"{layer}.bias"], padding=1).relu()
    torch.testing.assert_close(last[0], y, rtol=1e-4, atol=1e-3)


def test_the_places_stream_is_torchvisions_vgg16():
    import torchvision

    torch.manual_seed(0)
    stream = places_stream(settings_of({"name": "multigap", "streams": ["places"]})).eval()
    with torch.device("meta"):
        theirs = torchvision.models.vgg16().features[:30]  # to the ReLU of conv5_3
    theirs = theirs.to_empty(device="cpu").eval()
    ours = list(stream.features.state_dict().values())
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours, strict=True)))
    last = outputs(stream.last_map())
    x = pixels(1, 32)
    stream(x)
    torch.testing.assert_close(last[0], theirs(x.flip(1) - stream.normalise.mean), rtol=1e-4, atol=1e-4)


# --------------------------------------------------------------------------------------------------- the object stream


@pytest.fixture(scope="module")
def mobilenets(tmp_path_factory) -> dict[str, Path]:
    """MobileNetV2 with random numbers, statistics of its BatchNorms included, as each library saves it."""
    import timm
    import torchvision

    folder = tmp_path_factory.mktemp("object")
    torch.manual_seed(0)
    for name, model in (
        ("timm", timm.create_model("mobilenetv2_100")),
        ("torchvision", torchvision.models.mobilenet_v2()),
    ):
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_(0, 0.3)
        save_file(model.state_dict(), folder / f"{name}.safetensors")
    return {path.stem: path for path in folder.glob("*.safetensors")}


def test_timms_and_torchvisions_names_are_told_apart_by_a_table_without_rest(mobilenets):
    theirs, ours = load_file(mobilenets["timm"]), load_file(mobilenets["torchvision"])
    layers = layers_of_timm()
    renamed = {f"{layers[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value for key, value in theirs.items()}
    assert {key: v.shape for key, v in renamed.items()} == {key: v.shape for key, v in ours.items()}


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_either_librarys_file_gives_that_librarys_last_map(mobilenets, library):
    import timm
    import torchvision

    model = timm.create_model("mobilenetv2_100") if library == "timm" else torchvision.models.mobilenet_v2()
    model.load_state_dict(load_file(mobilenets[library]))
    features = model.eval().forward_features if library == "timm" else model.eval().features
    stream = made(last=1280, object_weights=str(mobilenets[library]), pretrained=True).network.streams.object.eval()
    last = outputs(stream.last_map())
    x = pixels(2, 96)
    stream(x)
    wanted = features(stream.normalise(x))
    assert wanted.std() > 0.1
    torch.testing.assert_close(last[0], wanted, rtol=1e-4, atol=1e-4)


def test_of_a_whole_file_a_truncated_stream_takes_what_it_has(mobilenets):
    state = load_file(mobilenets["torchvision"])
    built = made(blocks=3, object_weights=str(mobilenets["torchvision"]), pretrained=True)
    for key, value in built.network.streams.object.features.state_dict().items():
        torch.testing.assert_close(value, state[f"features.{key}"], rtol=0, atol=0)


@pytest.mark.shared
def test_real_weights_see_in_a_real_photograph_what_they_see_in_timm(shared):
    import timm

    weights = shared / "weights" / "timm-mobilenetv2_100.safetensors"
    model = timm.create_model("mobilenetv2_100")
    model.load_state_dict(load_file(weights))
    path = sorted((shared / "oasis" / "images").iterdir())[0]
    picture = np.asarray(Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR))
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    built = made(last=1280, object_weights=str(weights), pretrained=True)
    last = outputs(built.maps["object.block5"])
    averages = outputs(built.taps["object.5"])
    built.network.eval()(x)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    wanted = model.eval().forward_features((x / 255 - mean) / std)
    torch.testing.assert_close(last[0], wanted, rtol=1e-3, atol=1e-4)
    conv = built.network.streams.object.reducers[4].conv
    reduced = F.conv2d(wanted, conv.weight, conv.bias).relu().mean(dim=(2, 3))
    torch.testing.assert_close(averages[0], reduced, rtol=1e-3, atol=1e-4)


# ----------------------------------------------------------------------------------------------- files that do not fit


def test_absent_weights_are_told_for_both_streams_with_settings_and_origins(monkeypatch):
    from mediaeval.features import weight_files

    def unreachable(file):
        raise WeightsError(f"{file.url}: no network")

    monkeypatch.setattr(weight_files, "fetch", unreachable)
    with pytest.raises(WeightsError) as told:
        made(streams=["object", "places"], pretrained=True)
    of_object, of_places = told.value.problems
    assert of_object.startswith("system 'multigap': ") and "mobilenet_v2-" in of_object
    assert "system.object_weights" in of_object and "https://download.pytorch.org/" in of_object
    assert of_places.startswith("system 'multigap': system.places_weights: got no file; expected a VGG16")
    assert "vgg16_places365.caffemodel" in of_places and "Keras-VGG16-places365" in of_places


def test_a_file_that_is_not_there_is_told(tmp_path):
    nothing = str(tmp_path / "nothing.safetensors")
    with pytest.raises(WeightsError) as told:
        made(streams=["object", "places"], object_weights=nothing, places_weights=nothing, pretrained=True)
    assert len(told.value.problems) == 2 and all(nothing in problem for problem in told.value.problems)


def test_without_pretrained_or_with_random_no_file_is_touched(tmp_path):
    nothing = {"object_weights": str(tmp_path / "no"), "places_weights": str(tmp_path / "no")}
    for built in (
        made(streams=["object", "places"], blocks=1, **nothing),
        made(streams=["object", "places"], blocks=1, **nothing, init="random", pretrained=True),
    ):
        assert list(built.network.streams) == ["object", "places"]


def without(state, *keys):
    return {key: value for key, value in state.items() if key not in keys}


@pytest.mark.parametrize(
    ("stream", "change", "message"),
    [
        ("timm", lambda s: s | {"blocks.9.0.conv_pw.weight": torch.zeros(1)}, r"not a mobilenetv2_100.*blocks\.9\.0"),
        ("timm", lambda s: without(s, "blocks.2.1.bn1.weight"), r"keys that the file lacks: features\.5\.conv\.0\.1"),
        ("torchvision", lambda s: s | {"fc.weight": torch.zeros(1)}, "keys that the network lacks: fc.weight"),
        ("torchvision", lambda s: without(s, "features.3.conv.2.weight"), "file lacks: features.3.conv.2.weight"),
        ("torchvision", lambda s: s | {"features.0.0.weight": torch.zeros(32, 3, 5, 5)}, r"other shapes: .*5, 5"),
        ("caffe", lambda s: s | {"conv6_1.weight": torch.zeros(1)}, r"keys that the network lacks: conv6_1\.weight"),
        ("caffe", lambda s: without(s, "conv2_1.bias"), r"keys that the file lacks: conv2_1\.bias"),
        # BGR or RGB, 0..255 or 0..1: names are all that tells Caffe's VGG16 from torchvision's
        (
            "caffe",
            lambda s: {f"features.{k}.weight": torch.zeros(64, 3, 3, 3) for k in (0, 2)},
            r"keys that the network lacks: features\.0\.weight(.|\n)*file lacks: conv1_1\.weight",
        ),
    ],
)
def test_foreign_files_are_refused_with_their_keys(mobilenets, places, tmp_path, stream, change, message):
    state = load_file({**mobilenets, **places}[stream])
    save_file(change(state), tmp_path / "changed.safetensors")
    file = str(tmp_path / "changed.safetensors")
    settings = {"streams": ["places"], "places_weights": file} if stream == "caffe" else {"object_weights": file}
    with pytest.raises(WeightsError, match=message) as told:
        made(blocks=2 if stream == "caffe" else 5, **settings, pretrained=True)
    assert told.value.problems[0].startswith("system 'multigap': ")


def test_a_keras_file_of_another_network_is_refused_with_its_keys(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["conv1/kernel:0"] = np.zeros((7, 7, 3, 64), np.float32)
        file["block1_conv1/kernel:0"] = np.zeros((3, 3, 3, 64), np.float32)
    with pytest.raises(WeightsError, match=r"other\.h5 is not a VGG16 of Keras.*: conv1/kernel\."):
        made(streams=["places"], places_weights=str(tmp_path / "other.h5"), pretrained=True)
