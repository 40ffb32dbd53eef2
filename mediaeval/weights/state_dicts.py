"""Finding the state dict in what a training script saved, the averaged one where there are two.

Works on what `torch.load` returns and on the outline of a file (`mediaeval.formats.torch_outline`) alike, so that it is
known without PyTorch which state dict is taken.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from mediaeval.errors import WeightsError, first_few
from submission.wording import quoted

T = TypeVar("T")  # of a tensor

# in which training scripts wrap a state dict, the first one that is there
_WRAPPERS = ("state_dict", "model", "model_state_dict", "net", "network", "weights", "params", "module", "state")
# words in the names of averaged weights: state_dict_ema, model_ema, ema, params_ema, swa_model; the teacher of DINO and
# of mean teachers is the student's average
_AVERAGED = {"ema", "swa", "averaged", "average", "avg", "shadow", "teacher"}
_FIRST_OF_TIMM = ("state_dict_ema", "model_ema")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DEEPEST = 8  # wrappers in wrappers


@dataclass(frozen=True)
class StateDict(Generic[T]):
    """The state dict that was found.

    tensors      key → tensor, without `module.` and `_orig_mod.`
    place        where it is in the file, with dots: `state_dict_ema`; empty at the top
    passed_over  the state dict beside it that was not taken: `state_dict`; empty where there is one only
    note         why averaged weights were not taken although there are some; else empty
    left_out     all else in the file, by the highest key below which nothing was taken
    """

    tensors: dict[str, T]
    place: str = ""
    passed_over: str = ""
    note: str = ""
    left_out: tuple[str, ...] = ()

    def choice(self) -> str:
        """Return a sentence about which of two was taken; empty where there is one only."""
        if self.note:
            return self.note
        if not self.passed_over:
            return ""
        return f"it holds {self.place} and {self.passed_over}; the averaged weights, {self.place}, are taken."


def find_state_dict(
    loaded: object, kind: type[T], opened: Callable[[object], object] = lambda value: value
) -> StateDict[T] | None:
    """Return the state dict in nested dicts and lists whose tensors are of type `kind`; None without one.

    A list of state dicts gives keys that begin with `0.`, `1.`. What is not a tensor is left out and named.
    `opened`: turns what may hold tensors into a dict, such as a whole network; it is given every value.
    Raises WeightsError, without the file's name, when two entries would have one key.
    """
    return _Search(kind, opened).find(loaded, 0)


class _Search(Generic[T]):
    def __init__(self, kind: type[T], opened: Callable[[object], object]):
        self.kind, self.opened = kind, opened
        self.found: dict[int, StateDict[T] | None] = {}  # id of a container → what is in it

    def find(self, value: object, depth: int) -> StateDict[T] | None:
        """Return the state dict in a value; a container that is met again, as in a circle, is not entered again."""
        if id(value) not in self.found:
            self.found[id(value)] = None
            self.found[id(value)] = self._find(self.opened(value), depth)
        return self.found[id(value)]

    def _find(self, value: object, depth: int) -> StateDict[T] | None:
        if isinstance(value, list | tuple):
            return self._joined(value)
        if not isinstance(value, dict) or depth > _DEEPEST or "param_groups" in value:  # an optimiser's has no names
            return None
        nested = [key for key, item in value.items() if self._is_nest(item) and self._holds_tensors(item)]
        if not nested:
            tensors = {key: item for key, item in value.items() if isinstance(item, self.kind)}
            left_out = [str(key) for key, item in value.items() if key not in tensors and not _is_empty(item)]
            return _plain_keys(tensors, left_out) if tensors else None
        found = {key: state for key in nested if (state := self._nested(value[key], key, depth)) is not None}
        if (taken := _chosen(found)) is None:
            return None
        others = [str(key) for key, item in value.items() if key != taken[0] and not _is_empty(item)]
        state = replace(taken[1], left_out=(*taken[1].left_out, *others))
        nameless = [str(key) for key in nested if key not in found and _is_averaged(key)]
        if nameless and not (state.note or state.passed_over or _is_averaged(state.place)):
            note = f"it holds {nameless[0]}, averaged weights without the keys of a network; {state.place} is taken."
            state = replace(state, note=note)
        return state

    def _nested(self, value: object, key: object, depth: int) -> StateDict[T] | None:
        state = self.find(value, depth + 1)
        if state is None:
            return None
        above = f"{key}."
        return replace(
            state,
            place=above + state.place if state.place else str(key),
            passed_over=above + state.passed_over if state.passed_over else "",
            left_out=tuple(above + name for name in state.left_out),
        )

    def _joined(self, parts: list[Any] | tuple[Any, ...]) -> StateDict[T] | None:
        tensors: dict[object, T] = {}
        left_out: list[str] = []
        for k, part in enumerate(self.opened(part) for part in parts):
            if not isinstance(part, dict):
                if isinstance(part, self.kind) or self._holds_tensors(part):
                    return None
                left_out.append(str(k))
                continue
            for key, item in part.items():
                if isinstance(item, self.kind):
                    tensors[f"{k}.{key}"] = item
                elif self._holds_tensors(item):
                    return None
                elif not _is_empty(item):
                    left_out.append(f"{k}.{key}")
        return _plain_keys(tensors, left_out) if tensors else None

    def _is_nest(self, value: object) -> bool:
        return isinstance(self.opened(value), dict | list | tuple) and not isinstance(value, self.kind)

    def _holds_tensors(self, value: object) -> bool:
        """Return whether a tensor is anywhere in nested containers, which may hold each other in a circle."""
        seen: set[int] = set()
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, self.kind):
                return True
            item = self.opened(item)
            if isinstance(item, dict | list | tuple) and id(item) not in seen:
                seen.add(id(item))
                waiting.extend(item.values() if isinstance(item, dict) else item)
        return False


def _is_empty(value: object) -> bool:
    return isinstance(value, dict | list | tuple) and not value


def _chosen(found: Mapping[Any, StateDict[T]]) -> tuple[Any, StateDict[T]] | None:
    """Return key and state dict of the one to take: averaged weights that fit, else the usual wrapper, else the one."""
    averages = {key for key, state in found.items() if _is_averaged(state.place)}  # also in callbacks of Lightning
    averaged = [key for key in (*_FIRST_OF_TIMM, *found) if key in averages]
    others = [key for key in (*_WRAPPERS, *found) if key in found and key not in averages]
    if not averaged:
        known = bool(others) and (others[0] in _WRAPPERS or len(others) == 1)
        return (others[0], found[others[0]]) if known else None
    best = found[averaged[0]]
    if not others:
        return averaged[0], best
    raw = next((key for key in others if not _differing(found[key].tensors, best.tensors)), others[0])
    if "steps" in best.tensors and "steps" not in found[raw].tensors:
        # MMEngine exchanges the two when it saves, and counts steps among the averaged
        note = f"it was written by MMEngine, whose averaged weights are in {found[raw].place}, which is taken."
        return raw, replace(found[raw], note=note)
    if differing := _differing(found[raw].tensors, best.tensors):
        note = (
            f"it holds {best.place}, averaged weights, which have other keys or shapes than {found[raw].place} "
            f"({first_few(quoted(key) for key in differing)}); {found[raw].place} is taken."
        )
        return raw, replace(found[raw], note=note)
    return averaged[0], replace(best, passed_over=found[raw].place)


def _is_averaged(key: object) -> bool:
    return isinstance(key, str) and not _AVERAGED.isdisjoint(word.lower() for word in _WORDS.findall(key))


def _differing(raw: Mapping[str, Any], averaged: Mapping[str, Any]) -> list[str]:
    """Return the keys of raw weights that averaged ones lack, or have in another shape."""
    return [
        key for key, tensor in raw.items() if key not in averaged or tuple(tensor.shape) != tuple(averaged[key].shape)
    ]


def _plain_keys(tensors: Mapping[Any, T], left_out: list[str]) -> StateDict[T]:
    """Return a state dict whose keys lack what torch.compile and DataParallel put before them."""
    counter = "n_averaged"  # of torch's AveragedModel, beside module.…
    if counter in tensors and len(tensors) > 1 and all(_begins(key) for key in tensors if key != counter):
        tensors, left_out = {key: item for key, item in tensors.items() if key != counter}, [*left_out, counter]
    plain: dict[str, T] = {}
    first: dict[str, object] = {}
    for key, tensor in tensors.items():
        short = str(key).replace("_orig_mod.", "").removeprefix("module.")
        if short in plain:
            raise WeightsError(
                f"{quoted(first[short])} and {quoted(key)} would both be {quoted(short)}. Save one of them alone: "
                "model.state_dict()."
            )
        plain[short], first[short] = tensor, key
    return StateDict(plain, left_out=tuple(left_out))


def _begins(key: object) -> bool:
    return isinstance(key, str) and key.startswith("module.")


def below_prefix(keys: Mapping[str, object], expected: Iterable[str]) -> str:
    """Return the prefix, such as `model.`, with which all `expected` keys are among `keys`; empty without a single one.

    Raises WeightsError, without the file's name, where there are several, such as `encoder_q.` and `encoder_k.`.
    """
    expected = sorted(expected, key=len)
    if not expected or any(key in keys for key in expected):
        return ""
    longest = expected[-1]
    prefixes = [key.removesuffix(longest) for key in keys if key.endswith(f".{longest}")]
    fitting = [prefix for prefix in dict.fromkeys(prefixes) if all(prefix + key in keys for key in expected)]
    if averaged := [prefix for prefix in fitting if _is_averaged(prefix)]:
        fitting = averaged
    if len(fitting) > 1:
        raise WeightsError(f"it holds several such networks: {first_few(fitting)}. Save one of them alone.")
    return fitting[0] if fitting else ""
