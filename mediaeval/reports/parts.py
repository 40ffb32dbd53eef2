"""The parts of a report that look at a subtask's predictions as a whole: curves, calibration, doubts, slices, flips."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mediaeval.analysis.judged import JudgedImages
from mediaeval.reports.inputs import Inputs

# parts of a subtask in a report → what stands for one that is left out
EMPTY: dict[str, Any] = {
    "calibration": None,
    "curves": None,
    "confusion": None,
    "cooccurrence": None,
    "prevalence": [],
    "scatter": None,
    "label_errors": [],
    "duplicates": [],
    "slices": [],
    "flips": None,
}


@dataclass(frozen=True)
class Parts:
    """Parts by name, in which images are named by their ids, and why others are left out."""

    found: Mapping[str, Any]
    left_out: tuple[dict[str, str], ...] = field(default=())

    def images(self) -> set[str]:
        """Return the images that the parts name."""
        return set(_images(self.found))

    def to_dict(self, place: Mapping[str, int]) -> dict[str, Any]:
        """Return all parts as a report has them; `place`: image id → its index there."""
        return {name: _placed(self.found.get(name, empty), place) for name, empty in EMPTY.items()}


_ONE, _SEVERAL = ("image",), ("images", "better", "worse")  # keys under which parts name images


def _images(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in _ONE:
                yield item
            elif key in _SEVERAL:
                yield from item
            else:
                yield from _images(item)
    elif isinstance(value, list):
        for item in value:
            yield from _images(item)


def _placed(value: Any, place: Mapping[str, int]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: place[item] if key in _ONE else [place[i] for i in item] if key in _SEVERAL else _placed(item, place)
            for key, item in value.items()
        }
    return [_placed(item, place) for item in value] if isinstance(value, list) else value


def parts_of(inputs: Inputs, judged: JudgedImages, *, seed: int = 0) -> Parts:  # noqa: ARG001
    """Return the parts of one subtask, in which images are named by their ids."""
    return Parts({})
