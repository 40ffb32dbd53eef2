"""Extraction: every image its own vector, whatever else is extracted, missing, damaged or interrupted."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mediaeval.data.dataset import load_dataset
from mediaeval.errors import FeaturesError
from mediaeval.features.extract import extract, require_complete
from mediaeval.features.feature_extractor import FeatureExtractor, decoded_by
from mediaeval.features.store import FeatureStore
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.conftest import picture
from tests.mediaeval.features.fake_network import average_colour

pytestmark = pytest.mark.integration


def direct(dataset, image_id: str) -> np.ndarray:
    from PIL import Image

    with Image.open(dataset.image_paths[image_id]) as image:
        return np.asarray(image.convert("RGB").resize((8, 8)), np.float32).mean(axis=(0, 1))


def test_every_image_gets_its_own_vector(make_devset, tmp_path):
    dataset = load_dataset(make_devset(23), TASK)
    features = extract(dataset, [average_colour()], FeatureStore(tmp_path / "store"))
    backwards = list(reversed(dataset.ids))
    for row, image_id in zip(features.matrix(["colours"], backwards), backwards, strict=True):
        np.testing.assert_allclose(row, direct(dataset, image_id), rtol=1e-5)


def test_a_bad_image_moves_no_other_row_and_says_why(make_devset, tmp_path):
    folder = make_devset(23)
    whole = extract(load_dataset(folder, TASK), [average_colour()], FeatureStore(tmp_path / "whole"))
    (folder / "images/d3.jpg").write_bytes(b"")
    (folder / "images/d7.jpg").unlink()
    damaged = folder / "images/d11.jpg"
    damaged.write_bytes(damaged.read_bytes()[:400])
    dataset = load_dataset(folder, TASK)
    features = extract(dataset, [average_colour()], FeatureStore(tmp_path / "store"))
    assert set(features.failures) == {"d3", "d7", "d11"}
    assert "empty" in features.failures["d3"]
    assert "absent" in features.failures["d7"]
    assert "damaged" in features.failures["d11"]
    good = [i for i in dataset.ids if i not in features.failures]
    np.testing.assert_array_equal(features.matrix(["colours"], good), whole.matrix(["colours"], good))
    with pytest.raises(FeaturesError) as caught:
        require_complete(features, folder, skip_bad=False)
    assert "d3: the file is empty" in str(caught.value) and "--skip-bad" in str(caught.value)
    require_complete(features, folder, skip_bad=True)


def test_only_what_is_missing_is_computed(make_devset, tmp_path):
    folder, store = make_devset(12), FeatureStore(tmp_path / "store")
    assert extract(load_dataset(folder, TASK), [average_colour()], store).computed == {"colours": 12}
    assert extract(load_dataset(folder, TASK), [average_colour()], store).computed == {}
    picture("neutral", 99).save(folder / "images/d5.jpg")
    (folder / "images/d6.jpg").rename(folder / "images/d6.JPEG")
    both = extract(load_dataset(folder, TASK), [average_colour(), average_colour("more")], store)
    assert both.computed == {"colours": 1, "more": 12}, "a changed image anew, a renamed one not"


def test_interrupted_extraction_goes_on_where_it_was(make_devset, tmp_path):
    folder, store = make_devset(40), FeatureStore(tmp_path / "store")
    network, calls = average_colour(), []

    def interrupted(batch):
        calls.append(len(batch))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return network.forward(batch)

    with pytest.raises(KeyboardInterrupt):
        extract(load_dataset(folder, TASK), [replace(network, forward=interrupted)], store)
    rest = extract(load_dataset(folder, TASK), [network], store)
    assert rest.computed == {"colours": 40 - 16}, "the first batch of 16 was kept"


def test_ids_with_the_same_bytes_share_a_vector_and_an_outcome(make_devset, tmp_path):
    folder = make_devset(4)
    (folder / "images/d1.jpg").write_bytes((folder / "images/d0.jpg").read_bytes())
    for k in (2, 3):
        (folder / f"images/d{k}.jpg").write_bytes(b"no picture")
    features = extract(load_dataset(folder, TASK), [average_colour()], FeatureStore(tmp_path / "store"))
    assert features.computed == {"colours": 1}
    rows = features.matrix(["colours"], ["d0", "d1"])
    np.testing.assert_array_equal(rows[0], rows[1])
    assert set(features.failures) == {"d2", "d3"}


def test_views_are_the_same_whatever_the_workers_and_the_order(make_devset, tmp_path):
    folder = make_devset(9)
    ids = [f"d{k}" for k in range(9)]
    found = []
    for workers, view_ids in ((1, ids), (4, list(reversed(ids)))):
        features = extract(
            load_dataset(folder, TASK),
            [average_colour()],
            FeatureStore(tmp_path / f"store{workers}"),
            views=3,
            view_ids=view_ids,
            seed=5,
            workers=workers,
        )
        found.append(features.views(["colours"], ids, 3))
    np.testing.assert_array_equal(*found)
    assert found[0].shape == (9, 3, 3)
    assert len(np.unique(found[0].reshape(27, 3), axis=0)) == 27, "each view of each image is another"


def test_views_of_another_seed_are_others_and_fewer_views_are_the_first(make_devset, tmp_path):
    folder, store = make_devset(4), FeatureStore(tmp_path / "store")
    ids = ["d0", "d1"]

    def views(seed, n):
        features = extract(load_dataset(folder, TASK), [average_colour()], store, views=n, view_ids=ids, seed=seed)
        return features.views(["colours"], ids, n)

    np.testing.assert_array_equal(views(0, 2), views(0, 4)[:, :2])
    assert not np.array_equal(views(0, 2), views(1, 2))


def test_blocks_stand_in_the_order_asked_for(make_devset, tmp_path):
    dataset = load_dataset(make_devset(5), TASK)
    wide = replace(average_colour("wide"), width=2, forward=lambda batch: batch.mean(axis=(1, 2))[:, :2] + 500)
    features = extract(dataset, [average_colour(), wide], FeatureStore(tmp_path / "store"))
    ids = list(dataset.ids)
    ab, ba = features.matrix(["colours", "wide"], ids), features.matrix(["wide", "colours"], ids)
    assert ab.shape == (5, 5)
    np.testing.assert_array_equal(ab, ba[:, [2, 3, 4, 0, 1]])


def test_an_image_that_changes_under_way_is_not_kept_as_the_one_before(make_devset, tmp_path):
    dataset = load_dataset(make_devset(6), TASK)
    before = dataset.image_paths["d5"].read_bytes()

    def replace_last(done, total):
        if done == 1:
            dataset.image_paths["d5"].write_bytes(dataset.image_paths["d0"].read_bytes())

    store = FeatureStore(tmp_path / "store")
    features = extract(dataset, [average_colour()], store, workers=1, on_image=replace_last)
    assert "changed while" in features.failures["d5"]
    dataset.image_paths["d5"].write_bytes(before)
    again = extract(dataset, [average_colour()], store)
    np.testing.assert_allclose(again.matrix(["colours"], ["d5"])[0], direct(dataset, "d5"), rtol=1e-5)


def reader(source: FeatureExtractor, name: str = "doubled") -> FeatureExtractor:
    """A fake network that reads another's vectors, as S reads R's: twice their numbers."""
    return FeatureExtractor(name, {"kind": "fake", "reads": source.identity}, 3, None, lambda v: 2 * v, source=source)


def test_what_others_read_is_computed_once_whoever_asks(make_devset, tmp_path):
    """R and S asked for together, then another reader alone: every image goes through R once."""
    dataset, looked = load_dataset(make_devset(20), TASK), []
    colours = average_colour()
    counted = replace(colours, forward=lambda batch: looked.extend(batch) or colours.forward(batch))
    store = FeatureStore(tmp_path / "store")
    both = extract(dataset, [counted, reader(counted)], store)
    assert both.computed == {"colours": 20, "doubled": 20}
    np.testing.assert_array_equal(both.matrix(["doubled"], dataset.ids), 2 * both.matrix(["colours"], dataset.ids))
    assert len(looked) == 32, "20 images in batches of 16"
    alone = extract(dataset, [reader(counted, "other")], store)
    assert alone.computed == {"other": 20} and len(looked) == 32
    assert extract(dataset, [reader(counted)], store).computed == {}


def test_a_reader_alone_makes_what_it_reads_and_leaves_out_bad_images(make_devset, tmp_path):
    folder = make_devset(10)
    (folder / "images/d4.jpg").write_bytes(b"")
    dataset, store = load_dataset(folder, TASK), FeatureStore(tmp_path / "store")
    features = extract(dataset, [reader(average_colour())], store, views=2, view_ids=dataset.ids)
    good = [i for i in dataset.ids if i != "d4"]
    assert set(features.failures) == {"d4"}
    for image_id in good:
        row = features.matrix(["doubled"], [image_id])[0]
        np.testing.assert_allclose(row, 2 * direct(dataset, image_id), rtol=1e-5)
    views = features.views(["doubled"], good, 2)
    np.testing.assert_array_equal(views, 2 * features.views(["colours"], good, 2))
    assert not np.allclose(views[:, 0], views[:, 1])


# --- scaled decoding ------------------------------------------------------------------------------------------------


@pytest.fixture
def large(make_devset):
    """A dataset of three photographs of 1600 × 1200."""
    folder = make_devset(3)
    for k in range(3):
        picture("positive", k, size=(1600, 1200)).save(folder / f"images/d{k}.jpg", quality=90)
    return load_dataset(folder, TASK)


def sized(name: str, side: int | None) -> FeatureExtractor:
    """A fake network: the mean colour, and the width of the image that it was given."""
    return FeatureExtractor(
        name,
        {"kind": "fake", "name": name, "decoder": "pillow"},
        4,
        prepare=lambda image: np.append(np.asarray(image.resize((8, 8)), np.float32).mean((0, 1)), image.width),
        forward=lambda batch: batch,
        side=side,
    )


def test_a_scaled_picture_is_decoded_once_for_all_who_take_it(large, tmp_path, monkeypatch):
    from mediaeval.features import preparing as module

    decoded, decode = [], module.decode
    monkeypatch.setattr(module, "decode", lambda data, scaled: decoded.append(scaled) or decode(data, scaled=scaled))
    some = [decoded_by("scaled", sized(name, side)) for name, side in (("a", 224), ("b", 384))]
    features = extract(large, some, FeatureStore(tmp_path / "some"), views=2, view_ids=large.ids)
    assert decoded == [True] * 3
    every = [*some, decoded_by("scaled", sized("all pixels", None)), decoded_by("scaled", sized("large", 500))]
    beside = extract(large, every, FeatureStore(tmp_path / "every"), views=2, view_ids=large.ids)
    assert sorted(decoded[3:]) == [False] * 3 + [True] * 3
    widths = {n.name: beside.matrix([n.name], large.ids)[:, 3].tolist() for n in every}
    assert widths == {"a": [800.0] * 3, "b": [800.0] * 3, "all pixels": [1600.0] * 3, "large": [1600.0] * 3}
    for name in ("a", "b"):  # whatever is computed beside it
        np.testing.assert_array_equal(features.matrix([name], large.ids), beside.matrix([name], large.ids))
        np.testing.assert_array_equal(features.views([name], large.ids, 2), beside.views([name], large.ids, 2))


def test_vectors_of_two_decoders_never_meet(large, tmp_path):
    store = FeatureStore(tmp_path / "store")
    whole, scaled, opencv = (decoded_by(name, sized("net", 224)) for name in ("pillow", "scaled", "opencv"))
    for network in (whole, scaled, opencv):
        assert extract(large, [network], store).computed == {"net": 3}
    assert len(list(store.folder.glob("*.features"))) == 3 and "opencv" in opencv.identity["decoder"]
    assert "no less than 600" in scaled.identity["decoder"] and decoded_by("pillow", whole) is whole
    a, b = (extract(large, [n], store).matrix(["net"], large.ids) for n in (whole, scaled))
    assert a[0, 3] == 1600 and b[0, 3] == 800
    np.testing.assert_allclose(a[:, :3], b[:, :3], atol=4)  # of 255: noise clipped at white averages lower


# --- planning -------------------------------------------------------------------------------------------------------


def test_twins_have_views_of_their_own_and_one_plain_vector(make_devset, tmp_path):
    """By a network and by what reads it, in one go and on a store that holds the first of the twins."""
    folder = make_devset(3)
    (folder / "images/d2.jpg").write_bytes((folder / "images/d1.jpg").read_bytes())
    dataset, colours = load_dataset(folder, TASK), average_colour()
    networks = [colours, reader(colours)]
    store = FeatureStore(tmp_path / "store")
    features = extract(dataset, networks, store, views=2, view_ids=["d1", "d2"])
    assert features.computed == {"colours": 2 + 4, "doubled": 2 + 4}
    plain, views = features.matrix(["doubled"], dataset.ids), features.views(["doubled"], ["d1", "d2"], 2)
    np.testing.assert_array_equal(plain[1], plain[2])
    assert len(np.unique(views.reshape(4, 3), axis=0)) == 4
    step = FeatureStore(tmp_path / "step")
    extract(replace(dataset, ids=("d0", "d1")), networks, step)
    again = extract(dataset, networks, step, views=2, view_ids=["d1", "d2"])
    assert again.computed == {"colours": 4, "doubled": 4}
    np.testing.assert_array_equal(again.views(["doubled"], ["d1", "d2"], 2), views)


def test_an_image_that_memory_does_not_suffice_for_is_named(make_devset, tmp_path):
    dataset = load_dataset(make_devset(4), TASK)
    (dataset.image_paths["d2"]).write_bytes(b"")

    def prepare(image):
        if np.asarray(image).tobytes() == large:
            raise MemoryError
        return np.asarray(image.resize((8, 8)), np.float32)

    with Image.open(dataset.image_paths["d1"]) as image:
        large = np.asarray(image.convert("RGB")).tobytes()
    features = extract(dataset, [replace(average_colour(), prepare=prepare)], FeatureStore(tmp_path / "store"))
    assert list(features.contents) == ["d0", "d3"]
    with pytest.raises(FeaturesError, match="d1: there is not enough memory to prepare the image"):
        require_complete(features, dataset.folder, skip_bad=False)
