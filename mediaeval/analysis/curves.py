"""Precision against recall, and true against false positives, of each label, as scikit-learn computes them."""

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from mediaeval.analysis.judged import JudgedImages

POINTS = 100  # of a curve that is drawn


def curves_part(judged: JudgedImages) -> dict[str, Any]:
    """Return the curves of each label that some images have and others have not."""
    found = []
    for label in judged.subtask.labels:
        y, p = judged.truth[label].to_numpy(dtype=int), judged.outputs[label].to_numpy(dtype=float)
        if not 0 < y.sum() < len(y):
            continue
        precision, recall, _ = precision_recall_curve(y, p)
        false, true, _ = roc_curve(y, p)
        found.append(
            {
                "label": label,
                "average_precision": float(average_precision_score(y, p)),
                "prevalence": float(y.mean()),
                "precision_recall": _thinned(recall[::-1], precision[::-1]),
                "auc": float(roc_auc_score(y, p)),
                "roc": _thinned(false, true),
            }
        )
    return {"labels": found}


def _thinned(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
    """Return at most POINTS points of a line, evenly along its way, with both ends."""
    keep = np.arange(len(x))
    if len(x) > POINTS:
        way = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        keep = np.unique(np.searchsorted(way, np.linspace(0, way[-1], POINTS)))
    return [[round(float(a), 4), round(float(b), 4)] for a, b in zip(x[keep], y[keep], strict=True)]
