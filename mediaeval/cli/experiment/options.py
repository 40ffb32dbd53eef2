"""What the published tables share on the command line: options, and how their results are printed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediaeval.cli.options import choose_data, split_names
from mediaeval.cli.output import print_json, print_line, print_table
from mediaeval.experiments import EXPERIMENTS

if TYPE_CHECKING:
    from mediaeval.config import Config
    from mediaeval.experiments.inputs import Source
    from mediaeval.experiments.systems import Choices
    from mediaeval.experiments.table import TableReport

Datasets = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        metavar="NAME=FOLDER",
        help="A dataset; may be repeated. NAME is twitter1-5, twitter1-4, twitter1-3, twitter2, emotionroi, fi or "
        "webemo; any other name is a folder in the official layout. NAME:PROTOCOL splits a set differently, "
        "NAME:stored by the splits.csv in its folder, which is a copy of the splits-NAME.csv that a run writes.",
        show_default="the drawn sample",
    ),
]
Groups = Annotated[
    str | None,
    typer.Option(
        "--groups",
        metavar="CSV:COLUMN",
        help="Keep images of one group on one side, in datasets of the official layout.",
    ),
]
RandomWeights = Annotated[
    bool, typer.Option("--random-weights", help="Start from random weights where no file is given, to try a table.")
]
Rows = Annotated[
    str,
    typer.Option(
        "--rows",
        metavar="WORDS",
        help="Run only the rows of these groups, or with these words in their titles; comma separated.",
    ),
]
Splits = Annotated[
    int | None,
    typer.Option("--splits", metavar="N", min=1, help="Run at most N splits of a dataset, for a quick look."),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", metavar="N", min=1, help="Train for N epochs instead of the published number, for a quick look."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", help="Folder to write results to.", show_default="runs/experiments/EXPERIMENT"
    ),
]


def weights_option(table: str) -> Any:
    """Return the option `--weights` of a table, which names the files that it takes."""
    names = ", ".join(EXPERIMENTS[table].weights)
    help = f"A file that networks start from; may be repeated. NAME is one of {names}."
    return typer.Option("--weights", metavar="NAME=FILE", help=help)


def results_folder(table: str, out: Path | None) -> Path:
    """Return the folder for results. Raises ConfigError when it cannot be written, before anything is computed."""
    from mediaeval.experiments.table import require_writable

    folder = out or Path("runs/experiments") / table
    require_writable(folder)
    return folder


def drawn_sample(settings: "Config") -> list["Source"]:
    """Return what is used where no `--dataset` is given: the dev set of mediaeval.toml, or the drawn sample."""
    from mediaeval.experiments.inputs import Source

    return [Source("dev", Path(choose_data(settings.data.dev, settings.task)))]


def network_choices(
    table: str,
    weights: list[str] | None,
    random_weights: bool,
    rows: str,
    splits: int | None,
    *,
    epochs: int | None,
    device: str,
    skip_bad: bool,
) -> "Choices":
    """Return what was chosen for a table of networks. Raises ConfigError for weights that cannot be used."""
    from mediaeval.devices import resolve_device
    from mediaeval.experiments.inputs import read_weights

    files = read_weights(weights or [], EXPERIMENTS[table].weights)
    device = resolve_device(device)

    from mediaeval.experiments.systems import Choices  # imports torch: after everything that can be refused without it

    return Choices(files, random_weights, split_names(rows), splits, epochs, device, skip_bad)


def print_report(report: "TableReport", folder: Path, json: bool) -> None:
    """Write a table's results to a folder and print them."""
    written = report.write(folder)
    if json:
        print_json(report.to_dict() | {"files": [str(path) for path in written]})
        return
    for title, headings, rows in report.tables():
        print_table(title, headings, rows)
    for note in report.notes:
        print_line(f"note: {note}")
    for path in written:
        print_line(str(path))
