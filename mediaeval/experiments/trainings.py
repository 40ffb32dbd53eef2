"""What experiments with systems share: networks trained on every split, and the rows of a table made from them.

An answer is the probabilities that a network, trained on a split, gives for the test images in one reading: from the
centre crop of each image, from ten crops, or from a probe of a layer. A row is an answer, or the mean of several. A
network that several rows read, or that has the same settings as another, is trained once.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.config import Config
from mediaeval.errors import ConfigError
from mediaeval.experiments.accuracy import hits, majority, mean_accuracy, split_accuracies
from mediaeval.experiments.datasets.splits import Split
from mediaeval.experiments.inputs import TableColumn
from mediaeval.experiments.table import TableCell
from mediaeval.features.images import Images
from mediaeval.finetune.build import build_system
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.steps.system_trainer import fit_system

PLAIN, TEN_CROPS = "plain", "ten crops"

AnswerKey = tuple[str, str]  # name of a training, and of the reading of its network
Reading = Mapping[str, pd.DataFrame]  # reading → probabilities of the test images, ids × labels


@dataclass(frozen=True)
class Training:
    """One network to train on every split."""

    system: str
    settings: TrainingSettings


@dataclass(frozen=True)
class TableRow:
    """One row of a table.

    answers    keys of the answers that are averaged; () if another paper's figure is cited
    published  column → (accuracy, standard deviation or None), in the report's unit
    """

    group: str
    title: str
    answers: tuple[AnswerKey, ...]
    published: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    note: str = ""


@dataclass
class Answers:
    """The answers of one column's test images, and the trainings that failed.

    tables  key → probabilities of the test images, ids × labels, of each split
    failed  training → why it failed
    notes   sentences for the notes of the report
    """

    tables: dict[AnswerKey, list[pd.DataFrame]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def mean(self, keys: Sequence[AnswerKey]) -> list[pd.DataFrame]:
        """Return the mean probabilities of some answers (late fusion), a table per split."""
        of_splits = zip(*(self.tables[key] for key in keys), strict=True)
        return [sum(tables[1:], tables[0]) / len(tables) for tables in of_splits]


def choose_rows(rows: Sequence[TableRow], words: Sequence[str]) -> list[TableRow]:
    """Return the rows that any of `words` selects, in the order of the table; without words, all rows.

    A word is a group or a part of a title; case does not matter. Raises ConfigError, with all problems at once, for
    words that select nothing.
    """
    if not words:
        return list(rows)
    chosen: set[str] = set()
    problems: list[str] = []
    for word in words:
        sought = word.casefold()
        group = [row.title for row in rows if sought == row.group.casefold()]
        found = group or [row.title for row in rows if sought in row.title.casefold()]
        if not found:
            groups = ", ".join(dict.fromkeys(row.group for row in rows))
            problems.append(f"--rows {word}: selects no row; expected a group ({groups}) or a part of a title.")
        chosen |= set(found)
    if problems:
        raise ConfigError(*problems)
    return [row for row in rows if row.title in chosen]


def first_equals(trainings: Mapping[str, Training]) -> dict[str, str]:
    """Return training → the first one with equal settings, which is trained in its place."""
    first: dict[tuple[str, str], str] = {}
    keys = {name: (training.system, training.settings.model_dump_json()) for name, training in trainings.items()}
    return {name: first.setdefault(key, name) for name, key in keys.items()}


def require_buildable(trainings: Iterable[Training], widths: Mapping[str, int]) -> None:
    """Raise WeightsError if a weight file belongs to another network; called before anything is trained.

    `widths`: name → width of the extractors that systems read.
    """
    for training in trainings:
        if training.settings.init == "pretrained":
            width = sum(widths[name] for name in training.settings.extractors())
            build_system(training.system, training.settings, 2, width, pretrained=True)


def answers_of(
    column: TableColumn,
    trainings: Mapping[str, Training],
    keys: Iterable[AnswerKey],
    read: Callable[[SystemModel, TableColumn, Split, set[str], Answers], Reading],
    widths: Mapping[str, int],
    config: Config,
    device: str,
) -> Answers:
    """Train networks on every split and read them; return the answers of `keys`.

    read    (trained model, column, split, names of readings, answers to add notes to) → the readings
    widths  name → width of the extractors that systems read

    Every split is trained from the same seed, on images in the order of their ids. A training that diverges is reported
    in `failed`, and the others continue.
    """
    found = Answers()
    readings: dict[str, set[str]] = {}
    for name, reading in keys:
        readings.setdefault(name, set()).add(reading)
    for name, of_one in readings.items():
        for number, split in enumerate(column.splits, start=1):
            title = f"{column.name}, {name}, split {number} of {len(column.splits)}"
            try:
                model = _fit(column, trainings[name], split, widths, config.seed, device, title)
            except ConfigError as error:
                found.failed[name] = f"split {number}: {' '.join(error.problems)}"
                break
            found.notes += [f"{name}: {note}" for note in model.built.notes if number == 1]
            for reading, table in read(model, column, split, of_one, found).items():
                found.tables.setdefault((name, reading), []).append(table)
    return found


def _fit(
    column: TableColumn, training: Training, split: Split, widths: Mapping[str, int], seed: int, device: str, title: str
) -> SystemModel:
    blocks = {name: widths[name] for name in training.settings.extractors()}
    with tempfile.TemporaryDirectory() as folder:
        return fit_system(
            SystemModel(column.task, training.system, training.settings, blocks, seed, device),
            Images(tuple(column.labels.index), column.paths, column.features),
            column.labels,
            sorted(split.train),
            state=Path(folder) / "network.safetensors",
            title=title,
        )


def predicted(model: SystemModel, column: TableColumn, ids: Sequence[str], *, ten_crops: bool = False) -> pd.DataFrame:
    """Return the probabilities of some images of a column, ids × labels, from the centre or the mean of ten crops."""
    model.settings = model.settings.model_copy(update={"oversample": ten_crops})
    return model.predict_proba(Images(tuple(ids), column.paths, column.features))


def read_crops(model: SystemModel, column: TableColumn, split: Split, readings: set[str], answers: Answers) -> Reading:
    """Return the readings of the test images among `readings`: from the centre crop, from ten crops, or both."""
    ids = sorted(split.test)
    known = {PLAIN: False, TEN_CROPS: True}
    return {name: predicted(model, column, ids, ten_crops=ten) for name, ten in known.items() if name in readings}


def results_of(
    experiment: str,
    column: TableColumn,
    rows: Sequence[TableRow],
    answers: Answers,
    absent: Mapping[str, str],
    trainings: Mapping[str, Training],
    *,
    published_as: str,
    unit: float,
    seed: int,
) -> list[TableCell]:
    """Return the cells of one column, one per row.

    absent        training → why it was not started
    published_as  name of the column whose published figures are compared with this one's
    unit          factor of percentages: 1, or 0.01 for shares
    """
    baseline = unit * majority(column)
    results = []
    for row in rows:
        published, published_std = row.published.get(published_as, (None, None))
        names = [name for name, _ in row.answers]
        why = [absent[name] for name in names if name in absent]
        why += [f"{name}: {answers.failed[name]}" for name in names if name in answers.failed]
        cell = TableCell(
            experiment,
            row.title,
            column.name,
            baseline=baseline,
            published=published,
            published_std=published_std,
        )
        notes = [row.note] if row.note else []
        if not row.answers:
            notes.insert(0, "cited, not run")
        elif why:
            notes.insert(0, f"skipped: {'; '.join(dict.fromkeys(why))}")
        else:
            tested, hit = hits(column, answers.mean(row.answers))
            ours, low, high = (unit * x for x in mean_accuracy(tested, hit, np.random.default_rng(seed)))
            cell = replace(cell, ours=ours, low=low, high=high, n=int(tested.any(axis=1).sum()))
            if tested.shape[1] > 1:
                cell = replace(cell, std=unit * float(split_accuracies(tested, hit).std()))
            if random := [name for name in names if trainings[name].settings.init == "random"]:
                notes.append(f"random weights: {', '.join(dict.fromkeys(random))}")
        results.append(replace(cell, note="; ".join(notes)))
    return results
