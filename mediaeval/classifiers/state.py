"""A fitted estimator as named arrays, which a run folder writes to safetensors and rebuilds it from without pickle.

A state is a dict of numpy arrays. The entry `header` is JSON in UTF-8 bytes (uint8): the kind of estimator and whatever
else is not a number, such as class names. The other entries are what was learned.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mediaeval.errors import WeightsError

HEADER = "header"

Shape = tuple[int | str, ...]  # a name stands for any number that is the same throughout the state
ExpectedArrays = Mapping[str, tuple[Shape, DTypeLike]]  # name → (shape, dtype)


def pack(kind: str, metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Join JSON-able `metadata` and `arrays` into one state; the arrays are copied."""
    text = json.dumps({"kind": kind, **metadata}, ensure_ascii=False, sort_keys=True)
    header = np.frombuffer(text.encode(), dtype=np.uint8).copy()
    return {HEADER: header, **{name: np.array(array, order="C") for name, array in arrays.items()}}


def unpack(kind: str, state: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the metadata and the arrays of a state. Raises WeightsError if it is not the state of a `kind`."""
    arrays = {name: np.asarray(array) for name, array in state.items()}
    try:
        metadata = json.loads(arrays.pop(HEADER).tobytes().decode())
        found = metadata.pop("kind")
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise WeightsError(
            f"not the state of a {kind}: its '{HEADER}' is absent or unreadable. Train the run again."
        ) from error
    if found != kind:
        raise WeightsError(
            f"got the state of a {found}; expected that of a {kind}. Build the classifier that was trained in the run."
        )
    return metadata, arrays


def check_arrays(kind: str, expected: ExpectedArrays, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise WeightsError, all problems at once, unless `arrays` have the `expected` names, shapes and dtypes."""
    problems = [f"{kind}: the state has no array '{name}'." for name in expected.keys() - arrays.keys()]
    problems += [f"{kind}: the state has an unknown array '{name}'." for name in arrays.keys() - expected.keys()]
    named: dict[str, int] = {}
    for name in sorted(expected.keys() & arrays.keys()):
        (shape, dtype), actual = expected[name], arrays[name]
        for size, own in zip(shape, actual.shape, strict=False):
            if isinstance(size, str):
                named.setdefault(size, own)
        sizes = tuple(named.get(size, 0) if isinstance(size, str) else size for size in shape)
        if (actual.shape, actual.dtype) != (sizes, np.dtype(dtype)):
            got = _describe(actual.shape, actual.dtype)
            problems.append(f"{kind}: '{name}' of the state: got {got}; expected {_describe(sizes, dtype)}.")
    if problems:
        raise WeightsError(*sorted(problems))


def check_same(kind: str, what: str, found: object, own: object) -> None:
    """Raise WeightsError, which names both, unless `found` in the state is what this estimator has."""
    if found != own:
        raise WeightsError(f"{kind}: the state has {found} {what}, this estimator has {own}")


def _describe(shape: Shape, dtype: DTypeLike) -> str:
    return f"{' × '.join(map(str, shape)) or 'one'} {np.dtype(dtype).name}"
