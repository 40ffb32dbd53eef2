"""F1 and accuracy of sets of items, however many different items there are: only those that occur are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.metrics.decisions import averaged, per_image
from submission.metrics.sample import Sample, Sums, mean_of_counted

if TYPE_CHECKING:
    import numpy as np

    from submission.metrics.definition import Metric

Sets = Sequence[Collection[str]]


def sets(metric: Metric, truth: Sets, answers: Sets) -> Sample:
    """Prepare F1 or accuracy of sets, a collection of items per image. The labels are the items that occur."""
    import numpy as np

    assert len(truth) == len(answers), f"{len(truth)} sets in the truth, {len(answers)} answers"
    pairs = [(set(true), set(predicted)) for true, predicted in zip(truth, answers, strict=True)]
    if metric.metric == "accuracy":
        assert metric.average == "samples", "a set is right as a whole"
        right = np.array([(true == predicted, 1) for true, predicted in pairs], dtype=float).reshape(-1, 2)
        return Sums(right, right, mean_of_counted)
    if metric.average not in ("samples", "micro"):
        return Occurrences.of(metric, pairs)
    sizes = [(len(true & predicted), len(predicted - true), len(true - predicted)) for true, predicted in pairs]
    cells = np.array(sizes, dtype=float).reshape(-1, 3)
    if metric.average == "samples":
        rows = per_image(cells, metric.empty)
        return Sums(rows, rows, mean_of_counted)

    def micro(sums: np.ndarray) -> np.ndarray:
        return averaged(sums, sums[:, 0], "micro", metric.absent)

    return Sums(cells, cells, micro)


@dataclass(frozen=True)
class Occurrences:
    """F1 averaged over items, from where items occur.

    n       images
    items   all that occur
    places  (n_occurrences, 3): image, item, and 0 true positive, 1 false positive or 2 false negative
    """

    metric: Metric
    n: int
    items: tuple[str, ...]
    places: np.ndarray

    @classmethod
    def of(cls, metric: Metric, pairs: Sequence[tuple[set[str], set[str]]]) -> Occurrences:
        """Return the occurrences in pairs (truth, answer), one per image."""
        import numpy as np

        items = tuple(sorted(set().union(*(true | predicted for true, predicted in pairs))))
        number = {item: place for place, item in enumerate(items)}
        places = [
            (image, number[item], 0 if item in true and item in predicted else 1 if item in predicted else 2)
            for image, (true, predicted) in enumerate(pairs)
            for item in true | predicted
        ]
        return cls(metric, len(pairs), items, np.array(places, dtype=np.int64).reshape(-1, 3))

    @property
    def keys(self) -> np.ndarray:
        """Images are not looked at for equal ones: sets rarely are."""
        import numpy as np

        return np.arange(self.n)[:, None]

    @property
    def size(self) -> int:
        return len(self.places) + 3 * len(self.items)

    def take(self, where: np.ndarray) -> Occurrences:
        import numpy as np

        assert (where == np.arange(self.n)).all(), "no two images have one key"
        return self

    def joined(self, other: Occurrences) -> Occurrences:
        import numpy as np

        items = tuple(dict.fromkeys(self.items + other.items))
        number = {item: place for place, item in enumerate(items)}
        theirs = other.places.copy()
        theirs[:, 0] += self.n
        theirs[:, 1] = np.array([number[item] for item in other.items], dtype=np.int64)[theirs[:, 1]]
        return Occurrences(self.metric, self.n + other.n, items, np.concatenate([self.places, theirs]))

    def values(self, weights: np.ndarray) -> np.ndarray:
        import numpy as np

        n_items = len(self.items)
        image, item, kind = self.places.T
        codes = kind * n_items + item
        order = np.argsort(codes, kind="stable")
        found, starts = np.unique(codes[order], return_index=True)
        sums = np.zeros((len(weights), 3 * n_items))
        if len(found):
            sums[:, found] = np.add.reduceat(weights[:, image[order]], starts, axis=1, dtype=np.float64)
        return averaged(sums, weights.sum(axis=1), self.metric.average, self.metric.absent)
