"""Crops of resized images: the bytes of Pillow's resize, in memory that does not follow the shape of an image."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mediaeval.errors import ImageError
from mediaeval.features import windows as module
from mediaeval.features.preprocess import Preprocessing
from mediaeval.features.windows import FILTERS, centre_box, resized, resized_size, windows
from mediaeval.finetune.network import View
from mediaeval.finetune.pixels import centre_crop, ten_crops


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8))


@settings(max_examples=30)
@example(3, 21, 224, "bicubic", True, (0.0, -0.03125))  # beyond the image
@given(
    st.sampled_from([1, 2, 3, 17, 60, 224, 300, 777]),
    st.sampled_from([1, 2, 5, 21, 60, 256, 301]),
    st.sampled_from([16, 37, 224]),
    st.sampled_from(sorted(FILTERS)),
    st.booleans(),
    st.tuples(st.floats(-0.05, 1), st.floats(-0.05, 1)),
)
def test_a_window_has_the_bytes_of_the_whole(width, height, resize, interpolation, upright, place):
    image = noise(width, height) if upright else noise(height, width)
    size = resized_size(image.size, resize, False)
    if size[0] * size[1] > 500_000:
        return
    left, top = (int(share * length) for share, length in zip(place, size, strict=True))
    box = (left, top, left + 24, top + 24)
    whole = image if size == image.size else image.resize(size, FILTERS[interpolation])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LARGE", 0)
        (window,) = windows(image, resize, interpolation, False, lambda size: [box])
        assert window.tobytes() == whole.crop(box).tobytes()


@pytest.mark.parametrize("size", [(6000, 1), (1, 6000), (3, 4000)])
def test_systems_and_extractors_see_the_same_crops_of_narrow_images(size, monkeypatch):
    image, view = noise(*size), View(48, 40, interpolation="bicubic")
    preprocessing = Preprocessing(48, 40, "bicubic", (0, 0, 0), (1, 1, 1))
    crops = [centre_crop(view, image), preprocessing.pixels(image), ten_crops(view, image)]
    monkeypatch.setattr(module, "LARGE", 1000)
    for crop, again in zip(
        crops, [centre_crop(view, image), preprocessing.pixels(image), ten_crops(view, image)], strict=True
    ):
        assert np.array_equal(crop, again)


@pytest.mark.parametrize("size", [(6000, 1), (1, 40_000), (80_000_000, 1)])
def test_memory_does_not_follow_the_shape(size):
    image = Image.new("RGB", size, (10, 200, 30))
    tracemalloc.start()
    (crop,) = windows(image, 256, "bicubic", False, lambda size: [centre_box(size, 224)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert crop.size == (224, 224) and crop.getextrema() == ((10, 10), (200, 200), (30, 30))
    assert peak < 30e6


def test_what_would_be_large_is_not_learned_from():
    assert resized(noise(300, 2), 4, "bilinear", False).size == (600, 4)
    with pytest.raises(ImageError, match=r"too narrow to be learned from: 6000 × 1 pixels would become 1536000 × 256"):
        resized(Image.new("RGB", (6000, 1)), 256, "bilinear", False)


@pytest.mark.parametrize(("size", "crop"), [((7, 9), 4), ((4, 4), 4), ((3, 9), 4), ((9, 2), 5), ((1, 1), 4)])
def test_the_centre_of_an_image_that_is_smaller_is_on_black(size, crop):
    pixels = np.asarray(Image.new("RGB", size, "white").crop(centre_box(size, crop)))
    assert pixels.shape == (crop, crop, 3)
    assert (pixels[..., 0] > 0).sum() == min(size[0], crop) * min(size[1], crop)
