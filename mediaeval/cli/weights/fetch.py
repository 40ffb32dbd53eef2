"""mediaeval weights fetch."""

from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.completion import complete_presets_and_extractors
from mediaeval.cli.options import ConfigFile, Json, TaskName
from mediaeval.cli.weights.list_files import print_files

EXAMPLE = "Example: mediaeval weights fetch open2026 --mirror /media/usb/weights"
NEEDS_ARGUMENTS = False


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", autocompletion=complete_presets_and_extractors, help="A preset or an extractor."
        ),
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option("--mirror", metavar="DIR", help="Copy from this folder, such as the cache of another machine."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Fetch published files again, though others were recorded before.")
    ] = False,
    task: TaskName = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Fetch the weight files that a preset or an extractor needs into the cache.

    Exit status 1 when a file could not be fetched.
    """
    from mediaeval.errors import ConfigError, WeightsError

    if name is None:
        raise ConfigError("mediaeval weights fetch: NAME is missing; expected a preset or an extractor.")

    from mediaeval.config import load_config
    from mediaeval.remembered import cache_folder
    from mediaeval.steps.weight_files import extractors_named, fetch_files
    from mediaeval.tasks import decide_task

    settings = load_config(config, task=decide_task(task, settings=config))
    extractors = extractors_named(settings, name)
    files, problems = fetch_files(extractors, mirror, replace_recorded=replace)
    print_files(files, name, json)
    if problems:
        raise WeightsError(
            *problems,
            f"Put the missing files under these names into {cache_folder()}, or fetch them on a machine with a network "
            "and copy its cache (--mirror FOLDER).",
        )
