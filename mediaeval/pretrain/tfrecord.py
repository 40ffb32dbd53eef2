"""TensorFlow's record files and their examples, read without TensorFlow.

    record    uint64 length · uint32 masked crc32c of it · data · uint32 masked crc32c of the data      (little-endian)
    masked    (crc rotated right by 15 bits) + 0xa282ead8, modulo 2³²       (tensorflow/core/lib/hash/crc32c.h)

Examples are messages of tensorflow/core/example/{example,feature}.proto: each record of YouTube-8M's video-level files
is an Example, each of its frame-level files a SequenceExample.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import google_crc32c
import numpy as np

from mediaeval.errors import FeaturesError
from mediaeval.formats.bounded import BoundedFile
from mediaeval.formats.protobuf import BITS32, BYTES, WireError, fields, packed_floats, packed_varints, signed
from submission.wording import quoted

Feature = list[bytes] | np.ndarray  # a list of bytes, int64 (n,) or float32 (n,)


def records(path: Path) -> Iterator[bytes]:
    """Yield the records of a TFRecord file, after comparing both checksums of each.

    Raises FeaturesError if the file is missing, compressed, damaged or ends within a record, with the number of
    complete records before that place.
    """
    with BoundedFile(path, FeaturesError, "a TFRecord file") as file:
        whole = 0
        while file.left:
            of = f"record {whole + 1} (after {_counted(whole)})"
            head = file.read(8, f"the length of {of}")
            (check,) = file.numbers("I", f"the checksum of the length of {of}")
            if masked_crc32c(head) != check:
                if whole == 0 and head[:2] == b"\x1f\x8b":
                    raise file.wrong("it is compressed with gzip", "Decompress it with gunzip.")
                raise file.wrong(f"the length of {of} does not match its checksum")
            data = file.read(int.from_bytes(head, "little"), of)
            (check,) = file.numbers("I", f"the checksum of {of}")
            if masked_crc32c(data) != check:
                raise file.wrong(f"the data of {of} do not match their checksum")
            yield data
            whole += 1


def masked_crc32c(data: bytes) -> int:
    """Return the checksum that a TFRecord file stores for `data`, 0..2³² − 1."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def read_example(record: bytes | memoryview) -> dict[str, Feature]:
    """Return the features of a tf.train.Example by name.

    A feature without values is an empty list of bytes. Raises FeaturesError if the record is not an Example.
    """
    try:
        return _features(_last(record, 1, "an Example"))
    except WireError as error:
        raise _not("a tf.train.Example", error) from None


def read_sequence_example(record: bytes | memoryview) -> tuple[dict[str, Feature], dict[str, list[Feature]]]:
    """Return a tf.train.SequenceExample: the features of its context, and lists of features, one per step; by name.

    Raises FeaturesError if the record is not a SequenceExample.
    """
    try:
        context = _features(_last(record, 1, "a SequenceExample"))
        lists = {
            name: [_feature(part) for part in _parts(value, 1, "a FeatureList")]
            for name, value in _map(_last(record, 2, "a SequenceExample"), "FeatureLists")
        }
        return context, lists
    except WireError as error:
        raise _not("a tf.train.SequenceExample", error) from None


def _features(message: memoryview) -> dict[str, Feature]:
    return {name: _feature(value) for name, value in _map(message, "Features")}


def _feature(message: memoryview) -> Feature:
    """Return one feature: of its three kinds of list the last one in the message counts, as in protobuf."""
    kind = 1
    parts: list[memoryview] = []
    for number, wire, value in fields(message):
        if number in _LISTS:
            if not isinstance(value, memoryview):
                raise _unexpected("a Feature", number, wire)
            if number != kind:
                kind, parts = number, []
            parts.append(value)
    return _LISTS[kind](parts)


def _bytes_list(parts: list[memoryview]) -> list[bytes]:
    return [bytes(value) for part in parts for value in _parts(part, 1, "a BytesList")]


def _float_list(parts: list[memoryview]) -> np.ndarray:
    pieces = []
    for part in parts:
        for number, wire, value in fields(part):
            if number == 1:
                if wire not in (BYTES, BITS32) or isinstance(value, int):
                    raise _unexpected("a FloatList", number, wire)
                pieces.append(packed_floats(value))  # a single value has the bytes of a list of one
    return np.concatenate([np.zeros(0, np.float32), *pieces]).astype(np.float32)


def _int64_list(parts: list[memoryview]) -> np.ndarray:
    pieces = []
    for part in parts:
        for number, wire, value in fields(part):
            if number == 1:
                if isinstance(value, int):
                    pieces.append(np.array([signed(value)], np.int64))
                elif isinstance(value, memoryview):
                    pieces.append(packed_varints(value))
                else:
                    raise _unexpected("an Int64List", number, wire)
    return np.concatenate([np.zeros(0, np.int64), *pieces])


_LISTS: dict[int, Callable[[list[memoryview]], Feature]] = {1: _bytes_list, 2: _float_list, 3: _int64_list}


def _map(message: memoryview, of: str) -> Iterator[tuple[str, memoryview]]:
    """Yield (key, value) of a map<string, message>, which is written as a list of entries."""
    for entry in _parts(message, 1, of):
        name = bytes(_last(entry, 1, f"an entry of {of}"))
        try:
            yield name.decode("utf-8"), _last(entry, 2, f"an entry of {of}")
        except UnicodeDecodeError:
            raise WireError(f"the name {quoted(name)} in {of} is not UTF-8") from None


def _parts(message: bytes | memoryview, sought: int, of: str) -> Iterator[memoryview]:
    """Yield every value of field `sought`, which has a length; other fields are skipped, as in protobuf."""
    for number, wire, value in fields(message):
        if number == sought:
            if not isinstance(value, memoryview):
                raise _unexpected(of, number, wire)
            yield value


def _last(message: bytes | memoryview, sought: int, of: str) -> memoryview:
    """Return the last value of a field that has a length, or nothing where it is absent."""
    last = memoryview(b"")
    for value in _parts(message, sought, of):
        last = value
    return last


def _unexpected(of: str, number: int, wire: int) -> WireError:
    return WireError(f"field {number} of {of} has wire type {wire}")


def _not(what: str, error: WireError) -> FeaturesError:
    return FeaturesError(f"a record is not {what}: {error}. Choose a file whose records are.")


def _counted(whole: int) -> str:
    return f"{whole} complete record" + ("" if whole == 1 else "s")
