"""The metrics of a task as the desk uses them: of answers some of which are absent, each of which counts as wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from submission.check.answers import Answers
from submission.desk.noise import contributions
from submission.labels import LabelTable
from submission.score import counts, score_decisions, weighted_of_counts
from submission.task import Subtask, Task

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Score:
    """A value of one measure.

    interval  95 %, from bootstrap samples over the images
    shares    what each image, or group of images, contributes to it (n_groups,): see `noise.contributions`
    """

    value: float
    interval: tuple[float, float]
    shares: np.ndarray


@dataclass(frozen=True)
class Measure:
    """A metric of a subtask.

    key                in JSON and leaderboards
    title              for people
    signature          everything that its values depend on
    lowest             the worst value
    greater_is_better  whether a higher value is a better one
    """

    key: str
    subtask: Subtask
    title: str
    signature: str
    lowest: float = 0.0
    greater_is_better: bool = True

    def score(self, truth: LabelTable, answers: Answers, task: Task) -> Score:
        """Return the score of some answers, in which those that are absent or cannot be understood are wrong."""
        true = self.subtask.to_matrix(truth.labels[self.subtask.name], truth.ids)
        predicted = _decisions(self.subtask, true, answers, truth.ids, task)
        found = score_decisions(self.subtask, true, predicted)
        cells = counts(true, predicted).astype("float32")
        return Score(found.weighted_f1, found.interval, contributions(partial(_weighted_f1, cells), len(cells)))


def measures_of(task: Task, truth: LabelTable) -> tuple[Measure, ...]:
    """Return the measures of the subtasks that a truth has, in order; the first one of each subtask ranks."""
    return tuple(
        Measure(subtask.name, subtask, "weighted F1", f"f1|average:weighted|columns:{subtask.column}")
        for subtask in task.subtasks
        if subtask.name in truth.labels
    )


def _weighted_f1(cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
    import numpy as np

    return weighted_of_counts(*np.split((weights @ cells).astype(np.float64), 3, axis=1))


def _decisions(subtask: Subtask, true: np.ndarray, answers: Answers, ids: Sequence[str], task: Task) -> np.ndarray:
    """Return decisions, 0/1 (n_images, n_labels): none of the classes, or the opposite label, where there is none."""
    places = task.places_of(subtask)
    number = {label: k for k, label in enumerate(subtask.labels)}
    predicted = 1 - true if subtask.multi_label else true * 0
    for k, image_id in enumerate(ids):
        for column, place in enumerate(places):
            value = answers.values[image_id][place] if image_id in answers.values else None
            if value is None:
                continue
            if subtask.multi_label:
                predicted[k, column] = value
            else:
                predicted[k, number[str(value)]] = 1
    return predicted
