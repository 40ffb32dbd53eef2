"""A fitted estimator as named arrays: what a run folder writes to safetensors, and rebuilds it from without pickle.

A state is a dict of numpy arrays. The entry `header` is JSON in UTF-8 bytes (uint8): the kind of estimator and what
else is no number (class names, say); the other entries are what was learned.
"""

import json
from collections.abc import Mapping

import numpy as np

from mediaeval.errors import WeightsError

HEADER = "header"


def pack(kind: str, about: dict, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Join a JSON-able `about` and `arrays` into one state; the arrays are copied."""
    text = json.dumps({"kind": kind, **about}, ensure_ascii=False, sort_keys=True)
    header = np.frombuffer(text.encode(), dtype=np.uint8).copy()
    return {HEADER: header, **{name: np.array(array, order="C") for name, array in arrays.items()}}


def unpack(kind: str, state: Mapping[str, np.ndarray]) -> tuple[dict, dict[str, np.ndarray]]:
    """The `about` and the arrays of a state; raises WeightsError if it is none, or one of another kind."""
    arrays = {name: np.asarray(array) for name, array in state.items()}
    try:
        about = json.loads(arrays.pop(HEADER).tobytes().decode())
        found = about.pop("kind")
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise WeightsError(
            f"no state of a {kind}: its '{HEADER}' is absent or unreadable. Train the run again."
        ) from error
    if found != kind:
        raise WeightsError(
            f"a state of {found}, wanted one of {kind}: build the classifier that the run was trained with."
        )
    return about, arrays


def check_arrays(kind: str, wanted: Mapping[str, tuple], arrays: Mapping[str, np.ndarray]) -> None:
    """Raise WeightsError, all at once, unless `arrays` are exactly those `wanted`: name → (shape, dtype name)."""
    problems = [f"{kind}: the state has no array '{name}'" for name in wanted.keys() - arrays.keys()]
    problems += [f"{kind}: the state has an array '{name}' that is not known" for name in arrays.keys() - wanted.keys()]
    for name in wanted.keys() & arrays.keys():
        shape, dtype = wanted[name]
        found = arrays[name]
        if (found.shape, found.dtype) != (tuple(shape), np.dtype(dtype)):
            came = _describe(found.shape, found.dtype)
            problems.append(f"{kind}: '{name}' of the state is {came}, wanted {_describe(shape, dtype)}")
    if problems:
        raise WeightsError(*sorted(problems))


def check_same(kind: str, what: str, found: object, wanted: object) -> None:
    """Raise WeightsError that names both unless `found`, in the state, is what this estimator has."""
    if found != wanted:
        raise WeightsError(f"{kind}: the state has {found} {what}, this estimator has {wanted}")


def _describe(shape: tuple, dtype) -> str:
    return f"{' × '.join(map(str, shape)) or 'one'} {np.dtype(dtype).name}"
