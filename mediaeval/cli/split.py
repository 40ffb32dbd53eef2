"""mediaeval split"""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.common import ConfigFile, Json, Seed, SkipBad, print_json, print_table

EXAMPLE = "Example: mediaeval split sample/devset --out split.csv"
NEEDS_ARGUMENTS = True


def command(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Dataset folder with labels.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write: id,side.")],
    val: Annotated[float, typer.Option("--val", help="Share of images to validate on, 0..1.")] = 0.2,
    seed: Seed = 0,
    how: Annotated[
        str, typer.Option("--how", help="stratified over all labels of all subtasks, or random.")
    ] = "stratified",
    groups: Annotated[
        str, typer.Option("--groups", metavar="CSV:COLUMN", help="Keep images of one group on one side.")
    ] = "",
    skip_bad: SkipBad = False,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Split a dev set into a training and a validation side; duplicates never stand on both."""
    from mediaeval.config import load_config
    from mediaeval.data.split import SIDES, largest_gap, write_split
    from mediaeval.steps.split import split_dataset

    sets = [f"split.val={val}", f"split.seed={seed}", f'split.how="{how}"', f"split.groups='{groups}'"]
    labels, sides = split_dataset(load_config(config, data=data, sets=sets), skip_bad=skip_bad)
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
