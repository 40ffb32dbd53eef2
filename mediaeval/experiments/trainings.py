"""What the experiments on systems share: networks that are trained on every split, and the rows that read them.

A row is the mean of one answer or several. An answer is what a network, trained on a split, says of its test images in
one reading: from the middle of each photograph, from ten crops, by a probe of a layer. A network that several rows
read, or that would begin and be trained as another, is trained once.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from mediaeval.steps.trainers import fit_system

PLAIN, TEN_CROPS = "plain", "ten crops"

AnswerKey = tuple[str, str]  # a training, by its name, and how its network is read
Reading = Mapping[str, pd.DataFrame]  # reading → probabilities of the test images, ids × labels


@dataclass(frozen=True)
class Training:
    """One network to train on every split."""

    system: str
    settings: TrainingSettings


@dataclass(frozen=True)
class TableRow:
    """One row of a table.

    answers    keys of the answers that are averaged; () where somebody else's figure is cited
    published  column → (accuracy, standard deviation or None), in the report's unit
    """

    group: str
    title: str
    answers: tuple[AnswerKey, ...]
    published: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    note: str = ""


@dataclass
class Answers:
    """What the networks said of one column's test images, a table a split; and what became of their trainings."""

    tables: dict[AnswerKey, list[pd.DataFrame]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)  # training → why it came to no end
    notes: list[str] = field(default_factory=list)

    def mean(self, keys: Sequence[AnswerKey]) -> list[pd.DataFrame]:
        """Return the mean of some answers' probabilities, a table per split: late fusion, where there are several."""
        of_splits = zip(*(self.tables[key] for key in keys), strict=True)
        return [sum(tables[1:], tables[0]) / len(tables) for tables in of_splits]


def choose_rows(rows: Sequence[TableRow], words: Sequence[str]) -> list[TableRow]:
    """Return the rows that any of `words` names, in the table's order; all of them without words.

    A word is a group, or a part of titles, in whatever case. Raises ConfigError with every word that is none.
    """
    if not words:
        return list(rows)
    chosen: set[str] = set()
    problems = []
    for word in (word.casefold() for word in words):
        group = [row.title for row in rows if word == row.group.casefold()]
        found = group or [row.title for row in rows if word in row.title.casefold()]
        if not found:
            groups = ", ".join(dict.fromkeys(row.group for row in rows))
            problems.append(f"--rows {word}: no such row. Name a group ({groups}), or a part of titles.")
        chosen |= set(found)
    if problems:
        raise ConfigError(*problems)
    return [row for row in rows if row.title in chosen]


def first_equals(trainings: Mapping[str, Training]) -> dict[str, str]:
    """Return, for each training, the first equal one: networks initialised at random are trained alike."""
    first: dict[tuple[str, str], str] = {}
    keys = {name: (training.system, training.settings.model_dump_json()) for name, training in trainings.items()}
    return {name: first.setdefault(key, name) for name, key in keys.items()}


def require_buildable(trainings: Iterable[Training], widths: Mapping[str, int]) -> None:
    """Raise WeightsError for a weight file of another network, before anything is trained.

    `widths`: of the extractors that systems read.
    """
    for training in trainings:
        if training.settings.init == "pretrained":
            width = sum(widths[name] for name in training.settings.extractors())
            build_system(training.system, training.settings, 2, width, pretrained=True)


def answers_of(
    column: TableColumn,
    trainings: Mapping[str, Training],
    wanted: Iterable[AnswerKey],
    read: Callable[[SystemModel, TableColumn, Split, set[str], Answers], Reading],
    widths: Mapping[str, int],
    config: Config,
    device: str,
) -> Answers:
    """Train on each split what `wanted` names, and read it.

    read  (trained model, column, split, readings wanted, where notes go) → the readings

    Every split is trained from the same seed, on photographs in the order of their ids. A training that diverges is
    told in `failed`; the others go on.
    """
    found = Answers()
    readings: dict[str, set[str]] = {}
    for name, reading in wanted:
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
    """Return the probabilities of some of a column's images, ids × labels; of ten crops the mean."""
    model.settings = model.settings.model_copy(update={"oversample": ten_crops})
    return model.predict_proba(Images(tuple(ids), column.paths, column.features))


def read_crops(model: SystemModel, column: TableColumn, split: Split, readings: set[str], answers: Answers) -> Reading:
    """Return what a network says of the test images: from the middle, from ten crops, or both."""
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
    """Return a result a row.

    absent        training → why it was not begun
    published_as  whose published figures stand beside this column's
    unit          what per cent are multiplied by: 1, or 0.01 for shares
    """
    baseline = unit * majority(column)
    results = []
    for row in rows:
        published, published_std = row.published.get(published_as, (None, None))
        names = [name for name, _ in row.answers]
        why = [absent[name] for name in names if name in absent]
        why += [f"{name}: {answers.failed[name]}" for name in names if name in answers.failed]
        numbers: dict[str, float | int | None] = {"baseline": baseline, "published": published}
        numbers["published_std"] = published_std
        notes = [row.note] if row.note else []
        if not row.answers:
            notes.insert(0, "cited, not run")
        elif why:
            notes.insert(0, f"skipped: {'; '.join(dict.fromkeys(why))}")
        else:
            tested, hit = hits(column, answers.mean(row.answers))
            ours, low, high = mean_accuracy(tested, hit, np.random.default_rng(seed))
            numbers |= {"ours": unit * ours, "low": unit * low, "high": unit * high, "n": int(tested.any(axis=1).sum())}
            if tested.shape[1] > 1:
                numbers["std"] = unit * float(split_accuracies(tested, hit).std())
            if begun := [name for name in names if trainings[name].settings.init == "random"]:
                notes.append(f"random weights: {', '.join(dict.fromkeys(begun))}")
        results.append(TableCell(experiment, row.title, column.name, note="; ".join(notes), **numbers))
    return results
