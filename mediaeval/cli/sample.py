"""mediaeval sample"""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json, Seed
from mediaeval.cli.output import print_json

EXAMPLE = "Example: mediaeval sample sample --traps"
NEEDS_ARGUMENTS = True


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to draw into; new or empty.")],
    dev: Annotated[int, typer.Option("--dev", help="Images of the dev set.")] = 240,
    test: Annotated[int, typer.Option("--test", help="Images of the test set.")] = 80,
    seed: Seed = 0,
    traps: Annotated[
        bool, typer.Option("--traps", help="Add what real sets hold: duplicates, rotated, grey, CMYK, damaged images.")
    ] = False,
    json: Json = False,
) -> None:
    """Draw a small benchmark in the official layout: dev set, test set, and the test set's truth."""
    from mediaeval.sample.draw import draw_sample

    draw_sample(directory, dev=dev, test=test, seed=seed, traps=traps)
    found = {
        "devset": str(directory / "devset"),
        "testset": str(directory / "testset"),
        "truth": str(directory / "truth.csv"),
    }
    if json:
        print_json(found | {"dev": dev, "test": test, "seed": seed, "traps": traps})
        return
    print(f"{found['devset']}\t{dev} images with labels")
    print(f"{found['testset']}\t{test} images")
    print(f"{found['truth']}\tthe test images' labels, for mediaeval score")
