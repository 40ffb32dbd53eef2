"""mediaeval probe"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.options import Device, Json, Seed, SkipBad
from mediaeval.cli.output import print_json, print_table

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval probe first --probe softmax"
NEEDS_ARGUMENTS = True


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run below runs/, of a system trained end to end.")],
    subtask: Annotated[str | None, typer.Option("--subtask", help="subtask1, 2 or 3; else the run's first.")] = None,
    taps: Annotated[
        str, typer.Option("--taps", help="Layers, comma separated; all that the system has, without.")
    ] = "",
    probe: Annotated[str, typer.Option("--probe", help="svm, softmax or both.")] = "both",
    data: Annotated[
        Path | None, typer.Option("--data", help="Another labelled dataset; else the run's own dev set.")
    ] = None,
    groups: Annotated[
        str, typer.Option("--groups", metavar="CSV:COLUMN", help="Images that stay together; else as in the run.")
    ] = "",
    selection: Annotated[
        str,
        typer.Option("--selection", help="Choice of C: inner folds, or paper (on the test folds, which flatters)."),
    ] = "inner",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Parts that are tested in turn.")] = 5,
    seed: Seed = 0,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Tell how much of the labels each layer of a run's network knows: linear probes, as Campos et al. 2017.

    The network is the one of the 80 %. The run's validation images are tested, by probes trained on its training images
    and the other folds; of another dataset, all images are.
    """
    from mediaeval.errors import choose
    from mediaeval.runs import open_run

    folder = open_run(run)
    choose("kind of probe", probe, ["svm", "softmax", "both"])

    from mediaeval.interpret.probe import probe as probe_run

    result = probe_run(
        folder,
        subtask,
        taps=[name.strip() for name in taps.split(",") if name.strip()],
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
        logger.info("C was chosen on the test folds themselves, as the authors' script does: the scores flatter.")
    if n := len(result.trained_on):
        logger.warning(f"the network was trained on {n} of these images ({', '.join(result.trained_on[:3])}).")
    for tap in result.taps:
        for p in tap.probes:
            if p.unconverged:
                logger.info(
                    f"{tap.name}, {p.kind}: {p.unconverged} of {p.fits} fits stopped before they had converged."
                )
    if json:
        print_json(_as_json(folder, result, selection, seed))
        return
    _print(folder, result, selection)


def _as_json(folder, result, selection: str, seed: int) -> dict:
    return {
        "run": str(folder.path),
        "subtask": result.task.name,
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


def _print(folder, result, selection: str) -> None:
    """Print a row a layer and kind of probe, the layers from the scores down as in the paper."""
    from math import log2
    from statistics import fmean, pstdev

    beside = f"{result.always_trained_on} others and " if result.always_trained_on else ""
    title = (
        f"{folder.path}, {result.task.name}, {result.system}: linear probes on {result.tested} images in "
        f"{len(result.folds)} folds, trained on {beside}the other folds\n"
        "mean over the folds ± their standard deviation (divided by n); outputs are not scaled; "
        f"C by {'inner folds' if selection == 'inner' else 'the test folds'}, a fold each"
    )
    measures = ["weighted_f1"] if result.task.multi_label else ["accuracy", "weighted_f1"]
    columns = ["layer", "numbers", "probe", *(c for m in measures for c in (m.replace("_f1", " F1"), "±")), "log2 C"]

    def row(name: str, dimension, p) -> list:
        scores = [number for m in measures for number in (fmean(getattr(p, m)), pstdev(getattr(p, m)))]
        return [name, dimension, p.kind, *scores, " ".join(f"{log2(C):g}" for C in p.C)]

    rows = [row(tap.name, tap.dimension, p) for tap in reversed(result.taps) for p in tap.probes]
    print_table(title, columns, [*rows, *(row("none", "", p) for p in result.baselines)])
