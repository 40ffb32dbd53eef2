"""What a recipe comes to: losses by formula, rates by iteration, groups, balance, batches, settings."""

import contextlib
import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from torch import nn

from mediaeval.data.images import decode
from mediaeval.errors import ConfigError, ImageError
from mediaeval.features.images import Images
from mediaeval.finetune import SYSTEMS, settings_model, settings_of
from mediaeval.finetune import batches as batches_module
from mediaeval.finetune.batches import Batches, Examples, balanced_weights
from mediaeval.finetune.network import SystemNetwork, View
from mediaeval.finetune.pixels import DecodedImages, centre_crop, ten_crops
from mediaeval.finetune.recipe import loss_of, lr_at, mixing_of, optimiser_of, parameter_groups
from mediaeval.finetune.settings import TrainingSettings
from tests.conftest import picture

pytestmark = pytest.mark.integration

VIEW = View(resize=40, crop=32)


@pytest.fixture
def images(tmp_path) -> Images:
    """Six images, wide, tall and square."""
    paths = {}
    for k, size in enumerate([(64, 48), (48, 64), (50, 50)] * 2):
        paths[f"i{k}"] = tmp_path / f"i{k}.png"
        picture(["negative", "neutral", "positive"][k % 3], k, size).save(paths[f"i{k}"])
    return Images(tuple(paths), paths)


# losses -------------------------------------------------------------------------------------------------------------


def test_focal_loss_is_its_formula():
    """Lin et al. 2017: −(1 − p)^γ log p of the true class; with γ = 0 it is cross-entropy."""
    scores, gamma = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0]]), 1.5
    targets = torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    p = (scores.exp() / scores.exp().sum(dim=1, keepdim=True))[targets.bool()]
    wanted = (-((1 - p) ** gamma) * p.log()).mean()
    assert loss_of(TrainingSettings(loss="focal", focal_gamma=gamma), False)(scores, targets) == pytest.approx(
        float(wanted)
    )
    plain = loss_of(TrainingSettings(), False)(scores, targets)
    assert loss_of(TrainingSettings(loss="focal", focal_gamma=0), False)(scores, targets) == pytest.approx(float(plain))

    q = torch.where(targets.bool(), scores.sigmoid(), 1 - scores.sigmoid())
    wanted = (-((1 - q) ** gamma) * q.log()).mean()
    assert loss_of(TrainingSettings(loss="focal", focal_gamma=gamma), True)(scores, targets) == pytest.approx(
        float(wanted)
    )


def test_label_smoothing_is_torchs():
    scores, targets = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.eye(3)[[0, 1, 2, 0, 1]]
    wanted = nn.functional.cross_entropy(scores, targets, label_smoothing=0.1)
    assert loss_of(TrainingSettings(label_smoothing=0.1), False)(scores, targets) == pytest.approx(float(wanted))


def test_mixing_keeps_what_labels_sum_to_and_is_none_where_not_asked():
    pixels, targets = torch.rand(4, 3, 8, 8) * 255, torch.eye(3)[[0, 1, 2, 0]]
    assert mixing_of(TrainingSettings()) is None
    for recipe in (TrainingSettings(mixup=0.4), TrainingSettings(cutmix=1.0), TrainingSettings(mixup=0.4, cutmix=1.0)):
        x, t = mixing_of(recipe)(pixels, targets)
        assert x.shape == pixels.shape and torch.allclose(t.sum(dim=1), torch.ones(4))
        assert x.min() >= 0 and x.max() <= 255


# rates --------------------------------------------------------------------------------------------------------------


def test_campos_rate_falls_by_iterations():
    """704 images, batches of 256, a tenth every 6 epochs: stepsize 16.5 → 16 iterations (fact sheet C3)."""
    recipe = settings_of({"name": "caffenet"})
    rate = lr_at(recipe, 704)
    assert round(6 * 704 / 256) == 16
    for iteration, wanted in ((0, 1e-3), (15, 1e-3), (16, 1e-4), (31, 1e-4), (32, 1e-5), (179, 1e-14)):
        assert rate(0, iteration * 256, []) == pytest.approx(wanted)


def test_cosine_begins_warm_and_ends_at_nothing():
    rate = lr_at(TrainingSettings(lr=0.1, epochs=5, warmup_epochs=1, batch_size=10), 100)
    rates = [rate(seen // 100, seen, []) for seen in range(0, 500, 10)]
    assert rates[0] < rates[5] < 0.1 and rates[10] == pytest.approx(0.1)
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rate(4, 500, []) == pytest.approx(0, abs=1e-12)


def test_warm_up_takes_at_most_a_fifth_of_a_training():
    for epochs, warmup, wanted in ((1, 1, 0.2), (4, 1, 0.8), (5, 1, 1), (10, 1, 1), (10, 9, 2)):
        assert TrainingSettings(epochs=epochs, warmup_epochs=warmup).warmup == pytest.approx(wanted)
    rate = lr_at(TrainingSettings(lr=0.1, epochs=1, warmup_epochs=1, batch_size=10, schedule="constant"), 100)
    assert rate(0, 10, []) < 0.1 and [rate(0, seen, []) for seen in range(20, 100, 10)] == [0.1] * 8


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, pixels, vectors=None):
        return self.head(self.norm(self.first(pixels)).mean(dim=(2, 3)))


def built(**layers: int) -> SystemNetwork:
    return SystemNetwork(Net(), VIEW, ("head.",), {}, {}, {f"{k.replace('_', '.')}": v for k, v in layers.items()})


def test_groups_have_the_rates_that_the_recipe_says():
    """New layer ×10, biases ×2 and undecayed, layers below the last at .5 each."""
    one = built(first_weight=0, first_bias=0, norm_weight=1, norm_bias=1, head_weight=2, head_bias=2)
    recipe = TrainingSettings(new_lr=10, bias_lr=2, weight_decay=5e-4, layer_decay=0.5)
    found = {}
    names = {id(p): name for name, p in one.network.named_parameters()}
    for group in parameter_groups(one, recipe):
        for parameter in group["params"]:
            found[names[id(parameter)]] = (group["lr_scale"], group["weight_decay"])
    assert found == {
        "first.weight": (0.25, 5e-4),
        "first.bias": (0.5, 0.0),
        "norm.weight": (0.5, 0.0),
        "norm.bias": (1.0, 0.0),
        "head.weight": (10.0, 5e-4),
        "head.bias": (20.0, 0.0),
    }


def test_layer_decay_is_refused_where_layers_have_no_order():
    with pytest.raises(
        ConfigError, match=r"system.layer_decay: got 0.5; expected 1, since this system has no order of layers"
    ):
        parameter_groups(built(), TrainingSettings(layer_decay=0.5))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_what_is_frozen_is_not_trained(name):
    one = built()
    one.network.first.requires_grad_(False)
    optimiser = optimiser_of(one, TrainingSettings(optimiser=name))
    trained = {id(p) for group in optimiser.param_groups for p in group["params"]}
    assert id(one.network.first.weight) not in trained and id(one.network.head.weight) in trained


# batches ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 5)), elements=st.sampled_from([0.0, 1.0])))
def test_balanced_weights_are_chances(targets):
    weights = balanced_weights(targets)
    assert weights.shape == (len(targets),) and weights.sum() == pytest.approx(1) and (weights > 0).all()


def test_balance_makes_every_class_as_frequent():
    targets = np.eye(3, dtype=np.float32)[[0] * 8 + [1] * 1 + [2] * 3]
    assert targets.T @ balanced_weights(targets) == pytest.approx([1 / 3] * 3)


def batches_of(
    images: Images, folder: Path, settings: TrainingSettings, workers: int, seed: int = 0, **where: torch.device
) -> Batches:
    examples = Examples(images, np.eye(3, dtype=np.float32)[[0, 1, 2] * 2])
    return Batches(DecodedImages(images, VIEW, folder), examples, settings, seed, workers=workers, **where)


AUGMENTED = TrainingSettings(batch_size=4, randaugment=9)


def test_equal_seeds_give_equal_batches_however_many_workers(images, tmp_path):
    runs = [batches_of(images, tmp_path, AUGMENTED, workers) for workers in (0, 2)]
    for epoch in (0, 3, 1):  # in any order: an epoch depends on none before
        one, two = (list(run(epoch)) for run in runs)
        assert [len(batch[0]) for batch in one] == [3, 3]  # as equal as can be: no batch of one image
        for a, b in zip(one, two, strict=True):
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_epochs_in_a_row_are_those_alone_also_after_one_that_was_left_early(images, tmp_path):
    """Workers go on to the next epoch by themselves."""
    recipe = AUGMENTED.model_copy(update={"epochs": 3})
    alone = [torch.cat([x for x, *_ in batches_of(images, tmp_path, recipe, 0)(epoch)]) for epoch in range(3)]
    run = batches_of(images, tmp_path, recipe, 1)
    for epoch in (0, 1, 2):
        assert torch.equal(torch.cat([x for x, *_ in run(epoch)]), alone[epoch])
    next(run(0))
    assert torch.equal(torch.cat([x for x, *_ in run(1)]), alone[1])


@pytest.mark.parametrize(
    ("cpus", "batch_bytes", "workers"),
    [
        (4, None, 4),
        (32, None, 8),
        (32, 1000, 16),
        (12, 1000, 12),
        (32, 9_633_792, 12),  # 64 images of 224 pixels: 500 MB hold 12 times 4 batches
        (32, 100_000_000, 8),  # as many as without a GPU
    ],
)
def test_workers_that_feed_a_gpu_fit_processors_and_shared_memory(monkeypatch, tmp_path, cpus, batch_bytes, workers):
    monkeypatch.setattr(batches_module.os, "cpu_count", lambda: cpus)
    monkeypatch.setattr(batches_module, "_SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(batches_module.shutil, "disk_usage", lambda path: SimpleNamespace(free=500_000_000))
    assert batches_module._most_workers(batch_bytes) == workers


def test_a_gpu_computes_with_a_batch_only_when_it_was_copied(monkeypatch):
    """The copy stands in one queue, what computes in another, which is made to wait; the processor stands for both."""
    done = []

    class Stream:
        def __init__(self, device):
            self.device = device

        def wait_stream(self, other):
            done.append((self.device, "waits for", other.device))

    @contextlib.contextmanager
    def within(stream):
        done.append(("copies on", stream.device))
        yield

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream("its own"))
    monkeypatch.setattr(torch.cuda, "stream", within)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream("computing"))
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: done.append(("kept for", stream.device)))
    batch = (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.ones(2, 3), torch.zeros(2, 0))
    copied = list(batches_module._copied_beside([batch, batch], torch.device("cpu")))
    assert len(copied) == 2 and all(map(torch.equal, copied[1], batch))
    assert (
        done == [("copies on", "its own"), ("computing", "waits for", "its own"), *[("kept for", "computing")] * 3] * 2
    )


@pytest.mark.gpu
def test_a_gpu_gets_the_same_batches(images, tmp_path):
    recipe = AUGMENTED.model_copy(update={"epochs": 2})
    there = batches_of(images, tmp_path, recipe, 2, device=torch.device("cuda"))
    here = batches_of(images, tmp_path, recipe, 0)
    for epoch in (0, 1):
        for a, b in zip(there(epoch), here(epoch), strict=True):
            assert all(x.is_cuda and torch.equal(x.cpu(), y) for x, y in zip(a, b, strict=True))


def test_epochs_and_seeds_differ_and_global_randomness_is_left_alone(images, tmp_path):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    run = batches_of(images, tmp_path, AUGMENTED, 0)
    other = batches_of(images, tmp_path, AUGMENTED, 0, seed=1)
    first = torch.cat([x for x, *_ in run(0)])
    assert not torch.equal(first, torch.cat([x for x, *_ in run(1)]))
    assert not torch.equal(first, torch.cat([x for x, *_ in other(0)]))
    assert torch.equal(before, torch.get_rng_state())


def test_the_centre_of_a_decoded_image_is_that_of_the_image(images, tmp_path):
    stored = DecodedImages(images, VIEW, tmp_path)
    for image_id, path in images.paths.items():
        assert np.array_equal(stored.centre_crop(image_id), centre_crop(VIEW, decode(path.read_bytes())))


def test_ten_crops_are_corners_centre_and_mirrors():
    image = picture("negative", 1, (50, 40))
    crops = ten_crops(View(40, 32), image)
    pixels = np.asarray(image)
    assert crops.shape == (10, 32, 32, 3)
    assert np.array_equal(crops[0], pixels[:32, :32]) and np.array_equal(crops[3], pixels[-32:, -32:])
    assert np.array_equal(crops[4], centre_crop(View(40, 32), image))
    assert np.array_equal(crops[5:], crops[:5, :, ::-1])


def test_a_damaged_image_is_named(images, tmp_path):
    images.paths["i2"].write_bytes(b"no image")
    with pytest.raises(ImageError, match="i2: the file is a text file, not an image"):
        DecodedImages(images, VIEW, tmp_path)


def test_all_images_that_cannot_be_learned_from_are_named_at_once(tmp_path):
    paths = {name: tmp_path / f"{name}.png" for name in ("wide", "sound", "tall", "broken")}
    for name, size in (("wide", (60_000, 1)), ("sound", (40, 30)), ("tall", (1, 60_000))):
        Image.new("RGB", size).save(paths[name])
    paths["broken"].write_bytes(b"x")
    with pytest.raises(ImageError) as caught:
        DecodedImages(Images(tuple(paths), paths), VIEW, tmp_path)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["wide", "tall", "broken"]


# settings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_has_settings_that_it_was_given(name):
    entry = SYSTEMS[name]
    chosen = settings_of({"name": name, "epochs": 3})
    assert chosen.epochs == 3 and type(chosen) is settings_model(name) and entry.summary and entry.source
    assert all(getattr(chosen, key) == value for key, value in entry.defaults.items() if key != "epochs")


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ({"name": "tim"}, "unknown system 'tim'. Did you mean 'timm'?"),
        ({"name": "timm", "epoch": 3}, "unknown setting 'system.epoch'. Did you mean 'epochs'?"),
        (
            {"name": "timm", "lr": -1, "batch_size": 0},
            "system.batch_size: got 0; expected a whole number of at least 2.",
        ),
        ({"name": "timm", "epochs": True}, "system.epochs: got True; expected a whole number of at least 1."),
        (
            {"name": "timm", "std": [0, 1, 1]},
            "system.std: got [0, 1, 1]; expected three numbers above 0, such as",
        ),
        ({"name": "caffenet", "relu": True}, "system: relu stands between fc8 and fc9; form fc8 has no fc9."),
        ({"name": "multigap", "streams": []}, "streams or anp: the network must look at something"),
    ],
)
def test_settings_that_cannot_be_are_told(system, message):
    with pytest.raises(ConfigError) as error:
        settings_of(system)
    assert message in str(error.value)


def test_an_image_drawn_twice_is_augmented_twice(images, tmp_path):
    recipe = TrainingSettings(batch_size=24, balanced=True, randaugment=9)
    run = batches_of(images, tmp_path, recipe, 0)
    for epoch in range(3):
        pixels = torch.cat([x for x, *_ in run(epoch)])
        assert len({x.numpy().tobytes() for x in pixels}) == len(images.ids)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_setting_says_what_it_means(name):
    fields = settings_model(name).model_fields
    assert [key for key, field in fields.items() if not (field.description or "").endswith(".")] == []


def test_settings_of_all_systems_are_light():
    code = (
        "import sys, mediaeval.finetune as f; [f.settings_of({'name': name}) for name in f.SYSTEMS];"
        "print([m for m in ('torch', 'sklearn', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
