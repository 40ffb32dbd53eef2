"""Keras weights in HDF5 (`.h5`), read without Keras.

A weights file has a group per layer; a whole model has these groups under `model_weights`. Within its group a variable
has its full name, which often repeats the layer: `conv1/conv1/kernel:0` is the kernel of `conv1`.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from mediaeval.errors import WeightsError, first_line
from mediaeval.formats.bounded import most_unpacked

WHOLE_MODEL = "model_weights"

DEEPEST = 32  # groups in groups


def read_keras(path: Path) -> dict[str, np.ndarray]:
    """Return the variables of a Keras `.h5` file as 'layer/variable', such as `conv1/kernel` or `bn_data/beta`.

    `layer` is the outermost group, `variable` the last part of the path without `:0`. Arrays have Keras's own axes:
    a convolution's kernel is (height, width, channels in, channels out).
    Raises WeightsError when the file is absent, cut short, damaged or of another kind, when it points out of itself
    (links, external or virtual storage are never followed), and when two variables would have the same name.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path} is not a file; expected a Keras .h5 file.")
    try:
        with h5py.File(path, "r") as file:
            return _variables(path, file)
    except WeightsError:
        raise
    except Exception as error:  # h5py raises many exception types for files that are cut short or damaged
        reason = first_line(error)
        raise WeightsError(
            f"{path} cannot be read as a Keras .h5 file ({reason}): it is cut short, damaged or of another kind. "
            "Fetch it again."
        ) from error


def _variables(path: Path, file: h5py.File) -> dict[str, np.ndarray]:
    whole = isinstance(file.get(WHOLE_MODEL, getlink=True), h5py.HardLink)
    root = file[WHOLE_MODEL] if whole else file
    found: dict[str, np.ndarray] = {}
    places: dict[str, str] = {}
    left = most_unpacked(path.stat().st_size)  # bytes that variables may still have
    for place, dataset in _datasets(path, root, (), set()):
        if place[-2:-1] == ("vars",) and place[-1].isdigit():
            raise WeightsError(
                f"{path}: {'/'.join(place)} is in the layout of Keras 3, where variables have numbers for names. "
                "Save the model as a .h5 file: model.save('model.h5')."
            )
        name = f"{place[0]}/{place[-1].removesuffix(':0')}"
        if len(place) < 2:
            raise WeightsError(f"{path}: {place[0]} is not in the group of a layer. Give a weights file of Keras.")
        if name in found:
            raise WeightsError(
                f"{path}: {places[name]} and {'/'.join(place)} would both be {name}. "
                "Save the inner model alone: each of its layers then has a group."
            )
        found[name], places[name] = _numbers(path, dataset, left), "/".join(place)
        left -= found[name].nbytes
    if not found:
        raise WeightsError(f"{path} holds no variables. Give a weights file of Keras, written by save_weights.")
    return found


def _datasets(
    path: Path, group: h5py.Group, above: tuple[str, ...], seen: set[object]
) -> Iterator[tuple[tuple[str, ...], h5py.Dataset]]:
    """Yield (path from the root, dataset) for everything below a group; each group is entered once."""
    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        raise WeightsError(f"{path}: group {'/'.join(above) or '/'} is linked twice. Save the weights again.")
    seen.add(address)
    if len(above) > DEEPEST:
        raise WeightsError(f"{path}: groups are nested deeper than {DEEPEST}, as Keras never does. Fetch it again.")
    for name in group:
        place = (*above, name)
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise WeightsError(f"{path}: {'/'.join(place)} is a link, which Keras never writes and is not followed.")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _datasets(path, item, place, seen)
        elif isinstance(item, h5py.Dataset):
            yield place, item


def _numbers(path: Path, dataset: h5py.Dataset, left: int) -> np.ndarray:
    """Return a dataset's numbers after checking that they are in this file and as many as it states.

    `left`: bytes that they, and a chunk of them, may have.
    """
    name = dataset.name
    if dataset.external or dataset.is_virtual:
        raise WeightsError(f"{path}: the numbers of {name} are in another file, which is not opened.")
    if dataset.dtype.kind not in "fiub":
        raise WeightsError(f"{path}: {name}: got {dataset.dtype}; expected numbers. Give a weights file of Keras.")
    if dataset.shape is None:
        raise WeightsError(f"{path}: {name} is empty. Fetch it again.")
    stated, stored = math.prod(dataset.shape) * dataset.dtype.itemsize, dataset.id.get_storage_size()
    # a stated size may be anything, but the bytes in the file may not
    compressed = dataset.id.get_create_plist().get_nfilters() > 0 and stored > 0
    most = left if compressed else stored
    chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize if dataset.chunks else 0
    if stated > min(most, left) or chunk > left or stored > path.stat().st_size:
        raise WeightsError(f"{path}: {name} states {max(stated, chunk)} bytes and holds {stored}. Fetch it again.")
    return np.asarray(dataset[()])
