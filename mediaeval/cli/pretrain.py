"""mediaeval pretrain."""

import math
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.completion import complete_pretrained_networks
from mediaeval.cli.options import Device, Json, Seed
from mediaeval.cli.output import print_json, print_line, print_table

EXAMPLE = "Example: mediaeval pretrain objectgraphs --features FCVID --out weights/graph.safetensors"
NEEDS_ARGUMENTS = True


def command(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK", autocompletion=complete_pretrained_networks, help="yt8m, signature or objectgraphs."
        ),
    ],
    features: Annotated[
        Path, typer.Option("--features", metavar="FOLDER", help="Features in the layout of the authors' code.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The .safetensors file to write.")],
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", help="Number of epochs.", show_default="the authors'")
    ] = None,
    lr: Annotated[
        float | None, typer.Option("--lr", metavar="RATE", help="Initial learning rate.", show_default="the authors'")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", metavar="N", help="Examples per batch.", show_default="the authors'")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting; may be repeated. See: mediaeval ls settings NETWORK",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted training.")] = False,
    history_file: Annotated[
        Path | None,
        typer.Option("--history", metavar="FILE", help="Write a line of JSON for each epoch: a .jsonl file."),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Train a network whose weights are not published, and print a row for each epoch.

    After every epoch, --out holds the weights so far, and a file next to it holds what --resume needs.
    """
    from mediaeval.errors import ConfigError, DatasetError, choose
    from mediaeval.pretrain import PRETRAINERS, read_settings
    from mediaeval.progress import progress, with_epoch_lines

    entry = PRETRAINERS[choose("network", network, PRETRAINERS)]
    if not features.is_dir():
        raise DatasetError(f"--features {features}: no such folder; expected one with {entry.layout}.")
    settings = read_settings(network, sets or [], {"epochs": epochs, "lr": lr, "batch_size": batch_size})

    from mediaeval.reports.history import as_rows, write_jsonl

    if history_file and history_file.suffix != ".jsonl":
        raise ConfigError(f"--history {history_file}: expected a file name that ends in .jsonl.")
    from mediaeval.pretrain.run import pretrain  # imports torch: after what can be refused without it

    with progress(f"training {network}") as bar:
        advance = with_epoch_lines(bar, network)
        history = pretrain(
            network, features, out, seed=seed, device=device, resume=resume, on_progress=advance, **settings
        )
    if history_file:
        write_jsonl(as_rows(history, out.stem, network), history_file)
    if json:
        rows = [{key: value if math.isfinite(value) else None for key, value in row.items()} for row in history]
        print_json({"network": network, "out": str(out), "history": rows})
        return
    cells = [[f"{value:g}" if key == "lr" else value for key, value in row.items()] for row in history]
    print_table("", list(history[0]), cells)
    print_line(f"{network}: {out}")
