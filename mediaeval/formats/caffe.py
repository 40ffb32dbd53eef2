"""Caffe's `.caffemodel`: the weights of a network, read without Caffe.

The file is a protobuf message, NetParameter of Caffe's src/caffe/proto/caffe.proto. Files of the model zoo have layers
in one of three versions; a field is number: meaning.

    layer      100: layer                  1: name   2: type, a word       7: blobs
    V1         2: layers                   4: name   5: type, a number     6: blobs
    V0         2: layers → 1: layer        1: name   2: type, a word      50: blobs

    blob       7: shape (1: dims, packed)  or  1, 2, 3, 4: num, channels, height, width
               5: data, packed floats      8: data, packed doubles         6, 9: gradients, passed over
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mediaeval.errors import WeightsError, first_line
from mediaeval.formats.content import CAFFE, content_of
from mediaeval.formats.protobuf import BITS32, BITS64, BYTES, VARINT, WireError, fields, packed_varints, signed
from submission.wording import quoted

MOST_DIMS = 32  # Caffe's own limit
# Types whose weights are matrices, and whose blobs after the first are vectors, whatever dimensions of 1 precede them
_DENSE = {"InnerProduct", "innerproduct", 14}
_WITH_BIAS = {"Convolution", "Deconvolution", "conv", 4, 39} | _DENSE
_NAMES = ("weight", "bias")  # of a layer's first two blobs


class Layer(NamedTuple):
    """One layer as written in the file. `kind`: a word, V1's number, or "" where there is none."""

    name: str
    kind: str | int
    blobs: list[memoryview]


def is_caffe(path: Path) -> bool:
    """Return whether a file is to be read as a .caffemodel; False where it cannot be opened."""
    try:
        return content_of(path) == CAFFE
    except OSError:
        return False


def read_caffe(path: Path) -> dict[str, np.ndarray]:
    """Return the blobs of a .caffemodel, float32, as LAYER/weight and LAYER/bias; a third blob is LAYER/2, and so on.

    Convolutions have weights (out, in / groups, height, width), inner products (out, in); biases are (out,), also where
    old files have dimensions of 1 before. Of two layers with one name the last counts, as in Caffe. The file is mapped,
    so that it takes no memory beyond the arrays.
    Raises WeightsError when the file is absent, cut short, damaged, text, or of another kind, when a blob has more or
    fewer numbers than its shape states, or when two layers with one name have different shapes.
    """
    arrays: dict[str, np.ndarray] = {}
    with _reading(path) as data:
        for layer in _layers(data):
            for place, blob in enumerate(layer.blobs):
                key = f"{layer.name}/{_NAMES[place] if place < len(_NAMES) else place}"
                array = _array(path, key, layer, place, blob)
                if key in arrays and arrays[key].shape != array.shape:
                    raise WeightsError(
                        f"{path}: two layers have the name {quoted(layer.name)}, and {key[:60]} is {arrays[key].shape} "
                        f"in one and {array.shape} in the other. Give a file of one network."
                    )
                arrays[key] = array
    if not arrays:
        raise WeightsError(f"{path} holds no layer with weights. Give a .caffemodel that Caffe's training wrote.")
    return arrays


def read_layers(path: Path) -> list[str]:
    """Return the names of all layers of a .caffemodel, also of those without weights, in the network's order.

    Raises WeightsError for a file that cannot be read.
    """
    with _reading(path) as data:
        return [layer.name for layer in _layers(data)]


@contextmanager
def _reading(path: Path) -> Iterator[memoryview]:
    """Yield the bytes of a file; errors in them are reported with its name."""
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path} is not a file; expected a .caffemodel.")
    if not path.stat().st_size:
        raise WeightsError(f"{path} is empty; expected a .caffemodel. Fetch it again.")
    data = np.memmap(path, np.uint8, "r").data
    start = bytes(data[:1024])
    if re.fullmatch(rb"[\t\n\r\x20-\x7e]+", start):
        raise WeightsError(
            f"{path} is text: a .prototxt describes a network and holds no weights. Give the .caffemodel beside it."
        )
    try:
        yield data
    except WireError as error:
        raise WeightsError(
            f"{path} cannot be read as a .caffemodel ({first_line(error)}): it is cut short, damaged or of another "
            "kind. Fetch it again."
        ) from None


def _layers(data: memoryview) -> Iterator[Layer]:
    for number, wire, value in fields(data):
        if (number, wire) == (100, BYTES):
            yield _layer(value, 1, 2, 7)
        elif (number, wire) == (2, BYTES):
            old = [inner for n, w, inner in fields(value) if (n, w) == (1, BYTES)]
            yield _layer(old[0], 1, 2, 50) if old else _layer(value, 4, 5, 6)


def _layer(message: memoryview, name: int, kind: int, blobs: int) -> Layer:
    """Return a layer, whose name, type and blobs are the fields of these numbers."""
    layer = Layer("", "", [])
    for number, wire, value in fields(message):
        if (number, wire) == (name, BYTES):
            layer = layer._replace(name=_text(value))
        elif number == kind and wire in (BYTES, VARINT):
            layer = layer._replace(kind=_text(value) if wire == BYTES else value)
        elif (number, wire) == (blobs, BYTES):
            layer.blobs.append(value)
    return layer


def _text(value: memoryview) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        raise WireError("the name or type of a layer is not UTF-8") from None


def _array(path: Path, key: str, layer: Layer, place: int, blob: memoryview) -> np.ndarray:
    """Return a blob's numbers, float32, in the shape that the file states for them."""
    legacy: dict[int, int] = {}
    dims: list[int] = []
    parts: dict[int, list[bytes | memoryview]] = {5: [], 8: []}
    for number, wire, value in fields(blob):
        if 1 <= number <= 4 and wire == VARINT:
            legacy[number] = signed(value)
        elif (number, wire) == (7, BYTES):
            dims += _dims(value)
        elif number in parts and wire in (BYTES, _WIRE[number]):
            parts[number].append(value)
    shape = tuple(legacy.get(k, 0) for k in (1, 2, 3, 4)) if legacy else tuple(dims)
    doubles = bool(parts[8])  # where there are any, Caffe reads these
    data = _joined(parts[8], "<f8") if doubles else _joined(parts[5], "<f4")
    # few dims first: the product of a million of them is long to compute
    if len(shape) > MOST_DIMS or min(shape, default=1) < 1 or math.prod(shape) != data.size:
        raise WeightsError(
            f"{path}: {key[:60]} has shape {quoted(shape)} but {data.size} numbers. The file is damaged, or was "
            "written without its weights. Fetch it again."
        )
    if layer.kind in _DENSE and place == 0 and len(shape) == 4 and shape[:2] == (1, 1):
        shape = shape[2:]
    elif layer.kind in _WITH_BIAS and place > 0 and shape[:-1] == (1, 1, 1):
        shape = shape[3:]
    return data.astype(np.float32, copy=False).reshape(shape)


_WIRE = {5: BITS32, 8: BITS64}  # of one float and one double, where a list is not packed


def _dims(message: memoryview) -> list[int]:
    dims: list[int] = []
    for number, wire, value in fields(message):
        if (number, wire) == (1, BYTES):
            dims += packed_varints(value).tolist()
        elif (number, wire) == (1, VARINT):
            dims.append(signed(value))
    return dims


def _joined(parts: list[bytes | memoryview], dtype: str) -> np.ndarray:
    """Return the numbers of a list that may be written in several parts, as a new array."""
    size = np.dtype(dtype).itemsize
    if uneven := [len(part) for part in parts if len(part) % size]:
        raise WireError(f"a list of numbers has {uneven[0]} bytes, which is not a multiple of {size}")
    array = np.empty(sum(len(part) for part in parts) // size, dtype)
    place = 0
    for part in parts:
        numbers = np.frombuffer(part, dtype)
        array[place : place + len(numbers)] = numbers
        place += len(numbers)
    return array
