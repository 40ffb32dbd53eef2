"""The Inception of 2015-12-05: what makes it another network than torchvision's, and TensorFlow 1's resizing."""

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from mediaeval.errors import WeightsError
from mediaeval.features.build import build
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.networks.inception2015 import inception2015
from mediaeval.features.tensorflow1 import normalise, resize
from tests.conftest import picture

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Random weights under the keys of pytorch-fid's file, which are torchvision's, the 1,008 classes included."""
    torch.manual_seed(0)
    model = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, init_weights=False, weights=None)
    return {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def conv(x, state, name, stride=1, padding=0):
    """Convolution, BatchNorm (eps .001) and ReLU of one layer."""
    x = F.conv2d(x, state[f"{name}.conv.weight"], stride=stride, padding=padding)
    bn = {part: state[f"{name}.bn.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")}
    return ((x - bn["running_mean"]) / (bn["running_var"] + 1e-3).sqrt() * bn["weight"] + bn["bias"]).clamp(min=0)


def mean_of_neighbours(x):
    """3 × 3 average that divides by the neighbours inside the image: the graph's AvgPool with padding SAME."""
    ones = torch.ones_like(x[:1, :1])
    kernel = torch.ones(1, 1, 3, 3, dtype=x.dtype)
    total = F.conv2d(x.flatten(0, 1)[:, None], kernel, padding=1).view_as(x)
    return total / F.conv2d(ones, kernel, padding=1)


def by_formula(x, s):
    """`pool_3` from the graph's list of layers: Szegedy et al. 2015 with the pooling of classify_image_graph_def."""
    c = lambda x, name, **how: conv(x, s, name, **how)  # noqa: E731 - forty calls below
    x = c(c(c(x, "Conv2d_1a_3x3", stride=2), "Conv2d_2a_3x3"), "Conv2d_2b_3x3", padding=1)
    x = F.max_pool2d(x, 3, 2)
    x = c(c(x, "Conv2d_3b_1x1"), "Conv2d_4a_3x3")
    x = F.max_pool2d(x, 3, 2)
    for n in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        five = c(c(x, f"{n}.branch5x5_1"), f"{n}.branch5x5_2", padding=2)
        three = c(c(x, f"{n}.branch3x3dbl_1"), f"{n}.branch3x3dbl_2", padding=1)
        three = c(three, f"{n}.branch3x3dbl_3", padding=1)
        pool = c(mean_of_neighbours(x), f"{n}.branch_pool")
        x = torch.cat([c(x, f"{n}.branch1x1"), five, three, pool], 1)
    n = "Mixed_6a"
    double = c(c(x, f"{n}.branch3x3dbl_1"), f"{n}.branch3x3dbl_2", padding=1)
    double = c(double, f"{n}.branch3x3dbl_3", stride=2)
    x = torch.cat([c(x, f"{n}.branch3x3", stride=2), double, F.max_pool2d(x, 3, 2)], 1)
    across, down = (0, 3), (3, 0)
    for n in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        seven = c(x, f"{n}.branch7x7_1")
        seven = c(c(seven, f"{n}.branch7x7_2", padding=across), f"{n}.branch7x7_3", padding=down)
        double = c(x, f"{n}.branch7x7dbl_1")
        for k, padding in enumerate((down, across, down, across), start=2):
            double = c(double, f"{n}.branch7x7dbl_{k}", padding=padding)
        pool = c(mean_of_neighbours(x), f"{n}.branch_pool")
        x = torch.cat([c(x, f"{n}.branch1x1"), seven, double, pool], 1)
    n = "Mixed_7a"
    three = c(c(x, f"{n}.branch3x3_1"), f"{n}.branch3x3_2", stride=2)
    seven = c(c(x, f"{n}.branch7x7x3_1"), f"{n}.branch7x7x3_2", padding=across)
    seven = c(c(seven, f"{n}.branch7x7x3_3", padding=down), f"{n}.branch7x7x3_4", stride=2)
    x = torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)
    for n, pooled in (("Mixed_7b", mean_of_neighbours), ("Mixed_7c", lambda x: F.max_pool2d(x, 3, 1, 1))):
        three = c(x, f"{n}.branch3x3_1")
        three = [c(three, f"{n}.branch3x3_2a", padding=(0, 1)), c(three, f"{n}.branch3x3_2b", padding=(1, 0))]
        double = c(c(x, f"{n}.branch3x3dbl_1"), f"{n}.branch3x3dbl_2", padding=1)
        double = [c(double, f"{n}.branch3x3dbl_3a", padding=(0, 1)), c(double, f"{n}.branch3x3dbl_3b", padding=(1, 0))]
        x = torch.cat([c(x, f"{n}.branch1x1"), *three, *double, c(pooled(x), f"{n}.branch_pool")], 1)
    return x.mean(dim=(2, 3))


def test_the_network_equals_the_graph(state):
    """In float64, at 139 pixels (one pooling more than a place is left), weights scaled so that nothing dies out."""
    loud = {k: v.double() * (4 if k.endswith("conv.weight") else 1) for k, v in state.items()}
    network = inception2015().double().eval()
    network.load_state_dict({k: v for k, v in loud.items() if not k.startswith("fc.")}, strict=False)
    x = torch.rand(2, 3, 139, 139, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        ours, expected = network(x), by_formula(x, loud)
    assert ours.shape == (2, 2048) and ours.std() > 1e-3
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_torchvisions_own_pooling_gives_other_numbers(state):
    """The check above would not pass with the network of 2016: the borders differ."""
    theirs = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, init_weights=False, weights=None)
    loud = {k: v * (4 if k.endswith("conv.weight") else 1) for k, v in state.items()}
    theirs.load_state_dict(loud, strict=False)
    theirs.fc, ours = torch.nn.Identity(), inception2015().eval()
    ours.load_state_dict({k: v for k, v in loud.items() if not k.startswith("fc.")}, strict=False)
    x = torch.rand(1, 3, 139, 139, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        a, b = theirs.eval()(x), ours(x)
    assert (a - b).abs().max() > 0.01 * b.abs().max()


def place_by_place(pixels, side):
    """TensorFlow 1's ResizeBilinear, align_corners and half_pixel_centers off, one output pixel at a time."""
    h, w, _ = pixels.shape
    out = np.zeros((side, side, 3))
    for i in range(side):
        for j in range(side):
            y, x = i * h / side, j * w / side
            top, left = int(y), int(x)
            bottom, right = min(top + 1, h - 1), min(left + 1, w - 1)
            p = pixels.astype(float)
            upper = p[top, left] + (p[top, right] - p[top, left]) * (x - left)
            lower = p[bottom, left] + (p[bottom, right] - p[bottom, left]) * (x - left)
            out[i, j] = upper + (lower - upper) * (y - top)
    return out


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 24), st.integers(0, 9))
def test_resizing_equals_tensorflows_formula(h, w, side, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    np.testing.assert_allclose(resize(pixels, side), place_by_place(pixels, side), atol=0.02)


def test_pixels_are_fed_as_the_graph_does():
    black_and_white = np.stack([np.zeros((2, 3)), np.full((2, 3), 255.0)])
    prepared = normalise(black_and_white)
    assert prepared.shape == (3, 2, 2) and prepared.dtype == np.float32
    assert prepared.min() == -1 and prepared.max() == 127 / 128  # (x − 128) / 128


def test_the_extractor_loads_the_public_file_and_refuses_another(state, tmp_path):
    torch.save(state, tmp_path / "pt_inception-2015-12-05.pth")
    network = build(
        "inception", ExtractorConfig(kind="inception2015", weights=str(tmp_path / "pt_inception-2015-12-05.pth"))
    )
    assert network.width == 2048
    vector = network.forward(network.prepare(picture("positive", 0))[None])
    assert vector.shape == (1, 2048) and np.isfinite(vector).all() and (vector >= 0).all()
    torch.save({k: v for k, v in state.items() if "Mixed_7c" not in k}, tmp_path / "cut.pth")
    with pytest.raises(WeightsError, match="keys that the file lacks: Mixed_7c"):
        build("inception", ExtractorConfig(kind="inception2015", weights=str(tmp_path / "cut.pth")))
