"""Shards: which image belongs to which, and what a finished one leaves behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaeval.errors import ConfigError, FeaturesError
from mediaeval.features.bill import Bill
from mediaeval.features.shard_records import Machine, ShardRecord, read_records
from mediaeval.features.shards import MOST, Shard, ids_digest, shard_of

IDS = [f"image{k}" for k in range(4000)]


@given(ids=st.lists(st.text(), unique=True), of=st.integers(1, 20))
def test_every_image_is_in_one_shard_whatever_others_there_are(ids, of):
    parts = [Shard(number, of).ids(ids) for number in range(1, of + 1)]
    assert sorted(image_id for part in parts for image_id in part) == sorted(ids)
    for number, part in enumerate(parts, start=1):
        assert [image_id for image_id in ids if image_id in part] == part, "in the order of the data set"
        assert all(shard_of(image_id, of) == number for image_id in part)


def test_shards_are_even_and_one_letter_written_in_two_ways_is_one_id():
    sizes = [len(Shard(number, 16).ids(IDS)) for number in range(1, 17)]
    # 250 on average; of a binomial distribution the standard deviation is 15.3, and four of them are never exceeded
    assert min(sizes) > 250 - 4 * 15.3 and max(sizes) < 250 + 4 * 15.3
    assert shard_of("u\u0308ber", 1000) == shard_of("\u00fcber", 1000)
    assert ids_digest(["u\u0308", "a"]) == ids_digest(["a", "\u00fc"]) != ids_digest(["a"])


@pytest.mark.parametrize(
    "text", ["", "3", "3/", "/16", "0/16", "17/16", "-1/16", "3/16/2", "1.0/2", "a/b", f"1/{MOST + 1}", "1/0", "٣/١٦"]
)
def test_what_names_no_shard_is_refused(text):
    with pytest.raises(ConfigError, match=r"--shard: got '.*'; expected the number of a shard and how many"):
        Shard.parse(text)


def test_shards_are_counted_from_one():
    assert Shard.parse("3/16") == Shard(3, 16) and str(Shard(3, 16)) == "3/16"
    with pytest.raises(ConfigError, match="Add 1 to an index that is counted from 0"):
        Shard.parse("0/4")


RECORD = ShardRecord(
    Shard(2, 3), "devset", "ab" * 32, 7, {"net": {"w": 1}}, Machine("n1", "A"), {"d\udce9": "empty"}, Bill(images=3)
)


def test_a_record_is_read_back_as_it_was_written(tmp_path):
    path = RECORD.write(tmp_path)
    assert read_records([tmp_path]) == [(tmp_path, RECORD)]
    RECORD.write(tmp_path)  # the shard ran again
    assert [path] == list((tmp_path / "shards").iterdir())


@pytest.mark.parametrize("damage", ["", "{}", "[]", "{", '{"format": 2}', "cut"])
def test_a_damaged_record_is_named(tmp_path, damage):
    path = RECORD.write(tmp_path)
    path.write_text(path.read_text("utf-8", "surrogatepass")[:200] if damage == "cut" else damage)
    with pytest.raises(FeaturesError, match=r"2-of-3.json is not the record of a shard, or is damaged\. Delete it"):
        read_records([tmp_path])


def test_all_stores_without_shards_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FeaturesError) as caught:
        read_records([tmp_path / "absent", tmp_path / "empty"])
    assert "absent: there is no such folder" in caught.value.problems[0]
    assert "empty: the store holds no finished shard" in caught.value.problems[1]
