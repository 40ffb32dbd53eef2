"""How often a fault could be noticed at best, by anyone: the bound beside the figures of integrity.py.

Rows are drawn, with replacement, from a table of truth, answer and evidence of held-out images; the fault is done to
their file, and the log-likelihood ratio between the sound file and this very fault (which row holds whose labels is
given) is computed for the sound file and for the spoilt one. The bound is the share of spoilt files whose ratio is
below that of 99 % of sound ones. Where rows are shuffled at random, whoever judges a file cannot know the order: there
the ratio is that between the sound file and unrelated labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from submission.alignment.likelihood import QUALITIES, Likelihood, regress
from submission.faults import Fault
from submission.score import weighted_f1
from submission.task import Subtask

COSTLY = 0.10  # points of weighted F1, 0..1, over the labels of all subtasks of the file
FALSE_ALARMS = 0.01
TRIALS = 3  # of each fault in each split
_LOST = "?"


@dataclass(frozen=True)
class Trial:
    """The ratio of one file of drawn rows, sound and spoilt, and whether the fault is costly."""

    sound: float
    spoilt: float
    costly: bool


class Table:
    """Held-out images: truth and answers, 0/1, and what each leads to expect, all (n_images, n_columns).

    `header`: the cells of a run file's header, of these subtasks alone.
    """

    def __init__(
        self,
        truth: np.ndarray,
        answers: np.ndarray,
        evidence: np.ndarray,
        subtasks: list[Subtask],
        header: list[str],
    ):
        self.truth, self.answers, self.evidence = truth, answers, evidence
        self.subtasks, self.header = subtasks, header
        self.slopes = regress(evidence, answers).mean
        all_rows = Likelihood(evidence, answers, self.slopes)
        self.quality = max(QUALITIES, key=lambda quality: float(all_rows.at(quality).own.sum()))

    def try_fault(self, fault: Fault, n: int, rng: np.random.Generator) -> list[Trial]:
        """Draw `n` rows a few times and do a fault to them; less often if they give no occasion for it."""
        trials = []
        for _ in range(TRIALS):
            drawn, seed = rng.integers(0, len(self.truth), n), int(rng.integers(1 << 32))
            truth, answers, evidence = self.truth[drawn], self.answers[drawn], self.evidence[drawn]
            spoilt = self._done(fault, answers, seed)
            if spoilt is not None and (spoilt != answers).any():
                sound, faulty = (self._ratio(fault, file, evidence, seed) for file in (answers, spoilt))
                cost = weighted_f1(truth, answers) - weighted_f1(truth, spoilt)
                trials.append(Trial(sound, faulty, cost >= COSTLY))
        return trials

    def _ratio(self, fault: Fault, file: np.ndarray, evidence: np.ndarray, seed: int) -> float:
        """Return the log-likelihood ratio between a file that is sound and one with this fault."""
        as_it_is = self._fit(file, evidence)
        return as_it_is if "shuffled" in fault.name else as_it_is - self._fit(self._undone(fault, file, seed), evidence)

    def _fit(self, labels: np.ndarray, evidence: np.ndarray) -> float:
        known = ~np.isnan(labels).any(axis=1)  # an image whose labels the fault lost says nothing
        filled = np.where(known[:, None], labels, np.nanmean(labels, axis=0))
        return float(Likelihood(evidence, filled, self.slopes).at(self.quality).own[known].sum())

    def _done(self, fault: Fault, labels: np.ndarray, seed: int) -> np.ndarray | None:
        """Return the labels of the file, 0/1, once the fault is done to it; None where it is not possible."""
        try:
            table = fault.change([[*self.header], *_cells(labels, self.subtasks)], np.random.default_rng(seed))
        except LookupError:
            return None
        assert isinstance(table, list)
        return _labels(table[1:], self.subtasks)

    def _undone(self, fault: Fault, file: np.ndarray, seed: int) -> np.ndarray:
        """Return whose labels a spoilt file holds: 0/1 in the order of the images, nan where the fault lost them."""
        n, width, cells = len(file), len(self.header), _cells(file, self.subtasks)

        def change(rows: list[list[str]]) -> list[list[str]]:
            table = fault.change([[*self.header], *([*row] for row in rows)], np.random.default_rng(seed))
            assert isinstance(table, list)
            return table[1:]

        try:
            moved = change([[_id(i), *(f"{i}:{k}" for k in range(1, width))] for i in range(n)])
        except LookupError:
            moved = []  # it changes values, not places
        if moved and all(":" in cell for row in moved for cell in row[1:]):
            found: list[list[str]] = [[_id(i), *([_LOST] * (width - 1))] for i in range(n)]
            for row, of_row in zip(moved, cells, strict=True):
                for tag, cell in zip(row[1:], of_row[1:], strict=True):
                    i, k = map(int, tag.split(":"))
                    found[i][k] = cell
            return _labels(found, self.subtasks)
        before = cells
        while (after := change(before)) != cells:  # a change of values comes round, and was undone a step before
            before = after
        return _labels(before, self.subtasks)


def power(trials: Mapping[str, list[Trial]]) -> float | None:
    """Return the share of costly faults that are noticed at the cut that 1 % of sound files fall below, by fault."""
    noticed = []
    for of_fault in trials.values():
        costly = np.array([trial.spoilt for trial in of_fault if trial.costly])
        if len(costly):
            noticed.append(costly < np.quantile([trial.sound for trial in of_fault], FALSE_ALARMS))
    return float(np.concatenate(noticed).mean()) if noticed else None


def _id(i: int) -> str:
    """Return an id whose sorted order is not that of the rows."""
    return f"i{i * 7919 % 100_003:06}"


def _cells(labels: np.ndarray, subtasks: list[Subtask]) -> list[list[str]]:
    """Return the rows of the file: an id, then the cells of each subtask."""
    rows, start = [[_id(i)] for i in range(len(labels))], 0
    for subtask in subtasks:
        block = labels[:, start : start + len(subtask.labels)].astype(int)
        start += len(subtask.labels)
        for row, values in zip(rows, block, strict=True):
            row += map(str, values) if subtask.multi_label else [subtask.labels[int(values.argmax())]]
    return rows


def _labels(rows: list[list[str]], subtasks: list[Subtask]) -> np.ndarray:
    """Return the labels of rows as in `_cells`; nan where a cell is lost."""
    found, at = [], 1
    for subtask in subtasks:
        width = len(subtask.labels) if subtask.multi_label else 1
        cells = np.array([row[at : at + width] for row in rows])
        at += width
        block = (cells == "1") if subtask.multi_label else (cells == np.array(subtask.labels))
        found.append(np.where(cells == _LOST, np.nan, block))
    return np.concatenate(found, axis=1)
