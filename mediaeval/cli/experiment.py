"""mediaeval experiment"""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.common import (
    ConfigFile,
    Device,
    Engine,
    Json,
    Seed,
    SkipBad,
    Use,
    choose_data,
    print_json,
    print_table,
)
from mediaeval.experiments import EXPERIMENTS

EXAMPLE = (
    "Example: mediaeval experiment smap2021 --dataset twitter2=data/twitter2 --dataset emotionroi=data/EmotionROI; "
    "mediaeval experiment campos2017 --dataset twitter1-5=data/twitter1 --weights caffenet=caffenet.caffemodel"
)
NEEDS_ARGUMENTS = True
_WEIGHTS = [f"{name}: {', '.join(entry.weights)}" for name, entry in EXPERIMENTS.items() if entry.weights]


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{' or '.join(EXPERIMENTS)}.")],
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            metavar="NAME=FOLDER",
            help="twitter1-5, twitter1-4, twitter1-3, twitter2, emotionroi, fi or webemo; any other name is a folder "
            "in the official layout. NAME:PROTOCOL splits a set in another way; NAME:stored takes splits.csv in its "
            "folder, a copy of the splits-NAME.csv that a run writes. Not of certh2021.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="certh2021: dev set folder; without one, the drawn sample.")
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", help="certh2021: test set folder.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="certh2021: CSV of the test images' labels.")] = None,
    groups: Annotated[
        str | None,
        typer.Option("--groups", metavar="CSV:COLUMN", help="Keep images of one group on one side; official layout."),
    ] = None,
    use: Use = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="NAME=FILE",
            help=f"What networks begin with. {'; '.join(_WEIGHTS)}.",
        ),
    ] = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Begin with nothing where no file is given, to see it run.")
    ] = False,
    rows: Annotated[
        str,
        typer.Option("--rows", help="Only rows of these groups, or with these words in their titles; comma separated."),
    ] = "",
    splits: Annotated[
        int | None, typer.Option("--splits", min=1, help="Only the first so many splits, for a quick look.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Fewer epochs than published, for a quick look.")
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for results. [default: runs/experiments/NAME]")
    ] = None,
    skip_bad: SkipBad = False,
    config: ConfigFile = None,
    device: Device = "auto",
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Run a published table again: our figures, with intervals and baselines, beside the published ones.

    Without --use, the extractors of the paper. What cannot be run, for want of weights or data, is told.
    """
    from importlib import import_module

    from mediaeval.errors import choose
    from mediaeval.experiments.table import require_writable

    entry = EXPERIMENTS[choose("experiment", name, EXPERIMENTS)]
    given = {
        "--dataset": dataset,
        "--data": data,
        "--test": test,
        "--truth": truth,
        "--use": use,
        "--engine": engine,
        "--weights": weights,
        "--random-weights": random_weights,
        "--rows": rows,
        "--splits": splits,
    }
    _refuse_others(name, given)

    out = out or Path("runs/experiments") / name
    require_writable(out)

    from mediaeval.experiments.inputs import Source, read_settings, read_sources, read_weights

    settings = read_settings(config, use or entry.use or None, seed, groups, engine)
    sources = read_sources(dataset or [])
    files = read_weights(weights or [], entry.weights)

    from mediaeval.devices import resolve_device

    options = {"device": resolve_device(device), "epochs": epochs, "skip_bad": skip_bad}
    run = import_module(entry.path).run
    if "--data" in entry.options:
        report = run(settings, Path(choose_data(data or settings.data.dev)), test, truth, **options)
    else:
        if "--rows" in entry.options:
            from mediaeval.experiments.systems import Choices

            words = [word.strip() for word in rows.split(",") if word.strip()]
            options = {"choices": Choices(files, random_weights, words, splits, **options)}
        sources = sources or [Source("dev", Path(choose_data(settings.data.dev)))]
        report = run(settings, sources, **options)
    written = report.write(out)
    if json:
        print_json(report.as_json() | {"files": [str(path) for path in written]})
        return
    for title, headings, rows in report.tables():
        print_table(title, headings, rows)
    for note in report.notes:
        print(f"note: {note}")
    for path in written:
        print(path)


def _refuse_others(name: str, given: dict) -> None:
    """Raise ConfigError when an option belongs to another experiment."""
    from mediaeval.errors import ConfigError

    own = EXPERIMENTS[name].options
    if others := [option for option, value in given.items() if value and option not in own]:
        raise ConfigError(f"{', '.join(others)}: not an option of {name}, which takes {', '.join(own)}.")
