"""mediaeval experiment campos2017."""

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

EXAMPLE = (
    "Example: mediaeval experiment campos2017 --dataset twitter1-5=data/twitter1 --weights caffenet=bvlc.caffemodel"
)
NEEDS_ARGUMENTS = False


def command(
    dataset: Datasets = None,
    weights: Annotated[list[str] | None, weights_option("campos2017")] = None,
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
    """Campos, Jou and Giró-i-Nieto 2017, Tables 2 to 6: accuracy of CaffeNet on TwitterI, whole and layer by layer."""
    folder = results_folder("campos2017", out)

    from mediaeval.experiments.inputs import read_settings, read_sources

    settings = read_settings(config, None, seed, groups)
    sources = read_sources(dataset or [])
    choices = network_choices(
        "campos2017", weights, random_weights, rows, splits, epochs=epochs, device=device, skip_bad=skip_bad
    )

    from mediaeval.experiments.campos2017 import run

    print_report(run(settings, sources or drawn_sample(settings), choices), folder, json)
