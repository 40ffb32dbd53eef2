"""mediaeval task new."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Json
from mediaeval.cli.output import print_json, print_whole

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval task new --from devset.csv --out task.toml"
NEEDS_ARGUMENTS = False


def command(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="TABLE",
            help="A labelled table of the task, such as its dev set or a sample run: CSV, TSV or JSON.",
            show_default="an empty task file, with every key as a comment",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="TASK.toml", help="Write to this file.", show_default="print it"),
    ] = None,
    json: Json = False,
) -> None:
    """Write a draft of a task file from a labelled table: columns are typed by what is in them.

    Each guess has a comment with what was seen, for you to confirm. The draft passes mediaeval task check.
    """
    from mediaeval.errors import ConfigError
    from mediaeval.files import write_atomically
    from submission.taskfile import parse_task
    from submission.taskfile.draft import draft_from, template

    if out is not None and os.path.lexists(out):
        raise ConfigError(f"{out} exists already; expected a new file. Give another --out, or remove it first.")
    text = draft_from(source) if source else template()
    task = parse_task(text, str(out or "the draft"))
    if out is not None:
        write_atomically(out, text.encode())
        logger.info(f"{out} is a draft: confirm what its comments say, then: mediaeval task check {out}")
    if json:
        columns = [{"heading": column.heading, "type": column.kind.type} for column in task.columns]
        print_json({"file": None if out is None else str(out), "task": task.name, "columns": columns, "text": text})
    elif out is None:
        print_whole(text.rstrip("\n"))
