"""mediaeval features."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import ConfigFile, Device, Engine, Json, Preset, SkipBad, TaskName, Use, choose_data
from mediaeval.cli.output import counted, print_json, print_records, print_table

EXAMPLE = "Example: mediaeval features devset testset --use mobilenetv2,squeezenet"
NEEDS_ARGUMENTS = False


def command(
    data: Annotated[list[str] | None, typer.Argument(metavar="DATA", help="Dataset folders.")] = None,
    use: Use = None,
    preset: Preset = None,
    skip_bad: SkipBad = False,
    task: TaskName = None,
    config: ConfigFile = None,
    device: Device = "auto",
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Compute the features that are not stored yet, and list the images that have none.

    Exit status 1 when an image cannot be decoded, unless --skip-bad is given.
    """
    from mediaeval.config import load_config
    from mediaeval.data.dataset import load_dataset
    from mediaeval.devices import resolve_device
    from mediaeval.steps.chosen_features import with_chosen_features
    from mediaeval.steps.prepare import build_networks, features_of
    from mediaeval.tasks import decide_task

    of = decide_task(task, settings=config)
    settings = load_config(config, task=of, preset=preset, use=use, engine=engine)
    folders = data or [choose_data(settings.data.dev, of), *([settings.data.test] if settings.data.test else [])]
    datasets = [load_dataset(Path(folder), of) for folder in folders]
    settings = with_chosen_features(settings, [dataset.folder for dataset in datasets])
    networks = build_networks(settings, resolve_device(device))
    rows, failures = [], []
    for dataset in datasets:
        # thumbnails too: with them `train` finds near-duplicates without decoding everything again
        features = features_of(dataset, settings, networks, skip_bad=True, thumbnails=True)
        folder = str(dataset.folder)
        failures += [{"data": folder, "id": i, "reason": reason} for i, reason in features.failures.items()]
        rows += [
            {
                "data": folder,
                "extractor": network.name,
                "width": network.width,
                "images": len(features.contents),
                "new": features.computed[network.name],
                "failed": len(features.failures),
            }
            for network in networks
        ]
    if json:
        print_json({"features": rows, "failures": failures})
    else:
        print_records(rows)
        if failures:
            title = f"{counted(len(failures), 'image')} without features"
            print_table(title, ["data", "id", "reason"], [list(failure.values()) for failure in failures])
    if failures and not skip_bad:
        raise typer.Exit(1)
