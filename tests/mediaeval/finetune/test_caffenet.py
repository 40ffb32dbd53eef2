"""CaffeNet: layers, sizes and orders of the published network, the four forms that are fine-tuned, and its files."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.build import build as build_extractor
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig
from mediaeval.features.kinds.caffenet import MEAN, prepared
from mediaeval.features.networks.caffenet import (
    CaffeNet,
    ResponseNorm,
    blobs,
    from_caffe,
    fully_convolutional,
    load_caffenet,
    read_caffenet,
)
from mediaeval.finetune import SYSTEMS, settings_of
from mediaeval.finetune.model import SystemModel, load_system
from mediaeval.finetune.network import View
from mediaeval.finetune.pixels import centre_crop
from mediaeval.finetune.systems.caffenet import build
from mediaeval.interpret.gradcam import heat_map_view
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.mediaeval.formats.caffemodel import network_file

pytestmark = pytest.mark.integration

# Output of every layer at 227 pixels: Campos et al. 2017, figure 2, and Caffe's bvlc_reference_caffenet
SHAPES = {
    "conv1": (96, 55, 55),
    "pool1": (96, 27, 27),
    "norm1": (96, 27, 27),
    "conv2": (256, 27, 27),
    "pool2": (256, 13, 13),
    "norm2": (256, 13, 13),
    "conv3": (384, 13, 13),
    "conv4": (384, 13, 13),
    "conv5": (256, 13, 13),
    "pool5": (256, 6, 6),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (1000,),
}
CONVS = {
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
}
PAIR = ("weight", "bias")
CAFFENET, ALEXNET = ("pool1", "norm1"), ("norm1", "pool1")


def draw(dense: dict[str, int], seed: int = 0) -> dict[str, list[np.ndarray]]:
    """Weights and biases of a network of CaffeNet's shape, name → units behind pool5."""
    rng = np.random.default_rng(seed)
    shapes, width = dict(CONVS), 9216
    for name, units in dense.items():
        shapes[name], width = (units, width), units
    return {
        name: [
            rng.standard_normal(shape, np.float32) * np.float32((2 / np.prod(shape[1:])) ** 0.5),
            rng.standard_normal(shape[0], np.float32) / 10,
        ]
        for name, shape in shapes.items()
    }


def torch_state(weights: dict[str, list[np.ndarray]]) -> dict[str, torch.Tensor]:
    return {f"{n}.{v}": torch.from_numpy(a) for n, pair in weights.items() for v, a in zip(PAIR, pair, strict=True)}


def settings(form: str = "fc8", **own):
    name = "caffenet" if form == "fc8" else f"caffenet-{form}"
    return settings_of({"name": name, **own})


def outputs(modules, network, x) -> dict[str, torch.Tensor]:
    """What each module gives while the network looks at x."""
    found = {}
    hooks = [
        module.register_forward_hook(lambda _m, _x, y, name=name: found.update({name: y}))
        for name, module in modules.items()
    ]
    with torch.inference_mode():
        network(x)
    for hook in hooks:
        hook.remove()
    return found


# --- the network ----------------------------------------------------------------------------------------------------


def test_every_layer_has_its_shape():
    with torch.device("meta"):
        network = CaffeNet().eval()
        found = outputs(blobs(network), network, torch.empty(2, 3, 227, 227))
    assert {name: tuple(y.shape[1:]) for name, y in found.items()} == SHAPES


@pytest.mark.parametrize(
    ("dense", "upto", "count"),
    [
        ((4096, 4096, 1000), "", 60_965_224),
        ((4096, 4096, 2), "", 56_876_418),
        ((4096, 2), "", 40_095_106),  # 56,876,418 less fc7's 4096² + 4096, fc8 being as large
        ((2,), "", 2_352_514),
        ((4096, 4096, 1000, 2), "", 60_967_226),
        ((4096, 4096, 4342, 2), "", 74_666_084),
        ((4096, 4096, 1000), "pool5", 2_334_080),
        ((4096, 4096, 1000), "relu7", 60_965_224 - 4097 * 1000),
    ],
)
def test_parameters_are_as_many_as_published(dense, upto, count):
    with torch.device("meta"):
        network = CaffeNet(dense, upto=upto)
    assert sum(p.numel() for p in network.parameters()) == count
    by_hand = sum(np.prod(shape) + shape[0] for shape in CONVS.values())
    if upto != "pool5":
        widths = [9216, *(dense[:2] if upto else dense)]
        by_hand += sum((a + 1) * b for a, b in pairwise(widths))
    assert count == by_hand


def test_the_response_norm_is_the_formula():
    """b = a / (1 + α/5 · Σ a²)^β over 5 channels, α = 1e-4, β = 0.75: Caffe divides α by the 5."""
    a = np.random.default_rng(0).normal(0, 100, (2, 7, 3, 4))
    b = np.empty_like(a)
    for c in range(7):
        near = a[:, max(c - 2, 0) : c + 3]
        b[:, c] = a[:, c] / (1 + 1e-4 / 5 * (near**2).sum(axis=1)) ** 0.75
    x = torch.from_numpy(a)
    np.testing.assert_allclose(ResponseNorm()(x).numpy(), b, rtol=1e-12)
    torch.testing.assert_close(ResponseNorm()(x), nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1)(x))


@pytest.mark.parametrize(
    ("norm", "order"),
    [
        ("after-pool", ["conv1", "relu1", "pool1", "norm1", "conv2"]),
        ("before-pool", ["conv1", "relu1", "norm1", "pool1", "conv2"]),
        ("none", ["conv1", "relu1", "pool1", "conv2"]),
    ],
)
def test_caffenet_pools_before_it_normalises(norm, order):
    torch.manual_seed(0)
    network = CaffeNet((2,), norm=norm, upto="pool5").eval()
    assert [name for name, _ in network.named_children()][: len(order)] == order
    x = torch.randn(1, 3, 67, 67) * 1000
    y = x
    for name in order[:-1]:
        kind = {"relu1": nn.ReLU(), "pool1": nn.MaxPool2d(3, 2), "norm1": nn.LocalResponseNorm(5, 1e-4, 0.75, 1)}
        y = kind.get(name, network.conv1)(y)
    into_conv2 = []
    network.conv2.register_forward_pre_hook(lambda _, inputs: into_conv2.append(inputs[0]))
    network(x)
    torch.testing.assert_close(into_conv2[0], y)


def test_pooling_rounds_up_as_caffe_does():
    """At 224 pixels conv1 gives 54 × 54, which Caffe pools to ⌈(54 − 3) / 2⌉ + 1 = 27."""
    with torch.device("meta"):
        network = CaffeNet((2,), upto="pool5")
        found = outputs(blobs(network), network, torch.empty(1, 3, 224, 224))
    assert found["conv1"].shape[-1] == 54 and found["pool1"].shape[-1] == 27


def test_the_groups_see_half_of_the_channels():
    torch.manual_seed(0)
    network = CaffeNet((2,), norm="none", upto="pool5").eval()
    x = torch.randn(1, 96, 5, 5)
    changed = x.clone()
    changed[:, :48] += 1
    with torch.inference_mode():
        same = (network.conv2(x) == network.conv2(changed)).flatten(2).all(dim=2)[0]
    assert same[128:].all() and not same[:128].any()


def test_a_training_from_nothing_begins_as_caffes():
    """train_val.prototxt of bvlc_reference_caffenet: N(0, .01), fc6 and fc7 N(0, .005); biases 0 or 1."""
    torch.manual_seed(0)
    network = CaffeNet((64, 64, 5))
    drawn = {name: layer for name, layer in network.named_children() if hasattr(layer, "weight")}
    for name, layer in drawn.items():
        std = layer.weight.detach().std().item()
        assert std == pytest.approx(0.005 if name in ("fc6", "fc7") else 0.01, rel=0.15), name
    ones = {name for name, layer in drawn.items() if (layer.bias == 1).all()}
    zeros = {name for name, layer in drawn.items() if (layer.bias == 0).all()}
    assert ones == {"conv2", "conv4", "conv5", "fc6", "fc7"} and zeros == {"conv1", "conv3", "fc8"}


# --- fully convolutional --------------------------------------------------------------------------------------------


def test_as_convolutions_it_gives_the_same_at_227():
    torch.manual_seed(0)
    network = CaffeNet((1024, 512, 7)).eval()
    x = torch.randn(2, 3, 227, 227) * 60
    with torch.inference_mode():
        wide, dense = fully_convolutional(network)(x), network(x)
    assert wide.shape == (2, 7, 1, 1)
    torch.testing.assert_close(wide[:, :, 0, 0], dense, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dense", [(4096, 4096, 2), (4096, 2), (2,), (4096, 4096, 1000, 2)])
def test_451_pixels_give_8_places_a_side(dense):
    with torch.device("meta"):
        assert fully_convolutional(CaffeNet(dense))(torch.empty(1, 3, 451, 451)).shape == (1, 2, 8, 8)
        assert fully_convolutional(CaffeNet(dense))(torch.empty(1, 3, 227, 259)).shape == (1, 2, 1, 2)


def test_places_lie_where_they_look():
    """Pixels at the right edge reach the last column of places, and not the first."""
    torch.manual_seed(0)
    network = CaffeNet((16, 3)).eval()
    x = torch.randn(1, 3, 227, 451) * 60
    changed = x.clone()
    changed[..., 430:] = 0
    with torch.inference_mode():
        moved = (fully_convolutional(network)(x) - fully_convolutional(network)(changed)).abs().amax(dim=1)[0, 0]
    assert moved[0] == 0 and moved[-1] > 1e-6


# --- files ----------------------------------------------------------------------------------------------------------

SMALL = {"fc6": 16, "fc7": 8, "fc8": 5}


def small() -> CaffeNet:
    torch.manual_seed(1)
    return CaffeNet(tuple(SMALL.values())).eval()


@pytest.mark.parametrize("dialect", ["layer", "V1", "V0"])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_caffemodel_fills_every_layer(tmp_path, dialect, legacy):
    weights = draw(SMALL)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(network_file(weights, dialect=dialect, legacy=legacy))
    network = small()
    load_caffenet(network, read_caffenet(path, "system 'x'", "after-pool"), "system 'x'", path)
    for key, tensor in torch_state(weights).items():
        torch.testing.assert_close(network.state_dict()[key], tensor)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["fc6", "fc7", "fc8_twitter"], ["fc6", "fc7", "fc8"]),
        (["fc6", "fc7", "fc8-t"], ["fc6", "fc7", "fc8"]),  # DeepSentiBank
        (["fc6", "fc7", "fc8-places"], ["fc6", "fc7", "fc8"]),
        (["fc6", "fc7", "anp"], ["fc6", "fc7", "fc8"]),
        (["fc6", "fc7", "fc8", "fc9_twitter"], ["fc6", "fc7", "fc8", "fc9"]),
        (["fc6", "fc7", "fc8-t", "fc9_twitter"], ["fc6", "fc7", "fc8", "fc9"]),
        (["fc6", "fc7_twitter"], ["fc6", "fc7"]),
        (["fc6-conv", "fc7-conv", "fc8_twitter-conv"], ["fc6", "fc7", "fc8"]),
        (["classifier.1", "classifier.4", "classifier.6"], ["classifier.1", "classifier.4", "classifier.6"]),
        (["fc6", "fc7", "fc80", "other", "more"], ["fc6", "fc7", "fc8", "fc9", "more"]),
    ],
)
def test_the_last_layer_is_known_whatever_its_name(names, wanted):
    conv = any(name.endswith("-conv") for name in names)
    state = {f"{name}/weight": torch.full((2, 3, 1, 1) if conv else (2, 3), k) for k, name in enumerate(names)}
    found = from_caffe({"conv1/weight": torch.ones(96, 3, 11, 11), **state})
    assert found.pop("conv1.weight").shape == (96, 3, 11, 11)
    assert {key: int(t[0, 0]) for key, t in found.items()} == {f"{name}.weight": k for k, name in enumerate(wanted)}
    assert all(t.shape == (2, 3) for t in found.values())


def test_the_fully_convolutional_twin_is_the_same_network(tmp_path):
    """fc6 of 9216 numbers and fc6-conv of 256 × 6 × 6 lie in the same order."""
    weights = draw(SMALL)
    twin = {name: pair for name, pair in weights.items() if name in CONVS}
    for name in SMALL:
        kernel = 6 if name == "fc6" else 1
        matrix, bias = weights[name]
        twin[f"{name}-conv"] = [matrix.reshape(len(matrix), -1, kernel, kernel), bias]
    path = tmp_path / "net_conv.caffemodel"
    path.write_bytes(network_file(twin))
    state = read_caffenet(path, "system 'x'", "after-pool")
    assert state.keys() == torch_state(weights).keys()
    torch.testing.assert_close(state["fc6.weight"], torch.from_numpy(weights["fc6"][0]))


def test_alexnets_file_has_the_same_shapes_and_is_refused_by_its_order(tmp_path):
    for order in (CAFFENET, ALEXNET):
        (tmp_path / f"{order[0]}.caffemodel").write_bytes(network_file(draw({"fc6": 4}), order=order))
    caffenet, alexnet = tmp_path / "pool1.caffemodel", tmp_path / "norm1.caffemodel"
    with pytest.raises(
        WeightsError,
        match=r"system 'x': .*norm1 before pool1: got .* AlexNet of 2012; expected .* CaffeNet",
    ):
        read_caffenet(alexnet, "system 'x'", "after-pool")
    with pytest.raises(WeightsError, match=r"pool1 before norm1: got a file of CaffeNet; expected .* AlexNet of 2012"):
        read_caffenet(caffenet, "system 'x'", "before-pool")
    assert read_caffenet(alexnet, "system 'x'", "before-pool").keys() == read_caffenet(caffenet, "x", "none").keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("conv3"), r"keys that the file lacks: conv3.weight, conv3.bias"),
        (lambda w: w.update(conv2=[np.zeros((256, 96, 5, 5), np.float32), w["conv2"][1]]),  # without groups
         r"conv2.weight: got \(256, 96, 5, 5\), expected \(256, 48, 5, 5\)"),
        (lambda w: w.update(conv6=w["conv5"]), r"keys that the network lacks: conv6.weight"),
        (lambda w: w.update(fc6=[w["fc6"][0][:, :6400], w["fc6"][1]]), r"fc6.weight: got \(16, 6400\), expected"),
    ],
)  # fmt: skip
def test_another_network_is_told_by_keys_and_shapes(tmp_path, change, message):
    weights = draw(SMALL)
    change(weights)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(network_file(weights))
    with pytest.raises(WeightsError, match=rf"system 'x': .*does not fit(.|\n)*{message}"):
        load_caffenet(small(), read_caffenet(path, "system 'x'", "after-pool"), "system 'x'", path)


# --- systems --------------------------------------------------------------------------------------------------------

FORMS = {
    "fc8": (["fc6", "fc7", "fc8"], "fc8.", 56_876_418),
    "fc7-2": (["fc6", "fc7"], "fc7.", 40_095_106),
    "fc6-2": (["fc6"], "fc6.", 2_352_514),
    "fc9": (["fc6", "fc7", "fc8", "fc9"], "fc9.", 60_967_226),
}
# Lengths of what the probes of section 3.2 read, flattened
PROBED = {
    "conv1": 290_400,
    "pool1": 69_984,
    "norm1": 69_984,
    "conv2": 186_624,
    "pool2": 43_264,
    "norm2": 43_264,
    "conv3": 64_896,
    "conv4": 64_896,
    "conv5": 43_264,
    "pool5": 9_216,
    "fc6": 4_096,
    "fc7": 4_096,
    "fc8": 2,
}


@pytest.fixture(scope="module")
def weights():
    """Those of a network of the published size, with 12 classes under another name."""
    return draw({"fc6": 4096, "fc7": 4096, "fc8-places": 12})


@pytest.fixture(scope="module")
def file(tmp_path_factory, weights):
    path = tmp_path_factory.mktemp("weights") / "places.caffemodel"
    path.write_bytes(network_file(weights, dialect="V1", legacy=True))
    yield path
    path.unlink()


@pytest.mark.parametrize("form", FORMS)
def test_the_four_forms(form):
    layers, new, count = FORMS[form]
    with torch.device("meta"):
        built = build(settings(form), 2, 0, pretrained=False)
    assert sum(p.numel() for p in built.network.parameters()) == count
    assert [name for name in built.taps if name.startswith("fc")] == layers
    assert built.new == (new,)
    assert next(iter(built.maps)) == "conv5" and set(built.maps) == set(CONVS)
    assert (built.view.resize, built.view.crop, built.view.squash, built.view.interpolation) == (
        256, 227, True, "opencv",
    )  # fmt: skip
    names = {name for name, _ in built.network.named_parameters()}
    assert built.layers.keys() == names
    order = list(dict.fromkeys(name.split(".")[0] for name in sorted(names, key=built.layers.get)))
    assert order == [*CONVS, *layers]


def test_images_are_resized_as_for_the_extractor_and_old_models_keep_theirs(tmp_path):
    """Caffe does not smooth: a pattern as fine as the pixels survives, where Pillow makes it grey."""
    fine = Image.fromarray(np.indices((512, 512, 3)).sum(axis=0).astype(np.uint8) % 2 * 255)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 500, 3), dtype=np.uint8))
    model = SystemModel(
        VISUAL_SENTIMENT_2021["subtask1"], "caffenet-fc6-2", settings("fc6-2", init="random"), {}, seed=0
    )
    model._built = model._build(pretrained=False)
    for image in (fine, noise):
        of_extractor = prepared(image, (0, 0, 0))[::-1].transpose(1, 2, 0)  # RGB
        np.testing.assert_array_equal(model.pixels(image), of_extractor)
    model.save(tmp_path / "new.safetensors")
    with safe_open(tmp_path / "new.safetensors", "np") as file:
        metadata = json.loads(file.metadata()["system"])
    assert metadata["settings"].pop("resize") == "caffe"  # as models had it before it could be set
    tensors = load_file(tmp_path / "new.safetensors")
    save_file(tensors, tmp_path / "old.safetensors", {"system": json.dumps(metadata)})
    new, old = (load_system(tmp_path / f"{name}.safetensors", model.task) for name in ("new", "old"))
    assert (new.settings.resize, old.settings.resize) == ("caffe", "smooth")
    np.testing.assert_array_equal(new.pixels(noise), model.pixels(noise))
    smooth = centre_crop(View(256, 227, "bilinear", squash=True), noise)
    np.testing.assert_array_equal(old.pixels(noise), smooth)
    assert (heat_map_view(new.built).interpolation, heat_map_view(old.built).interpolation) == ("opencv", "bilinear")


def test_the_published_recipe_belongs_to_each_form():
    for name, system in SYSTEMS.items():
        if name.startswith("caffenet"):
            recipe = settings_of({"name": name})
            assert (recipe.optimiser, recipe.momentum, recipe.batch_size, recipe.epochs) == ("sgd", 0.9, 256, 65)
            assert recipe.new_lr == 10 and recipe.schedule == "step" and recipe.step_epochs == 6
            assert recipe.lr == (1e-4 if name == "caffenet-fc6-2" else 1e-3), system.summary


def test_probes_read_what_the_paper_says():
    with torch.device("meta"):
        built = build(settings(), 2, 0, pretrained=False)
        built.network.eval()
        built.network.first.mean = built.network.first.mean.to("meta")
        found = outputs(built.taps, built.network, torch.empty(1, 3, 227, 227))
    assert {name: y.flatten(1).shape[1] for name, y in found.items()} == PROBED
    assert list(found) == list(PROBED), "from the image to the scores"


def test_probes_read_activations_behind_the_relu():
    """Caffe's ReLU works in place; the scores have none."""
    torch.manual_seed(0)
    network = build(settings("fc6-2"), 2, 0, pretrained=False)
    x = torch.rand(1, 3, 227, 227) * 255
    found = outputs(network.taps, network.network.eval(), x)
    assert all(found[name].min() == 0 for name in CONVS)
    torch.testing.assert_close(found["fc6"], network.network(x).detach())


def test_channel_0_of_conv1_sees_blue_less_its_mean():
    built = build(settings("fc6-2", mean=(10, 20, 30)), 2, 0, pretrained=False)
    with torch.no_grad():
        built.network.conv1.weight.zero_()
        built.network.conv1.weight[0, 0] = 1 / 121  # filter 0: the mean of channel 0
        built.network.conv1.bias.zero_()
    red_green_blue = torch.tensor([100.0, 150.0, 200.0])
    pixels = red_green_blue.view(1, 3, 1, 1).expand(1, 3, 227, 227)
    found = outputs({"conv1": built.taps["conv1"]}, built.network.eval(), pixels)
    torch.testing.assert_close(found["conv1"][0, 0], torch.full((55, 55), 200.0 - 10), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("form", "width"), [("fc8", 4096), ("fc9", 12)])
def test_a_file_fills_all_but_the_new_layer(file, weights, form, width):
    torch.manual_seed(3)
    built = build(settings(form, weights=str(file), classes=12), 10, 0, pretrained=True)
    state, new = built.network.state_dict(), built.new[0]
    for key, tensor in torch_state(weights | {"fc8": weights["fc8-places"]}).items():
        assert key.startswith((new, "fc8-places")) or torch.equal(state[key], tensor), key
    assert state[f"{new}weight"].shape == (10, width)
    assert float(state[f"{new}weight"].std()) == pytest.approx(0.01, rel=0.3)
    assert (state[f"{new}bias"] == 0).all()


def test_fc9_wants_the_files_number_of_classes(tmp_path):
    path = tmp_path / "mvso.caffemodel"
    path.write_bytes(network_file(draw({"fc6": 4, "fc7": 4, "fc8-t": 6})))
    with pytest.raises(WeightsError, match=r"system 'caffenet-fc9': fc8 of .*mvso.caffemodel has 6 classes; "
                       r"expected 1000, as in system.classes. Set system.classes = 6"):  # fmt: skip
        build(settings("fc9", weights=str(path)), 2, 0, pretrained=True)


def test_new_layers_follow_the_seed(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(network_file(draw({"fc6": 4, "fc7": 4, "fc8": 2})))

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return build(settings("fc6-2", weights=str(path)), 2, 0, pretrained=True).network.fc6.weight

    assert torch.equal(drawn(0), drawn(0)) and not torch.equal(drawn(0), drawn(1))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_state_dict_with_the_layers_names_is_loaded_too(tmp_path, suffix):
    """fc6-2 leaves all behind pool5 out, whatever it is."""
    state = torch_state(draw({"fc6": 4, "fc7": 4, "fc8_twitter": 2}))
    path = tmp_path / f"net{suffix}"
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    network = build(settings("fc6-2", weights=str(path)), 3, 0, pretrained=True).network
    torch.testing.assert_close(network.conv5.bias, state["conv5.bias"])
    assert network.fc6.weight.shape == (3, 9216)


def test_without_a_file_it_says_which_are_wanted(tmp_path):
    expected = r"expected bvlc_reference_caffenet.caffemodel.*DeepSentiBank.*MVSO.*system.init = 'random'"
    with pytest.raises(WeightsError, match=rf"system 'caffenet': system.weights: got no file; {expected}"):
        build(settings(), 2, 0, pretrained=True)
    with pytest.raises(
        WeightsError, match=r"system 'caffenet-fc7-2': system.weights: got .*gone.caffemodel, which does not exist"
    ):
        build(settings("fc7-2", weights=str(tmp_path / "gone.caffemodel")), 2, 0, pretrained=True)


def test_torchvisions_alexnet_is_refused(tmp_path):
    with torch.device("meta"):
        shapes = {k: t.shape for k, t in torchvision.models.alexnet().state_dict().items()}
    # as large as need be: loading stops at the keys
    torch.save({k: torch.zeros(shape[0]) for k, shape in shapes.items()}, tmp_path / "alexnet.pth")
    with pytest.raises(
        WeightsError,
        match=r"keys that the network lacks: features.0.weight(.|\n)*file lacks: conv1.weight(.|\n)*torchvision's alex",
    ):
        build(settings("fc6-2", weights=str(tmp_path / "alexnet.pth")), 2, 0, pretrained=True)


def test_random_weights_are_asked_for_and_then_all_is_new():
    with torch.device("meta"):
        built = build(settings("fc6-2", init="random"), 2, 0, pretrained=True)
    assert built.new == ("",)


def test_relu_stands_before_fc9_alone():
    with torch.device("meta"):
        plain, with_relu = (build(settings("fc9", relu=relu), 2, 0, pretrained=False) for relu in (False, True))
    assert isinstance(plain.taps["fc8"], nn.Linear) and isinstance(with_relu.taps["fc8"], nn.ReLU)
    with pytest.raises(ConfigError, match="system: relu stands between fc8 and fc9; form fc8 has no fc9"):
        settings(relu=True)


# --- extractors -----------------------------------------------------------------------------------------------------


def test_the_table_names_the_widths_of_the_detectors():
    """2,089 adjective-noun pairs (Chen et al. 2014), 4,342 (Jou et al. 2015; Campos et al. 2017, section 3.5)."""
    assert EXTRACTORS["deepsentibank"].width == 2089 and EXTRACTORS["mvso_en"].width == 4342


def test_features_are_fc7_and_scores_are_probabilities(file, weights):
    own = ExtractorConfig(kind="caffenet", model="mine", weights=str(file), mean=(1.0, 0.5, 0.0))  # RGB of 0..1
    features, scores = (build_extractor("x", own.model_copy(update={"output": o})) for o in ("features", "scores"))
    assert (features.width, scores.width) == (4096, 12)
    assert features.identity != scores.identity
    assert features.identity["preprocessing"].endswith("to 256², middle of 227², BGR minus (0.0, 127.5, 255.0)")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    x = scores.prepare(image)[None]
    np.testing.assert_array_equal(x[0], prepared(image, (0, 127.5, 255)))
    vector, P = features.forward(x), scores.forward(x)
    assert (vector >= 0).all() and (vector == 0).any()
    matrix, bias = weights["fc8-places"]
    torch.testing.assert_close(torch.from_numpy(P), torch.from_numpy(vector @ matrix.T + bias).softmax(dim=1))


def test_the_image_is_squashed_cut_and_bgr_less_the_mean():
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[..., 2] = 50  # blue
    pixels[14, 14] = (255, 7, 9)  # the first pixel of the middle 227: 14 = ⌊(256 - 227) / 2⌋
    x = prepared(Image.fromarray(pixels))
    assert x.shape == (3, 227, 227) and x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0, 0], np.float32([9, 7, 255]) - np.float32(MEAN), rtol=1e-6)
    np.testing.assert_allclose(x[:, 5, 5], np.float32([50, 0, 0]) - np.float32(MEAN), rtol=1e-6)
    for size in ((900, 30), (1, 1)):
        wide = prepared(Image.new("RGB", size, (0, 0, 200)))
        assert wide.shape == (3, 227, 227) and np.allclose(wide[0], 200 - MEAN[0])


def test_absent_files_say_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path))
    for name, words in {
        "deepsentibank": "caffe_sentibank_train_iter_250000 does not exist. It is the Caffe model in DeepSentiBank.zip",
        "mvso_en": "mvso_en.caffemodel does not exist. It is the English detectors of the Multilingual",
    }.items():
        with pytest.raises(WeightsError, match=f"extractor '{name}': weights of caffenet {name} not found: .*{words}"):
            build_extractor(name, EXTRACTORS[name])
    with pytest.raises(
        WeightsError, match=r"weights of caffenet mine not found: .*mine.caffemodel .*set .extractors.mine. w"
    ):
        build_extractor("mine", ExtractorConfig(kind="caffenet", model="mine"))
    with pytest.raises(ConfigError, match=r"extractors.mine.output: got 'unit'; expected 'features' or 'scores'"):
        build_extractor("mine", ExtractorConfig(kind="caffenet", model="mine", output="unit"))


@pytest.mark.slow
def test_openvino_gives_the_same(tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path / "weights"))
    network = small()
    network.load_state_dict(torch_state(draw(SMALL)))

    def make() -> ModuleSpec:
        return ModuleSpec(nn.Sequential(network, nn.Softmax(dim=1)), np.zeros((3, 227, 227), np.float32), {})

    x = np.random.default_rng(0).normal(0, 0.1, (2, 3, 227, 227)).astype(np.float32)
    by_torch, by_openvino = (Engine(name).load("x", {"kind": "caffenet"}, make) for name in ("torch", "openvino"))
    assert by_openvino.engine.startswith("openvino")
    P = by_torch.start(x)()
    assert P.std() > 1e-3
    np.testing.assert_allclose(by_openvino.start(x)(), P, atol=1e-4)
