"""mediaeval split"""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import ConfigFile, Json, SkipBad
from mediaeval.cli.output import print_json, print_table

EXAMPLE = "Example: mediaeval split sample/devset --out split.csv"
NEEDS_ARGUMENTS = True


def command(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Dataset folder with labels.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write: id,side.")],
    val: Annotated[
        float | None, typer.Option("--val", help="Share of images to validate on, 0..1. [default: 0.2]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Equal seeds give equal splits. [default: 0]")
    ] = None,
    how: Annotated[
        str | None,
        typer.Option("--how", help="stratified over all labels of all subtasks, or random. [default: stratified]"),
    ] = None,
    groups: Annotated[
        str | None, typer.Option("--groups", metavar="CSV:COLUMN", help="Keep images of one group on one side.")
    ] = None,
    skip_bad: SkipBad = False,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Split a dev set into a training and a validation side; duplicates never stand on both."""
    import tomli_w

    from mediaeval.config import load_config
    from mediaeval.data.split import SIDES, largest_gap, write_split
    from mediaeval.steps.split import split_dataset
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    given = {"val": val, "seed": seed, "how": how, "groups": groups}  # what is not given is as in mediaeval.toml
    sets = [f"split.{key}={tomli_w.dumps({'x': value})[4:]}" for key, value in given.items() if value is not None]
    labels, sides = split_dataset(
        load_config(config, task=VISUAL_SENTIMENT_2021, data=data, sets=sets), skip_bad=skip_bad
    )
    write_split(out, sides)
    counts = {side: int((sides == side).sum()) for side in SIDES}
    gap = largest_gap(labels, sides)
    if json:
        print_json({"file": str(out), **counts, "largest_gap": gap})
        return
    rates = [
        [label, float(labels[sides == "train"][label].mean()), float(labels[sides == "val"][label].mean())]
        for label in labels
    ]
    print_table(
        f"{out}: {counts['train']} train, {counts['val']} val", ["label", "rate in train", "rate in val"], rows=rates
    )
    print(f"largest gap of a label's rate: {gap:.4f}")
