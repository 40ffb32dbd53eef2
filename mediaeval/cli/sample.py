"""mediaeval sample."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json, Seed
from mediaeval.cli.output import print_json, print_line

EXAMPLE = "Example: mediaeval sample sample --traps"
NEEDS_ARGUMENTS = True


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to draw into; new or empty.")],
    dev: Annotated[int, typer.Option("--dev", metavar="N", help="Number of images of the dev set.")] = 240,
    test: Annotated[int, typer.Option("--test", metavar="N", help="Number of images of the test set.")] = 80,
    seed: Seed = 0,
    traps: Annotated[
        bool,
        typer.Option("--traps", help="Add what real sets contain: duplicate, rotated, grey, CMYK and damaged images."),
    ] = False,
    json: Json = False,
) -> None:
    """Draw a small benchmark in the official layout: dev set, test set, and the labels of the test set."""
    from mediaeval.sample.draw import draw_sample

    draw_sample(directory, dev=dev, test=test, seed=seed, traps=traps)
    devset, testset, truth = (str(directory / name) for name in ("devset", "testset", "truth.csv"))
    if json:
        places = {"devset": devset, "testset": testset, "truth": truth}
        print_json(places | {"dev": dev, "test": test, "seed": seed, "traps": traps})
        return
    print_line(f"{devset}\t{dev} images with labels")
    print_line(f"{testset}\t{test} images")
    print_line(f"{truth}\tlabels of the test images, for mediaeval score")
