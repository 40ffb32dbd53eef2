"""Writes `.caffemodel` files as Caffe does, in each of its three dialects, by protobuf's wire format."""

from collections.abc import Mapping, Sequence

import numpy as np

CONVOLUTION, INNER_PRODUCT = 4, 14  # V1LayerParameter.LayerType
TYPES = {"Convolution": CONVOLUTION, "InnerProduct": INNER_PRODUCT, "ReLU": 18, "Pooling": 17, "LRN": 15, "": 0}


def varint(value: int) -> bytes:
    value %= 2**64
    out = []
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | str) -> bytes:
    """A varint, or a value with a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(
    array: np.ndarray, *, legacy: bool = False, packed: bool = True, double: bool = False, gradient: bool = False
) -> bytes:
    """A BlobProto. `legacy`: num, channels, height, width in place of a shape, with ones before the axes."""
    if legacy:
        dims = (1,) * (4 - array.ndim) + array.shape
        head = b"".join(field(k, dim) for k, dim in enumerate(dims, start=1))
    else:
        head = field(7, field(1, b"".join(varint(dim) for dim in array.shape)))
    number, dtype, wire = (8, "<f8", 1) if double else (5, "<f4", 5)
    numbers = array.astype(dtype).ravel()
    if packed:
        data = field(number, numbers.tobytes())
    else:
        data = b"".join(varint(number << 3 | wire) + n.tobytes() for n in numbers)
    return head + data + (field(6, np.ones(array.size, "<f4").tobytes()) if gradient else b"")


def layer(name: str, blobs: Sequence[bytes] = (), kind: str = "", dialect: str = "layer") -> bytes:
    """A layer as a field of the network."""
    match dialect:
        case "layer":
            own = field(1, name) + field(2, kind) + field(3, "bottom") + b"".join(field(7, b) for b in blobs)
            return field(100, own)
        case "V1":
            own = field(2, "bottom") + field(4, name) + field(5, TYPES[kind]) + b"".join(field(6, b) for b in blobs)
            return field(2, own)
        case "V0":
            word = {"Convolution": "conv", "InnerProduct": "innerproduct"}.get(kind, kind.lower())
            own = field(1, name) + field(2, word) + b"".join(field(50, b) for b in blobs)
            return field(2, field(1, own) + field(2, "bottom"))
    raise ValueError(dialect)


def caffemodel(layers: Sequence[bytes], name: str = "CaffeNet") -> bytes:
    return field(1, name) + b"".join(layers)


def network_file(
    weights: Mapping[str, Sequence[np.ndarray]],
    *,
    order: Sequence[str] = ("pool1", "norm1"),
    dialect: str = "layer",
    legacy: bool = False,
) -> bytes:
    """A network of layers name → arrays; matrices are inner products. `order` stands behind the first layer."""
    layers = []
    for place, (layer_name, arrays) in enumerate(weights.items()):
        kind = "InnerProduct" if arrays[0].ndim == 2 else "Convolution"
        layers.append(layer(layer_name, [blob(a, legacy=legacy) for a in arrays], kind, dialect))
        if place == 0:
            layers += [layer(n, kind="LRN" if n.startswith("norm") else "Pooling", dialect=dialect) for n in order]
    return caffemodel(layers)
