"""What a run should beat: constant answers, logistic regression and nearest neighbours on its own features.

Both are fitted where the run's models were: on the other folds, or on the training side of the split.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from mediaeval.analysis.judged import OUT_OF_FOLD, JudgedImages
from mediaeval.answers.learned import SCORES, form
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.errors import UserError
from mediaeval.reports.inputs import Inputs
from mediaeval.steps.out_of_fold import FOLD, GROUP, decide_by_fold, hold_out, set_thresholds, thresholds_by_fold
from mediaeval.steps.scoring import score, score_intervals
from mediaeval.steps.tables import answered, decide
from submission.task import Subtask

K = 15  # nearest neighbours that vote
COMPONENTS = 128  # that logistic regression reads: on 11,414 columns themselves it would take minutes

# X of the training images (n, d), their truth (n, n_labels), and X of others (m, d) → outputs (m, n_labels)
Predict = Callable[[np.ndarray, pd.DataFrame, np.ndarray], np.ndarray]


def floors(inputs: Inputs, judged: JudgedImages, dev_labels: pd.DataFrame) -> list[dict[str, Any]]:
    """Return name, value, 95 % interval and, where there is no value, the reason, of each floor.

    dev_labels  the truth of all dev images, ids × labels
    """
    record = inputs.first.records[judged.subtask.name]
    baselines = record.out_of_fold.baselines if judged.where == OUT_OF_FOLD and record.out_of_fold else record.baselines
    found = [_floor(f"constant: {name}", value) for name, value in baselines.items()]
    subtask = judged.subtask
    linear = "ridge regression" if form(subtask) == SCORES else "logistic regression on components"
    for name, predict in ((linear, _linear(inputs, subtask)), (f"{K} nearest neighbours", _nearest(inputs))):
        reason = _why_not(inputs, judged)
        if reason:
            found.append(_floor(name, reason=reason))
            continue
        try:
            value, interval = _scored(inputs, judged, dev_labels, predict)
            found.append(_floor(name, value, interval))
        except UserError as error:
            found.append(_floor(name, reason=str(error)))
    return found


def _floor(
    name: str, value: float | None = None, interval: tuple[float, float] | None = None, *, reason: str | None = None
) -> dict[str, Any]:
    return {"name": name, "value": value, "interval": None if interval is None else list(interval), "reason": reason}


def _why_not(inputs: Inputs, judged: JudgedImages) -> str:
    if inputs.images is None:
        return inputs.no_features
    lacking = len(judged.ids) - len(inputs.with_features(judged.ids))
    return f"{lacking} of {len(judged.ids)} images have no features at hand." if lacking else ""


def _scored(
    inputs: Inputs, judged: JudgedImages, dev_labels: pd.DataFrame, predict: Predict
) -> tuple[float, tuple[float, float]]:
    """Return score and 95 % interval of what `predict` answers for the images that the run was judged on."""
    subtask, ids, columns = judged.subtask, list(judged.ids), list(judged.subtask.labels)
    if judged.folds is None or judged.groups is None:
        train = [image_id for image_id, side in inputs.sides().items() if side == "train"]
        outputs = predict(inputs.matrix(train), dev_labels.loc[train], inputs.matrix(ids))
        table = pd.DataFrame(outputs, index=judged.outputs.index, columns=columns)
        decided = decide(subtask, table, set_thresholds(subtask, 0.5) or [])
        found = score(subtask, judged.truth.to_numpy(), answered(subtask, table, decided))
        return found.value, found.interval

    def of_fold(_: int, train: list[str], held_out: list[str]) -> pd.DataFrame:
        outputs = predict(inputs.matrix(train), judged.truth.loc[train], inputs.matrix(held_out))
        return pd.DataFrame(outputs, index=pd.Index(held_out, name="id"), columns=columns)

    table = hold_out(judged.folds, judged.groups.to_dict(), of_fold)
    assert list(table.columns) == [*columns, FOLD, GROUP], "columns of a table of out-of-fold predictions"
    decided = decide_by_fold(subtask, table, thresholds_by_fold(subtask, table, judged.truth, "tuned"))
    own = score_intervals(
        subtask, judged.truth.to_numpy(), answered(subtask, table, decided), list(judged.groups), n_new=len(ids)
    )
    return own.f1, own.interval


def _linear(inputs: Inputs, subtask: Subtask) -> Predict:
    """Return ridge regression of scores; of labels, logistic regression on the first principal components."""

    def predict(X: np.ndarray, truth: pd.DataFrame, others: np.ndarray) -> np.ndarray:
        if form(subtask) == SCORES:
            model = SubtaskModel(subtask, "ridge", {}, _blocks(inputs), "standard", seed=0)
            return np.asarray(model.fit(X, truth).predict_matrix(others))
        scaler = BlockScaler(widths=list(_blocks(inputs).values()), scale="standard")
        X, others = scaler.fit_transform(X), scaler.transform(others)
        reduced = PCA(min(COMPONENTS, *X.shape), svd_solver="randomized", random_state=0).fit(X)
        X, others = (reduced.transform(one).astype(np.float32) for one in (X, others))
        model = SubtaskModel(subtask, "logistic", {"C": "scale"}, {"components": X.shape[1]}, "none", seed=0)
        return np.asarray(model.fit(X, truth).predict_matrix(others))

    return predict


def _nearest(inputs: Inputs) -> Predict:
    def predict(X: np.ndarray, truth: pd.DataFrame, others: np.ndarray) -> np.ndarray:
        scaler = BlockScaler(widths=list(_blocks(inputs).values()), scale="standard")
        X, others = scaler.fit_transform(X), scaler.transform(others)
        X, others = (one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12) for one in (X, others))
        nearest = np.argsort(-(others @ X.T), axis=1, kind="stable")[:, :K]
        outputs: np.ndarray = truth.to_numpy(dtype=float)[nearest].mean(axis=1)
        return outputs

    return predict


def _blocks(inputs: Inputs) -> dict[str, int]:
    return {network.name: network.width for network in inputs.first.networks}
