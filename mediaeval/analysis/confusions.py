"""What is taken for what: confusion of classes, labels that occur together, how often each is true and answered."""

from typing import Any

import pandas as pd
from scipy import stats

from mediaeval.analysis.judged import JudgedImages
from mediaeval.answers.learned import CLASSES, form


def confusion_part(judged: JudgedImages) -> dict[str, Any] | None:
    """Return counts, true × answered, of a subtask with one label per image; None of another."""
    if form(judged.subtask) != CLASSES:
        return None
    counts = judged.truth.to_numpy(dtype=int).T @ judged.decided.to_numpy(dtype=int)
    return {"counts": counts.tolist()}


def cooccurrence_part(judged: JudgedImages) -> dict[str, Any]:
    """Return how many images have two labels at once, in truth and as answered, labels × labels."""
    truth, decided = judged.truth.to_numpy(dtype=int), judged.decided.to_numpy(dtype=int)
    return {"true": (truth.T @ truth).tolist(), "predicted": (decided.T @ decided).tolist()}


def prevalence_part(judged: JudgedImages, test: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return each label's share of the images: true, answered, and of the test images.

    test  what is answered for the test images, ids × labels; None: nothing yet
    """
    return [
        {
            "label": label,
            "dev": float(judged.truth[label].mean()),
            "predicted_dev": float(judged.decided[label].mean()),
            "predicted_test": None if test is None else float(test[label].mean()),
        }
        for label in judged.subtask.labels
    ]


def scatter_part(judged: JudgedImages) -> dict[str, Any]:
    """Return truth against output of each column, with the correlations; null of a column that does not vary."""
    columns = []
    for label in judged.subtask.labels:
        truth, output = judged.truth[label].to_numpy(dtype=float), judged.outputs[label].to_numpy(dtype=float)
        varies = len(truth) > 1 and truth.std() > 0 and output.std() > 0
        columns.append(
            {
                "label": label,
                "pearson": float(stats.pearsonr(truth, output).statistic) if varies else None,
                "spearman": float(stats.spearmanr(truth, output).statistic) if varies else None,
                "points": [[float(f"{t:.5g}"), float(f"{o:.5g}")] for t, o in zip(truth, output, strict=True)],
            }
        )
    return {"columns": columns}
