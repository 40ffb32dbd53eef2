"""mediaeval submit."""

import logging
from typing import Annotated, Any

import typer

from mediaeval.cli.options import Device, Json, Partial, TaskName, run_argument
from mediaeval.cli.output import print_json, print_line

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval submit first --replay 5"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("A run below runs/ that has predictions.")],
    partial: Partial = False,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal/--no-rehearsal", help="First write and score the validation images likewise.")
    ] = True,
    replay: Annotated[
        int, typer.Option("--replay", min=0, metavar="K", help="Predict K test images again in a fresh process.")
    ] = 0,
    task: TaskName = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write the official run file, read it back, and prove that it contains what the models predicted.

    It is recorded in runs/ledger.jsonl; a recorded run file is never replaced by a different one.
    """
    from mediaeval.proofs.send import send
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folder = open_run(run)
    of = decide_task(task, runs=[folder.path])
    receipt = send(folder, of, partial=partial, rehearsal=rehearsal, replays=replay, device=device)
    result, rehearsed = receipt.submitted, receipt.rehearsed
    for image_id, reason in result.fallback.items():
        logger.warning(f"{image_id}: {reason}; its labels come from the label frequencies of the training data.")
    for warning in receipt.warnings:
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
                "rehearsal": rehearsed and rehearsed.to_dict(),
                "replayed": receipt.replayed,
                "warnings": receipt.warnings,
                "forecast": receipt.forecasts,
            }
            | ({"notes": receipt.notes} if receipt.notes else {})
        )
        return
    print_line(f"{result.path}: {result.n_images} images of {result.data}, {', '.join(result.subtasks)}")
    if rehearsed:
        scores = ", ".join(f"{name} {f1:.4f}" for name, f1 in rehearsed.scores.items())
        print_line(
            f"rehearsal: {rehearsed.n_images} validation images score the same from a file as in training ({scores})"
        )
    for name, note in receipt.notes.items():
        print_line(f"{name}: {note}; expect less of the test images")
    for name, forecast in receipt.forecasts.items():
        print_line(_expected(name, forecast, result.n_images))
    print_line(f"read back: {result.n_cells} of {result.n_cells} labels agree with the stored probabilities")
    if receipt.replayed:
        print_line(
            f"replay: {len(receipt.replayed)} images in a fresh process, from image to label, with the same labels"
        )
    print_line(f"sha256 {result.sha256}")


def _expected(subtask: str, forecast: dict[str, Any], n_images: int) -> str:
    """Return what to expect of the test images, in words."""
    if "reason" in forecast:
        return f"{subtask}: no forecast: {forecast['reason']}"
    value = forecast["f1"] if "f1" in forecast else forecast["value"]
    low, high, level = forecast["low"], forecast["high"], forecast["level"]
    notes = "".join(f"; {note}" for note in forecast["notes"])
    return f"{subtask}: expect {value:.3f} on these {n_images} images, {low:.3f} to {high:.3f} ({level:.0%}){notes}"
