"""What is trained and saved for a subtask: a scaler and a classifier, fitted together, rebuilt together."""

import json
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mediaeval.answers.learned import SCORES, form
from mediaeval.classifiers import make_classifier, make_regressor
from mediaeval.classifiers.base import Classifier
from mediaeval.classifiers.head import Head, HistoryRow, OnEpoch
from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.errors import FeaturesError, UserError, WeightsError, first_line
from mediaeval.features.images import Images
from mediaeval.files import write_atomically
from submission.reading import open_regular
from submission.task import Subtask


@dataclass
class SubtaskModel:
    """A scaler and a classifier for one subtask, on blocks of features of the given widths; of scores a regressor.

    Labels, and probabilities or scores, are data frames: image ids × task.labels.
    """

    task: Subtask  # as it is learned
    classifier: str  # name in CLASSIFIERS, or in REGRESSORS
    params: dict[str, Any]
    blocks: dict[str, int]  # extractor name → width, in the order of concatenation
    scale: str
    seed: int
    device: str = "cpu"  # where it is trained; not saved

    def __post_init__(self) -> None:
        widths = list(self.blocks.values())
        make = make_regressor if form(self.task) == SCORES else make_classifier
        self.estimator: Head = make(self.classifier, self.params, random_state=self.seed)
        self.scaler = BlockScaler(widths=widths, scale="none" if self.estimator.own_scale else self.scale)
        self.lacks_weights = False
        order = list(self.task.labels) if self.task.ordered else None
        given = {"device": self.device, "widths": widths, "order": order, "scale": self.scale}
        self.estimator.set_params(**{key: given[key] for key in given.keys() & self.estimator.get_params().keys()})

    @property
    def history(self) -> list[HistoryRow]:
        """A row per epoch; empty for a classifier that is not trained in epochs."""
        return self.estimator.history_

    def chosen_params(self) -> dict[str, Any]:
        """Return the classifier's settings, defaults included, but without the device and precision "auto".

        Both are left to the machine; a precision that was asked for is a choice like any other.
        """
        settings = self.estimator.settings.model_fields.keys() - {"device"}
        own = {key: value for key, value in self.estimator.get_params(deep=False).items() if key in settings}
        if own.get("precision") == "auto":
            del own["precision"]
        return {key: value for key, value in own.items() if value is not None}

    def fit(
        self,
        X: np.ndarray,
        labels: pd.DataFrame | np.ndarray,
        *,
        views: np.ndarray | None = None,
        validation: tuple[np.ndarray, pd.DataFrame] | None = None,
        on_epoch: OnEpoch | None = None,
        groups: Sequence[Hashable] | None = None,
    ) -> "SubtaskModel":
        """Fit on X, float32 (n_images, sum of widths), rows in the order of `labels`; return self.

        `views`: (n_images, n_views, sum of widths), augmented views of the same images, scaled as the images are.
        `validation`: images held out, for the history alone. `groups`: see `Classifier.fit`.
        """
        X = self.scaler.fit_transform(X)
        if views is not None:
            views = self.scaler.transform_views(views)
        held_out = None
        if validation is not None:
            held_out = (self.scaler.transform(validation[0]), self.target(validation[1]))
        self.estimator.fit(X, self.target(labels), views=views, validation=held_out, on_epoch=on_epoch, groups=groups)
        return self

    def target(self, labels: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return targets for estimators: class names (n_images,) if single-label, else 0/1 (n_images, n_labels).

        A single label is a vector of 0 and 1, since estimators take two classes so; scores are as they are.
        """
        Y = np.asarray(labels)
        if form(self.task) == SCORES:
            return Y
        if not self.task.multi_label:
            return np.array(self.task.labels)[Y.argmax(axis=1)]
        return Y[:, 0] if self._is_binary() else Y

    def _is_binary(self) -> bool:
        return self.task.multi_label and len(self.task.labels) == 1 and form(self.task) != SCORES

    def predict_proba(self, images: Images) -> pd.DataFrame:
        """Return probabilities, 0..1, or scores: ids × labels.

        Raises FeaturesError when features have another width than those that the model was trained on.
        """
        X = images.matrix(list(self.blocks))
        return self.predict_matrix(X).set_index(pd.Index(images.ids, name="id"))

    def predict_matrix(self, X: np.ndarray) -> pd.DataFrame:
        """Return probabilities of features X, float32 (n_images, sum of widths): a row each, labels as columns.

        Raises FeaturesError as `predict_proba` does.
        """
        if X.shape[1] != sum(self.blocks.values()):
            raise FeaturesError(
                f"{self.task.name}: got features of width {X.shape[1]}; expected {sum(self.blocks.values())} "
                f"({', '.join(f'{name} {width}' for name, width in self.blocks.items())})."
            )
        return self._columns(self.estimator.outputs(self.scaler.transform(X)))

    def left_out(self) -> pd.DataFrame | None:
        """Return probabilities of each training image by the fit to the others, a row each, in the order of `fit`.

        None where the classifier has no closed form for them, or was loaded.
        """
        return None if self.estimator.left_out_ is None else self._columns(self.estimator.left_out_)

    def leave_weights(self) -> None:
        """Have the classifier leave the weights of an average equal, to be set by `set_weights`.

        That is, where it is an average whose weights would come from folds within its training images: `lacks_weights`.
        """
        if self.estimator.averages and self.estimator.get_params()["weights"] == "folds":
            self.estimator.set_params(weights="equal")  # of this object alone: `params` is what is saved
            self.lacks_weights = True

    def members(self, images: Images) -> np.ndarray:
        """Return the probabilities of each member of an average, (n_members, n_images, n_labels)."""
        X = images.matrix(list(self.blocks))
        return np.stack([self._columns(P).to_numpy() for P in self.estimator.member_probabilities(X)])

    def set_weights(self, weights: np.ndarray) -> None:
        """Set the weights of an average, (n_members,), which sum to 1."""
        self.estimator.weights_ = weights

    def of_labels(self, P: np.ndarray, labels: pd.DataFrame) -> pd.DataFrame:
        """Return the answers of an estimator that was fitted to `target(labels)`, with the columns of the task."""
        target = self.target(labels)
        return self._with_columns(P, np.unique(target) if target.ndim == 1 else np.arange(target.shape[1]))

    def _columns(self, P: np.ndarray) -> pd.DataFrame:
        """Return the classifier's probabilities, or the regressor's scores, with the columns of the task."""
        classes = self.estimator.classes_ if isinstance(self.estimator, Classifier) else np.arange(P.shape[1])
        return self._with_columns(P, classes)

    def _with_columns(self, P: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
        own: list[str | None] = list(self.task.labels)
        if self._is_binary():  # the column of 1, which a fold without any lacks
            own = [self.task.labels[0] if one == 1 else None for one in classes]
        elif not self.task.multi_label and form(self.task) != SCORES:
            own = list(classes)
        # a class that no training image has gets probability 0
        return pd.DataFrame(P, columns=own).reindex(columns=list(self.task.labels), fill_value=0.0)

    def save(self, path: Path) -> None:
        """Write one safetensors file, from which `load_model` rebuilds the model."""
        arrays = {f"{part}.{key}": np.array(array, order="C") for part, key, array in self._states()}
        metadata = {
            "subtask": self.task.name,
            "classifier": self.classifier,
            "params": self.params,
            "blocks": self.blocks,
            "scale": self.scale,
            "seed": self.seed,
        }
        write_atomically(path, save(arrays, metadata={"model": json.dumps(metadata)}))

    def _states(self) -> Iterator[tuple[str, str, np.ndarray]]:
        for part, owner in (("scaler", self.scaler), ("classifier", self.estimator)):
            for key, array in owner.state().items():
                yield part, key, array


def load_model(path: Path, task: Subtask) -> SubtaskModel:
    """Rebuild a saved model. Raises WeightsError when the file is absent, damaged or of another subtask."""
    try:
        with open_regular(path), safe_open(path, "numpy") as file:
            metadata = json.loads((file.metadata() or {})["model"])
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError:
        raise WeightsError(f"{path} is absent. Train {task.name} again.") from None
    except (SafetensorError, KeyError, ValueError, OSError, RecursionError) as error:
        raise WeightsError(f"{path} is damaged ({first_line(error)}). Train {task.name} again.") from None
    if not isinstance(metadata, dict) or metadata.pop("subtask", None) != task.name:
        raise WeightsError(f"{path} is not a model of {task.name}. Train {task.name} again.")
    try:
        model = SubtaskModel(task, **metadata)
        for part, owner in (("scaler", model.scaler), ("classifier", model.estimator)):
            owner.load_state({key.partition(".")[2]: a for key, a in arrays.items() if key.startswith(f"{part}.")})
    except UserError:
        raise
    except Exception as error:  # values of any type in the place of others
        raise WeightsError(f"{path} is damaged ({first_line(error)}). Train {task.name} again.") from error
    return model
