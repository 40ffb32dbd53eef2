"""mediaeval ls"""

from typing import Annotated

import typer

from mediaeval.cli.common import ConfigFile, Json, print_json, print_table, say

EXAMPLE = "Example: mediaeval ls extractors"
NEEDS_ARGUMENTS = True


def command(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="tasks, extractors, classifiers, presets or runs.")],
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """List what there is: every name that another command takes."""
    from mediaeval.errors import choose

    rows = LISTS[choose("list", what, LISTS)](config)
    if json:
        print_json(rows)
    elif rows:
        print_table("", list(rows[0]), [list(row.values()) for row in rows])
    else:
        say(f"No {what} in this folder yet. Make one: mediaeval train all")


def _tasks(config) -> list[dict]:
    from submission.tasks import TASKS

    return [
        {
            "task": task.name,
            "columns": task.column,
            "labels": ", ".join(task.short(label) for label in task.labels),
            "an image": "any number of labels" if task.multi_label else "one label",
        }
        for task in TASKS.values()
    ]


def _extractors(config) -> list[dict]:
    from mediaeval.config import load_config

    return [
        {
            "extractor": name,
            "kind": entry.kind,
            "model": entry.model,
            "weights": entry.weights
            or ("none needed" if entry.kind == "handcrafted" else "the library's, fetched once"),
            "about": entry.summary,
        }
        for name, entry in load_config(config).all_extractors().items()
    ]


def _classifiers(config) -> list[dict]:
    from mediaeval.classifiers import CLASSIFIERS

    return [{"classifier": name, "about": entry.summary, "source": entry.source} for name, entry in CLASSIFIERS.items()]


def _presets(config) -> list[dict]:
    from mediaeval.config import PRESETS

    rows = []
    for name, preset in PRESETS.items():
        row = {"preset": name, "about": preset["summary"]}
        for subtask in ("subtask1", "subtask2", "subtask3"):
            section = preset[subtask]
            settings = section["classifier"] | {k: v for k, v in section.items() if k != "classifier"}
            row[subtask] = " ".join([settings["name"], *(f"{k}={v}" for k, v in settings.items() if k != "name")])
        rows.append(row)
    return rows


def _runs(config) -> list[dict]:
    from mediaeval.errors import RunFolderError
    from mediaeval.runs import all_runs

    rows = []
    for run in all_runs():
        scores: dict[str, float | str] = {}
        for name in run.subtasks:
            try:
                scores[name] = run.read(run.subtask(name) / "subtask.json")["validation"]["weighted_f1"]
            except RunFolderError:
                scores[name] = "half written"
        rows.append(
            {
                "run": run.name,
                **{n: scores.get(n, "") for n in ("subtask1", "subtask2", "subtask3")},
                "predicted": "yes" if run.test.is_dir() else "",
                "run.csv": "yes" if run.run_csv.exists() else "",
            }
        )
    return rows


LISTS = {"tasks": _tasks, "extractors": _extractors, "classifiers": _classifiers, "presets": _presets, "runs": _runs}
