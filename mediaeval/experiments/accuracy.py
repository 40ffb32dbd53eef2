"""Accuracy over the splits of a dataset: its mean with an interval, and that of a constant prediction."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mediaeval.experiments.datasets.splits import Split
from mediaeval.experiments.inputs import TableColumn

RESAMPLES = 1000


def hits(column: TableColumn, tables: Sequence[pd.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Return which images were tested and which predictions were right, both bool (n_images, n_splits).

    tables  for each split the probabilities of its test images, ids × labels; the label with the largest is predicted

    Rows in the order of `column.labels`.
    """
    tested, hit = (np.zeros((len(column.labels), len(tables)), bool) for _ in range(2))
    for k, table in enumerate(tables):
        truth = column.labels.loc[table.index, list(table.columns)]
        places = column.labels.index.get_indexer(table.index)
        tested[places, k], hit[places, k] = True, table.to_numpy().argmax(axis=1) == truth.to_numpy().argmax(axis=1)
    return tested, hit


def split_accuracies(tested: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Return the accuracy of each split in per cent, (n_splits,), of bool (n_images, n_splits)."""
    return 100 * (hit & tested).sum(axis=0) / np.maximum(tested.sum(axis=0), 1)


def mean_accuracy(
    tested: np.ndarray, hit: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """Return the mean accuracy over the splits, and its 95 % interval, in per cent.

    tested, hit  bool (n_images, n_splits)

    The bootstrap draws images with all their predictions, since those of one image in several splits are not
    independent. It measures the uncertainty that comes from the number of test images, not from the randomness of
    training. Images of one group (shots of one scene, say) are drawn one by one, so with groups the interval is
    somewhat too narrow.
    """
    inside = tested.any(axis=1)
    tested, hit = tested[inside], hit[inside] & tested[inside]
    # Images with the same predictions are interchangeable: how often each pattern is drawn is multinomial.
    patterns, times = np.unique(np.hstack([tested, hit]), axis=0, return_counts=True)
    draws = np.vstack([times, rng.multinomial(times.sum(), times / times.sum(), size=resamples)])
    n_tested, n_hit = np.split(draws @ patterns.astype(float), 2, axis=1)  # (1 + resamples, n_splits) each
    accuracies = 100 * (n_hit / np.maximum(n_tested, 1)).mean(axis=1)
    low, high = np.quantile(accuracies[1:], (0.025, 0.975))
    return float(accuracies[0]), float(low), float(high)


def majority(column: TableColumn) -> float:
    """Return the mean accuracy over the splits, in per cent, of always predicting the training images' majority."""

    def of_split(split: Split) -> float:
        common = column.labels.loc[list(split.train)].sum().to_numpy().argmax()
        return float(column.labels.loc[list(split.test)].iloc[:, common].mean())

    return 100 * float(np.mean([of_split(split) for split in column.splits]))
