"""Duplicates: the same bytes, the same pixels, nearly the same; and other photographs are none."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediaeval.data.dataset import load_dataset
from mediaeval.data.duplicates import Fingerprint, find_duplicates, fingerprint, group_of_images
from mediaeval.data.inspect import inspect
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import picture


def jpeg(image: Image.Image, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def test_each_kind_of_duplicate_is_named_and_conflicts_are_told(make_devset):
    folder = make_devset(6)  # classes in turn: d0 and d3 agree, d0 and d1 conflict
    images = folder / "images"
    (images / "d1.jpg").write_bytes((images / "d0.jpg").read_bytes())
    with Image.open(images / "d2.jpg") as image:
        image.load()
    (images / "d3.jpg").write_bytes(jpeg(image, quality=90, comment=b"another block of bytes"))
    (images / "d2.jpg").write_bytes(jpeg(image, quality=90))
    with Image.open(images / "d4.jpg") as image:
        (images / "d5.jpg").write_bytes(jpeg(image.resize((90, 70)), quality=60))
    found = {(p.first, p.second): (p.how, p.conflicts) for p in inspect(folder, VISUAL_SENTIMENT_2021).pairs}
    everything = ("subtask1", "subtask2", "subtask3")
    assert found == {
        ("d0", "d1"): ("bytes", everything),
        ("d2", "d3"): ("pixels", everything),
        ("d4", "d5"): ("near", everything),
    }


def test_agreeing_duplicates_conflict_in_nothing(make_devset):
    folder = make_devset(4)
    (folder / "images/d3.jpg").write_bytes((folder / "images/d0.jpg").read_bytes())
    (pair,) = inspect(folder, VISUAL_SENTIMENT_2021).pairs
    assert (pair.how, pair.conflicts) == ("bytes", ())


def test_pictures_of_one_tone_are_not_taken_for_duplicates():
    grey = [fingerprint(jpeg(Image.new("RGB", (40, 40), (k, k, k))), str(k)) for k in (60, 90)]
    assert find_duplicates(dict(zip("ab", grey, strict=True))) == []


@pytest.mark.shared
def test_real_photographs_copies_are_found_and_others_are_not(shared):
    dataset = load_dataset(shared / "oasis", VISUAL_SENTIMENT_2021)
    prints = {}
    for image_id in dataset.ids:
        data = dataset.image_paths[image_id].read_bytes()
        prints[image_id] = fingerprint(data, image_id)
    assert find_duplicates(prints) == [], "the 483 are different photographs, many of one concept"
    for image_id in dataset.ids[:20]:
        with Image.open(dataset.image_paths[image_id]) as image:
            small = image.convert("RGB").resize((image.width // 2, image.height // 2))
        prints[f"copy of {image_id}"] = fingerprint(jpeg(small, quality=60), f"copy {image_id}")
    groups = {group.images for group in find_duplicates(prints)}
    assert groups == {(i, f"copy of {i}") for i in dataset.ids[:20]}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_groups_are_the_connected_sets(joined):
    leaders = group_of_images(map(str, range(10)), [(str(a), str(b)) for a, b in joined])
    reach = np.eye(10, dtype=bool)
    for a, b in joined:
        reach[a, b] = reach[b, a] = True
    for _ in range(10):
        reach = reach @ reach
    for a in range(10):
        for b in range(10):
            assert (leaders[str(a)] == leaders[str(b)]) == reach[a, b]


def test_an_image_and_its_fingerprint_do_not_depend_on_the_format():
    image = picture("positive", 1)
    png = io.BytesIO()
    image.save(png, "PNG")
    webp = io.BytesIO()
    image.save(webp, "WEBP", lossless=True)
    assert fingerprint(png.getvalue(), "").pixels == fingerprint(webp.getvalue(), "").pixels


def test_copies_are_one_group_with_one_pair_fewer_than_images(make_devset):
    folder = make_devset(9)  # classes in turn
    images = folder / "images"
    with Image.open(images / "d0.jpg") as image:
        image.load()
    (images / "d0.jpg").write_bytes(jpeg(image, quality=90))
    for k in (3, 6):
        (images / f"d{k}.jpg").write_bytes((images / "d0.jpg").read_bytes())
    (images / "d1.jpg").write_bytes(jpeg(image, quality=90, comment=b"x"))
    for k in (4, 7):
        (images / f"d{k}.jpg").write_bytes(jpeg(image, quality=50 + k))
    (images / "d8.jpg").write_bytes((images / "d7.jpg").read_bytes())
    report = inspect(folder, VISUAL_SENTIMENT_2021)
    (group,) = report.groups
    assert group.images == ("d0", "d1", "d3", "d4", "d6", "d7", "d8") and group.how == ("bytes", "pixels", "near")
    assert group.conflicts == ("subtask1", "subtask2", "subtask3")
    pairs = [(pair.first, pair.second, pair.how) for pair in report.pairs]
    assert pairs[:4] == [("d0", "d3", "bytes"), ("d0", "d6", "bytes"), ("d7", "d8", "bytes"), ("d0", "d1", "pixels")]
    assert {(a, b) for a, b, how in pairs[4:] if how == "near"} == {("d0", "d4"), ("d0", "d7")}
    assert report.to_dict()["groups"] == [group.to_dict()]
    title, _, rows = report.tables()[-1]
    assert title == "1 group of duplicates, 1 with conflicting labels"
    assert rows[0][:3] == ["d0", "d1, d3, d4 … and 3 more", "bytes, pixels, near"]


@pytest.mark.parametrize("distinct", [1, 40, 2000])
def test_copies_cost_no_more_than_different_images(distinct):
    """2,000 thumbnails, of 1, 40 or 2,000 pictures: nearly the same, not equal."""
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(distinct, 1024)).astype(np.float32)
    rows = pictures[np.arange(2000) % distinct] + rng.normal(size=(2000, 1024)).astype(np.float32) / 20
    rows = (rows - rows.mean(axis=1, keepdims=True)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    prints = {f"i{k:04d}": Fingerprint(str(k), "", row) for k, row in enumerate(rows)}
    groups = find_duplicates(prints)
    assert len(groups) == (distinct if distinct < 2000 else 0)
    for group in groups:
        assert len(group.pairs) == len(group.images) - 1 == 2000 // distinct - 1
        assert len({int(image[1:]) % distinct for image in group.images}) == 1
