"""The drawn sample benchmark: layout, determinism, labels, traps, and that it appears whole or not at all."""

import io
import json
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps
from sklearn.metrics import f1_score

from mediaeval.errors import ConfigError, DatasetError
from mediaeval.sample import draw as sample_module
from mediaeval.sample.draw import draw_labels, draw_sample, is_sample
from mediaeval.sample.labels import annotate, draw_scenes
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

DEV, TEST = 40, 4


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return draw_sample(tmp_path_factory.mktemp("plain") / "sample", dev=DEV, test=TEST, seed=5)


@pytest.fixture(scope="module")
def trapped(tmp_path_factory):
    return draw_sample(tmp_path_factory.mktemp("trapped") / "sample", dev=DEV, test=TEST, seed=5, traps=True)


@pytest.fixture
def without_drawing(monkeypatch):
    """Draw no pictures: for what happens around them."""
    monkeypatch.setattr(sample_module, "draw_jpeg", lambda image_id, scene: b"a photograph")


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"id": str}).set_index("id")


# layout


def test_the_layout_is_the_official_one(plain):
    header = ",".join(TASK.header.cells).encode()
    assert plain.devset.joinpath("devset.csv").read_bytes().split(b"\n")[0] == header
    assert plain.truth.read_bytes().split(b"\n")[0] == header
    assert b"\r" not in plain.truth.read_bytes()
    dev, truth = read(plain.devset / "devset.csv"), read(plain.truth)
    listed = (plain.testset / "testset.csv").read_text().split()
    assert listed[0] == "id"
    assert sorted(listed[1:]) == sorted(truth.index)
    assert len(dev) == DEV
    assert len(truth) == TEST
    assert not set(dev.index) & set(truth.index)
    for folder, ids in ((plain.devset, dev.index), (plain.testset, truth.index)):
        assert {p.name for p in (folder / "images").iterdir()} == {f"{image_id}.jpg" for image_id in ids}
    assert {p.name for p in plain.directory.iterdir()} == {"devset", "testset", "truth.csv", "sample.json"}


def test_image_ids_are_uuids_of_version_4(plain):
    for image_id in read(plain.devset / "devset.csv").index:
        assert uuid.UUID(image_id).version == 4
        assert str(uuid.UUID(image_id)) == image_id


def test_the_test_list_has_an_order_of_its_own(tmp_path, without_drawing):
    paths = draw_sample(tmp_path / "sample", dev=20, test=30)
    listed = (paths.testset / "testset.csv").read_text().split()[1:]
    assert listed != list(read(paths.truth).index)
    assert listed != sorted(listed)


def test_every_photograph_is_a_jpeg_of_the_promised_size(plain):
    for path in plain.devset.joinpath("images").iterdir():
        with Image.open(path) as picture:
            picture.load()
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            assert 200 < min(picture.size) <= max(picture.size) <= 480


# determinism


def test_the_same_seed_draws_the_same_bytes(tmp_path, plain):
    again = draw_sample(tmp_path / "again", dev=DEV, test=TEST, seed=5)
    assert contents(again.directory) == contents(plain.directory)


def test_another_seed_draws_other_images(tmp_path, plain, without_drawing):
    other = draw_sample(tmp_path / "other", dev=DEV, test=TEST, seed=6)
    assert not set(read(other.devset / "devset.csv").index) & set(read(plain.devset / "devset.csv").index)


# labels


@pytest.fixture(scope="module")
def drawn():
    return draw_labels(2432, np.random.default_rng(0))


def test_the_labels_have_the_official_columns_and_cells(drawn):
    scenes, labels = drawn
    assert ("id", *labels.columns) == TASK.header.cells
    assert labels.index.equals(scenes.index)
    assert labels.index.is_unique
    assert set(labels["T1"]) == set(TASK["subtask1"].labels)
    assert set(np.unique(labels.drop(columns="T1"))) == {0, 1}


def test_prevalences_are_those_of_a_disaster_set(drawn):
    """The bands are the ones the drawing aims at; every label is somewhere present and nowhere constant."""
    labels = drawn[1]
    share = labels["T1"].value_counts(normalize=True)
    assert 0.48 < share["negative"] < 0.65
    assert 0.12 < share["neutral"] < 0.25
    assert 0.2 < share["positive"] < 0.32
    prevalence = labels.drop(columns="T1").mean()
    assert prevalence.between(0.01, 0.6).all()
    assert prevalence["T3.3: Craving"] == prevalence.min() < 0.03
    for task in ("subtask2", "subtask3"):
        nobody_agreed = (labels[list(TASK[task].labels)].sum(axis=1) == 0).mean()
        assert 0.03 < nobody_agreed < 0.12


def test_labels_that_belong_together_come_together(drawn):
    labels = drawn[1]
    for a, b in (("T3.5: Fear", "T3.6: Horror"), ("T3.2: Anxiety", "T3.5: Fear"), ("T3.7: Joy", "T3.8: Relief")):
        assert labels[a].corr(labels[b]) > 0.15, (a, b)
    assert labels["T2.3: Fear"].corr(labels["T3.5: Fear"]) > 0.6  # the same emotion asked twice, not the same answer
    assert not labels["T2.3: Fear"].equals(labels["T3.5: Fear"])
    emotions = labels[list(TASK["subtask2"].labels[:-1])].sum(axis=1)
    assert (emotions[labels["T2.7: Neutral"] == 1] > 0).mean() < 0.1
    assert (labels["T1"][labels["T2.1: Joy"] == 1] == "positive").mean() > 0.7


def test_the_scene_tells_much_of_the_labels_but_not_all(drawn):
    """The majority among the scenes of a kind is a better guess than one guess for all, and worse than knowing."""
    scenes, labels = drawn
    kind_guess = labels["T1"].groupby(scenes["kind"], observed=True).transform(lambda s: s.mode()[0])
    dummy = np.full(len(labels), "negative")
    by_kind, by_dummy = (f1_score(labels["T1"], guess, average="weighted") for guess in (kind_guess, dummy))
    assert by_dummy + 0.2 < by_kind < 0.95


def test_a_million_labels_are_drawn_without_pictures():
    _, labels = draw_labels(100_000, np.random.default_rng(0))  # a tenth of it, to be quick
    assert labels.index.is_unique


def test_annotators_disagree_between_groups_of_five(drawn):
    scenes = draw_scenes(500, np.random.default_rng(1))
    first, second = (annotate(scenes, np.random.default_rng(seed)) for seed in (2, 3))
    agreement = (first["T1"] == second["T1"]).mean()
    assert 0.7 < agreement < 1


# traps


def test_traps_leave_the_rest_of_the_sample_as_it_is(plain, trapped):
    before, after = contents(plain.directory), contents(trapped.directory)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    traps = is_sample(trapped.directory)["traps"]
    seconds = {second for _, second in traps["duplicate_pairs"]}
    planted = seconds.union(*(traps[k] for k in traps if k not in ("duplicate_pairs", "test")), *traps["test"].values())
    assert {Path(name).stem for name in changed if "images" in name} == planted
    assert {name for name in changed if "images" not in name} == {"sample.json", str(Path("devset", "devset.csv"))}
    dev, dev_trapped = read(plain.devset / "devset.csv"), read(trapped.devset / "devset.csv")
    assert dev.index.equals(dev_trapped.index)
    assert set(dev.index[(dev != dev_trapped).any(axis=1)]) <= seconds


def test_duplicate_pairs_are_the_same_image_with_other_labels(trapped):
    pairs = is_sample(trapped.directory)["traps"]["duplicate_pairs"]
    labels = read(trapped.devset / "devset.csv")
    kinds = []
    for pair in pairs:
        first, second = (trapped.devset / "images" / f"{image_id}.jpg" for image_id in pair)
        assert list(labels.loc[pair[0]]) != list(labels.loc[pair[1]])
        a, b = Image.open(first), Image.open(second)
        if first.read_bytes() == second.read_bytes():
            kinds.append("bytes")
        elif a.size == b.size and np.array_equal(a, b):
            kinds.append("pixels")
        else:
            assert a.size != b.size
            assert likeness(a, b) < 10
            kinds.append("nearly")
    assert sorted(kinds) == ["bytes"] * 4 + ["nearly"] * 2 + ["pixels"] * 2


def likeness(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of two pictures in grey levels, 0..255, seen small."""
    small = [np.asarray(p.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=float) for p in (a, b)]
    return abs(small[0] - small[1]).mean()


def test_rotated_images_stand_upright_once_the_tag_is_obeyed(plain, trapped):
    traps = is_sample(trapped.directory)["traps"]
    rotated = [("devset", image_id, tag) for image_id, tag in zip(traps["exif_rotated"], (6, 3), strict=True)]
    rotated += [("testset", image_id, 6) for image_id in traps["test"]["exif_rotated"]]
    for folder, image_id, tag in rotated:
        upright, turned = (Image.open(p.directory / folder / "images" / f"{image_id}.jpg") for p in (plain, trapped))
        assert turned.getexif()[0x0112] == tag
        assert likeness(upright, turned) > 10
        shown = ImageOps.exif_transpose(turned)
        assert shown.size == upright.size
        assert likeness(upright, shown) < 3


@pytest.mark.parametrize(
    ("trap", "form", "mode"), [("grey", "JPEG", "L"), ("cmyk", "JPEG", "CMYK"), ("png_in_jpg", "PNG", "RGB")]
)
def test_odd_files_are_what_they_are_called(trapped, trap, form, mode):
    (image_id,) = is_sample(trapped.directory)["traps"][trap]
    with Image.open(trapped.devset / "images" / f"{image_id}.jpg") as picture:
        picture.load()
        assert (picture.format, picture.mode) == (form, mode)


def test_broken_files_do_not_load(trapped):
    traps = is_sample(trapped.directory)["traps"]
    truncated = [("devset", i) for i in traps["truncated"]] + [("testset", i) for i in traps["test"]["truncated"]]
    for folder, image_id in truncated:
        picture = Image.open(io.BytesIO((trapped.directory / folder / "images" / f"{image_id}.jpg").read_bytes()))
        with pytest.raises(OSError, match="truncated"):
            picture.load()
    (empty,) = traps["zero_byte"]
    assert (trapped.devset / "images" / f"{empty}.jpg").read_bytes() == b""
    (upper,) = traps["uppercase"]
    assert f"{upper}.JPG" in {p.name for p in (trapped.devset / "images").iterdir()}


# refusals


def test_the_same_sample_is_left_as_it_is(plain):
    before = {p: p.stat().st_mtime_ns for p in plain.directory.rglob("*")}
    assert draw_sample(plain.directory, dev=DEV, test=TEST, seed=5) == plain
    assert {p: p.stat().st_mtime_ns for p in plain.directory.rglob("*")} == before


@pytest.mark.parametrize("other", [{"seed": 6}, {"dev": 50}, {"test": 5}, {"traps": True}])
def test_another_sample_is_never_drawn_over(plain, other):
    with pytest.raises(DatasetError, match="already holds another sample"):
        draw_sample(plain.directory, **{"dev": DEV, "test": TEST, "seed": 5} | other)


def test_a_folder_of_other_things_is_refused_and_an_empty_one_filled(tmp_path, without_drawing):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(DatasetError, match="not empty"):
        draw_sample(tmp_path / "mine")
    with pytest.raises(DatasetError, match="is a file"):
        draw_sample(tmp_path / "mine" / "thesis.tex")
    (tmp_path / "empty").mkdir()
    assert draw_sample(tmp_path / "empty", dev=20, test=1).truth.exists()


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [
        ({"dev": 19}, "dev: got 19; expected at least 20"),
        ({"test": 0}, "test: got 0; expected at least 1"),
        ({"dev": 39, "traps": True}, "dev: got 39; expected at least 40 .* with traps"),
        ({"seed": -1}, "seed: got -1; expected 0 or more"),
        ({"dev": 0, "test": 0}, "dev: got 0.*\n.*test: got 0"),
    ],
)
def test_impossible_sizes_are_refused_all_at_once(tmp_path, sizes, problem):
    with pytest.raises(ConfigError, match=problem):
        draw_sample(tmp_path / "sample", **sizes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left on device"), DatasetError)],
)
def test_an_interrupted_drawing_leaves_nothing(tmp_path, monkeypatch, failure, raised):
    drawn = []

    def fail_at_the_fifth(image_id, scene):
        drawn.append(image_id)
        if len(drawn) == 5:
            raise failure
        return b"a photograph"

    monkeypatch.setattr(sample_module, "draw_jpeg", fail_at_the_fifth)
    with pytest.raises(raised, match=None if raised is KeyboardInterrupt else "No space left"):
        draw_sample(tmp_path / "sample", dev=20, test=1)
    assert len(drawn) == 5
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"seed": 1}', "not json"])
def test_another_folder_is_not_a_sample(tmp_path, text):
    if text is not None:
        (tmp_path / "sample.json").write_text(text)
    assert is_sample(tmp_path) is None


def test_a_sample_says_how_it_was_drawn(plain):
    assert is_sample(plain.directory) == {"seed": 5, "dev": DEV, "test": TEST, "traps": False, "version": 1}
    assert json.loads(plain.description.read_text()) == is_sample(plain.directory)
