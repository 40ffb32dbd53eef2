"""mediaeval experiment multigap2020."""

from typing import Annotated

import typer

from mediaeval.cli.experiment.options import (
    Datasets,
    Epochs,
    Groups,
    Out,
    RandomWeights,
    Rows,
    Splits,
    drawn_sample,
    network_choices,
    print_report,
    results_folder,
    weights_option,
)
from mediaeval.cli.options import ConfigFile, Device, Engine, Json, Seed, SkipBad
from mediaeval.experiments import EXPERIMENTS

EXAMPLE = "Example: mediaeval experiment multigap2020 --dataset fi=data/FI --weights places=vgg16_places365.caffemodel"
NEEDS_ARGUMENTS = False


def command(
    dataset: Datasets = None,
    weights: Annotated[list[str] | None, weights_option("multigap2020")] = None,
    random_weights: RandomWeights = False,
    rows: Rows = "",
    splits: Splits = None,
    use: Annotated[
        str | None, typer.Option("--use", help="One extractor, of ANP scores.", show_default="deepsentibank")
    ] = None,
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
    """Lim et al. 2020, Table 1 and Figure 4: accuracy of Multi-GAP and its variants on the eight emotions of FI."""
    folder = results_folder("multigap2020", out)

    from mediaeval.experiments.inputs import read_settings, read_sources

    settings = read_settings(config, use or EXPERIMENTS["multigap2020"].use, seed, groups, engine)
    sources = read_sources(dataset or [])
    choices = network_choices(
        "multigap2020", weights, random_weights, rows, splits, epochs=epochs, device=device, skip_bad=skip_bad
    )

    from mediaeval.experiments.multigap2020 import run

    print_report(run(settings, sources or drawn_sample(settings), choices), folder, json)
