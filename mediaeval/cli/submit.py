"""mediaeval submit"""

import logging
from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json
from mediaeval.cli.output import print_json

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval submit first --replay 5"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run below runs/ that has predictions.")],
    partial: Annotated[bool, typer.Option("--partial", help="Some subtasks only, and that is meant.")] = False,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal/--no-rehearsal", help="Send the validation images the same way first.")
    ] = True,
    replay: Annotated[
        int, typer.Option("--replay", min=0, metavar="K", help="Predict K test images again in a fresh process.")
    ] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write the official run file, read it back, and prove that it says what the models predicted.

    It is recorded in runs/ledger.jsonl; a recorded run file is not written over with another.
    """
    from mediaeval.proofs.send import send
    from mediaeval.runs import open_run

    sent = send(open_run(run), partial=partial, rehearsal=rehearsal, replays=replay, device=device)
    result = sent.submitted
    for image_id, reason in result.fallback.items():
        logger.warning(f"{image_id}: {reason}; its labels come from the shares in the training data.")
    for warning in sent.warnings:
        logger.warning(warning)
    if json:
        print_json(
            {
                "file": str(result.path),
                "sha256": result.sha256,
                "subtasks": result.subtasks,
                "data": result.data,
                "images": result.n_images,
                "cells": result.n_cells,
                "fallback": result.fallback,
                "rehearsal": sent.rehearsed and sent.rehearsed.to_dict(),
                "replayed": sent.replayed,
                "warnings": sent.warnings,
            }
        )
        return
    print(f"{result.path}: {result.n_images} images of {result.data}, {', '.join(result.subtasks)}")
    if sent.rehearsed:
        scores = ", ".join(f"{name} {f1:.4f}" for name, f1 in sent.rehearsed.scores.items())
        print(
            f"rehearsed: {sent.rehearsed.n_images} validation images score the same on disk as in training ({scores})"
        )
    print(f"read back: {result.n_cells} of {result.n_cells} labels are what the stored probabilities say")
    if sent.replayed:
        print(f"replayed: {len(sent.replayed)} images in a fresh process, from the file to the label: the same")
    print(f"sha256 {result.sha256}")
