"""Networks computed as on a GPU: the same code, on a processor where there is none."""

import numpy as np
import pytest
import torch
from torch import nn

from mediaeval.features import by_torch
from mediaeval.features.by_torch import GpuNetwork, batch_size
from mediaeval.features.engines import TORCH, Engine, ModuleSpec
from mediaeval.features.modules import OfPixels
from mediaeval.features.precision import least_cosine, resolve_precision, trial_images

pytestmark = pytest.mark.integration
SIDE = 32


def network(seed=0):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
    return OfPixels(nn.Sequential(*layers), (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))


class Sum(nn.Module):
    """The sum of an image's pixels, times ten, by a product: 255 everywhere is beyond float16, which ends at 65,504."""

    def __init__(self):
        super().__init__()
        self.product = nn.Linear(12, 1, bias=False)
        nn.init.constant_(self.product.weight, 100.0)

    def forward(self, x):
        return self.product(x.flatten(1).float())


def spec(module, example):
    return ModuleSpec(module, example, {})


def on_cpu(module, example, **options):
    return GpuNetwork(spec(module, example), "cpu", "net", **options)


def test_a_batch_as_on_a_gpu_is_what_a_processor_computes():
    images = trial_images(SIDE, SIDE)[:6]
    ours = on_cpu(network(), images[0])
    theirs = TORCH.load("net", {}, lambda: spec(network(), images[0]))
    np.testing.assert_allclose(ours.start(images)(), theirs.start(images)(), rtol=1e-5, atol=1e-5)


def test_two_batches_may_be_in_flight_and_are_told_apart():
    images = trial_images(SIDE, SIDE)[:8]
    ours = on_cpu(network(), images[0])
    first, second = ours.start(images[:4]), ours.start(images[4:])
    late, early = second(), first()
    np.testing.assert_array_equal(np.concatenate([early, late])[[0, 7]], np.stack([early[0], late[3]]))
    np.testing.assert_allclose(np.concatenate([early, late]), ours.start(images)(), rtol=1e-5, atol=1e-5)


def test_half_precision_turns_no_vector_far():
    images = trial_images(SIDE, SIDE)
    whole, half = (on_cpu(network(), images[0], half=half).start(images)() for half in (False, True))
    assert not np.array_equal(whole, half)
    assert least_cosine(whole, half) > 0.9995


def test_what_overflows_is_computed_in_float32_and_nothing_else(caplog):
    dark, bright = np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), 255, np.uint8)
    half = on_cpu(Sum(), dark, half=True)
    for _ in range(2):
        np.testing.assert_array_equal(half.start(np.stack([dark, bright, dark]))(), [[12_000], [306_000], [12_000]])
    assert caplog.messages == ["extractor 'net': float16 overflows on some images, which float32 computes."]


def test_a_network_that_overflows_on_the_trial_images_stays_in_float32(tmp_path, caplog):
    caplog.set_level("INFO")
    images = trial_images(2, 2)
    ours = on_cpu(Sum(), images[0])
    for _ in range(2):  # tried, and kept
        assert resolve_precision(tmp_path, "net", images[0].shape, ours.vectors, half="float16") == "float32"
    assert caplog.messages == ["extractor 'net': computed in float32: it overflows on drawn images."]


def test_a_network_that_bears_it_is_computed_in_float16(tmp_path):
    images = trial_images(SIDE, SIDE)
    ours = on_cpu(network(), images[0])
    assert resolve_precision(tmp_path, "net", images[0].shape, ours.vectors, half="float16") == "float16"


def test_short_memory_means_fewer_images_at_once_from_then_on(caplog):
    sizes = []

    class Greedy(nn.Module):
        def forward(self, x):
            sizes.append(len(x))
            if len(x) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return x.flatten(1).float()

    rows = np.arange(16 * 3, dtype=np.float32).reshape(16, 3)
    ours = on_cpu(Greedy(), rows[0])
    for _ in range(2):
        np.testing.assert_array_equal(ours.start(rows)(), rows)
    assert sizes == [16, 8, 4, 4, 4, 4, 4, 4, 4, 4]
    assert caplog.messages == ["extractor 'net': out of memory with 16 images at once; trying fewer."]


def test_the_batch_follows_from_the_size_of_an_image_alone():
    sizes = {side: batch_size(np.zeros((side, side, 3), np.uint8)) for side in (96, 224, 227, 260, 299, 384, 512)}
    assert sizes == {96: 256, 224: 128, 227: 64, 260: 64, 299: 64, 384: 32, 512: 16}


@pytest.mark.parametrize(("override", "words"), [(None, "TF32 in convolutions"), ("0", "no TF32")])
def test_the_identity_names_precision_kind_of_device_and_tf32(override, words, monkeypatch):
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    if override:
        monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", override)
    assert by_torch.in_words_of("float16", "cuda:1") == f"torch, float16, cuda, {words}"
    assert str(TORCH) == "torch, float32", "stored before there were GPUs"


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "mixed", "float16"])
def test_on_a_gpu_vectors_agree_and_do_not_depend_on_how_many(precision):
    images = trial_images(SIDE, SIDE)[:12]
    ours = Engine("torch", "cuda", precision).load("net", {"test": 1}, lambda: spec(network(), images[0]))
    full = np.zeros((ours.batch, *images[0].shape), np.uint8)
    full[:12] = images
    theirs = TORCH.load("net", {}, lambda: spec(network(), images[0])).start(images)()
    waits = [ours.start(full) for _ in range(2)]
    found = [wait()[:12] for wait in waits]
    assert least_cosine(found[0], theirs) > 0.9995
    np.testing.assert_array_equal(*found)
    alone = np.zeros_like(full)
    alone[:1] = images[:1]
    np.testing.assert_array_equal(ours.start(alone)()[0], found[0][0])
