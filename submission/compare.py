"""Comparing runs: which labels flip between two files, and whether a difference in weighted F1 is more than noise.

Bootstrap (intervals) and permutation (p-values) are both paired: the same images for all runs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from submission.labels import LabelTable, read_labels
from submission.metrics import Metric
from submission.metrics.evaluation import prepare, value_of
from submission.metrics.resampling import compared, interval
from submission.metrics.sample import Sample
from submission.runfile import read_run
from submission.score import WEIGHTED_F1, weighted_f1_of
from submission.task import Label, Subtask, Task

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Flip:
    """One answer that differs between two files."""

    subtask: str
    image_id: str
    label: str  # of a subtask of flags the one that flips; `rank 3` of a ranked list; the heading of any other column
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
        compared[name] = 0
        for image_id in common:
            a, b = (_parts(subtask, table.labels[name][image_id]) for table in (first, second))
            labels = a | b
            compared[name] += len(labels)
            pairs = ((label, a.get(label, ""), b.get(label, "")) for label in labels)
            flips += [Flip(name, image_id, label, x, y) for label, x, y in pairs if x != y]
    firsts = set(first.ids)
    return Difference(
        only_first=tuple(i for i in first.ids if i not in known),
        only_second=tuple(i for i in second.ids if i not in firsts),
        flips=tuple(flips),
        compared=compared,
        one_sided=tuple(name for name in task.names if (name in first.labels) != (name in second.labels)),
    )


def read_compared(path: Path, task: Task) -> LabelTable:
    """Read a run file for a comparison: leniently, or a ranked list strictly.

    Raises UserError with all problems.
    """
    if task.is_ranked:
        return read_run(path, task.header)
    return read_labels(path, task, whole=True)


def _parts(subtask: Subtask, answer: Label) -> dict[str, str]:
    """Return what an answer says, by label, by heading, or of a ranked list by rank."""
    if subtask.kind == "rank":
        rows = cast("tuple[tuple[str, int, float], ...]", answer)
        return {f"rank {rank}": f"{document} ({score:g})" for document, rank, score in rows}
    labels = subtask.labels if subtask.plain and subtask.multi_label else subtask.headings
    return dict(zip(labels, subtask.to_cells(answer), strict=True))


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

    The intervals are those that each run has by itself; those of the gaps in `pairs` are paired.
    """

    subtask: str
    n_images: int
    scores: dict[str, tuple[float, float, float]]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...] = ()  # what so few images cannot tell
    metric: str = ""  # by which they are compared, where it is not weighted F1
    signature: str = ""  # everything that the scores depend on
    out_of_fold: bool = False  # whether the images are all of the dev set, each answered by models that never saw it
    notes: Mapping[str, str] = field(default_factory=dict)  # run → what its score must be read with


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
    samples = {name: prepare(WEIGHTED_F1, truth, answers) for name, answers in runs.items()}
    metric = weighted_f1_of(subtask)
    return replace(compare_samples(subtask, metric, samples, rng=rng, groups=groups, resamples=resamples), metric="")


def compare_samples(
    subtask: Subtask,
    metric: Metric,
    samples: Mapping[str, Sample],
    *,
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 10_000,
) -> Comparison:
    """Compare runs by any metric; `samples`: see `metrics.evaluation.prepare`, of the same images in one order."""
    raw = compared(metric, samples, rng=rng, groups=groups, resamples=resamples)
    corrected = holm([gap.p_permutation for gap in raw])
    pairs = tuple(
        Pair(gap.first, gap.second, gap.gap, gap.interval, gap.p_bootstrap, gap.p_permutation, p)
        for gap, p in zip(raw, corrected, strict=True)
    )
    scores = {name: (value_of(metric, sample), *interval(metric, sample)) for name, sample in samples.items()}
    n_images = next(iter(samples.values())).n
    return Comparison(subtask.name, n_images, scores, pairs, metric=metric.title, signature=metric.signature)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values after Holm's correction, in the order given."""
    order = sorted(range(len(p)), key=p.__getitem__)
    corrected, least = [0.0] * len(p), 0.0
    for rank, k in enumerate(order):
        least = max(least, min(1.0, p[k] * (len(p) - rank)))
        corrected[k] = least
    return corrected
