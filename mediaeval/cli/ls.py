"""mediaeval ls."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediaeval.cli.completion import complete_lists, complete_settings_names
from mediaeval.cli.options import ConfigFile, Json, TaskName
from mediaeval.cli.output import print_json, print_records, print_table

if TYPE_CHECKING:
    from mediaeval.runs import RunFolder
    from submission.task import Subtask, Task

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval ls extractors"
NEEDS_ARGUMENTS = True


def command(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="tasks, subtasks, extractors, classifiers, systems, settings, presets, experiments or runs.",
            autocompletion=complete_lists,
        ),
    ],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="With settings: whose settings, such as moe, timm or features; see: mediaeval ls settings.",
            autocompletion=complete_settings_names,
        ),
    ] = None,
    task: TaskName = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """List what there is: every name that another command takes."""
    from mediaeval.errors import ConfigError, choose

    if choose("list", what, [*LISTS, "settings"]) == "settings":
        _print_settings(name, json)
        return
    if name is not None:
        raise ConfigError(f"mediaeval ls {what}: got the name '{name}'; expected none. Only settings have one.")
    rows = LISTS[what](task, config)
    if json:
        print_json(rows)
    elif rows:
        print_records(rows)
    else:
        logger.info(f"No {what} in this folder yet. Make one: mediaeval train all")


def _print_settings(name: str | None, json: bool) -> None:
    """Print every setting, or those of what is called `name`, with type, default, range and meaning."""
    from mediaeval.settings_reference import all_groups, groups_named

    groups = groups_named(name) if name else all_groups()
    if json:
        print_json([row for group in groups for row in group.rows()])
        return
    columns = ["of", "setting", "type", "default", "range", "meaning"]
    rows = [
        [f"{group.kind} {group.name}", one.key, one.type, one.default_in_words, one.range, one.meaning]
        for group in groups
        for one in group.settings
    ]
    if rows:
        print_table("", columns, rows)
    for group in groups:
        if not group.settings and name:
            logger.info(f"{group.kind} {group.name} has no settings.")
    if any(group.kind == "classifier" for group in groups):
        logger.info("Defaults of classifiers are their own; a preset sets others: mediaeval ls presets")


def _tasks(task: str | None, config: Path | None) -> list[dict]:
    from submission.taskfile import load_task, task_names

    return [
        {
            "task": name,
            "columns": ", ".join(subtask.column for subtask in loaded.subtasks),
            "labels": ", ".join(dict.fromkeys(label for subtask in loaded.subtasks for label in _labels(subtask))),
            "an image": ", ".join(dict.fromkeys(map(_answer, loaded.subtasks))),
            "title": loaded.title,
            "source": loaded.source,
        }
        for name in task_names()
        for loaded in [load_task(name)]
    ]


def _subtasks(task: str | None, config: Path | None) -> list[dict]:
    from mediaeval.tasks import decide_task

    return [
        {
            "task": subtask.name,
            "columns": subtask.column,
            "labels": ", ".join(_labels(subtask)),
            "an image": _answer(subtask),
        }
        for subtask in decide_task(task, settings=config).subtasks
    ]


def _labels(subtask: "Subtask") -> list[str]:
    return [subtask.short(label) for label in subtask.labels]


def _answer(subtask: "Subtask") -> str:
    """Return what an image is given, in words."""
    if subtask.kind == "flags" and len(subtask.labels) == 1:
        return "yes or no"
    several = {"set": "a set", "rank": "a ranked list", "score": "a score", "probability": "a probability"}
    return several.get(subtask.kind, "any number of labels" if subtask.multi_label else "one label")


def _extractors(task: str | None, config: Path | None) -> list[dict]:
    from mediaeval.config import load_config
    from mediaeval.tasks import decide_task

    settings = load_config(config, task=decide_task(task, settings=config))
    return [
        {
            "extractor": name,
            "kind": entry.kind,
            "reads": entry.source or "images",
            "width": entry.width or "",
            "order": "" if entry.order is None else entry.order,
            "seconds": entry.seconds or "",
            "weights": entry.weights_in_words(),
            "licence": entry.licence,
            "about": entry.summary,
        }
        for name, entry in settings.all_extractors().items()
    ]


def _classifiers(_task: str | None, _config: Path | None) -> list[dict]:
    from mediaeval.classifiers import CLASSIFIERS

    return [{"classifier": name, "about": entry.summary, "source": entry.source} for name, entry in CLASSIFIERS.items()]


def _systems(_task: str | None, _config: Path | None) -> list[dict]:
    from mediaeval.finetune import SYSTEMS

    return [{"system": name, "about": entry.summary, "source": entry.source} for name, entry in SYSTEMS.items()]


def _experiments(_task: str | None, _config: Path | None) -> list[dict]:
    from mediaeval.experiments import EXPERIMENTS

    return [{"experiment": name, "about": entry.summary, "source": entry.source} for name, entry in EXPERIMENTS.items()]


def _presets(task: str | None, config: Path | None) -> list[dict]:
    """A preset as a block of rows: what it is, its blocks of features in their order, how it trains."""
    from mediaeval.config import AUTO, PRESETS, blocks_of, load_config
    from mediaeval.tasks import decide_task

    of = decide_task(task, settings=config)
    rows: list[dict] = []

    def row(part: str, about: str, width: int | str = "", weights: str = "", licence: str = "") -> None:
        rows.append(
            {"preset": name, "part": part, "width": width, "weights": weights, "licence": licence, "about": about}
        )

    for name, preset in PRESETS.items():
        # the preset's own blocks, whatever mediaeval.toml uses; the user's own extractors of the same names
        blocks = blocks_of(name) or [AUTO]
        settings = load_config(config, task=of, preset=name, use=",".join(blocks))
        used = {} if settings.chooses_features else settings.used_extractors()
        row("", preset.summary, sum(extractor.width or 0 for extractor in used.values()) or "")
        if not used:
            row(AUTO, "the strongest networks at hand, two at most, or else handcrafted")
        for block, extractor in used.items():
            row(block, extractor.summary, extractor.width or "", extractor.weights_in_words(), extractor.licence)
        for subtask in of.subtasks:
            section = preset.section(subtask)
            settings = section["classifier"] | {k: v for k, v in section.items() if k != "classifier"}
            row(subtask.name, " ".join([settings["name"], *(f"{k}={v}" for k, v in settings.items() if k != "name")]))
    return rows


def _runs(task: str | None, config: Path | None) -> list[dict]:
    from mediaeval.errors import RunFolderError
    from mediaeval.runs import all_runs
    from mediaeval.tasks import decide_task

    of = decide_task(task, settings=config)
    trained = {run: _trained(run, of) for run in all_runs()}
    names = dict.fromkeys([*of.names, *(name for in_run in trained.values() for name in in_run)])
    rows = []
    for run, in_run in trained.items():
        scores: dict[str, float | str] = {}
        notes = []
        for name in in_run:
            try:
                record = run.read_subtask(name)
                scores[name] = record.score.value
                notes += [f"{name}: {record.note}"] if record.note else []
            except RunFolderError:
                scores[name] = "half written"
        rows.append(
            {
                "run": run.name,
                **{name: scores.get(name, "") for name in names},
                "predicted": "yes" if run.test.is_dir() else "",
                "run.csv": "yes" if run.run_csv.exists() else "",
                "note": "; ".join(notes),
            }
        )
    if not any(row["note"] for row in rows):
        rows = [{key: value for key, value in row.items() if key != "note"} for row in rows]
    return rows


def _trained(run: "RunFolder", task: "Task") -> tuple[str, ...]:
    """Return the subtasks that were trained in a run, whatever its task; of `task`, where it is damaged."""
    from mediaeval.errors import RunFolderError
    from mediaeval.tasks import task_of_run

    try:
        return run.subtasks(task_of_run(run.path))
    except RunFolderError:
        return run.subtasks(task)


LISTS = {
    "tasks": _tasks,
    "subtasks": _subtasks,
    "extractors": _extractors,
    "classifiers": _classifiers,
    "systems": _systems,
    "presets": _presets,
    "experiments": _experiments,
    "runs": _runs,
}
