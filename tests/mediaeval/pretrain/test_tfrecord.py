"""TFRecord files: written here from the description of the format, read back, cut short and damaged."""

import gzip
import struct

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaeval.errors import FeaturesError
from mediaeval.pretrain.tfrecord import read_example, read_sequence_example, records
from tests.mediaeval.formats.test_formats import field, names, quick, varint


def masked(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    rotated = (crc >> 15) + ((crc & 0x7FFF) << 17)
    return struct.pack("<I", (rotated + 0xA282EAD8) % 2**32)


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def feature(values, packed: bool = True) -> bytes:
    """A Feature: bytes, floats or ints, the numbers packed or one by one."""
    if all(isinstance(v, bytes) for v in values):
        return field(1, b"".join(field(1, v) for v in values))
    if all(isinstance(v, float) for v in values):
        inner = struct.pack(f"<{len(values)}f", *values)
        return field(2, field(1, inner) if packed else b"".join(field(1, v) for v in values))
    inner = b"".join(map(varint, values))
    return field(3, field(1, inner) if packed else b"".join(field(1, v) for v in values))


def features(values: dict, packed: bool = True) -> bytes:
    return b"".join(
        field(1, field(1, name.encode()) + field(2, feature(value, packed))) for name, value in values.items()
    )


VALUES = st.one_of(
    st.lists(st.binary(max_size=9), max_size=4),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5),
)


def same(read, written) -> bool:
    kind = {bytes: list, float: np.float32, int: np.int64}[type(written[0]) if written else bytes]
    return (type(read) is list or read.dtype == kind) and list(read) == list(written)


@quick
@given(values=st.dictionaries(names, VALUES, max_size=4), packed=st.booleans())
def test_examples_come_back_whether_packed_or_not(values, packed, tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(record(field(1, features(values, packed))) + record(b""))
    first, second = (read_example(r) for r in records(path))
    assert set(first) == set(values) and second == {}
    assert all(same(first[name], value) for name, value in values.items())


def test_a_sequence_example_like_those_of_youtube8m_comes_back():
    context = field(1, features({"id": [b"abcd"], "labels": [3, 12]}))
    steps = [feature([bytes([k] * 4)]) for k in range(3)]
    lists = field(2, field(1, field(1, b"rgb") + field(2, b"".join(field(1, step) for step in steps))))
    read, sequences = read_sequence_example(context + lists)
    assert read["id"] == [b"abcd"] and read["labels"].tolist() == [3, 12]
    assert sequences == {"rgb": [[b"\0\0\0\0"], [b"\1\1\1\1"], [b"\2\2\2\2"]]}


def test_empty_lists_keep_their_kind_and_other_fields_are_passed_over():
    entry = field(1, field(1, b"none") + field(2, field(2, b""))) + field(9, b"of a later version")
    read = read_example(field(1, entry) + field(8, 5))
    assert read["none"].dtype == np.float32 and read["none"].shape == (0,)
    assert read_example(field(1, field(1, field(1, b"a")))) == {"a": []}


@pytest.mark.parametrize(
    "message",
    [
        field(1, 5),
        b"text, not a message",
        field(1, field(1, field(1, b"\xff") + field(2, feature([1])))),
        field(1, field(1, field(1, b"a") + field(2, field(2, field(1, b"abc"))))),
        field(1, field(1, field(1, b"a") + field(2, field(3, field(1, b"\x80"))))),
        field(1, field(1, field(1, b"a") + field(2, field(1, field(1, 7))))),
    ],
)
def test_records_that_are_no_example_are_reported(message):
    with pytest.raises(FeaturesError, match=r"a record is not a tf\.train\.Example: .*"):
        read_example(message)
    with pytest.raises(FeaturesError, match=r"a record is not a tf\.train\.SequenceExample: .*"):
        read_sequence_example(message)


@given(st.binary(max_size=60))
@settings(quick, max_examples=200)
def test_any_bytes_are_an_example_or_reported(data):
    for read in (read_example, read_sequence_example):
        try:
            read(data)
        except FeaturesError as error:
            assert "a record is not" in str(error)


def test_a_record_file_cut_anywhere_tells_how_many_records_are_whole(tmp_path):
    path = tmp_path / "a.tfrecord"
    pieces = [record(b"first"), record(b""), record(b"the third")]
    data = b"".join(pieces)
    ends = np.cumsum([0, *map(len, pieces)]).tolist()
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends) - 1
        if length in ends:
            assert len(list(records(path))) == whole
            continue
        came = []
        with pytest.raises(FeaturesError, match=rf"record {whole + 1} \(after {whole} complete records?\).*cut short"):
            came.extend(records(path))
        got = []
        with pytest.raises(FeaturesError):
            for item in records(path):
                got.append(item)
        assert len(got) == whole


def test_damaged_records_never_come_through(tmp_path):
    path = tmp_path / "a.tfrecord"
    data = record(b"first") + record(b"second")
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(FeaturesError, match=rf"{path}, byte \d+: .*checksum"):
            list(records(path))


def test_a_compressed_record_file_says_what_to_do(tmp_path):
    path = tmp_path / "a.tfrecord.gz"
    path.write_bytes(gzip.compress(record(b"first")))
    with pytest.raises(FeaturesError, match=r"compressed with gzip.*gunzip"):
        list(records(path))


def test_a_folder_in_the_place_of_a_file_is_reported(tmp_path):
    with pytest.raises(FeaturesError, match=r"expected a TFRecord file"):
        list(records(tmp_path))
