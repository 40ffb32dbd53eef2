"""MXNet's NDArray list: the `.params` files of its model zoo, read without MXNet.

The layout is that of `NDArray::Save` and `NDArray::Load` in MXNet's src/ndarray/ndarray.cc, little-endian throughout:

    list     uint64 0x112 · uint64 reserved · uint64 count · arrays · uint64 count · names (uint64 length · UTF-8)
    array    head · shape · context (int32 device type, int32 device id) · int32 type · numbers, row by row

    dialect   head                                 shape
    legacy    none: the first uint32 is ndim       uint32 dims
    V1        uint32 0xF993fac8                    uint32 ndim · int64 dims
    V2        uint32 0xF993fac9 · int32 storage    uint32 ndim · int64 dims
    V3        uint32 0xF993faca · int32 storage    int32 ndim (-1: no shape, 0: one number) · int64 dims

An array of no shape is empty; nothing follows its shape.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from mediaeval.errors import WeightsError
from mediaeval.formats.bounded import BoundedFile

LIST = 0x112
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
DENSE, UNDEFINED = 0, -1  # storage; an array of no shape has none
SPARSE = {1: "row-sparse", 2: "compressed sparse rows"}
DTYPES = {0: "float32", 1: "float64", 2: "float16", 3: "uint8", 4: "int32", 5: "int8", 6: "int64"}
MOST_DIMS = 32  # no network has more; where a legacy array seems to, the file is damaged

_SMALLEST = 4  # bytes of an array: a legacy one without a shape


def read_mxnet(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an MXNet `.params` file by name, in the file's order; names keep `arg:` and `aux:`.

    Raises WeightsError when the file is absent, cut short, damaged or of another kind, has sparse arrays, or has arrays
    without a name of their own.
    """
    with BoundedFile(path, WeightsError, "an MXNet .params file") as file:
        magic, _ = file.numbers("QQ", "the head")
        if magic != LIST:
            raise file.wrong(f"it begins with {magic:#x}, not with {LIST:#x}", "Give a .params file of MXNet.")
        arrays = [_array(file, f"array {k}") for k in range(_count(file, "arrays", _SMALLEST))]
        names = [_name(file, f"name {k}") for k in range(_count(file, "names", 8))]
        if len(names) != len(arrays):
            raise file.wrong(f"it holds {len(arrays)} arrays and {len(names)} names", "Save it with a name per array.")
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise file.wrong(f"two arrays have the name {twice[0]!r}")
        if file.left:
            raise file.wrong(f"{file.left} bytes follow after the last name")
    return dict(zip(names, arrays, strict=True))


def _count(file: BoundedFile, of: str, smallest: int) -> int:
    (count,) = file.numbers("Q", f"the number of {of}")
    file.need(count * smallest, f"a list of {count} {of}")
    return count


def _name(file: BoundedFile, of: str) -> str:
    (length,) = file.numbers("Q", f"the length of {of}")
    try:
        return file.read(length, of).decode("utf-8")
    except UnicodeDecodeError:
        raise file.wrong(f"{of} is not UTF-8") from None


def _array(file: BoundedFile, of: str) -> np.ndarray:
    (first,) = file.numbers("I", of)
    storage = DENSE
    if first in (V2, V3):
        (storage,) = file.numbers("i", f"the storage type of {of}")
        if storage in SPARSE:
            raise file.wrong(f"{of} is sparse ({SPARSE[storage]})", "Save it dense: array.tostype('default').")
    if first in (V1, V2):
        ndim, *dims = _shape(file, of, "I", "q")
    elif first == V3:
        ndim, *dims = _shape(file, of, "i", "q")
    else:
        ndim, *dims = _dims(file, of, first, "I")
    none = ndim == -1 or -1 in dims if first == V3 else ndim == 0
    if none:
        return np.zeros(0, np.float32)
    if storage != DENSE or min(dims, default=0) < 0:
        raise file.wrong(f"{of} has storage type {storage} and shape {tuple(dims)}")
    _device_type, _device, flag = file.numbers("iii", f"the context and type of {of}")
    if flag not in DTYPES:
        raise file.wrong(f"{of} has number type {flag}, known are {DTYPES}", "Save it as float32.")
    return file.array(tuple(dims), np.dtype(DTYPES[flag]).newbyteorder("<"), of)


def _shape(file: BoundedFile, of: str, count: str, each: str) -> tuple[int, ...]:
    (ndim,) = file.numbers(count, f"the shape of {of}")
    return _dims(file, of, ndim, each)


def _dims(file: BoundedFile, of: str, ndim: int, each: str) -> tuple[int, ...]:
    """Return ndim and the dims that follow."""
    if not -1 <= ndim <= MOST_DIMS:
        raise file.wrong(f"{of} has {ndim} dims, more than {MOST_DIMS}")
    return ndim, *file.numbers(f"{max(ndim, 0)}{each}", f"the shape of {of}")
