"""Heat maps: on the thing that speaks for the label, at its place in the photograph; and sheets that can be read."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

from benchmarks.maps import of_timm, right_and_wrong
from mediaeval.errors import ConfigError
from mediaeval.finetune.network import SystemNetwork, View
from mediaeval.finetune.pixels import centre_crop
from mediaeval.interpret.gradcam import GradCam, default_map, heat_map, heat_map_view
from mediaeval.interpret.layout import layouts
from mediaeval.interpret.overlay import laid_out, seen_box, with_heat, with_probabilities
from mediaeval.interpret.sheet import Cell, contact_sheet, legible

pytestmark = pytest.mark.integration

SQUASHED = View(64, 64, squash=True)
SHORT_SIDE = View(80, 64)


class Reds(nn.Module):
    """Scores: how much of the image is red, and how much is blue. Its map has a cell for every 4 × 4 pixels."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 4, stride=4)
        weights = torch.tensor([[1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]]) / 255 / 16
        self.conv.weight.data = weights[:, :, None, None].expand(2, 3, 4, 4).clone()
        self.conv.bias.data.zero_()
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(2, 2, bias=False)
        self.head.weight.data = torch.eye(2)

    def forward(self, pixels, vectors=None):
        return self.head(self.relu(self.conv(pixels)).sum(dim=(2, 3)))


def built(view: View, network=None, **maps) -> SystemNetwork:
    network = network or Reds()
    return SystemNetwork(network, view, new=(), taps={}, maps=maps or {"relu": network.relu, "conv": network.conv})


def photograph(size: tuple[int, int], square: tuple[float, float, float, float]) -> Image.Image:
    """A grey photograph with one red square, its corners 0..1 of width and height."""
    image = Image.new("RGB", size, (120, 120, 120))
    width, height = size
    left, top, right, bottom = square
    ImageDraw.Draw(image).rectangle((left * width, top * height, right * width - 1, bottom * height - 1), (250, 10, 10))
    return image


def heat_on(image: Image.Image, system: SystemNetwork, column: int = 0, map_name: str = "") -> np.ndarray:
    """What speaks for a label, on the photograph, (height, width)."""
    cells = GradCam(system, centre_crop(system.view, image), map_name).cells(column)
    return laid_out(cells, seen_box(system.view, image), image.size, smooth=True)[0]


SIZES = pytest.mark.parametrize("size", [(300, 200), (200, 300), (240, 240), (61, 97)])


@SIZES
@pytest.mark.parametrize("view", [SQUASHED, SHORT_SIDE, View(64, 64)])
@pytest.mark.parametrize("square", [(0.35, 0.45, 0.5, 0.6), (0.5, 0.3, 0.65, 0.45)])
def test_heat_is_exactly_where_the_red_square_is(view, size, square):
    image = photograph(size, square)
    heat = heat_on(image, built(view))
    y, x = np.indices(heat.shape)
    centre = (heat * (x + 0.5)).sum() / heat.sum() / size[0], (heat * (y + 0.5)).sum() / heat.sum() / size[1]
    # the square's middle, to less than a cell
    assert centre == pytest.approx(((square[0] + square[2]) / 2, (square[1] + square[3]) / 2), abs=0.02)
    red = np.asarray(image)[..., 0] > 200
    assert red.flat[heat.argmax()] and heat[red].mean() > 0.5 * heat.max()
    far = np.ones_like(red)
    left, top, right, bottom = (int(v * s) for v, s in zip(square, (*size, *size), strict=True))
    margin = max(size) // 10
    far[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin] = False
    assert heat[far].max() == 0  # borders and all that is far away


@SIZES
def test_what_is_cut_off_is_not_seen_and_gets_no_heat(size):
    """Resized to 80 pixels and cut to 64: the shorter side loses a tenth at both ends, the longer more."""
    image = photograph(size, (0.0, 0.0, 0.06, 0.06))
    box = seen_box(SHORT_SIDE, image)
    short, long = sorted(size)
    resized = 80, int(80 * long / short)
    wanted = {side: (round((side - 64) / 2) / side, (round((side - 64) / 2) + 64) / side) for side in resized}
    across, down = (resized[::-1] if size[0] > size[1] else resized)[:2]
    assert box == (wanted[across][0], wanted[down][0], wanted[across][1], wanted[down][1])
    assert heat_on(image, built(SHORT_SIDE)).max() == 0
    _, seen = laid_out(np.ones((4, 4)), box, image.size, smooth=True)
    assert seen.mean() == pytest.approx((box[2] - box[0]) * (box[3] - box[1]), abs=0.03)
    drawn = np.asarray(with_heat(image, np.ones((4, 4)), box, 1.0))
    outside = drawn[~seen]
    assert (outside == outside[:, :1]).all()  # grey


def test_a_squashed_photograph_is_seen_whole():
    assert seen_box(SQUASHED, Image.new("RGB", (300, 50))) == (0, 0, 1, 1)


def test_each_pixel_of_the_crop_comes_back_to_its_place():
    """A ramp from 0 to 255 across the photograph, cut as the network is given it, and laid back."""
    for view in (SQUASHED, SHORT_SIDE):
        for size in ((300, 200), (160, 240)):
            ramp = np.tile(np.linspace(0, 255, size[0]), (size[1], 1))
            image = Image.fromarray(np.uint8(ramp + 0.5)).convert("RGB")
            cells = centre_crop(view, image)[..., 0]
            back, seen = laid_out(cells, seen_box(view, image), size, smooth=True)
            assert np.abs(back - ramp)[seen].max() < 3


def test_in_place_layers_and_frozen_ones_change_nothing():
    image = photograph((300, 200), (0.4, 0.4, 0.6, 0.6))
    system = built(SQUASHED)
    wanted = heat_on(image, system)
    # the convolution's own output is below 0 where nothing is red, and what speaks for red is the same
    np.testing.assert_allclose(heat_on(image, system, map_name="conv") > 0, wanted > 0)
    for parameter in system.network.parameters():
        parameter.requires_grad = False
    np.testing.assert_array_equal(heat_on(image, system), wanted)
    assert all(parameter.grad is None for parameter in system.network.parameters())


def test_grad_cam_is_the_formula():
    """Weights: the mean gradient of the score before softmax; then the positive part of the sum (equations 1, 2)."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 3), nn.Flatten(), nn.Linear(64, 3))

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network

        def forward(self, pixels, vectors=None):
            return self.net(pixels / 255)

    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    ours = GradCam(built(View(8, 8), Two(), only=network[1]), pixels)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    A = network[:2](image).detach().requires_grad_()
    y = network[2:](A)
    torch.testing.assert_close(ours.scores, y.detach())
    for column in (2, 0, 2):
        (gradient,) = torch.autograd.grad(y[0, column], A, retain_graph=True)
        wanted = (gradient[0].mean(dim=(1, 2))[:, None, None] * A[0]).sum(dim=0).clamp(min=0)
        torch.testing.assert_close(torch.from_numpy(ours.cells(column)), wanted.detach())


def test_a_label_without_anything_for_it_has_no_heat():
    image = photograph((300, 200), (0.4, 0.4, 0.6, 0.6))
    assert heat_on(image, built(SQUASHED), column=1).max() == 0
    drawn = with_heat(image, np.zeros((4, 4)), (0, 0, 1, 1), 0.0)
    assert np.asarray(drawn).max() < np.asarray(image).max()  # darker, and nothing lit


# Networks without a plain map


class Tokens(nn.Module):
    """Tokens of 8 × 8 pixels behind `prefix` others, each 4 numbers of which the first is the redness."""

    def __init__(self, prefix: int):
        super().__init__()
        self.patch = nn.Conv2d(3, 4, 8, stride=8)
        self.patch.weight.data.zero_()
        self.patch.weight.data[0] = torch.tensor([1.0, -1.0, -1.0])[:, None, None] / 255 / 64
        self.patch.bias.data.zero_()
        self.prefix, self.block = prefix, nn.Identity()

    def forward(self, pixels, vectors=None):
        x = self.patch(pixels).flatten(2).transpose(1, 2).clamp(min=0)
        x = self.block(torch.cat([x.new_ones(len(x), self.prefix, 4), x], dim=1))
        return torch.stack([x[..., 0].sum(dim=1), x[..., 1].sum(dim=1)], dim=1)


@pytest.mark.parametrize("prefix", [0, 1, 5])
def test_tokens_become_a_map(prefix):
    network = Tokens(prefix)
    system = built(SQUASHED, network, block=network.block)
    image = photograph((300, 200), (0.5, 0.25, 0.75, 0.5))
    cells = GradCam(system, centre_crop(system.view, image)).cells(0)
    assert cells.shape == (8, 8)
    rows, columns = (cells > 0).nonzero()
    assert rows.tolist() == [2, 2, 3, 3] and columns.tolist() == [4, 5, 4, 5]


def test_the_default_map_is_the_first_that_reaches_the_scores():
    """A class token that alone is read at the end: the places of the last block reach nothing, those before do."""

    class ClassToken(Tokens):
        def __init__(self):
            super().__init__(1)
            self.last = nn.Identity()

        def forward(self, pixels, vectors=None):
            patches = self.patch(pixels).flatten(2).transpose(1, 2)
            x = self.block(torch.cat([patches.new_zeros(len(patches), 1, 4), patches], dim=1))
            x = self.last(torch.cat([x.sum(dim=1, keepdim=True), x[:, 1:]], dim=1))
            return x[:, 0, :2]

    network = ClassToken()
    system = built(SQUASHED, network, last=network.last, block=network.block)
    pixels = centre_crop(SQUASHED, photograph((300, 200), (0.5, 0.25, 0.75, 0.5)))
    assert not GradCam(system, pixels, "last").reaches_scores()
    assert default_map(system, pixels) == "block"
    with pytest.raises(ConfigError, match="no maps to look at"):
        default_map(SystemNetwork(network, SQUASHED, (), {}, {}), pixels)


class Arranged(Reds):
    """`arrange` gives the map (n, 2, 16, 16) another layout, and `back` undoes it before the scores."""

    def __init__(self, arrange, back):
        super().__init__()
        self.arrange, self.back, self.block = arrange, back, nn.Identity()

    def forward(self, pixels, vectors=None):
        return self.head(self.back(self.block(self.arrange(self.relu(self.conv(pixels))))).sum(dim=(2, 3)))


def dealt(x):
    """Cells dealt out to four piles, as networks with windows hold them between their stages."""
    return x.flatten(2).unflatten(2, (4, 4, 4, 4)).transpose(3, 4).flatten(2).mT


LAYOUTS = {
    "channels last": (lambda x: x.permute(0, 2, 3, 1), lambda y: y.permute(0, 3, 1, 2)),
    "columns before rows": (lambda x: x.mT, lambda y: y.mT),
    "tokens": (lambda x: x.flatten(2).mT, lambda y: y.mT.unflatten(2, (16, 16))),
    "channels before tokens": (lambda x: x.flatten(2), lambda y: y.unflatten(2, (16, 16))),
    "tokens column by column": (lambda x: x.mT.flatten(2).mT, lambda y: y.mT.unflatten(2, (16, 16)).mT),
    "seven registers": (
        lambda x: torch.cat([x.new_ones(len(x), 7, 2), x.flatten(2).mT], dim=1),
        lambda y: y[:, 7:].mT.unflatten(2, (16, 16)),
    ),
    "a class token at the end": (
        lambda x: torch.cat([x.flatten(2).mT, x.mean(dim=(2, 3))[:, None]], dim=1),
        lambda y: y[:, :-1].mT.unflatten(2, (16, 16)),
    ),
    "beside another tensor": (lambda x: (x.new_ones(4, 4), [1], x), lambda y: y[2]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_measured_whatever_the_network_says_of_itself(layout):
    network, image = Arranged(*LAYOUTS[layout]), photograph((300, 200), (0.5, 0.25, 0.75, 0.5))
    network.num_prefix_tokens, network.output_fmt, network.feature_info = 3, "NHWC", ()
    ours = heat_on(image, built(SQUASHED, network, block=network.block))
    np.testing.assert_allclose(ours, heat_on(image, built(SQUASHED)), rtol=1e-5)


REFUSED = {
    "cells in another order": (dealt, lambda y: y.mT.unflatten(2, (16, 16))),
    "the same everywhere": (lambda x: x.mean(dim=(2, 3), keepdim=True).expand_as(x), lambda y: y),
    "windows in place of images": (
        lambda x: x.unflatten(2, (2, 8)).permute(0, 2, 1, 3, 4).flatten(0, 1),
        lambda y: y.unflatten(0, (-1, 2)).permute(0, 2, 1, 3, 4).flatten(2, 3),
    ),
    "no tensor": (lambda x: {"map": x}, lambda y: y["map"]),
}


@pytest.mark.parametrize("layout", REFUSED)
def test_what_does_not_follow_the_image_is_refused_and_never_advised(layout):
    network, pixels = Arranged(*REFUSED[layout]), centre_crop(SQUASHED, photograph((300, 200), (0.5, 0.2, 0.7, 0.4)))
    alone = built(SQUASHED, network, block=network.block)
    with pytest.raises(ConfigError, match=r"no maps to look at \(block: "):
        default_map(alone, pixels)
    beside = built(SQUASHED, network, block=network.block, relu=network.relu)
    assert default_map(beside, pixels) == "relu"
    with pytest.raises(ConfigError, match=r"map 'block' cannot be drawn: .* Take another with --map: relu\."):
        GradCam(beside, pixels, "block")


# networks that say nothing, or something else, of their layout; in few blocks, to be quick
SMALL = {
    "cait_xxs24_224": {"depth": 2},
    "convit_tiny": {"depth": 3, "local_up_to_layer": 2},
}
# one of each family whose blocks give something else than (channels, height, width); the others: benchmarks/maps.py
FAMILIES = """
    beit_base_patch16_224 caformer_s18 coat_lite_tiny crossvit_9_240 davit_tiny deit_tiny_distilled_patch16_224
    edgenext_xx_small efficientvit_m0 gcvit_xxtiny hiera_tiny_224 levit_128s maxvit_tiny_tf_224 mvitv2_tiny pit_ti_224
    swin_tiny_patch4_window7_224 tnt_s_patch16_224 twins_svt_small vit_wee_patch16_reg1_gap_256 volo_d1_224
    xcit_nano_12_p16_224
""".split()  # noqa: SIM905  # a list that is read as one


@pytest.mark.parametrize("model", SMALL)
def test_a_map_is_found_again_where_a_patch_is(model):
    system = of_timm(model, **SMALL[model])
    right, wrong = right_and_wrong(system)
    assert right and not wrong
    assert default_map(system, np.zeros((system.view.crop, system.view.crop, 3), np.uint8)) in layouts(system)


@pytest.mark.slow
@pytest.mark.parametrize("model", FAMILIES)
def test_a_map_of_any_network_is_right_or_refused(model):
    assert right_and_wrong(of_timm(model))[1] == []


def test_what_is_no_map_is_told_with_the_maps_there_are():
    pixels = centre_crop(SQUASHED, Image.new("RGB", (64, 64)))
    network = Reds()
    maps = {"relu": network.relu, "head": network.head, "unused": nn.ReLU()}
    system = built(SQUASHED, network, **maps)
    with pytest.raises(ConfigError, match=r"no map 'fc6' in this system. It has: relu\."):
        GradCam(system, pixels, "fc6")
    with pytest.raises(ConfigError, match=r"'head' cannot be drawn: its output, 2 numbers .* --map: relu\."):
        GradCam(system, pixels, "head")
    with pytest.raises(ConfigError, match=r"map 'unused' cannot be drawn: the network does not compute it"):
        GradCam(system, pixels, "unused")
    with pytest.raises(ConfigError, match="this system has no maps to look at"):
        GradCam(SystemNetwork(network, SQUASHED, (), {}, {}), pixels)
    assert not network.relu._forward_hooks and not network.head._forward_hooks


# The fully convolutional map of CaffeNet


def test_the_heat_map_is_a_softmax_at_each_of_8_by_8_places():
    from mediaeval.features.networks.caffenet import CaffeNet, fully_convolutional

    torch.manual_seed(0)
    network = CaffeNet((8, 8, 2)).eval()
    system = built(View(256, 227, squash=True), network, conv5=network.conv5)
    view = heat_map_view(system)
    assert (view.resize, view.crop, view.squash) == (451, 451, True)
    pixels = centre_crop(view, photograph((300, 200), (0.4, 0.4, 0.6, 0.6)))
    maps = heat_map(system, pixels, multi_label=False)
    assert maps.shape == (2, 8, 8)
    np.testing.assert_allclose(maps.sum(axis=0), 1, rtol=1e-6)
    with torch.no_grad():
        scores = fully_convolutional(network)(torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float())[0]
    several = heat_map(system, pixels, multi_label=True)
    np.testing.assert_allclose(several, torch.sigmoid(scores).numpy(), rtol=1e-5)


def test_the_heat_map_changes_where_the_photograph_does():
    """A bright square in a wide photograph, to the right and above the middle; weights that nobody trained."""
    from mediaeval.features.networks.caffenet import CaffeNet

    torch.manual_seed(1)
    system = built(View(256, 227, squash=True), network := CaffeNet((16, 16, 2)), conv5=network.conv5)
    view = heat_map_view(system)
    square = photograph((400, 150), (0.65, 0.2, 0.8, 0.4))
    blank = Image.new("RGB", square.size, (120, 120, 120))
    maps = [heat_map(system, centre_crop(view, image), multi_label=False)[1] for image in (blank, square)]
    change, _ = laid_out(np.abs(maps[1] - maps[0]), seen_box(view, square), square.size, smooth=False)
    assert change[:, 200:].sum() > 0.8 * change.sum() and change[:75].sum() > 0.6 * change.sum()


def test_another_network_has_no_heat_map():
    with pytest.raises(ConfigError, match="--method heat-map works with the caffenet systems"):
        heat_map(built(SQUASHED), np.zeros((451, 451, 3), np.uint8), multi_label=False)


def test_positive_is_green_negative_red_cell_by_cell_half_and_half():
    image = Image.new("RGB", (40, 20), (100, 60, 20))
    positive = np.array([[1.0, 0.0], [0.25, 0.5]])
    drawn = np.asarray(with_probabilities(image, {"negative": 1 - positive, "positive": positive}, (0, 0, 1, 1)))
    for row, column in np.ndindex(2, 2):
        p = positive[row, column]
        wanted = 0.5 * np.array([100, 60, 20]) + 0.5 * np.array([255 * (1 - p), 255 * p, 0])
        cell = drawn[10 * row : 10 * row + 10, 20 * column : 20 * column + 20]
        assert (np.abs(cell - wanted) <= 1).all()


# Contact sheets


def test_a_sheet_holds_every_picture_and_texts_are_never_cut():
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    rows = [[Cell(Image.new("RGB", (100, 50 + 20 * k), colour), "id " * 3) for k, colour in enumerate(colours)]] * 2
    plain = contact_sheet(rows, "title")
    pixels = np.asarray(plain).reshape(-1, 3)
    for k, colour in enumerate(colours):  # each 300 pixels wide, or high
        area = 300 * 3 * (50 + 20 * k)
        assert (pixels == colour).all(axis=1).sum() == 2 * area
    long = contact_sheet([[Cell(c.picture, "x" * 200, "y " * 100) for c in row] for row in rows], "title " * 50)
    assert long.width == plain.width and long.height > plain.height + 200
    inked = (np.asarray(long.convert("L")) < 128).any(axis=0)
    assert not inked[:20].any() and not inked[-20:].any()  # margins stay white


def test_letters_that_the_font_lacks_are_numbers():
    assert legible("Straße дом №1") == "Straße дом №1"
    assert legible("北1") == "\\u53171"
