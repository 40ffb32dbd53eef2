"""Protocol buffers' wire format, as far as reading needs it (protobuf.dev, "Encoding").

A message is a sequence of fields: a varint key (number · 8 + wire type), then the value. There is no schema: the caller
knows what a number means. Values with a length are views of the message, never copies, so that messages of hundreds of
MB can be read without using memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mediaeval.errors import UserError

VARINT, BITS64, BYTES, BITS32 = 0, 1, 2, 5  # wire types; 3 and 4, groups, are of proto1 and refused

_LONGEST = 10  # bytes of a varint: 64 bits, seven per byte


class WireError(UserError):
    """Bytes that are not a protobuf message. Readers of files catch it and name the file."""


def fields(data: bytes | memoryview) -> Iterator[tuple[int, int, Any]]:
    """Yield (number, wire type, value) for every field of a message, in the file's order.

    The type of a value follows from the wire type: VARINT → int 0..2⁶⁴-1 (see `signed`), BITS64 and BITS32 → 8 and 4
    bytes, BYTES → memoryview. Raises WireError where the bytes are not a message, after the fields before that place.
    """
    view = memoryview(data).cast("B")
    place, end = 0, len(view)
    value: Any
    while place < end:
        key, place = _varint(view, place)
        number, wire = key >> 3, key & 7
        if number == 0 or number >= 2**29:
            raise WireError(f"byte {place}: got field number {number}; expected 1 to {2**29 - 1}")
        if wire == VARINT:
            value, place = _varint(view, place)
        elif wire in _FIXED:
            value, place = bytes(_cut(view, place, _FIXED[wire])), place + _FIXED[wire]
        elif wire == BYTES:
            length, place = _varint(view, place)
            value, place = _cut(view, place, length), place + length
        else:
            raise WireError(f"byte {place}: field {number} has wire type {wire}; known are 0, 1, 2 and 5")
        yield number, wire, value


_FIXED = {BITS64: 8, BITS32: 4}


def signed(value: int) -> int:
    """Return a varint as the int64 or int32 that was written."""
    return value - 2**64 if value >= 2**63 else value


def packed_varints(data: bytes | memoryview) -> np.ndarray:
    """Return a packed list of int32, int64, uint32, bool or enum, as int64 (n,)."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 128)
    if len(raw) and (not len(ends) or ends[-1] != len(raw) - 1):
        raise WireError("a packed list of integers ends within one")
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64) if len(ends) else ends
    lengths = ends - starts + 1
    if len(lengths) and lengths.max() > _LONGEST:
        raise WireError(f"got an integer of {lengths.max()} bytes in a packed list; expected at most {_LONGEST}")
    values = np.zeros(len(ends), np.uint64)
    for k in range(lengths.max() if len(lengths) else 0):
        longer = lengths > k
        values[longer] |= (raw[starts[longer] + k] & np.uint8(127)).astype(np.uint64) << np.uint64(7 * k)
    return values.view(np.int64)


def packed_floats(data: bytes | memoryview) -> np.ndarray:
    """Return a packed list of floats, float32 (n,): a read-only view of the message."""
    if len(data) % 4:
        raise WireError(f"a packed list of floats has {len(data)} bytes, which is not a multiple of 4")
    return np.frombuffer(data, "<f4")


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    """Return (value, place after it)."""
    value = 0
    for k, byte in enumerate(view[place : place + _LONGEST]):
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value & (2**64 - 1), place + k + 1
    raise WireError(f"byte {place}: an integer does not end within {_LONGEST} bytes, or the message is cut short")


def _cut(view: memoryview, place: int, length: int) -> memoryview:
    if length > len(view) - place:
        raise WireError(f"byte {place}: a value of {length} bytes, but {len(view) - place} are left")
    return view[place : place + length]
