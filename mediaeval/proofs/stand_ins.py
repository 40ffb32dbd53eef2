"""Answers of any kind as numbers, one for each label, item or score, for the check against the images.

A subtask of class names or flags is taken as it is. Any other has a stand-in, whose answers are 0 and 1 for each item
of a set or for the label beside a probability, and real numbers for scores and probabilities. Ranked lists are not
about single images, and have none.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.answers.learned import Learned, is_numeric
from mediaeval.answers.targets import answer_matrix
from mediaeval.data.dataset import Dataset
from mediaeval.errors import DatasetError
from submission.check import expected_header
from submission.check.answers import read_answers
from submission.errors import LabelFileError
from submission.kinds import ScoreKind
from submission.labels import LabelTable, read_labels
from submission.task import Label, Subtask, Task

_MOST_ITEMS = 30  # of a set, the most frequent ones: of rare ones nothing is learned


class StandIns:
    """What stands in for the subtasks of a labelled dataset.

    task      of the stand-ins
    dev_set   the dataset with their labels in place of its own
    """

    def __init__(self, dev_set: Dataset):
        """Raise DatasetError for a dataset without labels, or with ranked lists alone."""
        if dev_set.table is None or not dev_set.subtasks or dev_set.task is None:
            raise DatasetError(
                f"{dev_set.folder} has no labels, so nothing can be learned from it. Give the dev set's folder with "
                "--dev."
            )
        known = [dev_set.task[name] for name in dev_set.subtasks if dev_set.task[name].kind != "rank"]
        if not known:
            raise DatasetError(
                f"{dev_set.task.name}: got ranked lists alone; expected answers about one image each, which are "
                "compared with the images. Check the file without --data."
            )
        self.original = dev_set.task
        self._learned = {subtask.name: _narrowed(subtask, dev_set.table) for subtask in known}
        self.task = _of_stand_ins(self.original, self._learned.values())
        self.dev_table = self.numbers(dev_set.table)
        self.dev_set = replace(dev_set, task=self.task, table=self.dev_table)

    def numbers(self, table: LabelTable) -> LabelTable:
        """Return the answers of a table as those of the stand-ins."""
        labels = {
            name: self._of_subtask(subtask, table.labels[name])
            for name, subtask in self._learned.items()
            if name in table.labels
        }
        return replace(table, labels=labels)

    def read_run(self, path: Path, ids: Iterable[str]) -> tuple[LabelTable, dict[str, int]]:
        """Return the answers of a run file to these ids as those of the stand-ins, and image id → line.

        Answers that have no or several readings are left out. Raises LabelFileError where none can be read.
        """
        ids = list(ids)
        if self.original.layout.as_dev_set:
            table = read_labels(path, self.original).with_ids_as_in(ids)
            return self.numbers(table), {image_id: line for line, image_id in enumerate(table.ids, start=2)}
        answers = read_answers(path, ids, expected_header(None, self.original))
        places = {subtask.name: self.original.places_of(subtask) for subtask in self.original.subtasks}
        labels: dict[str, dict[str, Label]] = {}
        for name in (name for name in self._learned if name in answers.subtasks):
            labels[name] = {}
            for image_id, values in answers.values.items():
                own = tuple(value for place in places[name] if (value := values[place]) is not None)
                if len(own) == len(places[name]):
                    plain_class = self.original[name].plain and not self.original[name].multi_label
                    labels[name][image_id] = str(own[0]) if plain_class else own
        complete = [i for i in answers.values if labels and all(i in of_subtask for of_subtask in labels.values())]
        if not complete:
            codes = ", ".join(dict.fromkeys(problem.code for problem in answers.report.problems)) or "no row"
            raise LabelFileError(f"{path}: got no answer that can be read ({codes}); expected those of test images.")
        table = LabelTable(path, self.original.header.cells, tuple(complete), labels)
        return self.numbers(table), answers.lines

    def held_out(self, answers: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Label]]:
        """Return a run's own answers, subtask → dev ids × labels, as those of the stand-ins; unknown items are 0."""
        found = {}
        for name, table in answers.items():
            labels = list(self._learned[name].labels)
            matrix = table.reindex(columns=labels, fill_value=0).to_numpy()
            found[name] = self._from_matrix(name, matrix, list(table.index))
        return found

    def _of_subtask(self, subtask: Subtask, labels: Mapping[str, Label]) -> dict[str, Label]:
        if subtask.plain:
            return dict(labels)
        ids = list(labels)
        return self._from_matrix(subtask.name, answer_matrix(subtask, labels, ids), ids)

    def _from_matrix(self, name: str, matrix: np.ndarray, ids: Sequence[str]) -> dict[str, Label]:
        if not is_numeric(self._learned[name]):
            return self.task[name].from_matrix(matrix, ids)
        return dict(zip(ids, map(tuple, matrix.tolist()), strict=True))


def _of_stand_ins(task: Task, learned: Iterable[Subtask]) -> Task:
    subtasks = tuple(map(_stand_in, learned))
    return replace(task, subtasks=subtasks, columns=(), rules=(), heading_pattern=None)


def _stand_in(subtask: Subtask) -> Subtask:
    """Return a subtask whose answers are numbers, with a column for each."""
    if subtask.plain:
        return subtask
    one = subtask.kind == "label"
    return Subtask(
        subtask.name,
        subtask.column,
        (subtask.column,) if one else subtask.labels,
        subtask.labels,
        multi_label=not one,
        ordered=subtask.ordered,
        kinds=(ScoreKind(),) * len(subtask.labels) if is_numeric(subtask) else (),
    )


def _narrowed(subtask: Subtask, dev: LabelTable) -> Subtask:
    """Return a subtask with the most frequent items of its sets alone."""
    if subtask.kind != "set" or len(subtask.labels) <= _MOST_ITEMS:
        return subtask
    assert isinstance(subtask, Learned), "a set has the items that are learned"
    matrix = answer_matrix(subtask, dev.labels[subtask.name], list(dev.labels[subtask.name]))
    times = Counter(dict(zip(subtask.labels, matrix.sum(axis=0).tolist(), strict=True)))
    kept = {item for item, _ in times.most_common(_MOST_ITEMS)}
    return replace(subtask, labels=tuple(item for item in subtask.labels if item in kept))
