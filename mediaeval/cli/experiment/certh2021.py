"""mediaeval experiment certh2021."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.experiment.options import Epochs, Groups, Out, print_report, results_folder
from mediaeval.cli.options import ConfigFile, Device, Engine, Json, Seed, SkipBad, Use, choose_data

EXAMPLE = "Example: mediaeval experiment certh2021 --data devset --test testset --truth truth.csv"
NEEDS_ARGUMENTS = False


def command(
    data: Annotated[
        str | None, typer.Option("--data", metavar="FOLDER", help="Dev set folder.", show_default="the drawn sample")
    ] = None,
    test: Annotated[
        Path | None, typer.Option("--test", metavar="FOLDER", help="Test set folder; needs --truth.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="CSV", help="Labels of the test images; needs --test.")
    ] = None,
    use: Use = None,
    groups: Groups = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    out: Out = None,
    skip_bad: SkipBad = False,
    config: ConfigFile = None,
    device: Device = "auto",
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Pournaras et al. 2021 (MediaEval), Table 2: weighted F1 of the three subtasks on validation and test images.

    Without --use, the extractors of the paper.
    """
    folder = results_folder("certh2021", out)

    from mediaeval.devices import resolve_device
    from mediaeval.experiments.inputs import read_settings

    settings = read_settings(config, use, seed, groups, engine)
    device = resolve_device(device)

    from mediaeval.experiments.certh2021 import run  # imports torch: after everything that can be refused without it

    dev = Path(choose_data(data or settings.data.dev, settings.task))
    print_report(run(settings, dev, test, truth, device=device, epochs=epochs, skip_bad=skip_bad), folder, json)
