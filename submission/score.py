"""What a run scores: weighted F1, by which the organisers of 2021 rank, or the metrics of another task.

Each has a 95 % interval. F1 is 0..1, and equals scikit-learn's `f1_score(average="weighted", zero_division=0)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submission.check import expected_header
from submission.errors import RunFileError
from submission.labels import LabelTable, read_labels
from submission.metric_scores import MetricScores, metrics_as_text, score_metrics
from submission.metrics import Metric
from submission.metrics.decisions import counts, f1_of_counts
from submission.metrics.evaluation import evaluate, prepare, value_of
from submission.metrics.reading import metrics_of
from submission.metrics.resampling import interval
from submission.relevance import read_relevance
from submission.runfile import read_run
from submission.task import Subtask, Task
from submission.wording import both, cut, quoted, quoted_list

if TYPE_CHECKING:
    import numpy as np

WEIGHTED_F1 = Metric("f1", average="weighted")


@dataclass(frozen=True)
class LabelScore:
    """One label: its F1 (0..1), and the number of images of the truth that have it."""

    label: str
    f1: float
    support: int

    def to_dict(self) -> dict[str, str | float]:
        """Return the score for `json.dumps`."""
        return {"label": self.label, "f1": self.f1, "support": self.support}


@dataclass(frozen=True)
class SubtaskScore:
    """One subtask: weighted F1 (0..1), and the interval that 95 % of the bootstrap samples over images fall in."""

    subtask: str
    weighted_f1: float
    interval: tuple[float, float]
    per_label: list[LabelScore]
    n_images: int
    absent: tuple[str, ...] = ()  # images without an answer, each of which counts as wrong
    signature: str = ""  # everything that `weighted_f1` depends on; empty in the records of runs

    @property
    def metric(self) -> str:
        """What it is a score by, for people."""
        return "weighted F1"

    @property
    def value(self) -> float:
        """The weighted F1, under the name that every score has."""
        return self.weighted_f1

    def to_dict(self) -> dict[str, Any]:
        """Return the score for `json.dumps`; `absent` is left out where no image is without an answer."""
        read: dict[str, Any] = {
            "subtask": self.subtask,
            "weighted_f1": self.weighted_f1,
            "interval": self.interval,
            "per_label": [label.to_dict() for label in self.per_label],
            "n_images": self.n_images,
        }
        read |= {"absent": list(self.absent)} if self.absent else {}
        return read | ({"signature": self.signature} if self.signature else {})


Scores = dict[str, SubtaskScore] | dict[str, MetricScores]  # by subtask


def score_file(run: Path, truth: Path, task: Task, *, dev: Path | None = None) -> Scores:
    """Score a run file; `dev` is the dev set whose header it must have, without one the official header is expected.

    Raises as `read_truth`, `read_run` and `score` do.
    """
    return score(read_truth(truth, task), read_run(run, expected_header(dev, task)), task)


def read_truth(path: Path, task: Task) -> LabelTable:
    """Read a truth: labels, or the judgements of a ranked list. Raises LabelFileError with all its problems."""
    ranked = next((subtask for subtask in task.subtasks if subtask.kind == "rank"), None)
    return read_relevance(path, task, ranked) if ranked else read_labels(path, task)


def score(truth: LabelTable, run: LabelTable, task: Task, *, seed: int = 0, resamples: int = 1000) -> Scores:
    """Score the subtasks that both tables have; rows are joined by id, whatever their order and their Unicode form.

    Where weighted F1 is the one metric of all of them, as in 2021, the scores are of the class `SubtaskScore`, and
    `MetricScores` otherwise.

    An image without an answer counts as wrong, never as left out: it has none of the classes, and the opposite of each
    label that may occur beside others; of other kinds of answers see `submission.desk.forms`. Raises RunFileError when
    the tables share no subtask or no id, or when the run has ids that the truth lacks.
    """
    run = run.with_ids_as_in(truth.ids)
    subtasks = [subtask for subtask in task.subtasks if subtask.name in truth.labels and subtask.name in run.labels]
    problems = []
    if not truth.labels:
        raise RunFileError(
            f"{truth.path}: got no column of labels ({both([cut(cell) for cell in truth.header])} only); expected the "
            "labels of at least one subtask. Give the truth as released, not a list of ids."
        )
    if not subtasks:
        actual, expected = (both(list(table.labels)) or "no subtask" for table in (run, truth))
        problems.append(
            f"{run.path}: got a run of {actual}; expected {expected}, as in the truth. Score a run of the same subtask."
        )
    answered, known = set(run.ids), set(truth.ids)
    missing = [image_id for image_id in truth.ids if image_id not in answered]
    if len(missing) == len(truth.ids):
        problems.append(
            f"{run.path}: got no answer for any id of the truth, such as {quoted(missing[0])}; expected its ids. Check "
            "that both files are of one test set."
        )
    extra = [image_id for image_id in run.ids if image_id not in known]
    if extra and len(missing) < len(truth.ids):
        problems.append(
            f"{run.path}: got answers for {quoted_list(extra)}; expected only ids of the truth. Remove them, or give "
            "the truth of this test set."
        )
    if problems:
        raise RunFileError(*problems)
    chances = {"seed": seed, "resamples": resamples}
    by_f1 = {subtask: metric for subtask in subtasks if (metric := _weighted_f1_alone(subtask))}
    of_f1 = {}
    for subtask, metric in by_f1.items():
        true = subtask.to_matrix(truth.labels[subtask.name], truth.ids)
        found = score_decisions(subtask, true, _with_absent(subtask, true, run, truth.ids), **chances)
        of_f1[subtask.name] = replace(found, absent=tuple(missing), signature=metric.signature)
    if len(by_f1) == len(subtasks):
        return of_f1
    scores = {}
    for subtask in subtasks:
        metrics = score_metrics(subtask, metrics_of(subtask), truth, run, **chances)
        per_label = _per_label(subtask, truth, run) if subtask.plain and len(subtask.labels) > 1 else ()
        scores[subtask.name] = MetricScores(subtask.name, metrics, len(truth.ids), per_label, tuple(missing))
    return scores


def _weighted_f1_alone(subtask: Subtask) -> Metric | None:
    """Return the metric of a subtask that is scored by the weighted F1 of its labels alone, None for other metrics."""
    usual = weighted_f1_of(subtask)
    if not subtask.plain or subtask.metrics not in ((), (usual,)):
        return None
    # one column of 0 and 1 that has a metric is two classes
    return usual if not subtask.metrics or len(subtask.labels) > 1 else None


def weighted_f1_of(subtask: Subtask) -> Metric:
    """Return the weighted F1 of all labels of a subtask."""
    return replace(WEIGHTED_F1, columns=subtask.headings, short=subtask.column)


def _per_label(subtask: Subtask, truth: LabelTable, run: LabelTable) -> tuple[LabelScore, ...]:
    true = subtask.to_matrix(truth.labels[subtask.name], truth.ids)
    return tuple(label_scores(subtask, true, _with_absent(subtask, true, run, truth.ids)))


def _with_absent(subtask: Subtask, true: np.ndarray, run: LabelTable, ids: Sequence[str]) -> np.ndarray:
    """Return the run's decisions on these images, 0/1 (n_ids, n_labels), and a wrong one where it has no answer."""
    labels = run.labels[subtask.name]
    there = [image_id in labels for image_id in ids]
    predicted = 1 - true if subtask.multi_label else true * 0
    predicted[there] = subtask.to_matrix(labels, [image_id for image_id in ids if image_id in labels])
    return predicted


def weighted_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return weighted F1, 0..1, of classes (n_images,) as numbers or strings, or of 0/1 decisions (n_images, n_labels).

    The labels' F1 are averaged by the number of images of the truth that have the label; 0.0 where none has any.
    """
    import numpy as np

    truth, predicted = np.asarray(truth), np.asarray(predicted)
    assert truth.shape == predicted.shape, f"truth {truth.shape} and predicted {predicted.shape} differ in shape"
    assert truth.ndim in (1, 2), f"got shape {truth.shape}; expected classes (n,) or decisions (n, n_labels)"
    if truth.ndim == 1:
        assert (truth.dtype.kind in "UO") == (predicted.dtype.kind in "UO"), "class names are compared with numbers"
        classes = np.unique(truth)  # a class that is not in the truth has no weight
        truth, predicted = truth[:, None] == classes, predicted[:, None] == classes
    assert all(((table == 0) | (table == 1)).all() for table in (truth, predicted)), "decisions are 0 or 1"
    return evaluate(WEIGHTED_F1, truth, predicted)


def as_text(scores: Scores) -> str:
    """Return the scores as tab-separated lines with a header: a line per subtask, then one per label.

    Images without an answer are named before them, in a line that begins with `#`, and signatures behind them.
    """
    absent = next((of_subtask.absent for of_subtask in scores.values()), ())
    lines = [f"# no answer for {quoted_list(absent)}: each counts as wrong"] if absent else []
    if others := {name: one for name, one in scores.items() if isinstance(one, MetricScores)}:
        lines += metrics_as_text(others)
        signatures = [(name, one.metric.signature) for name, of in others.items() for one in of.metrics]
    else:
        lines.append("subtask\tlabel\tf1\tlow\thigh\timages")
        signatures = []
    for name, of_task in scores.items():
        if isinstance(of_task, MetricScores):
            continue
        low, high = of_task.interval
        lines.append(f"{name}\tweighted\t{of_task.weighted_f1:.4f}\t{low:.4f}\t{high:.4f}\t{of_task.n_images}")
        lines += [f"{name}\t{label.label}\t{label.f1:.4f}\t\t\t{label.support}" for label in of_task.per_label]
        signatures += [(name, of_task.signature)] if of_task.signature else []
    return "\n".join([*lines, *(f"# {name}: {signature}" for name, signature in signatures)])


def score_decisions(
    subtask: Subtask, true: np.ndarray, predicted: np.ndarray, *, seed: int = 0, resamples: int = 1000
) -> SubtaskScore:
    """Score decisions against the truth, both 0/1 (n_images, n_labels), columns in the order of `subtask.labels`."""
    sample = prepare(WEIGHTED_F1, true, predicted)
    return SubtaskScore(
        subtask=subtask.name,
        weighted_f1=value_of(WEIGHTED_F1, sample),
        interval=interval(WEIGHTED_F1, sample, seed=seed, resamples=resamples),
        per_label=label_scores(subtask, true, predicted),
        n_images=len(true),
    )


def label_scores(subtask: Subtask, true: np.ndarray, predicted: np.ndarray) -> list[LabelScore]:
    """Return F1 and support of each label of decisions, both 0/1 (n_images, n_labels)."""
    import numpy as np

    tp, fp, fn = np.split(counts(true, predicted).sum(axis=0), 3)
    of_labels = zip(subtask.labels, f1_of_counts(tp, fp, fn), tp + fn, strict=True)
    return [LabelScore(label, float(f1), int(support)) for label, f1, support in of_labels]
