"""mediaeval features."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediaeval.cli.options import ConfigFile, Device, Engine, Json, Preset, SkipBad, TaskName, Use, choose_data
from mediaeval.cli.output import counted, print_json, print_records, print_table

if TYPE_CHECKING:
    from mediaeval.data.dataset import Dataset
    from mediaeval.features.extract import Features

logger = logging.getLogger(__name__)

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
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="K/N", help="Compute one of N parts, K from 1, on one of several machines."),
    ] = None,
    merge: Annotated[
        list[Path] | None,
        typer.Option("--merge", metavar="STORE", help="Join the shards in this store. May be given again."),
    ] = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="Compute by workers of Ray, on this machine or on a cluster (extra [ray]).")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Workers of Ray.", show_default="half of the processors"),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", metavar="ADDRESS", help="A Ray cluster that runs.", show_default="started on this machine"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compute the features that are not stored yet, and list the images that have none.

    Exit status 1 when an image cannot be decoded, unless --skip-bad is given, and when --merge finds that a shard or
    the vector of an image is missing.
    """
    begun = time.monotonic()
    if shard is not None and merge:
        raise typer.BadParameter("got --merge as well; expected one of the two.", param_hint="--shard")
    if ray and (shard is not None or merge):
        raise typer.BadParameter("got --shard or --merge as well; expected one of them.", param_hint="--ray")
    if address is not None and not address.strip():
        raise typer.BadParameter("got nothing; expected an address, or no --address.", param_hint="--address")
    if not ray and (workers or address):
        raise typer.BadParameter("it is for --ray, which was not given.", param_hint="--workers, --address")
    from mediaeval.features.shards import Shard

    part = Shard.parse(shard) if shard is not None else None
    from mediaeval.config import load_config
    from mediaeval.data.dataset import load_dataset
    from mediaeval.devices import resolve_device
    from mediaeval.features.bill import Bill
    from mediaeval.steps.chosen_features import with_chosen_features
    from mediaeval.steps.prepare import build_networks, features_of
    from mediaeval.steps.shards import merge_shards, shard_features
    from mediaeval.tasks import decide_task

    of = decide_task(task, settings=config)
    settings = load_config(config, task=of, preset=preset, use=use, engine=engine)
    folders = data or [choose_data(settings.data.dev, of), *([settings.data.test] if settings.data.test else [])]
    datasets = [load_dataset(Path(folder), of) for folder in folders]
    settings = with_chosen_features(settings, [dataset.folder for dataset in datasets])
    on = resolve_device(device)
    networks = build_networks(settings, on)
    missing: list[dict[str, str]] = []
    incomplete = False

    def features(dataset: "Dataset", start_seconds: float) -> "Features":
        nonlocal incomplete
        if part:
            return shard_features(dataset, settings, networks, part, on, start_seconds)
        if merge:
            merged = merge_shards(dataset, settings, networks, merge, on)
            missing.extend({"data": str(dataset.folder), "id": image_id} for image_id in merged.missing)
            incomplete |= bool(merged.missing or merged.missing_shards)
            return merged.features
        if ray:
            from mediaeval.steps.ray_features import ray_features

            return ray_features(
                dataset, settings, networks, on, workers=workers, address=address, start_seconds=start_seconds
            )
        # thumbnails too: with them `train` finds near-duplicates without decoding everything again
        found = features_of(dataset, settings, networks, skip_bad=True, thumbnails=True)
        found.bill += Bill(start_seconds=start_seconds)
        return found

    rows: list[dict[str, Any]] = []
    failures: list[dict[str, str]] = []
    bills: list[dict[str, Any]] = []
    for dataset in datasets:
        found = features(dataset, 0.0 if bills else time.monotonic() - begun)
        folder = str(dataset.folder)
        failures += [{"data": folder, "id": i, "reason": reason} for i, reason in found.failures.items()]
        bills.append({"data": folder, **found.bill.to_dict()})
        logger.info(f"{folder}: {found.bill.in_words()}")
        rows += [
            {
                "data": folder,
                "extractor": network.name,
                "width": network.width,
                "images": len(found.contents),
                "new": found.computed[network.name],
                "failed": len(found.failures),
            }
            for network in networks
        ]
    if json:
        print_json({"features": rows, "failures": failures, "missing": missing, "bills": bills})
    else:
        print_records(rows)
        if failures:
            title = f"{counted(len(failures), 'image')} without features"
            print_table(title, ["data", "id", "reason"], [list(failure.values()) for failure in failures])
    if incomplete or (failures and not skip_bad):
        raise typer.Exit(1)
