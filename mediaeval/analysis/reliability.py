"""Whether probabilities mean what they say: of images that got .7, how many are so.

The expected calibration error (Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning") is
the mean distance, over bins, of the mean probability from the share of positives, weighted by the images of each bin.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mediaeval.analysis.judged import JudgedImages
from mediaeval.answers.learned import CLASSES, form
from mediaeval.calibration.calibration import cross_calibrated
from submission.metrics.resampling import group_places

BINS = 10  # of equal numbers of images: of equal width, most would hold a handful
RESAMPLES = 400


def calibration_part(judged: JudgedImages, *, seed: int = 0) -> dict[str, Any]:
    """Return reliability before and, out of fold, after calibration: of all labels together, and of each.

    Of classes, "all" is the most probable class of each image: whether it is the true one. Probabilities after
    calibration are those of calibrations that were fitted on the other folds.
    """
    subtask, Y = judged.subtask, judged.truth.to_numpy(dtype=float)
    before = judged.outputs.to_numpy(dtype=float)
    groups: Sequence[Hashable] = list(judged.ids) if judged.groups is None else list(judged.groups)
    after = None
    if judged.folds is not None:
        after = cross_calibrated(subtask, before, Y, list(judged.folds), groups)

    def both(column: int | None) -> dict[str, Any]:
        return {
            name: None if P is None else _reliability(*_chosen(judged, P, Y, groups, column), seed=seed)
            for name, P in (("before", before), ("after", after))
        }

    labels = [{"label": label, **both(k)} for k, label in enumerate(subtask.labels)]
    return {"all": both(None), "labels": labels}


def _chosen(
    judged: JudgedImages, P: np.ndarray, Y: np.ndarray, groups: Sequence[Hashable], column: int | None
) -> tuple[np.ndarray, np.ndarray, Sequence[Hashable]]:
    """Return probabilities, truth and groups of one label, or of all."""
    if column is not None:
        return P[:, column], Y[:, column], groups
    if form(judged.subtask) == CLASSES:
        rows, best = np.arange(len(P)), P.argmax(axis=1)
        return P[rows, best], Y[rows, best], groups
    return P.ravel(), Y.ravel(), [group for group in groups for _ in range(P.shape[1])]


def _reliability(p: np.ndarray, y: np.ndarray, groups: Sequence[Hashable], *, seed: int) -> dict[str, Any]:
    """Return bins, their calibration error, and its 95 % interval, groups resampled; p 0..1 and y 0/1, (n,).

    Resampling adds noise to the distance of every bin, so the interval is moved by the mean of what it adds.
    """
    place = equal_bins(p)
    n_bins = int(place.max()) + 1
    n, mean, share = (np.bincount(place, one, n_bins) for one in (np.ones_like(p), p, y))
    bins = [
        {
            "low": float(p[place == k].min()),
            "high": float(p[place == k].max()),
            "mean": float(mean[k] / n[k]),
            "share": float(share[k] / n[k]),
            "n": int(n[k]),
        }
        for k in range(n_bins)
    ]
    ece = float(np.abs(mean - share).sum() / len(p))
    group = group_places(groups)
    n_groups = int(group.max()) + 1
    sums = np.zeros((n_groups, n_bins + 1))
    np.add.at(sums, (group, place), p - y)
    np.add.at(sums, (group, np.full_like(place, n_bins)), 1)
    drawn = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=RESAMPLES) @ sums
    errors = np.abs(drawn[:, :-1]).sum(axis=1) / drawn[:, -1]
    low, high = np.clip(np.quantile(errors, [0.025, 0.975]) - (errors.mean() - ece), 0, 1)
    return {"ece": ece, "interval": [min(float(low), ece), max(float(high), ece)], "bins": bins}


def equal_bins(p: np.ndarray) -> np.ndarray:
    """Return the bin of each probability, from 0: of about equal numbers, equal probabilities in one."""
    ranks = pd.Series(p).rank(method="average").to_numpy()
    place = np.minimum((ranks - 0.5) / len(p) * BINS, BINS - 1e-9).astype(int)
    codes: np.ndarray = np.unique(place, return_inverse=True)[1]
    return codes
