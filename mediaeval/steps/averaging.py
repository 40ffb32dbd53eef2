"""The weights of a classifier that is an average of others, from the out-of-fold predictions that a run makes anyway.

A fold is averaged with the weights that the other folds give, the split model with those that its training images give,
the model of the whole dev set with those of all images: nothing is trained for them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mediaeval.classifiers.auto import average_out_of_fold, averaging_weights
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.features.images import Images
from mediaeval.steps.models import Model
from mediaeval.steps.out_of_fold import FOLD
from submission.task import Subtask


class Average:
    """Collects what the members of an average predict out of fold. `shrink`: as for `averaging_weights`."""

    def __init__(self, task: Subtask, shrink: float):
        self.task, self.shrink = task, shrink
        self.ids: list[str] = []
        self.parts: list[np.ndarray] = []  # (n_members, n_images, n_labels) each

    @classmethod
    def of(cls, model: Model) -> "Average | None":
        """Return a new one for a model whose classifier is an average with weights to be set; None for any other."""
        if not isinstance(model, SubtaskModel) or not model.lacks_weights:
            return None
        return cls(model.task, model.estimator.get_params()["shrink"])

    def collect(self, model: Model, images: Images) -> None:
        """Keep what the members of a fold's model predict for the images held out."""
        assert isinstance(model, SubtaskModel), "all folds have one classifier"
        self.ids += images.ids
        self.parts.append(model.members(images))

    def reweigh(self, table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
        """Return the out-of-fold table with each fold averaged by the weights of the other folds."""
        ids, labels = list(table.index), list(self.task.labels)
        fold = table[FOLD].to_numpy()
        P, _ = average_out_of_fold(*self._rows(ids, truth), fold, self.shrink, multi_label=self.task.multi_label)
        return table.assign(**{label: P[:, column] for column, label in enumerate(labels)})

    def weigh(self, model: Model, ids: Sequence[str], truth: pd.DataFrame) -> None:
        """Set the weights of a model to those that these images give."""
        assert isinstance(model, SubtaskModel), "all models have one classifier"
        weights = averaging_weights(*self._rows(ids, truth), self.shrink, multi_label=self.task.multi_label)
        model.set_weights(weights)

    def _rows(self, ids: Sequence[str], truth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (n_members, n_ids, n_labels) and truth (n_ids, n_labels) of these images."""
        places = pd.Index(self.ids).get_indexer(list(ids))
        assert (places >= 0).all(), "every image is held out once"
        return np.concatenate(self.parts, axis=1)[:, places], truth.loc[list(ids)].to_numpy()
