"""mediaeval weights list."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mediaeval.cli.completion import complete_presets_and_extractors
from mediaeval.cli.options import ConfigFile, Json, TaskName
from mediaeval.cli.output import print_json, print_records

if TYPE_CHECKING:
    from mediaeval.steps.weight_files import ExtractorFile

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval weights list open2026"
NEEDS_ARGUMENTS = False
AT_HAND = "names no weights: it takes those at hand. Fetch some: mediaeval weights fetch small"


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete_presets_and_extractors,
            help="A preset or an extractor.",
            show_default="all extractors",
        ),
    ] = None,
    task: TaskName = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """List weight files: whether each is in the cache, its sha256, its licence and where it comes from."""
    from mediaeval.config import load_config
    from mediaeval.steps.weight_files import extractors_named, files_of_extractors
    from mediaeval.tasks import decide_task

    settings = load_config(config, task=decide_task(task, settings=config))
    print_files(list(files_of_extractors(extractors_named(settings, name))), name, json)


def print_files(files: Sequence["ExtractorFile"], name: str | None, json: bool) -> None:
    """Print a row for each weight file. `name`: the extractor or preset that needs them."""
    from mediaeval.config import PRESETS, blocks_of

    rows = [file.to_dict() for file in files]
    if json:
        print_json(rows)
    elif rows:
        print_records(rows)
    else:
        at_hand = name in PRESETS and not blocks_of(name)
        logger.info(f"{name} {AT_HAND if at_hand else 'needs no weights.'}")
