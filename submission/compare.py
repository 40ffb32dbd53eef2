"""Comparing runs: which labels flip between two files, and whether a difference in weighted F1 is more than noise.

Bootstrap (intervals) and permutation (p-values) are both paired: the same images for all runs. Counts of true and false
positives are linear in the images, so ten thousand resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from submission.intervals import sums_by_group
from submission.labels import LabelTable
from submission.score import counts, score_decisions, weighted_of_counts
from submission.task import Subtask, Task

if TYPE_CHECKING:
    import numpy as np

_CHUNK = 2000  # resamples at once


@dataclass(frozen=True)
class Flip:
    """One answer that differs between two files."""

    subtask: str
    image_id: str
    label: str  # of a multi-label subtask the one that flips; the column of a single-label subtask
    first: str
    second: str

    def to_dict(self) -> dict[str, str]:
        """Return the flip for `json.dumps`."""
        return {
            "subtask": self.subtask,
            "image_id": self.image_id,
            "label": self.label,
            "first": self.first,
            "second": self.second,
        }


@dataclass(frozen=True)
class Difference:
    """What differs between two run files."""

    only_first: tuple[str, ...]  # ids
    only_second: tuple[str, ...]
    flips: tuple[Flip, ...]
    compared: dict[str, int]  # subtask → answers compared (labels × images)
    one_sided: tuple[str, ...]  # subtasks that only one of the files has

    def to_dict(self) -> dict[str, Any]:
        """Return the difference for `json.dumps`."""
        return {
            "only_first": self.only_first,
            "only_second": self.only_second,
            "one_sided": self.one_sided,
            "compared": self.compared,
            "flips": [flip.to_dict() for flip in self.flips],
        }


def difference(first: LabelTable, second: LabelTable, task: Task) -> Difference:
    """Compare two files by id, whatever its Unicode form, in the subtasks that both have."""
    second = second.with_ids_as_in(first.ids)
    known = set(second.ids)
    common = [image_id for image_id in first.ids if image_id in known]
    flips, compared = [], {}
    for subtask in task.subtasks:
        name = subtask.name
        if name not in first.labels or name not in second.labels:
            continue
        labels = subtask.labels if subtask.multi_label else subtask.headings
        compared[name] = len(labels) * len(common)
        for image_id in common:
            a, b = (subtask.to_cells(table.labels[name][image_id]) for table in (first, second))
            flips += [Flip(name, image_id, label, x, y) for label, x, y in zip(labels, a, b, strict=True) if x != y]
    firsts = set(first.ids)
    return Difference(
        only_first=tuple(i for i in first.ids if i not in known),
        only_second=tuple(i for i in second.ids if i not in firsts),
        flips=tuple(flips),
        compared=compared,
        one_sided=tuple(name for name in task.names if (name in first.labels) != (name in second.labels)),
    )


@dataclass(frozen=True)
class Pair:
    """Two runs on one subtask: `gap` is first minus second, weighted F1; `p` is corrected by Holm over all pairs."""

    first: str
    second: str
    gap: float
    interval: tuple[float, float]  # 95 %, paired bootstrap
    p_bootstrap: float
    p_permutation: float
    p: float

    @property
    def verdict(self) -> str:
        """Whether the runs differ at the level of 5 %."""
        return "differ" if self.p < 0.05 else "inside the noise"


@dataclass(frozen=True)
class Comparison:
    """Runs on the same images of one subtask: run → weighted F1 and its 95 % interval, and every pair.

    The intervals are those of `score_decisions`, which each run has by itself; those of the gaps in `pairs` are paired.
    """

    subtask: str
    n_images: int
    scores: dict[str, tuple[float, float, float]]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...] = ()  # what so few images cannot tell
    out_of_fold: bool = False  # whether the images are all of the dev set, each answered by models that never saw it


def compare(
    subtask: Subtask,
    truth: np.ndarray,
    runs: Mapping[str, np.ndarray],
    *,
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 10_000,
) -> Comparison:
    """Compare runs, each 0/1 (n_images, n_labels) as `truth` is, rows of the same images.

    p_permutation: how often exchanging two runs' answers image by image at random gives a gap as large; p_bootstrap:
    twice the share of resamples in which the gap has the other sign. Holm's correction is of the permutation p-values.
    `groups`: one per image, of images that resemble each other, which are drawn and exchanged together; None: none do.
    """
    import numpy as np

    names = list(runs)
    table = np.concatenate([counts(truth, runs[name]) for name in names], axis=1).astype(np.float32)
    if groups is not None:  # counts are linear in the images: a group is one row
        table = sums_by_group(table, groups)
    n = len(table)
    width = 3 * truth.shape[1]
    samples = np.concatenate(
        [
            _f1_of(draw_counts(n, min(_CHUNK, resamples - start), rng) @ table, width)
            for start in range(0, resamples, _CHUNK)
        ]
    )  # (resamples, n_runs)
    found = _f1_of(table.sum(axis=0, dtype=np.float64)[None], width)[0]
    raw = []
    for a, b in combinations(range(len(names)), 2):
        gaps = samples[:, a] - samples[:, b]
        gap = float(found[a] - found[b])
        other_sign = min((gaps <= 0).mean(), (gaps >= 0).mean())
        one, other = (table[:, k * width : (k + 1) * width] for k in (a, b))
        p_permutation = _permutation(one, other, gap, rng, resamples)
        least, most = (float(q) for q in np.quantile(gaps, (0.025, 0.975)))
        raw.append((names[a], names[b], gap, (least, most), float(min(2 * other_sign, 1)), p_permutation))
    corrected = holm([pair[5] for pair in raw])
    pairs = tuple(Pair(*pair, p) for pair, p in zip(raw, corrected, strict=True))
    alone = {name: score_decisions(subtask, truth, runs[name]) for name in names}
    scores = {name: (score.weighted_f1, *score.interval) for name, score in alone.items()}
    return Comparison(subtask.name, len(truth), scores, pairs)


def draw_counts(n: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each of n images is drawn in each resample with replacement, float32 (resamples, n)."""
    import numpy as np

    drawn = rng.integers(0, n, (resamples, n), dtype=np.int32)
    drawn += (np.arange(resamples, dtype=np.int32) * n)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float32)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values after Holm's correction, in the order given."""
    order = sorted(range(len(p)), key=p.__getitem__)
    corrected, least = [0.0] * len(p), 0.0
    for rank, k in enumerate(order):
        least = max(least, min(1.0, p[k] * (len(p) - rank)))
        corrected[k] = least
    return corrected


def _f1_of(sums: np.ndarray, width: int) -> np.ndarray:
    """Return weighted F1, (n, n_runs), of counts of several runs side by side, (n, n_runs × width)."""
    import numpy as np

    runs = sums.astype(np.float64).reshape(len(sums), -1, width)
    return weighted_of_counts(*np.split(runs, 3, axis=2))


def _permutation(one: np.ndarray, other: np.ndarray, gap: float, rng: np.random.Generator, resamples: int) -> float:
    """Return the share of random exchanges, image by image, with a gap at least as large (the one found included)."""
    import numpy as np

    change, hits = other - one, 0
    for start in range(0, resamples, _CHUNK):
        swapped = rng.integers(0, 2, (min(_CHUNK, resamples - start), len(one)), dtype=np.int8).astype(np.float32)
        moved = (swapped @ change).astype(np.float64)
        a, b = one.sum(axis=0) + moved, other.sum(axis=0) - moved
        hits += int((np.abs(_f1_of(a, a.shape[1]) - _f1_of(b, b.shape[1])) >= abs(gap) - 1e-12).sum())
    return (hits + 1) / (resamples + 1)
