"""mediaeval ls."""

import logging
from typing import Annotated

import typer

from mediaeval.cli.completion import complete_lists, complete_settings_names
from mediaeval.cli.options import ConfigFile, Json
from mediaeval.cli.output import print_json, print_records, print_table

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval ls extractors"
NEEDS_ARGUMENTS = True


def command(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="tasks, extractors, classifiers, systems, settings, presets, experiments or runs.",
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
    rows = LISTS[what](config)
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


def _tasks(config) -> list[dict]:
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    return [
        {
            "task": subtask.name,
            "columns": subtask.column,
            "labels": ", ".join(subtask.short(label) for label in subtask.labels),
            "an image": "any number of labels" if subtask.multi_label else "one label",
        }
        for subtask in VISUAL_SENTIMENT_2021.subtasks
    ]


def _extractors(config) -> list[dict]:
    from mediaeval.config import load_config
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

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
        for name, entry in load_config(config, task=VISUAL_SENTIMENT_2021).all_extractors().items()
    ]


def _classifiers(config) -> list[dict]:
    from mediaeval.classifiers import CLASSIFIERS

    return [{"classifier": name, "about": entry.summary, "source": entry.source} for name, entry in CLASSIFIERS.items()]


def _systems(config) -> list[dict]:
    from mediaeval.finetune import SYSTEMS

    return [{"system": name, "about": entry.summary, "source": entry.source} for name, entry in SYSTEMS.items()]


def _experiments(config) -> list[dict]:
    from mediaeval.experiments import EXPERIMENTS

    return [{"experiment": name, "about": entry.summary, "source": entry.source} for name, entry in EXPERIMENTS.items()]


def _presets(config) -> list[dict]:
    """A preset as a block of rows: what it is, its blocks of features in their order, how it trains."""
    from mediaeval.config import AUTO, PRESETS, blocks_of, load_config
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    rows: list[dict] = []

    def row(part: str, about: str, width: int | str = "", weights: str = "", licence: str = "") -> None:
        rows.append(
            {"preset": name, "part": part, "width": width, "weights": weights, "licence": licence, "about": about}
        )

    for name, preset in PRESETS.items():
        # the preset's own blocks, whatever mediaeval.toml uses; the user's own extractors of the same names
        blocks = blocks_of(name) or [AUTO]
        settings = load_config(config, task=VISUAL_SENTIMENT_2021, preset=name, use=",".join(blocks))
        used = {} if settings.chooses_features else settings.used_extractors()
        row("", preset.summary, sum(extractor.width or 0 for extractor in used.values()) or "")
        if not used:
            row(AUTO, "the strongest networks at hand, two at most, or else handcrafted")
        for block, extractor in used.items():
            row(block, extractor.summary, extractor.width or "", extractor.weights_in_words(), extractor.licence)
        for subtask in VISUAL_SENTIMENT_2021.subtasks:
            section = preset.section(subtask)
            settings = section["classifier"] | {k: v for k, v in section.items() if k != "classifier"}
            row(subtask.name, " ".join([settings["name"], *(f"{k}={v}" for k, v in settings.items() if k != "name")]))
    return rows


def _runs(config) -> list[dict]:
    from mediaeval.errors import RunFolderError
    from mediaeval.runs import all_runs
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    rows = []
    for run in all_runs():
        scores: dict[str, float | str] = {}
        for name in run.subtasks(VISUAL_SENTIMENT_2021):
            try:
                scores[name] = run.read_subtask(name).score.weighted_f1
            except RunFolderError:
                scores[name] = "half written"
        rows.append(
            {
                "run": run.name,
                **{name: scores.get(name, "") for name in VISUAL_SENTIMENT_2021.names},
                "predicted": "yes" if run.test.is_dir() else "",
                "run.csv": "yes" if run.run_csv.exists() else "",
            }
        )
    return rows


LISTS = {
    "tasks": _tasks,
    "extractors": _extractors,
    "classifiers": _classifiers,
    "systems": _systems,
    "presets": _presets,
    "experiments": _experiments,
    "runs": _runs,
}
