"""mediaeval compare."""

from mediaeval.cli.options import Json, Runs, Seed
from mediaeval.cli.output import counted, print_json, print_table

EXAMPLE = "Example: mediaeval compare first second"
NEEDS_ARGUMENTS = True


def command(runs: Runs, seed: Seed = 0, json: Json = False) -> None:
    """Compare runs on the same validation images: weighted F1 with intervals, and whether they differ significantly."""
    from mediaeval.runs import open_run
    from mediaeval.steps.compare import compare_runs
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    results = compare_runs([open_run(run) for run in runs], VISUAL_SENTIMENT_2021, seed=seed)
    if json:
        print_json(
            [
                {
                    "subtask": one.subtask,
                    "images": one.n_images,
                    "warnings": one.warnings,
                    "scores": {run: dict(zip(("f1", "low", "high"), s, strict=True)) for run, s in one.scores.items()},
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
                for one in results
            ]
        )
        return
    for one in results:
        rows = [[run, *score] for run, score in one.scores.items()]
        print_table(
            f"{one.subtask}: {counted(one.n_images, 'validation image')}", ["run", "weighted F1", "low", "high"], rows
        )
        pairs = [
            [p.first, p.second, p.gap, *p.interval, p.p_bootstrap, p.p_permutation, p.p, p.verdict] for p in one.pairs
        ]
        columns = ["run", "other", "gap", "low", "high", "p bootstrap", "p permutation", "p Holm", "verdict"]
        print_table("", columns, pairs)
