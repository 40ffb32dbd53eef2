"""Weighted F1 as the organisers rank by it, per label, with a 95 % interval.

F1 is 0..1. The referee is scikit-learn's `f1_score(average="weighted", zero_division=0)`: here it is computed from
counts, so that a thousand bootstrap samples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from submission.errors import RunFileError
from submission.labels import LabelTable
from submission.task import Subtask
from submission.tasks import TASKS

if TYPE_CHECKING:
    import numpy as np

_SHOWN_IDS = 5


@dataclass(frozen=True)
class LabelScore:
    """One label: its F1 (0..1), and the number of images of the truth that have it."""

    label: str
    f1: float
    support: int


@dataclass(frozen=True)
class SubtaskScore:
    """One subtask: weighted F1 (0..1), and the interval that 95 % of the bootstrap samples over images fall in."""

    subtask: str
    weighted_f1: float
    interval: tuple[float, float]
    per_label: list[LabelScore]
    n_images: int

    def as_json(self) -> dict:
        """The score as a dictionary of its fields, for `json.dumps`."""
        return asdict(self)


def score(truth: LabelTable, run: LabelTable, *, seed: int = 0, resamples: int = 1000) -> dict[str, SubtaskScore]:
    """Score the subtasks that both tables have; rows are joined by id, in whatever order they stand.

    Raises RunFileError when they share no subtask, when the run lacks ids of the truth (a missing answer is never
    skipped), or has ids that the truth lacks.
    """
    subtasks = [subtask for subtask in TASKS if subtask in truth.labels and subtask in run.labels]
    problems = []
    if not subtasks:
        came, wanted = (", ".join(table.labels) or "no subtask" for table in (run, truth))
        problems.append(f"{run.path}: the run has {came}, the truth {wanted}. Score a run of the same subtask.")
    answered, known = set(run.ids), set(truth.ids)
    missing = [image_id for image_id in truth.ids if image_id not in answered]
    if missing:
        problems.append(
            f"{run.path}: no answer for ids of the truth: {_some(missing)}. An image left out is not scored as absent: "
            "add its answer."
        )
    extra = [image_id for image_id in run.ids if image_id not in known]
    if extra:
        problems.append(
            f"{run.path}: ids that the truth does not have: {_some(extra)}. Remove them, or give the truth that fits."
        )
    if problems:
        raise RunFileError(*problems)
    return {
        subtask: score_decisions(
            TASKS[subtask],
            *(_matrix(TASKS[subtask], table, truth.ids) for table in (truth, run)),
            seed=seed,
            resamples=resamples,
        )
        for subtask in subtasks
    }


def weighted_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Weighted F1, 0..1, of classes (n_images,) as numbers or strings, or of 0/1 decisions (n_images, n_labels).

    The labels' F1 are averaged by the number of images of the truth that have the label; 0.0 where none has any.
    """
    import numpy as np

    truth, predicted = np.asarray(truth), np.asarray(predicted)
    assert truth.shape == predicted.shape, f"truth {truth.shape} and predicted {predicted.shape} differ in shape"
    assert truth.ndim in (1, 2), f"classes (n,) or decisions (n, n_labels) are wanted, not {truth.shape}"
    if truth.ndim == 1:
        assert (truth.dtype.kind in "UO") == (predicted.dtype.kind in "UO"), "words are compared with numbers"
        classes = np.unique(truth)  # a class the truth lacks weighs nothing
        truth, predicted = truth[:, None] == classes, predicted[:, None] == classes
    assert all(((table == 0) | (table == 1)).all() for table in (truth, predicted)), "decisions are 0 or 1"
    tp, fp, fn = (cells.sum(axis=0) for cells in _cells(truth.astype(bool), predicted.astype(bool)))
    return float(weighted_of_counts(tp, fp, fn))


def as_text(scores: dict[str, SubtaskScore]) -> str:
    """The scores as tab-separated lines with a header: a line for each subtask, then one for each of its labels."""
    lines = ["subtask\tlabel\tf1\tlow\thigh\timages"]
    for name, of_task in scores.items():
        low, high = of_task.interval
        lines.append(f"{name}\tweighted\t{of_task.weighted_f1:.4f}\t{low:.4f}\t{high:.4f}\t{of_task.n_images}")
        lines += [f"{name}\t{label.label}\t{label.f1:.4f}\t\t\t{label.support}" for label in of_task.per_label]
    return "\n".join(lines)


def score_decisions(
    task: Subtask, true: np.ndarray, predicted: np.ndarray, *, seed: int = 0, resamples: int = 1000
) -> SubtaskScore:
    """Score decisions against the truth, both 0/1 (n_images, n_labels), columns in the order of `task.labels`."""
    import numpy as np

    true, predicted = np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)
    tp, fp, fn = (cells.sum(axis=0) for cells in _cells(true, predicted))
    samples = _bootstrap(true, predicted, np.random.default_rng(seed), resamples)
    low, high = np.quantile(samples, (0.025, 0.975))
    return SubtaskScore(
        subtask=task.name,
        weighted_f1=float(weighted_of_counts(tp, fp, fn)),
        interval=(float(low), float(high)),
        per_label=[
            LabelScore(label, float(f1), int(support))
            for label, f1, support in zip(task.labels, _f1(tp, fp, fn), tp + fn, strict=True)
        ],
        n_images=len(true),
    )


def _matrix(task: Subtask, table: LabelTable, ids: Sequence[str]) -> np.ndarray:
    """The labels of these ids, bool (n_images, n_labels), in the order of `task.labels`."""
    import numpy as np

    labels = table.labels[task.name]
    if task.multi_label:
        return np.array([labels[image_id] for image_id in ids], dtype=bool).reshape(len(ids), len(task.labels))
    classes = {label: place for place, label in enumerate(task.labels)}
    return np.eye(len(classes), dtype=bool)[[classes[labels[image_id]] for image_id in ids]]


def _cells(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, false positives and false negatives, each bool of the shape of `true`."""
    return true & predicted, ~true & predicted, true & ~predicted


def _f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """F1 = 2 tp / (2 tp + fp + fn), elementwise; 0 where a label is neither in the truth nor predicted."""
    import numpy as np

    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def counts(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """True positives, false positives and false negatives side by side, bool (n_images, 3 n_labels)."""
    import numpy as np

    return np.hstack(_cells(np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)))


def weighted_of_counts(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """F1 averaged over the last axis, weighted by the support tp + fn; 0 where there is none."""
    import numpy as np

    support = tp + fn
    return (_f1(tp, fp, fn) * support).sum(axis=-1) / np.maximum(support.sum(axis=-1), 1)


def _bootstrap(true: np.ndarray, predicted: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Weighted F1 of `resamples` samples drawn from the images with replacement, (resamples,)."""
    import numpy as np

    # Images with the same truth and the same answer are interchangeable: how often each such pattern is drawn is
    # multinomial, which is the bootstrap over images at the price of one over patterns.
    n_labels = true.shape[1]
    bits = 1 << np.arange(2 * n_labels)
    codes = np.hstack([true, predicted]) @ bits  # (n_images,)
    _, where, times = np.unique(codes, return_index=True, return_counts=True)
    patterns = counts(true[where], predicted[where]).astype(float)  # (n_patterns, 3 n_labels)
    draws = rng.multinomial(len(true), times / len(true), size=resamples)  # (resamples, n_patterns)
    tp, fp, fn = np.split(draws @ patterns, 3, axis=1)  # (resamples, n_labels) each
    return weighted_of_counts(tp, fp, fn)


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    return ", ".join(ids[:_SHOWN_IDS]) + f"{more} ({len(ids)})"
