"""Images prepared by threads or by processes: the same arrays, each made once, and every bad image named."""

import os
import signal

import numpy as np
import pytest
from PIL import Image

from mediaeval.data.images import read_image
from mediaeval.features import preparing
from mediaeval.features.feature_extractor import FeatureExtractor, as_prepared
from mediaeval.features.kinds.handcrafted import handcrafted
from mediaeval.features.preparing import Preparer, Task, prepare_all, processes_pay
from mediaeval.features.preprocess import Pixels, Preprocessing

pytestmark = pytest.mark.integration
PLAIN = Pixels(32, 28, "bicubic", squash=False)


def ends_at_red(image):
    """Pixels of an image; a red one ends the process, as a decoder with a fault might."""
    if image.getpixel((0, 0)) == (255, 0, 0):
        os.kill(os.getpid(), signal.SIGSEGV)
    return np.asarray(image)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(10):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    return [tmp_path / f"{k}.png" for k in range(10)]


def tasks(files, *wanted):
    return [Task(file.stem, file, read_image(file)[0], wanted) for file in files]


def prepared(preparer, of, processes, monkeypatch):
    monkeypatch.setattr(preparing, "PER_PROCESS", 1)
    return {t.image_id: found for t, found in prepare_all(preparer, of, len(of), processes=processes, workers=4)}


@pytest.mark.parametrize("view", [0, pytest.param(1, marks=pytest.mark.slow)])  # views import albumentations
def test_processes_prepare_the_same_arrays_as_threads(files, view, monkeypatch):
    files[3].write_bytes(files[3].read_bytes()[:200])
    of = tasks(files, ("net", view), ("grey", view))
    preparer = Preparer({"net": (PLAIN, False, "pillow"), "grey": (handcrafted, False, "pillow")}, seed=0)
    by_threads, by_processes = (prepared(preparer, of, processes, monkeypatch) for processes in (False, True))
    assert by_threads["3"] == by_processes["3"]
    assert "damaged" in by_threads.pop("3")
    for image_id, arrays in by_threads.items():
        for one, other in zip(arrays, by_processes[image_id], strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_image_that_ends_its_process_fails_alone(files, monkeypatch):
    Image.new("RGB", (40, 50), "red").save(files[6])
    found = prepared(Preparer({"net": (ends_at_red, False, "pillow")}, 0), tasks(files, ("net", 0)), True, monkeypatch)
    assert {k: v for k, v in found.items() if isinstance(v, str)} == {
        "6": f"the process that decoded it ended (signal {signal.SIGSEGV.value})"
    }


def test_networks_that_see_the_same_pixels_share_them(files):
    """Two networks whose mean and std differ see the same pixels; a third crops otherwise."""
    a, b = (Preprocessing(32, 28, "bicubic", (m,) * 3, (s,) * 3).pixels for m, s in ((0.5, 0.5), (0.4, 0.2)))
    c = Preprocessing(32, 24, "bicubic", (0.5,) * 3, (0.5,) * 3).pixels
    preparer = Preparer({name: (way, False, "pillow") for name, way in {"a": a, "b": b, "c": c}.items()}, 0)
    (task,) = tasks(files[:1], ("a", 0), ("b", 0), ("c", 0))
    of_a, of_b, of_c = preparer(task)
    assert of_a is of_b
    assert of_c.shape == (24, 24, 3)


def test_what_another_process_cannot_be_given_threads_prepare(files, monkeypatch):
    monkeypatch.setattr(preparing, "map_in_workers", None)  # calling it would fail
    preparer = Preparer({"net": (lambda image: np.asarray(image), False, "pillow")}, 0)
    assert len(prepared(preparer, tasks(files, ("net", 0)), True, monkeypatch)) == 10


@pytest.mark.parametrize(
    ("kinds", "pay"),
    [
        (["gpu"], True),
        (["grey"], True),
        (["gpu", "grey"], True),
        (["cpu"], False),
        (["cpu", "grey"], False),
        (["gpu", "objects"], False),
    ],
)
def test_processes_pay_where_a_gpu_or_nothing_computes(kinds, pay):
    def network(kind):
        forward = as_prepared if kind == "grey" else lambda batch: 2 * batch
        batch = 1 if kind == "objects" else 16  # of whole images
        return FeatureExtractor(kind, {}, 3, PLAIN, forward, batch=batch, on_gpu=kind == "gpu")

    assert processes_pay([network(kind) for kind in kinds]) == pay
