"""mediaeval split."""

import json as json_
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import ConfigFile, Groups, Json, SkipBad, TaskName
from mediaeval.cli.output import print_json, print_line, print_table

EXAMPLE = "Example: mediaeval split sample/devset --out split.csv"
NEEDS_ARGUMENTS = True


def command(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Dataset folder with labels.")],
    out: Annotated[Path, typer.Option("--out", metavar="CSV", help="File to write, with columns id and side.")],
    val: Annotated[
        float | None,
        typer.Option("--val", metavar="SHARE", help="Share of images to validate on, 0..1.", show_default="0.2"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="N", min=0, help="Random seed: equal seeds give equal splits.", show_default="0"
        ),
    ] = None,
    how: Annotated[
        str | None,
        typer.Option(
            "--how",
            metavar="HOW",
            help="stratified (over all labels of all subtasks) or random.",
            show_default="stratified",
        ),
    ] = None,
    groups: Groups = None,
    skip_bad: SkipBad = False,
    task: TaskName = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Split a dev set into a training and a validation side, with duplicates always on the same side."""
    from mediaeval.config import load_config
    from mediaeval.data.split import SIDES, largest_gap, write_split
    from mediaeval.steps.split import split_dataset
    from mediaeval.tasks import decide_task

    given = {"val": val, "seed": seed, "how": how, "groups": groups}  # the others are as in mediaeval.toml
    sets = [f"split.{key}={_toml(value)}" for key, value in given.items() if value is not None]
    settings = load_config(config, task=decide_task(task, settings=config), data=data, sets=sets)
    labels, sides = split_dataset(settings, skip_bad=skip_bad)
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
    title = f"{out}: {counts['train']} train, {counts['val']} val"
    print_table(title, ["label", "rate in train", "rate in val"], rates)
    print_line(f"largest difference between the rates of a label: {gap:.4f}")


def _toml(value: str | float) -> str:
    """Return a value as TOML has it, which is as JSON has it."""
    return json_.dumps(value, ensure_ascii=False)
