"""mediaeval submit"""

from typing import Annotated

import typer

from mediaeval.cli.common import Json, print_json, say

EXAMPLE = "Example: mediaeval submit first"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run below runs/ that has predictions.")],
    partial: Annotated[bool, typer.Option("--partial", help="Some subtasks only, and that is meant.")] = False,
    json: Json = False,
) -> None:
    """Write the official run file, read it back, and prove that it says what the models predicted."""
    from mediaeval.runs import open_run
    from mediaeval.steps.submit import submit

    folder = open_run(run)
    result = submit(folder, partial=partial)
    for image_id, reason in result.fallback.items():
        say(f"warning: {image_id}: {reason}; its labels come from the shares in the training data.")
    if json:
        print_json(
            {
                "file": str(result.path),
                "sha256": result.sha256,
                "subtasks": result.subtasks,
                "images": result.n_images,
                "cells": result.n_cells,
                "fallback": result.fallback,
            }
        )
        return
    print(f"{result.path}: {result.n_images} images, {', '.join(result.subtasks)}")
    print(f"read back: {result.n_cells} of {result.n_cells} labels are what the stored probabilities say")
    print(f"sha256 {result.sha256}")
