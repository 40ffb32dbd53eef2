"""R: the pre-activation ResNet-152 of the MXNet model zoo, from both of its public layouts."""

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.build import build
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.networks.resnet152 import CLASSES, UNITS, WIDTHS, ResNet11k, crops, state_from
from tests.conftest import picture

pytestmark = pytest.mark.integration

EPS = 2e-5  # mx.sym.BatchNorm(eps=2e-5) in MXNet's symbols/resnet.py
SMALL = {"units": (1, 2), "widths": (16, 32), "stem": 8}


def draw(units=UNITS, widths=WIDTHS, stem=64, classes=CLASSES, seed=0) -> dict[str, np.ndarray]:
    """Random numbers under the names and in the shapes of MXNet's file, but for the prefixes."""
    rng = np.random.default_rng(seed)
    arrays = {}

    def conv(name, out, inside, side):
        arrays[f"{name}_weight"] = rng.normal(0, (0.5 / (inside * side**2)) ** 0.5, (out, inside, side, side))

    def bn(name, width):
        arrays[f"{name}_gamma"], arrays[f"{name}_beta"] = rng.uniform(0.5, 1.5, width), rng.normal(0, 0.2, width)
        arrays[f"{name}_moving_mean"] = rng.normal(0, 0.2, width)
        arrays[f"{name}_moving_var"] = rng.uniform(0.5, 1.5, width)

    bn("bn_data", 3)
    arrays["bn_data_moving_mean"], arrays["bn_data_moving_var"] = rng.uniform(90, 130, 3), rng.uniform(3e3, 5e3, 3)
    conv("conv0", stem, 3, 7)
    bn("bn0", stem)
    inside = stem
    for s, (n, width) in enumerate(zip(units, widths, strict=True), start=1):
        for u in range(1, n + 1):
            name, narrow = f"stage{s}_unit{u}", width // 4
            bn(f"{name}_bn1", inside)
            conv(f"{name}_conv1", narrow, inside, 1)
            bn(f"{name}_bn2", narrow)
            conv(f"{name}_conv2", narrow, narrow, 3)
            bn(f"{name}_bn3", narrow)
            conv(f"{name}_conv3", width, narrow, 1)
            if u == 1:
                conv(f"{name}_sc", width, inside, 1)
            inside = width
    bn("bn1", inside)
    arrays["fc1_weight"], arrays["fc1_bias"] = rng.normal(0, 0.01, (classes, inside)), np.zeros(classes)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def as_mxnet(arrays) -> dict[str, np.ndarray]:
    return {f"{'aux' if '_moving_' in name else 'arg'}:{name}": array for name, array in arrays.items()}


def as_keras(arrays) -> dict[str, np.ndarray]:
    """The Keras port: kernels (h, w, in, out), variances spelt out, no scale in bn_data."""
    named = {}
    for name, array in arrays.items():
        for variable in ("moving_mean", "moving_var", "gamma", "beta", "weight", "bias"):
            if name.endswith(f"_{variable}"):
                layer = name.removesuffix(f"_{variable}")
                break
        if variable == "weight":
            variable = "kernel"
            array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        if (layer, variable) != ("bn_data", "gamma"):
            named[f"{layer}/{variable.replace('moving_var', 'moving_variance')}"] = np.ascontiguousarray(array)
    return named


def write_h5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in as_keras(arrays).items():
            layer, variable = name.split("/")
            file[f"{layer}/{layer}/{variable}:0"] = array


def by_formula(arrays, x: torch.Tensor, units, n_stages) -> torch.Tensor:
    """The network as the fact sheet lists it, in float64, from MXNet's names alone."""
    a = {name: torch.from_numpy(array).double() for name, array in arrays.items()}
    a["bn_data_gamma"] = torch.ones(3, dtype=torch.float64)  # fix_gamma

    def bn(x, name):
        scale = a[f"{name}_gamma"] / (a[f"{name}_moving_var"] + EPS).sqrt()
        return (x - a[f"{name}_moving_mean"][:, None, None]) * scale[:, None, None] + a[f"{name}_beta"][:, None, None]

    x = F.conv2d(bn(x, "bn_data"), a["conv0_weight"], stride=2, padding=3)
    x = F.max_pool2d(bn(x, "bn0").clamp(min=0), 3, 2, 1)
    for s in range(1, n_stages + 1):
        for u in range(1, units[s - 1] + 1):
            name = f"stage{s}_unit{u}"
            stride = 2 if u == 1 and s > 1 else 1
            active = bn(x, f"{name}_bn1").clamp(min=0)
            y = F.conv2d(active, a[f"{name}_conv1_weight"])
            y = F.conv2d(bn(y, f"{name}_bn2").clamp(min=0), a[f"{name}_conv2_weight"], stride=stride, padding=1)
            y = F.conv2d(bn(y, f"{name}_bn3").clamp(min=0), a[f"{name}_conv3_weight"])
            x = y + (F.conv2d(active, a[f"{name}_sc_weight"], stride=stride) if u == 1 else x)
    return bn(x, "bn1").clamp(min=0).mean(dim=(2, 3))


def tensors(arrays):
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@pytest.mark.parametrize("sizes", [SMALL, pytest.param({}, marks=pytest.mark.slow)], ids=["small", "full"])
def test_the_network_equals_its_list_of_layers(sizes):
    """Against the formula in float64; at full size all 152 layers in their widths."""
    arrays = draw(**sizes)
    units, widths = sizes.get("units", UNITS), sizes.get("widths", WIDTHS)
    network = ResNet11k(**sizes).eval()
    network.load_state_dict(state_from(tensors(as_mxnet(arrays)), "extractor 'R'"), strict=False)
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    expected = by_formula(arrays, x.double(), units, len(units))
    with torch.no_grad():
        ours = network.double()(x.double())
    assert ours.shape == (2, widths[-1]) and (ours >= 0).all()
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_both_layouts_load_strictly_and_give_the_same():
    arrays = draw(widths=(16, 32, 64, 128), stem=8, classes=5)  # all units, and so all names
    mxnet, keras = (
        state_from(tensors(as_mxnet(arrays)), "extractor 'R'"),
        state_from(tensors(as_keras(arrays)), "extractor 'R'"),
    )
    wanted = {k for k in ResNet11k().state_dict() if not k.endswith("num_batches_tracked")}
    assert set(mxnet) == set(keras) == wanted
    for key, value in mxnet.items():
        torch.testing.assert_close(keras[key], value, rtol=0, atol=0)


def test_the_stored_gamma_of_bn_data_is_ignored():
    """fix_gamma: MXNet stores a number and uses 1 (apache/mxnet 15717)."""
    arrays = draw(**SMALL)
    other = arrays | {"bn_data_gamma": np.full(3, 7, np.float32)}
    a, b = (state_from(tensors(as_mxnet(named)), "extractor 'R'") for named in (arrays, other))
    torch.testing.assert_close(a["bn_data.weight"], torch.ones(3))
    torch.testing.assert_close(b["bn_data.weight"], torch.ones(3))
    plain = state_from(a | {"bn_data.weight": torch.full((3,), 7.0)}, "extractor 'R'")
    torch.testing.assert_close(plain["bn_data.weight"], torch.ones(3))


def test_ten_crops_are_the_corners_and_the_centre_and_their_mirrors():
    image = torch.arange(36.0).view(1, 1, 6, 6)
    ten = crops(image, 4, "ten")
    assert ten.shape == (10, 1, 1, 4, 4)
    corners = [int(c[0, 0, 0, 0]) for c in ten[:5]]
    assert corners == [7, 0, 2, 12, 14]  # centre (1, 1), then the four corners: row · 6 + column
    torch.testing.assert_close(ten[5:], ten[:5].flip(-1))
    torch.testing.assert_close(crops(image, 4, "centre"), ten[:1])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The network at full size in the Keras layout, without its classifier."""
    path = tmp_path_factory.mktemp("weights") / "resnet152_imagenet11k_11221_no_top.h5"
    write_h5(path, {k: v for k, v in draw().items() if not k.startswith("fc1")})
    return path


@pytest.mark.slow
def test_the_extractor_squashes_and_crops(file):
    network = build("R", ExtractorConfig(kind="resnet152_11k", weights=str(file)))
    ten = build("R", ExtractorConfig(kind="resnet152_11k", weights=str(file), model_args={"crops": "ten"}))
    assert network.width == 2048
    assert network.identity != ten.identity, "another crop is another feature"
    image = Image.new("RGB", (300, 100), "white")
    prepared = network.prepare(image)
    assert prepared.shape == (256, 256, 3) and (prepared == 255).all(), "raw pixels 0..255"
    flat = np.stack([prepared])
    one, average = network.forward(flat), ten.forward(flat)
    np.testing.assert_allclose(one, average, rtol=1e-4)  # every crop of a white image is white
    striped = np.stack([network.prepare(picture("positive", 1))])
    assert np.abs(network.forward(striped) - ten.forward(striped)).max() > 1e-3


@pytest.mark.parametrize("image", [Image.new("L", (40, 30), 90).convert("RGB"), Image.new("RGB", (1, 1))])
def test_grey_and_tiny_images_have_a_vector(file, image):
    network = build("R", ExtractorConfig(kind="resnet152_11k", weights=str(file)))
    assert np.isfinite(network.forward(network.prepare(image)[None])).all()


def test_another_network_is_refused(tmp_path):
    """Half the units: keys that the file lacks are told; a file of other layers: its keys are."""
    short = draw(units=(3, 8, 36, 2))
    write_h5(tmp_path / "short.h5", short)
    with pytest.raises(WeightsError, match=r"does not fit the network(.|\n)*keys that the file lacks: stage4_unit3"):
        build("R", ExtractorConfig(kind="resnet152_11k", weights=str(tmp_path / "short.h5")))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["block1_conv1/block1_conv1/kernel:0"] = np.zeros((3, 3, 3, 64), np.float32)
    with pytest.raises(WeightsError, match="keys that the network lacks: block1_conv1"):
        build("R", ExtractorConfig(kind="resnet152_11k", weights=str(tmp_path / "other.h5")))
    with pytest.raises(ConfigError, match=r"extractors.R.model_args.crops: got 'five'; expected 'centre' or 'ten'"):
        build("R", ExtractorConfig(kind="resnet152_11k", weights="x.h5", model_args={"crops": "five"}))
    with pytest.raises(
        ConfigError, match=r"unknown setting 'extractors.R.model_args.crop'. Did you mean 'crops'\? Known: crops"
    ):
        build("R", ExtractorConfig(kind="resnet152_11k", weights="x.h5", model_args={"crop": "ten"}))
