"""Chapter 3 of Agarwal 2019 (attention AlexNet): accuracy in per cent on the eight emotions of FI.

    group      rows
    report     the network as reported, in both readings of its attention layer; the state of the art that it cites
    variants   what the report leaves open: attention weights times 36, so that uniform ones change nothing;
               convolutions shared by the branches
    plain      CaffeNet in the same recipe: one branch, and no attention

The report's 54 % come from an unfinished training and are the highest value on the test images; ours are of the last
epoch. The report trains on 80 % and tests on 20 %: here, FI's test and validation parts together.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mediaeval.config import Config
from mediaeval.experiments.datasets.splits import Split
from mediaeval.experiments.inputs import Source, TableColumn
from mediaeval.experiments.systems import Choices, Plan, PublishedTable, initialise, run_table
from mediaeval.experiments.table import TableReport
from mediaeval.experiments.trainings import PLAIN, TableRow
from mediaeval.finetune import SYSTEMS, settings_model

NAME = "attention2019"
COLUMN = "fi"
CELLS = 36

# Title → settings of attention-alexnet
READINGS: dict[str, dict[str, Any]] = {
    "attention (shared scorer)": {"attention": "shared"},
    "attention (dense)": {"attention": "dense"},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "attention (shared scorer) times 36": {"attention": "shared", "rescale": CELLS},
    "attention (dense) times 36": {"attention": "dense", "rescale": CELLS},
    "attention (shared scorer) + shared convolutions": {"attention": "shared", "branches": "shared"},
}
PLAIN_TITLE = "CaffeNet without attention"
PUBLISHED = 54.0
CITED = 58.0  # on the well labelled images


def rows() -> list[TableRow]:
    """Return the rows: both readings of the report, the figure that it cites, our variants."""
    published, note = {COLUMN: (PUBLISHED, None)}, "published: highest, partial training"
    found = [TableRow("report", title, ((title, PLAIN),), published, note) for title in READINGS]
    cited = "as cited: 58, or around 59, of well labelled images; 45 of the noisy ones"
    found.append(TableRow("report", "state of the art", (), {COLUMN: (CITED, None)}, cited))
    found += [TableRow("variants", title, ((title, PLAIN),)) for title in VARIANTS]
    return [*found, TableRow("plain", PLAIN_TITLE, ((PLAIN_TITLE, PLAIN),))]


def plans() -> dict[str, Plan]:
    """Return the networks of the rows; CaffeNet is trained with the same recipe as the others."""
    found = {
        title: Plan("attention-alexnet", own, {"alexnet": "weights"}) for title, own in (READINGS | VARIANTS).items()
    }
    recipe = SYSTEMS["attention-alexnet"].defaults
    unset = dict.fromkeys(SYSTEMS["caffenet"].defaults.keys() - recipe.keys())
    defaults = {name: settings_model("caffenet").model_fields[name].default for name in unset}
    return found | {PLAIN_TITLE: Plan("caffenet", defaults | recipe, {"caffenet": "weights"})}


def run(config: Config, sources: Sequence[Source], choices: Choices) -> TableReport:
    """Train and test the chosen rows on every dataset; see `systems.run_table`."""
    table = PublishedTable(NAME, "Chapter 3 of the attention AlexNet", 1, 2, rows(), plans(), (COLUMN,))
    notes = [
        "the report gives neither optimiser nor learning rates, nor the weights from which its networks are trained",
        "validation parts are tested as well, since the report splits 80/20; the number of epochs is fixed",
    ]
    return run_table(
        table,
        initialise(table, choices),
        config,
        sources,
        choices,
        fine=True,
        notes=notes,
        resplit=tested_with_validation,
    ).report


def tested_with_validation(column: TableColumn) -> TableColumn:
    """Return the column with each split's validation part in its test part."""
    return replace(column, splits=[Split(s.train, (), (*s.validation, *s.test)) for s in column.splits])
