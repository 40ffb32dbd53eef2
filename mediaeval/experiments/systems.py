"""How a published table of systems is run: what its networks begin with, on which splits, and the report."""

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
from mediaeval.progress import STDERR


@dataclass(frozen=True)
class Choices:
    """What the command chooses for a table of systems.

    weights         name → file; see the experiment's `weights`
    random_weights  networks whose files are not given begin with nothing; else their rows are left out
    rows            words that name rows; see `choose_rows`
    splits, epochs  only the first so many; so many in place of every recipe's. For a quick look
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
    """One network as the table has it. `needs`: name of a weight file → the setting that names it."""

    system: str
    own: Mapping[str, Any] = field(default_factory=dict)  # settings in place of the system's own
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedTable:
    """A published table: its rows, in order, and the networks that they read.

    unit          what per cent are multiplied by: 1, or 0.01 for shares
    published_as  name of a column → whose published figures stand beside it; "" for none
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
        """Return the networks that the chosen rows read. Raises ConfigError for `--rows` that name none."""
        named = {name for row in choose_rows(self.rows, choices.rows) for name, _ in row.answers}
        return {name: plan for name, plan in self.plans.items() if name in named}


@dataclass(frozen=True)
class Initialisations:
    """What the networks of the chosen rows begin with: those that can be trained, and why the others cannot.

    `files`: name of a weight file that is used → the file. `lacking`: name of one that is not there → whose it is.
    """

    trainings: Mapping[str, Training]
    absent: Mapping[str, str]
    files: Mapping[str, Path]
    lacking: Mapping[str, list[str]]


@dataclass(frozen=True)
class TableRun:
    """A table that was run; `answers` by column, for what else is to be told of them."""

    report: TableReport
    columns: Mapping[str, TableColumn]
    answers: Mapping[str, Answers]
    same: Mapping[str, str]  # training → the first equal one, whose name its answers bear


def initialise(table: PublishedTable, choices: Choices, found: Mapping[str, Path] | None = None) -> Initialisations:
    """Return the networks that the chosen rows read. `found`: weight files that are there without being given."""
    files = {**(found or {}), **choices.weights}
    trainings, absent, used, without = {}, {}, set(), {}
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
    """Train what the chosen rows read, on every dataset; return the report.

    networks  extractors whose vectors systems read
    read      what is read of a trained network; see `answers_of`
    extra     answers needed beside those of the rows
    fine      emotions in place of polarity, where a set has them
    notes, settings  what the report tells beside its own

    Datasets that cannot be read and rows whose networks lack their weights are results without a number, whose note
    says why. Raises WeightsError for a file of another network, DatasetError when no dataset can be read.
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
        wanted = [
            m
            for row in rows
            if not {name for name, _ in row.answers} & set(initialisations.absent)
            for m in row.answers
        ]
        wanted = list(dict.fromkeys([*wanted, *((same[name], how) for name, how in extra if name in same)]))
        _tell(table.name, column, initialisations.trainings, list(dict.fromkeys(name for name, _ in wanted)))
        answers[column.name] = answers_of(
            column, initialisations.trainings, wanted, read, widths, config, choices.device
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

    Raises ConfigError for a set that comes twice so.
    """
    named = [replace(s, name=f"{s.name}:{protocols[s.name]}") if s.name in protocols else s for s in sources]
    if twice := [s.name for k, s in enumerate(named) if s.name in [other.name for other in named[:k]]]:
        raise ConfigError(
            *(f"--dataset {name} comes twice: it is the protocol that is taken by itself." for name in twice)
        )
    return named


def _first_splits(column: TableColumn, most: int | None) -> TableColumn:
    """Return the column with its first splits alone."""
    return replace(column, splits=column.splits[:most])


def _tell(experiment: str, column: TableColumn, trainings: Mapping[str, Training], names: Sequence[str]) -> None:
    """Say what is going to be trained, before it takes its hours."""
    splits = column.splits
    most = max(len(split.train) for split in splits)
    epochs = sorted({trainings[name].settings.epochs for name in names})
    listed = f"; epochs: {', '.join(map(str, epochs))}; networks: {', '.join(names)}" if names else ""
    STDERR.print(
        f"{experiment}, {column.name}: {len(names) * len(splits)} trainings, of {len(names)} network(s) on "
        f"{len(splits)} split(s) of up to {most} photographs{listed}. Fewer: --rows, --splits, --epochs.",
        highlight=False,
        soft_wrap=True,
    )


def _notes(
    table: PublishedTable,
    initialisations: Initialisations,
    choices: Choices,
    chosen: Sequence[TableRow],
    columns: Mapping[str, TableColumn],
    unread: Mapping[str, str],
) -> list[str]:
    """Tell everything that makes the table another than the published one."""
    notes = []
    other = "the published figures are not comparable"
    if choices.epochs:
        notes.append(f"{choices.epochs} epochs in place of every recipe's: {other}")
    if choices.splits:
        notes.append(f"only the first {choices.splits} of each dataset's splits: {other}")
    if random := [name for name, t in initialisations.trainings.items() if t.settings.init == "random"]:
        notes.append(f"{', '.join(random)} began with random weights: {other}")
    if left := len(table.rows) - len(chosen):
        notes.append(f"{left} of {len(table.rows)} rows not chosen (--rows)")
    notes += [f"weights {name}: {path}" for name, path in initialisations.files.items()]
    what = EXPERIMENTS[table.name].weights
    for need, names in initialisations.lacking.items():
        notes.append(f"no --weights {need}=FILE ({what[need]}): rows with {', '.join(names)} skipped")
    notes += [f"{name} skipped: {reason}" for name, reason in unread.items()]
    asked = {table.published_as(name) for name in [*columns, *unread]}
    if others := [name for name in table.columns if name not in asked]:
        notes.append(f"{', '.join(others)} skipped: no folder given (--dataset NAME=FOLDER)")
    return notes + [f"{column.name}: {note}" for column in columns.values() for note in column.notes]
