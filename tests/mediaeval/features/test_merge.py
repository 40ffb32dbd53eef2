"""Merging: shards of several stores give what one machine gives, and what does not belong is refused by name."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mediaeval.data.dataset import load_dataset
from mediaeval.errors import FeaturesError
from mediaeval.features.bill import Bill
from mediaeval.features.chosen_shards import choose_shards
from mediaeval.features.extract import extract, plain_file
from mediaeval.features.merge import cosine, merge
from mediaeval.features.shard_records import Machine, ShardRecord, read_records
from mediaeval.features.shards import Shard, ids_digest
from mediaeval.features.store import FeatureStore
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.mediaeval.features.fake_network import average_colour

pytestmark = pytest.mark.integration

HERE = Machine("here", "processor A")
NETWORKS = [average_colour()]


@pytest.fixture
def dataset(make_devset):
    return load_dataset(make_devset(23), TASK)


def computed(dataset, shard: str, store: Path, networks=NETWORKS, machine=HERE) -> Bill:
    """Compute a shard as `mediaeval features --shard` does."""
    part = Shard.parse(shard)
    features = extract(dataset.some(part.ids(dataset.ids)), networks, FeatureStore(store))
    identities = {network.name: network.identity for network in networks}
    ShardRecord(
        part,
        str(dataset.folder),
        ids_digest(dataset.ids),
        len(dataset.ids),
        identities,
        machine,
        features.failures,
        features.bill,
    ).write(store)
    return features.bill


def merged(dataset, stores, into: Path, networks=NETWORKS):
    shards = choose_shards(read_records(stores), dataset.folder, dataset.ids, networks)
    return merge(dataset, networks, FeatureStore(into), shards, HERE)


def vectors_digest(features, network: str = "colours") -> str:
    ids = sorted(features.contents)
    return hashlib.sha256("\n".join(ids).encode() + features.block(network, ids).to_numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("of", [1, 2, 7, 40])
def test_shards_give_the_vectors_of_one_machine(dataset, tmp_path, of):
    serial = extract(dataset, NETWORKS, FeatureStore(tmp_path / "serial"))
    stores = [tmp_path / f"store{k % 3}" for k in range(1, of + 1)]  # some machines compute several
    for number, store in enumerate(stores, start=1):
        computed(dataset, f"{number}/{of}", store)
    found = merged(dataset, sorted(set(stores)), tmp_path / "whole")
    assert vectors_digest(found.features) == vectors_digest(serial)
    assert found.features.computed == {"colours": 23} and not found.missing and not found.missing_shards
    again = merged(dataset, sorted(set(stores)), tmp_path / "whole")
    assert again.features.computed == {"colours": 0}, "nothing is copied twice"
    file = plain_file(FeatureStore(tmp_path / "whole"), NETWORKS[0])
    assert len(file) == 23 and file.doubles == 0
    assert extract(dataset, NETWORKS, FeatureStore(tmp_path / "whole")).computed == {}


def test_a_store_common_to_all_is_merged_into_itself(dataset, tmp_path):
    for number in (1, 2):
        computed(dataset, f"{number}/2", tmp_path)
    found = merged(dataset, [tmp_path], tmp_path)
    assert len(found.features.contents) == 23 and found.features.computed == {"colours": 0}


def test_one_of_two_equal_vectors_is_kept_and_damaged_images_are_named_once(dataset, tmp_path):
    one, other = (Shard(number, 2).ids(dataset.ids) for number in (1, 2))
    paths = dataset.image_paths
    paths[one[0]].write_bytes(paths[other[0]].read_bytes())  # the same image in both shards
    for bad in (one[1], other[1]):
        paths[bad].write_bytes(paths[bad].read_bytes()[:300])
    for number in (1, 2):
        computed(dataset, f"{number}/2", tmp_path / f"store{number}")
    found = merged(dataset, [tmp_path / "store1", tmp_path / "store2"], tmp_path / "whole")
    assert set(found.features.failures) == {one[1], other[1]} and not found.missing
    bill = found.features.bill
    assert (bill.images, bill.failed, bill.computed, bill.twice) == (23, 2, 21, 1)
    file = plain_file(FeatureStore(tmp_path / "whole"), NETWORKS[0])
    assert len(file) == 20 and file.doubles == 0


def test_what_is_missing_is_named_and_the_rest_is_merged(dataset, tmp_path):
    for number in (1, 3):
        computed(dataset, f"{number}/3", tmp_path / f"store{number}")
    torn = plain_file(FeatureStore(tmp_path / "store3"), NETWORKS[0])
    os.truncate(torn.path, torn.path.stat().st_size - 1)  # its last record is cut short
    found = merged(dataset, [tmp_path / "store1", tmp_path / "store3"], tmp_path / "whole")
    assert found.missing_shards == (Shard(2, 3),)
    lost = {*Shard(2, 3).ids(dataset.ids), Shard(3, 3).ids(dataset.ids)[-1]}
    assert set(found.missing) == lost and set(found.features.contents) == set(dataset.ids) - lost


@pytest.mark.parametrize(
    ("shard", "networks", "message"),
    [
        ("2/2", [average_colour(weights="other")], r"store2: shard 2/2 was computed on here otherwise .*: "
         r"extractor 'colours': weights 'other', here None.*--shard 2/2"),
        ("2/2", [average_colour(decoder="scaled")], r"extractor 'colours': decoder 'scaled', here None"),
        ("2/3", NETWORKS, r"parts of several splits: 1/2, 2/3\. Compute the missing shards of one"),
        ("1/2", NETWORKS, r"shard 1/2 of .*devset is in several stores: .*store1, .*store2\. Give one"),
    ],
)  # fmt: skip
def test_shards_that_do_not_belong_are_refused_by_name(dataset, tmp_path, shard, networks, message):
    computed(dataset, "1/2", tmp_path / "store1")
    computed(dataset, shard, tmp_path / "store2", networks)
    with pytest.raises(FeaturesError, match=message):
        merged(dataset, [tmp_path / "store1", tmp_path / "store2"], tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def test_shards_of_another_data_set_are_refused_and_left_aside_where_a_store_serves_several(dataset, tmp_path):
    computed(dataset.some(dataset.ids[:5]), "1/1", tmp_path / "store")
    with pytest.raises(FeaturesError, match=r"\(23 images\): the stores hold no shard .*devset \(5 images"):
        merged(dataset, [tmp_path / "store"], tmp_path / "whole")
    computed(dataset, "1/1", tmp_path / "store")
    computed(dataset, "1/1", tmp_path / "store", [average_colour(weights="of another experiment")])
    assert len(merged(dataset, [tmp_path / "store"], tmp_path / "whole").features.contents) == 23


def test_vectors_of_another_kind_of_machine_are_compared_and_refused_where_they_differ(dataset, tmp_path):
    there = Machine("there", "processor B")
    slightly, other = (
        replace(NETWORKS[0], forward=lambda batch, by=by: NETWORKS[0].forward(batch) + np.float32([by, 0, 0]))
        for by in (0.01, 20)
    )
    computed(dataset, "1/2", tmp_path / "ours")
    computed(dataset, "2/2", tmp_path / "near", [slightly], there)
    found = merged(dataset, [tmp_path / "ours", tmp_path / "near"], tmp_path / "whole")
    (agreement,) = found.agreements
    assert (agreement.kind, agreement.extractor) == ("processor B", "colours")
    assert agreement.images == len(Shard(2, 2).ids(dataset.ids)) and 0.9999 < agreement.cosine < 1
    computed(dataset, "2/2", tmp_path / "far", [other], there)
    with pytest.raises(FeaturesError, match=r"another kind of machine \(processor B; shards 2\).*least cosine 0\.9"):
        merged(dataset, [tmp_path / "ours", tmp_path / "far"], tmp_path / "nothing")
    assert not list((tmp_path / "nothing").glob("*")), "neither vectors nor what was computed for the comparison"


def test_the_cosine_of_equal_vectors_is_one():
    zero, one = np.zeros(3, np.float32), np.array([3e-30, 0, 4e-30], np.float32)
    assert cosine(zero, zero) == cosine(one, one) == 1 and cosine(zero, one) == 0
    assert cosine(one, 2 * one) == pytest.approx(1)
