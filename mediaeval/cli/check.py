"""mediaeval check"""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import ConfigFile, Device, Json, Use
from mediaeval.cli.output import print_json, print_table
from submission.__main__ import header_wanted, reports_of
from submission.errors import UserError
from submission.labels import read_ids

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval check runs/first/run.csv --data testset --dev devset"
NEEDS_ARGUMENTS = True

Dev = Annotated[
    Path | None,
    typer.Option("--dev", metavar="DEV", help="Your dev set: its header is wanted, its images teach."),
]


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNFILE...", help="Run files, anybody's.")],
    ids: Annotated[
        Path | None,
        typer.Option(
            "--ids", metavar="TESTSET.csv|FOLDER", help="The test list, or its folder: form alone is checked."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="TEST", help="Test set folder: labels are held against the images as well."),
    ] = None,
    dev: Dev = None,
    use: Use = None,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Spoil the file in every known way, and tell what catches each.")
    ] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Some subtasks only, and that is meant.")] = False,
    config: ConfigFile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Tell everything that is wrong with a run file at once: its form and, with --data and --dev, its meaning.

    Meaning: whether rows and columns belong to the images, judged without test labels from features that the run was
    not made of; and what is odd beside the dev set, as warnings. Exit status 0 clean, 1 problems, 2 wrong usage.
    """
    if ids is None and data is None:
        logger.error("--ids TESTSET.csv, or --data TEST, is wanted.")
        raise typer.Exit(2)
    if data is not None and dev is None:
        logger.error("--data needs --dev DEV, the dev set's folder, to learn what images lead to expect.")
        raise typer.Exit(2)
    if self_test and len(runs) != 1:
        logger.error("--self-test takes one run file.")
        raise typer.Exit(2)
    try:
        meaning = _judge(data, dev, config, use, device) if data is not None else None
        wanted, header = read_ids(ids or data), header_wanted(dev)
    except UserError as error:  # of the test list, the dev set or a setting: a wrong call, not a wrong run file
        logger.error(error)
        raise typer.Exit(2) from None
    if self_test:
        _self_test(runs[0], wanted, header, partial, meaning, json)
        return
    form = reports_of(Namespace(runs=runs, ids=ids or data, dev=dev, partial=partial))
    told = [meaning(path) if meaning else None for path in runs]
    if json:
        print_json([one.as_json() | (more.as_json() if more else {}) for one, more in zip(form, told, strict=True)])
    else:
        for one, more in zip(form, told, strict=True):
            print(one.text())
            if more:
                print(more.text())
    raise typer.Exit(0 if all(one.ok for one in form) and all(more is None or more.ok for more in told) else 1)


def _judge(data: Path, dev: Path, config: Path | None, use: str | None, device: str):
    """Return what judges a run file by its images."""
    from mediaeval.config import load_config
    from mediaeval.devices import resolve_device
    from mediaeval.proofs.align import Judge
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    settings = load_config(config, task=VISUAL_SENTIMENT_2021, use=use)
    return Judge(data, dev, settings, own=use is not None, device=resolve_device(device), tell=logger.info)


def _self_test(run: Path, ids: list[str], header: tuple[str, ...], partial: bool, meaning, json: bool) -> None:
    """Print what catches each fault; exit status 1 when one goes uncaught."""
    from mediaeval.proofs.selftest import self_test

    results = self_test(run, ids, header, meaning, partial=partial)
    if json:
        print_json([vars(one) for one in results])
    else:
        missed = sum(one.tried and not one.caught_by for one in results)
        tried = sum(one.tried for one in results)
        print_table(
            f"{run}: {tried} ways to spoil it, {missed} not caught",
            ["kind", "fault", "caught by"],
            [[one.kind, one.fault, one.outcome] for one in results],
        )
        if meaning is None:
            print("Faults of meaning were not tried: give --data TEST and --dev DEV.")
    raise typer.Exit(1 if any(one.tried and not one.caught_by for one in results) else 0)
