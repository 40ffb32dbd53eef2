"""mediaeval probe."""

import logging
from math import log2
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediaeval.cli.options import Device, Json, Seed, SkipBad, Subtask, TaskName, run_argument, split_names
from mediaeval.cli.output import print_json, print_table

if TYPE_CHECKING:
    from mediaeval.interpret.linear_probes import Probe
    from mediaeval.interpret.probe import Probed
    from mediaeval.runs import RunFolder

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval probe first --probe softmax"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, run_argument("A run below runs/, of a system trained end to end.")],
    subtask: Subtask = None,
    taps: Annotated[
        str,
        typer.Option("--taps", metavar="NAMES", help="Layers, comma separated.", show_default="all of the system's"),
    ] = "",
    probe: Annotated[str, typer.Option("--probe", metavar="KIND", help="svm, softmax or both.")] = "both",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FOLDER", help="Probe another labelled dataset.", show_default="the run's dev set"
        ),
    ] = None,
    groups: Annotated[
        str,
        typer.Option(
            "--groups",
            metavar="CSV:COLUMN",
            help="Keep images of one group in one fold.",
            show_default="the groups of the run",
        ),
    ] = "",
    selection: Annotated[
        str,
        typer.Option(
            "--selection",
            metavar="HOW",
            help="Choose C on inner folds (inner), or on the test folds like the authors (paper: optimistic scores).",
        ),
    ] = "inner",
    folds: Annotated[int, typer.Option("--folds", metavar="N", min=2, help="Number of folds.")] = 5,
    seed: Seed = 0,
    skip_bad: SkipBad = False,
    task: TaskName = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Measure how well each layer of a run's network predicts the labels, by linear probes as in Campos et al. 2017.

    The network is the split model. Its validation images are tested, by probes trained on its training images and on
    the other folds; with --data, all images of the other dataset are tested.
    """
    from mediaeval.errors import choose, first_few
    from mediaeval.runs import open_run
    from mediaeval.tasks import decide_task

    folder = open_run(run)
    of = decide_task(task, runs=[folder.path])
    choose("kind of probe", probe, ["svm", "softmax", "both"])

    from mediaeval.interpret.probe import probe as probe_run

    result = probe_run(
        folder,
        of,
        subtask,
        taps=split_names(taps),
        kinds=["svm", "softmax"] if probe == "both" else [probe],
        data=data,
        groups=groups,
        selection=selection,
        folds=folds,
        seed=seed,
        skip_bad=skip_bad,
        device=device,
    )
    if selection == "paper":
        logger.info("C was chosen on the test folds themselves, as in the authors' script: the scores are optimistic.")
    if result.trained_on:
        images = f"{len(result.trained_on)} of these images ({first_few(result.trained_on)})"
        logger.warning(f"the network was trained on {images}.")
    for tap in result.taps:
        for p in tap.probes:
            if p.unconverged:
                logger.info(f"{tap.name}, {p.kind}: {p.unconverged} of {p.fits} fits stopped before they converged.")
    if json:
        print_json(_to_dict(folder, result, selection, seed))
        return
    _print(folder, result, selection)


def _to_dict(folder: "RunFolder", result: "Probed", selection: str, seed: int) -> dict[str, Any]:
    return {
        "run": str(folder.path),
        "subtask": result.subtask.name,
        "system": result.system,
        "selection": selection,
        "seed": seed,
        "images": {"tested": result.tested, "always_trained_on": result.always_trained_on},
        "folds": [{"train": len(fold.train), "test": len(fold.test)} for fold in result.folds],
        "trained_on": result.trained_on,
        "baselines": [p.to_dict() for p in result.baselines],
        "taps": [
            {"tap": tap.name, "dimension": tap.dimension, "probes": [p.to_dict() for p in tap.probes]}
            for tap in result.taps
        ],
    }


def _print(folder: "RunFolder", result: "Probed", selection: str) -> None:
    """Print a row for each layer and kind of probe, the layers from the scores down as in the paper."""
    always = f"{result.always_trained_on} other images and " if result.always_trained_on else ""
    title = (
        f"{folder.path}, {result.subtask.name}, {result.system}: linear probes on {result.tested} images in "
        f"{len(result.folds)} folds, trained on {always}the other folds\n"
        "mean ± standard deviation over the folds (divided by n); outputs of layers are not scaled; "
        f"C chosen on {'inner folds' if selection == 'inner' else 'the test folds'}, for each fold"
    )
    measures = ["weighted_f1"] if result.subtask.multi_label else ["accuracy", "weighted_f1"]
    scores = [heading for measure in measures for heading in (measure.replace("_f1", " F1"), "±")]

    def row(name: str, dimension: int | str, probe: "Probe") -> list[Any]:
        values = [getattr(probe, measure) for measure in measures]
        cells = [number for folds in values for number in (fmean(folds), pstdev(folds))]
        return [name, dimension, probe.kind, *cells, " ".join(f"{log2(C):g}" for C in probe.C)]

    rows = [row(tap.name, tap.dimension, probe) for tap in reversed(result.taps) for probe in tap.probes]
    rows += [row("none", "", probe) for probe in result.baselines]
    print_table(title, ["layer", "dimension", "probe", *scores, "log2 C"], rows)
