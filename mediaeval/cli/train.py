"""mediaeval train."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediaeval.cli.completion import complete_runs, complete_settings, complete_subtasks_or_all, complete_systems
from mediaeval.cli.options import (
    ConfigFile,
    Device,
    Engine,
    Json,
    Preset,
    Replace,
    SkipBad,
    TaskName,
    Use,
    choose_data,
    command_line,
)
from mediaeval.cli.output import counted, print_json, print_line, print_table

if TYPE_CHECKING:
    from mediaeval.steps.fitting import TrainedSubtask

EXAMPLE = (
    "Example: mediaeval train subtask1 --data devset --set classifier.epochs=100; end to end: mediaeval train subtask1 "
    "--data devset --system timm --set system.model=efficientnet_b0"
)
NEEDS_ARGUMENTS = True

# name of a baseline of a trained subtask → what it predicts, with one label per image and with several
BASELINES = {
    "the most common": ("majority class", "majority labels"),
    "every label": ("", "every label"),
    "the mean": ("the mean", "the mean"),
}


def command(
    subtask: Annotated[
        str,
        typer.Argument(
            metavar="SUBTASK",
            autocompletion=complete_subtasks_or_all,
            help="A subtask of the task, such as subtask1, or all.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="FOLDER", help="Dev set folder.", show_default="the drawn sample"),
    ] = None,
    run: Annotated[
        str,
        typer.Option("--run", metavar="NAME", autocompletion=complete_runs, help="Folder below runs/ to train into."),
    ] = "first",
    use: Use = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            metavar="NAME",
            autocompletion=complete_systems,
            help="Train a network end to end instead of on features. List them with: mediaeval ls systems",
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            autocompletion=complete_settings,
            help="Change a setting, such as classifier.epochs=100; may be repeated.",
        ),
    ] = None,
    preset: Preset = None,
    split: Annotated[
        Path | None, typer.Option("--split", metavar="CSV", help="Use a split written by mediaeval split.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            metavar="K",
            min=0,
            help="Score every dev image out of fold, in K folds; 0: the split alone.",
            show_default="5; 0 for systems and the presets of papers",
        ),
    ] = None,
    refit: Annotated[bool, typer.Option("--refit/--no-refit", help="Train again on the whole dev set.")] = True,
    replace: Replace = False,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted training of a system.")] = False,
    skip_bad: SkipBad = False,
    task: TaskName = None,
    config: ConfigFile = None,
    device: Device = "auto",
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Train on the dev set, report the weighted F1 of models on images that they never saw, and keep the run.

    Five models are trained, each on four fifths of the dev set, and one on all of it, which predicts test images.
    """
    from mediaeval.config import load_config
    from mediaeval.runs import run_folder
    from mediaeval.steps.subtasks import ALL, labelled_subtasks, named_subtasks
    from mediaeval.tasks import decide_task

    folder = run_folder(run)
    runs = [folder.path] if folder.path.is_dir() else []
    of = decide_task(task, runs=runs, settings=config, replace=replace)
    subtasks = named_subtasks(subtask, of)
    settings = load_config(
        config,
        task=of,
        preset=preset,
        data=data,
        use=use,
        engine=engine,
        system=system,
        sets=[*(sets or []), *([] if folds is None else [f"split.folds={folds}"])],
        subtasks=subtasks,
    )
    settings.data.dev = choose_data(settings.data.dev, of)
    if subtask == ALL:
        subtasks = labelled_subtasks(Path(settings.data.dev), of)
    settings = settings.for_training(subtasks, use)

    from mediaeval.steps.train import train  # imports torch: after everything that can be refused without it

    results = train(
        settings,
        subtasks,
        folder,
        split_file=split,
        refit=refit,
        replace=replace,
        resume=resume,
        skip_bad=skip_bad,
        device=device,
        command=command_line(),
    )
    if json:
        warnings = [*settings.without_effect(subtasks), *(said for result in results for said in result.warnings)]
        summaries = [
            result.record().summary() | ({"frozen": asdict(result.frozen)} if result.frozen else {})
            for result in results
        ]
        print_json({"run": str(folder.path), "subtasks": summaries, "warnings": warnings})
        return
    for result in results:
        _print(result)
    print_line(f"run: {folder.path}")
    print_line(f"next: mediaeval errors {folder.name}")


def _print(result: "TrainedSubtask") -> None:
    """Print a subtask's scores, out of fold first, its constant-prediction baselines, and a row for each label."""
    from mediaeval.records import MetricScore

    subtask, of_folds = result.task, result.out_of_fold
    validated = counted(len(result.truth), "validation image")
    metric = result.score.metric
    split = f"{_scored(result.score.value, result.score.interval)} on {validated}"
    if of_folds:
        record = of_folds.record
        low, high = record.new_set
        title = [
            f"{subtask.name}: {metric} {_scored(record.f1, record.interval)} out of fold on "
            f"{counted(record.n_images, 'dev image')}, {record.folds} folds",
            f"on {counted(record.n_new, 'other image')}: {low:.3f} to {high:.3f} (95 %)",
            f"the split alone: {split}",
        ]
        baselines, per_label = record.baselines, record.per_label
    else:
        title = [f"{subtask.name}: {metric} {split}"]
        baselines, per_label = result.baselines, tuple(result.score.per_label)
    if frozen := result.frozen:
        of_frozen = _scored(frozen.weighted_f1, frozen.interval)
        title.append(f"frozen features of the same network ({frozen.extractor}, {frozen.classifier}): {of_frozen}")
    if isinstance(result.score, MetricScore):
        title.append(f"signature: {result.score.signature}")
    if choice := result.record().choice:
        of_each = ", ".join(f"{name} {score:.3f}" for name, score in choice["scores"].items())
        title.append(f"head: {choice['head']}, chosen among {choice['of']} by {choice['by']} in training: {of_each}")
    constant = ", ".join(f"{BASELINES[name][subtask.multi_label]} {f1:.3f}" for name, f1 in baselines.items())
    if constant:
        title.append(f"constant-prediction baseline{'s' if len(baselines) > 1 else ''}: {constant}")
    if not result.thresholds:  # answers are numbers
        per_column = of_folds.record.per_column if of_folds else getattr(result.score, "per_column", {})
        print_table("\n".join(title), ["column", metric], [[name, value] for name, value in per_column.items()])
        return
    columns = ["label", "F1", "images", "threshold"]
    rows = [
        [subtask.short(scored.label), scored.f1, scored.support, threshold]
        for scored, threshold in zip(per_label, result.thresholds, strict=True)
    ]
    if not subtask.multi_label:  # the likeliest label is predicted, whatever its probability
        columns, rows = columns[:3], [row[:3] for row in rows]
    print_table("\n".join(title), columns, rows)


def _scored(f1: float, interval: tuple[float, float]) -> str:
    return f"{f1:.3f} (95 % interval {interval[0]:.3f} to {interval[1]:.3f})"
