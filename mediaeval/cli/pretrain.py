"""mediaeval pretrain"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json, Seed
from mediaeval.cli.output import print_json, print_table

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval pretrain objectgraphs --features FCVID --out weights/graph.safetensors"
NEEDS_ARGUMENTS = True


def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="yt8m, signature or objectgraphs.")],
    features: Annotated[Path, typer.Option("--features", help="Folder of features, in the layout of the public code.")],
    out: Annotated[Path, typer.Option("--out", help="File to write, .safetensors.")],
    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes; without it, the authors' number.")] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="First learning rate; without it, the authors'.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Without it, the authors'.")] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; see: mediaeval ls settings NETWORK."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")] = False,
    seed: Seed = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Train a network whose weights nobody publishes, and print a row for each epoch.

    After every epoch the weights so far are in --out, and what --resume needs is beside it.
    """
    import inspect
    import math

    from mediaeval.errors import DatasetError, choose
    from mediaeval.pretrain import PRETRAINERS, read_settings, trainer
    from mediaeval.progress import progress

    entry = PRETRAINERS[choose("network", network, PRETRAINERS)]
    if not features.is_dir():
        raise DatasetError(f"--features {features}: no such folder. It is to hold {entry.layout}.")

    options = read_settings(network, sets or [], {"epochs": epochs, "lr": lr, "batch_size": batch_size})

    from mediaeval.devices import resolve_device

    train = trainer(network)
    if "tell" in inspect.signature(train).parameters:
        options["tell"] = logger.info
    with progress(f"training {network}") as advance:
        history = train(
            features,
            out,
            seed=seed,
            device=resolve_device(device),
            resume=resume,
            on_progress=advance,
            **options,
        )
    if json:
        rows = [{key: value if math.isfinite(value) else None for key, value in row.items()} for row in history]
        print_json({"network": network, "out": str(out), "history": rows})
        return
    rows = [[f"{value:g}" if key == "lr" else value for key, value in row.items()] for row in history]
    print_table("", list(history[0]), rows)
    print(f"{network}: {out}")
