"""How a published table of systems is run: initial weights of its networks, trainings on the splits, and the report."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mediaeval.config import Config
from mediaeval.errors import ConfigError
from mediaeval.experiments import EXPERIMENTS
from mediaeval.experiments.datasets.splits import Split
from mediaeval.experiments.inputs import Source, TableColumn, load_columns
from mediaeval.experiments.table import TableCell, TableReport
from mediaeval.experiments.trainings import (
    AnswerKey,
    Answers,
    Reading,
    TableRow,
    Training,
    answers_of,
    choose_rows,
    first_equals,
    read_crops,
    require_buildable,
    results_of,
)
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.files import file_digest
from mediaeval.finetune import settings_of
from mediaeval.finetune.model import SystemModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choices:
    """What the command chooses for a table of systems.

    weights         name → file; see the experiment's `weights`
    random_weights  whether networks whose files are not given are initialised at random; else their rows are left out
    rows            words that select rows; see `choose_rows`
    splits          how many splits to use at most, for a quick look
    epochs          number of epochs in place of every recipe's, for a quick look
    """

    weights: Mapping[str, Path] = field(default_factory=dict)
    random_weights: bool = False
    rows: Sequence[str] = ()
    splits: int | None = None
    epochs: int | None = None
    device: str = "cpu"
    skip_bad: bool = False


@dataclass(frozen=True)
class Plan:
    """One network of a table. `needs`: name of a weight file → the setting that takes its path."""

    system: str
    own: Mapping[str, Any] = field(default_factory=dict)  # settings that replace the system's defaults
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedTable:
    """A published table: its rows, in order, and the networks that they need.

    unit          factor for figures in per cent: 1, or 0.01 for shares
    published_as  name of a column → whose published figures belong beside it; "" for none
    runs_on       (published_as, row) → whether the row is run on a column, where --rows does not name it
    """

    name: str
    title: str
    unit: float
    digits: int
    rows: Sequence[TableRow]
    plans: Mapping[str, Plan]
    columns: Sequence[str]  # with published figures
    published_as: Callable[[str], str] = lambda column: column
    runs_on: Callable[[str, TableRow], bool] = lambda published_as, row: True

    def needs(self, choices: Choices) -> dict[str, Plan]:
        """Return the networks that the chosen rows need. Raises ConfigError for `--rows` that match no row."""
        named = {name for row in choose_rows(self.rows, choices.rows) for name, _ in row.answers}
        return {name: plan for name, plan in self.plans.items() if name in named}


@dataclass(frozen=True)
class Initialisations:
    """Initial weights of the chosen rows' networks: those that can be trained, and why the others cannot.

    `files`: name of a weight file that is used → the file. `lacking`: name of an absent one → networks that need it.
    """

    trainings: Mapping[str, Training]
    absent: Mapping[str, str]
    files: Mapping[str, Path]
    lacking: Mapping[str, list[str]]


@dataclass(frozen=True)
class TableRun:
    """A table that was run; `answers` by column, for further evaluation."""

    report: TableReport
    columns: Mapping[str, TableColumn]
    answers: Mapping[str, Answers]
    same: Mapping[str, str]  # training → the first equal one, under whose name its answers are


def initialise(table: PublishedTable, choices: Choices, found: Mapping[str, Path] | None = None) -> Initialisations:
    """Return the networks that the chosen rows need. `found`: weight files that are present without being given."""
    files = {**(found or {}), **choices.weights}
    trainings: dict[str, Training] = {}
    absent: dict[str, str] = {}
    used: set[str] = set()
    without: dict[str, list[str]] = {}
    for name, plan in table.needs(choices).items():
        lacking = [need for need in plan.needs if need not in files]
        if lacking and not choices.random_weights:
            absent[name] = f"no weights {', '.join(lacking)}"
            for need in lacking:
                without.setdefault(need, []).append(name)
            continue
        loaded = {key: str(files[need]) for need, key in plan.needs.items()} if not lacking else {"init": "random"}
        used |= set(plan.needs) if not lacking else set()
        epochs = {"epochs": choices.epochs} if choices.epochs else {}
        settings = settings_of({"name": plan.system, **plan.own, **loaded, **epochs}, name)
        trainings[name] = Training(plan.system, settings)
    return Initialisations(trainings, absent, {need: path for need, path in files.items() if need in used}, without)


def run_table(
    table: PublishedTable,
    initialisations: Initialisations,
    config: Config,
    sources: Sequence[Source],
    choices: Choices,
    *,
    networks: Sequence[FeatureExtractor] = (),
    read: Callable[[SystemModel, TableColumn, Split, set[str], Answers], Reading] = read_crops,
    extra: Sequence[AnswerKey] = (),
    fine: bool = False,
    notes: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    resplit: Callable[[TableColumn], TableColumn] = lambda column: column,
) -> TableRun:
    """Train what the chosen rows need, on every dataset; return the report.

    networks  extractors whose vectors systems read
    read      what is read from a trained network; see `answers_of`
    extra     answers needed beside those of the rows
    fine      emotions in place of polarity, where a set has them
    notes, settings  of the experiment, for the report

    Datasets that cannot be read and rows whose networks lack their weights give cells without numbers, whose notes say
    why. Raises WeightsError for a file of another network, DatasetError when no dataset can be read.
    """
    chosen = choose_rows(table.rows, choices.rows)
    widths = {network.name: network.width for network in networks}
    require_buildable(initialisations.trainings.values(), widths)
    columns, unread = load_columns(sources, config, list(networks), skip_bad=choices.skip_bad, fine=fine)
    columns = {name: _first_splits(resplit(column), choices.splits) for name, column in columns.items()}
    same = first_equals(initialisations.trainings)
    answers: dict[str, Answers] = {}
    results: list[TableCell] = []
    for source in sources:
        if source.name not in columns:
            results.append(TableCell(table.name, "every row", source.name, note=f"skipped: {unread[source.name]}"))
            continue
        column, published_as = columns[source.name], table.published_as(source.name)
        rows = [row for row in chosen if row.answers or published_as in row.published]
        rows = [row for row in rows if choices.rows or table.runs_on(published_as, row)]
        rows = [replace(row, answers=tuple((same.get(name, name), how) for name, how in row.answers)) for row in rows]
        needed = [
            m
            for row in rows
            if not {name for name, _ in row.answers} & set(initialisations.absent)
            for m in row.answers
        ]
        needed = list(dict.fromkeys([*needed, *((same[name], how) for name, how in extra if name in same)]))
        _log_trainings(table.name, column, initialisations.trainings, list(dict.fromkeys(name for name, _ in needed)))
        answers[column.name] = answers_of(
            column, initialisations.trainings, needed, read, widths, config, choices.device
        )
        results += results_of(
            table.name,
            column,
            rows,
            answers[column.name],
            initialisations.absent,
            initialisations.trainings,
            published_as=published_as,
            unit=table.unit,
            seed=config.seed,
        )
    report = TableReport(
        table.name,
        table.title,
        f"Accuracy {'0..1' if table.unit != 1 else 'in per cent'}, mean ± standard deviation over the splits "
        "(divided by their number); the interval is a bootstrap over test images",
        table.digits,
        results,
        {s.name: columns[s.name].about if s.name in columns else "not read" for s in sources},
        [
            *notes,
            *_notes(table, initialisations, choices, chosen, columns, unread),
            *dict.fromkeys(note for one in answers.values() for note in one.notes),
        ],
        {
            "seed": config.seed,
            "groups": config.split.groups or "none",
            "splits": choices.splits or "all",
            **{f"weights {n}": f"{path.name}, sha256 {file_digest(path)}" for n, path in initialisations.files.items()},
            **(settings or {}),
            **{
                n: {"system": t.system} | t.settings.to_dict()
                for n, t in initialisations.trainings.items()
                if same[n] == n
            },
        },
        {name: column.splits for name, column in columns.items()},
    )
    return TableRun(report, columns, answers, same)


def by_protocol(sources: Sequence[Source], protocols: Mapping[str, str]) -> list[Source]:
    """Return sources with the paper's protocol where none was named. `protocols`: name of a set → its protocol.

    Raises ConfigError for a set that is thereby given twice.
    """
    named = [replace(s, name=f"{s.name}:{protocols[s.name]}") if s.name in protocols else s for s in sources]
    if twice := [s.name for k, s in enumerate(named) if s.name in [other.name for other in named[:k]]]:
        raise ConfigError(*(f"--dataset {name} is given twice: that protocol is the default." for name in twice))
    return named


def _first_splits(column: TableColumn, most: int | None) -> TableColumn:
    """Return the column with at most its first splits."""
    return replace(column, splits=column.splits[:most])


def _log_trainings(
    experiment: str, column: TableColumn, trainings: Mapping[str, Training], names: Sequence[str]
) -> None:
    """Log what is going to be trained, which may take hours."""
    splits = column.splits
    most = max(len(split.train) for split in splits)
    epochs = sorted({trainings[name].settings.epochs for name in names})
    listed = f"; epochs: {', '.join(map(str, epochs))}; networks: {', '.join(names)}" if names else ""
    logger.info(
        f"{experiment}, {column.name}: {len(names) * len(splits)} trainings, of {len(names)} network(s) on "
        f"{len(splits)} split(s) of up to {most} images{listed}. Fewer: --rows, --splits, --epochs."
    )


def _notes(
    table: PublishedTable,
    initialisations: Initialisations,
    choices: Choices,
    chosen: Sequence[TableRow],
    columns: Mapping[str, TableColumn],
    unread: Mapping[str, str],
) -> list[str]:
    """Return notes on everything in which the table differs from the published one."""
    notes = []
    other = "the published figures are not comparable"
    if choices.epochs:
        notes.append(f"{choices.epochs} epochs in place of every recipe's: {other}")
    if choices.splits:
        notes.append(f"only the first {choices.splits} of each dataset's splits: {other}")
    if random := [name for name, t in initialisations.trainings.items() if t.settings.init == "random"]:
        notes.append(f"{', '.join(random)} initialised at random: {other}")
    if left := len(table.rows) - len(chosen):
        notes.append(f"{left} of {len(table.rows)} rows not chosen (--rows)")
    notes += [f"weights {name}: {path}" for name, path in initialisations.files.items()]
    what = EXPERIMENTS[table.name].weights
    for need, names in initialisations.lacking.items():
        notes.append(f"no --weights {need}=FILE ({what[need]}): rows with {', '.join(names)} skipped")
    if initialisations.lacking and not initialisations.trainings:
        notes.append("no network has its weights; --random-weights tries the table from random ones")
    notes += [f"{name} skipped: {reason}" for name, reason in unread.items()]
    asked = {table.published_as(name) for name in [*columns, *unread]}
    if others := [name for name in table.columns if name not in asked]:
        notes.append(f"{', '.join(others)} skipped: no folder given (--dataset NAME=FOLDER)")
    return notes + [f"{column.name}: {note}" for column in columns.values() for note in column.notes]
