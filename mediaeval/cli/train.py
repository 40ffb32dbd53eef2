"""mediaeval train"""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import ConfigFile, Device, Engine, Json, Preset, SkipBad, Use, choose_data
from mediaeval.cli.output import print_json, print_table

logger = logging.getLogger(__name__)

EXAMPLE = (
    "Example: mediaeval train subtask1 --data devset --set classifier.epochs=100; end to end: mediaeval train subtask1 "
    "--data devset --system timm --set system.model=efficientnet_b0"
)
NEEDS_ARGUMENTS = True


def command(
    subtask: Annotated[str, typer.Argument(metavar="SUBTASK", help="subtask1, subtask2, subtask3 or all.")],
    data: Annotated[str | None, typer.Option("--data", help="Dev set folder; without one, the drawn sample.")] = None,
    run: Annotated[str, typer.Option("--run", help="Folder below runs/ to train into.")] = "first",
    use: Use = None,
    system: Annotated[
        str | None,
        typer.Option("--system", help="Train a network end to end instead of on features; see: mediaeval ls systems."),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as classifier.epochs=100."),
    ] = None,
    preset: Preset = None,
    split: Annotated[Path | None, typer.Option("--split", help="A split written by mediaeval split.")] = None,
    refit: Annotated[bool, typer.Option("--refit/--no-refit", help="Train once more on the whole dev set.")] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Train anew what the run already holds.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a system's training that was stopped.")] = False,
    skip_bad: SkipBad = False,
    config: ConfigFile = None,
    device: Device = "auto",
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Train on 80 % of the dev set, report weighted F1 on the other 20 %, then train on all of it."""
    from mediaeval.config import load_config
    from mediaeval.errors import choose
    from mediaeval.runs import run_folder
    from submission.tasks import TASKS
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    choose("subtask", subtask, [*TASKS, "all"])
    folder = run_folder(run)
    wanted = list(TASKS) if subtask == "all" else [subtask]
    settings = load_config(
        config,
        task=VISUAL_SENTIMENT_2021,
        preset=preset,
        data=data,
        use=use,
        engine=engine,
        system=system,
        sets=sets or [],
        subtasks=wanted,
    )
    settings.data.dev = choose_data(settings.data.dev)
    if subtask == "all":
        wanted = _labelled(Path(settings.data.dev))
    settings = settings.for_training(wanted, use)

    from mediaeval.steps.train import train  # imports torch: after everything that can be refused without it

    results = train(
        settings,
        wanted,
        folder,
        split_file=split,
        refit=refit,
        replace=replace,
        resume=resume,
        skip_bad=skip_bad,
        device=device,
        command="mediaeval " + " ".join(sys.argv[1:]),
    )
    if json:
        print_json({"run": str(folder.path), "subtasks": [result.record().summary() for result in results]})
        return
    for result in results:
        low, high = result.score.interval
        title = (
            f"{result.task.name}: weighted F1 {result.score.weighted_f1:.3f} (95 % interval {low:.3f} to {high:.3f}) "
            f"on {len(result.truth)} validation images"
        )
        same = ", ".join(f"{said} {f1:.3f}" for said, f1 in result.baselines.items())
        columns = ["label", "F1", "images", "threshold"][: 4 if result.task.multi_label else 3]
        rows = [
            [result.task.short(scored.label), scored.f1, scored.support, threshold][: len(columns)]
            for scored, threshold in zip(result.score.per_label, result.thresholds, strict=True)
        ]
        print_table(f"{title}\nsaying the same of every image: {same}", columns, rows)
    print(f"run: {folder.path}")


def _labelled(dev: Path) -> list[str]:
    """Return the subtasks that `all` means for a dev set: those that it has labels for."""
    from mediaeval.data.dataset import load_dataset
    from mediaeval.errors import DatasetError
    from submission.tasks import TASKS

    have = list(load_dataset(dev).subtasks)
    if not have:
        raise DatasetError(f"{dev} has no labels. Give a dev set, with the columns T1, T2.k or T3.k.")
    if len(have) < len(TASKS):
        logger.info(f"{dev} has labels for {', '.join(have)} only: these are trained.")
    return have
