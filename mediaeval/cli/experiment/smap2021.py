"""mediaeval experiment smap2021."""

from mediaeval.cli.experiment.options import Datasets, Epochs, Groups, Out, drawn_sample, print_report, results_folder
from mediaeval.cli.options import ConfigFile, Device, Engine, Json, Seed, SkipBad, Use

EXAMPLE = "Example: mediaeval experiment smap2021 --dataset twitter2=data/twitter2 --dataset emotionroi=data/EmotionROI"
NEEDS_ARGUMENTS = False


def command(
    dataset: Datasets = None,
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
    """Pournaras et al. 2021 (SMAP), Table II: accuracy of single features and their combination on sentiment sets.

    Without --use, the extractors of the paper.
    """
    folder = results_folder("smap2021", out)

    from mediaeval.devices import resolve_device
    from mediaeval.experiments.inputs import read_settings, read_sources

    settings = read_settings(config, use, seed, groups, engine)
    sources = read_sources(dataset or [])
    device = resolve_device(device)

    from mediaeval.experiments.smap2021 import run  # imports torch: after everything that can be refused without it

    sources = sources or drawn_sample(settings)
    print_report(run(settings, sources, device=device, epochs=epochs, skip_bad=skip_bad), folder, json)
