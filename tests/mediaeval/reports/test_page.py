"""A page as a file: its pictures keep their budget, what cannot be decoded is named, and data stay data."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from mediaeval.reports.page import json_island, write_page
from mediaeval.reports.sprites import sprites
from tests.mediaeval.reports.example import HOSTILE, drawn_images, example


@pytest.fixture
def noise(tmp_path):
    """12 images of noise: index → path."""
    rng, paths = np.random.default_rng(0), {}
    for k in range(12):
        paths[k] = tmp_path / f"{k}.png"
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(paths[k])
    return paths


def test_tiles_keep_their_proportions_and_what_is_no_image_is_named(noise):
    noise[3].write_bytes(b"nonsense")
    noise[5].unlink()
    made = sprites(noise, 10**6, tile=32)
    assert set(made.gone) == {3, 5} and "not an image" in made.gone[3] and "absent" in made.gone[5]
    assert made.places.keys() == noise.keys() - {3, 5}
    assert {(p.width, p.height) for p in made.places.values()} == {(32, 24)}
    assert [p.k for p in made.places.values()] == list(range(10)), "no place is left empty"


def test_fewer_bytes_make_smaller_sheets(noise):
    fine = sum(map(len, sprites(noise, 10**6).sheets))
    assert sum(map(len, sprites(noise, fine // 2).sheets)) <= fine // 2


def test_the_page_keeps_its_limit(tmp_path, noise):
    report = example(12, n_images=12)
    whole = write_page(report, noise, tmp_path / "whole.html").size
    limit = whole - 10_000
    assert write_page(report, noise, tmp_path / "page.html", limit=limit).size <= limit


def test_an_island_is_read_as_it_was_written(tmp_path):
    hostile = [*HOSTILE, "<!--", "\u2028 &amp;"]
    assert json.loads(json_island(hostile)) == hostile and not set("<>&\u2028") & set(json_island(hostile))
    report = example(6, second=False)
    written = write_page(report, drawn_images(tmp_path, 11), tmp_path / "page.html")
    page = written.path.read_text(encoding="utf-8")
    island = json.loads(re.search(r'<script type="application/json" id="report">(.*?)</script>', page)[1])
    assert island["subtasks"][0]["keys"] == list(HOSTILE)
    assert island["subtasks"][0]["rows"] == report["subtasks"][0]["rows"]


def test_an_anonymous_page_has_no_pictures(tmp_path):
    report = example(6) | {"anonymous": True}
    page = write_page(report, {}, tmp_path / "page.html").path.read_text(encoding="utf-8")
    assert "data:image" not in page and "holds no pictures" in page
