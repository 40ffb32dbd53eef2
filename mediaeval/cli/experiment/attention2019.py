"""mediaeval experiment attention2019."""

from typing import Annotated

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
from mediaeval.cli.options import ConfigFile, Device, Json, Seed, SkipBad

EXAMPLE = "Example: mediaeval experiment attention2019 --dataset fi=data/FI --weights alexnet=bvlc_alexnet.caffemodel"
NEEDS_ARGUMENTS = False


def command(
    dataset: Datasets = None,
    weights: Annotated[list[str] | None, weights_option("attention2019")] = None,
    random_weights: RandomWeights = False,
    rows: Rows = "",
    splits: Splits = None,
    groups: Groups = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    out: Out = None,
    skip_bad: SkipBad = False,
    config: ConfigFile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Agarwal 2019, chapter 3: accuracy of AlexNet with attention on the eight emotions of FI."""
    folder = results_folder("attention2019", out)

    from mediaeval.experiments.inputs import read_settings, read_sources

    settings = read_settings(config, None, seed, groups)
    sources = read_sources(dataset or [])
    choices = network_choices(
        "attention2019", weights, random_weights, rows, splits, epochs=epochs, device=device, skip_bad=skip_bad
    )

    from mediaeval.experiments.attention2019 import run

    print_report(run(settings, sources or drawn_sample(settings), choices), folder, json)
