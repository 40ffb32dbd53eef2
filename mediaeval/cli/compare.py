"""mediaeval compare."""

from typing import TYPE_CHECKING

from mediaeval.cli.options import Json, Runs, Seed, TaskName
from mediaeval.cli.output import counted, print_json, print_line, print_table

if TYPE_CHECKING:
    from submission.compare import Comparison

EXAMPLE = "Example: mediaeval compare first second"
NEEDS_ARGUMENTS = True


def command(runs: Runs, seed: Seed = 0, task: TaskName = None, json: Json = False) -> None:
    """Compare runs on the same images: weighted F1 with intervals, and whether they differ significantly.

    The images are all of the dev set, out of fold, or the validation images where a run has none such.
    """
    from mediaeval.runs import open_run
    from mediaeval.steps.compare import compare_runs
    from mediaeval.tasks import decide_task

    folders = [open_run(run) for run in runs]
    of = decide_task(task, runs=[folder.path for folder in folders])
    results = compare_runs(folders, of, seed=seed)
    if json:
        print_json(
            [
                {
                    "subtask": one.subtask,
                    "images": one.n_images,
                    "out_of_fold": one.out_of_fold,
                    "warnings": one.warnings,
                    "scores": {run: dict(zip((name, "low", "high"), s, strict=True)) for run, s in one.scores.items()},
                    "pairs": [
                        {
                            "first": pair.first,
                            "second": pair.second,
                            "gap": pair.gap,
                            "interval": pair.interval,
                            "p_bootstrap": pair.p_bootstrap,
                            "p_permutation": pair.p_permutation,
                            "p": pair.p,
                            "verdict": pair.verdict,
                        }
                        for pair in one.pairs
                    ],
                }
                | ({"metric": one.metric} if one.metric else {})
                | {"signature": one.signature}
                | ({"notes": dict(one.notes)} if one.notes else {})
                for one in results
                for name in ("value" if one.metric else "f1",)
            ]
        )
        return
    for one in results:
        rows = [[run, *score] for run, score in one.scores.items()]
        print_table(f"{one.subtask}: {_images(one)}", ["run", one.metric or "weighted F1", "low", "high"], rows)
        pairs = [
            [p.first, p.second, p.gap, *p.interval, p.p_bootstrap, p.p_permutation, p.p, p.verdict] for p in one.pairs
        ]
        columns = ["run", "other", "gap", "low", "high", "p bootstrap", "p permutation", "p Holm", "verdict"]
        print_table("", columns, pairs)
    for one in results:
        print_line(f"# {one.subtask}: {one.signature}")
        for run, note in one.notes.items():
            print_line(f"# {one.subtask}: {run}: {note}; expect less of other images")


def _images(comparison: "Comparison") -> str:
    """Return in words which images runs were compared on."""
    if comparison.out_of_fold:
        return f"{counted(comparison.n_images, 'dev image')}, out of fold"
    return counted(comparison.n_images, "validation image")
