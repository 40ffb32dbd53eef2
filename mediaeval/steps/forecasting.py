"""The score to expect of the test images of a run, computed when they are predicted, and kept as test/forecast.json.

What is kept of a subtask, scores in the metric's units (F1 0..1):

    {"f1": …, "low": …, "high": …, "level": 0.9,       "value" in place of "f1" where another metric ranks
     "sharpened": …, "explained": …,                   whether the test images' own predictions were used
     "shift": {"labels": [{"label", "dev", "test"}], "distance": standard errors or null}, "widened": factor,
     "notes": [sentences]}
    {"reason": sentence}                               where there is no forecast
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mediaeval.calibration.calibration import cross_calibrated
from mediaeval.calibration.forecast import LEVEL, Z, forecast
from mediaeval.calibration.shift import FARTHER, WIDENED, distance_errors, shifted_labels
from mediaeval.data.dataset import Dataset, load_dataset
from mediaeval.errors import FeaturesError, UserError
from mediaeval.features.extract import Features, image_key
from mediaeval.features.images import Images
from mediaeval.features.store import FeatureStore
from mediaeval.files import write_atomically
from mediaeval.records import OutOfFoldRecord
from mediaeval.steps.out_of_fold import FOLD, GROUP
from mediaeval.steps.scoring import Answered, own_metric, score_intervals, value
from mediaeval.steps.tables import F1_TOLERANCE, MODEL, SOURCE, answered
from mediaeval.steps.trained_run import TrainedRun
from submission.reading import read_regular
from submission.task import Subtask

FILE = "forecast.json"  # in the folder of the predictions

Forecasts = dict[str, dict[str, Any]]  # subtask → what is kept


def forecasts_of(run: TrainedRun, tables: Mapping[str, pd.DataFrame], images: Images) -> Forecasts:
    """Return the forecast of each subtask, or why there is none.

    tables  subtask → probabilities or scores of the test images, and their source
    images  the test images, with features
    """
    try:
        dev = load_dataset(Path(run.config.data.dev), run.task)
    except UserError as error:
        return {name: {"reason": f"the dev set is not at hand: {error.problems[0]}"} for name in tables}
    own = _dev_features(run)
    return {name: _forecast(run, run.task[name], table, dev, images, own) for name, table in tables.items()}


def write_forecasts(folder: Path, forecasts: Forecasts) -> None:
    """Write forecasts into the folder of the predictions."""
    text = json.dumps(forecasts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(folder / FILE, text.encode())


def read_forecasts(folder: Path) -> Forecasts:
    """Return what `write_forecasts` wrote; {} where a version without forecasts predicted, or the file is damaged."""
    try:
        read = json.loads(read_regular(folder / FILE).decode())
    except (OSError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) and all(isinstance(one, dict) for one in read.values()) else {}


def _forecast(
    run: TrainedRun, subtask: Subtask, table: pd.DataFrame, dev: Dataset, images: Images, own: Features | None
) -> dict[str, Any]:
    record, of_folds = run.records[subtask.name].out_of_fold, run.out_of_fold(subtask)
    decided = run.out_of_fold_labels(subtask)
    if record is None or of_folds is None or decided is None:
        command = run.folder.with_folds(subtask.name)
        return {"reason": f"it needs out-of-fold predictions. Make them: {command}."}
    truth = dev.labels(subtask.name).reindex(of_folds.index)
    outputs = answered(subtask, of_folds, decided)
    if truth.isna().any(axis=None) or abs(value(subtask, truth.to_numpy(), outputs) - record.f1) > F1_TOLERANCE:
        return {"reason": f"the labels of {dev.folder} are not those of training."}
    groups, new = list(of_folds[GROUP]), table[table[SOURCE] == MODEL]
    if new.empty:
        return {"reason": "no test image was predicted by a model."}
    calibration = run.calibration(subtask)
    distance = _distance(run, list(of_folds.index), groups, images.some(list(new.index)), own)
    found: dict[str, Any] = {"level": LEVEL, "sharpened": False, "explained": 0.0}
    shifted: list[int] = []
    if calibration is not None:
        before = outputs.outputs
        calibrated = cross_calibrated(subtask, before, truth.to_numpy(), list(of_folds[FOLD]), groups)
        new_calibrated = calibration.apply(new[list(subtask.labels)].to_numpy(dtype=float))
        shifted = shifted_labels(calibrated, groups, new_calibrated)
    widened = WIDENED if shifted or (distance is not None and distance >= FARTHER) else 1.0
    if calibration is not None and own_metric(subtask) is None and truth.to_numpy().any():
        one = forecast(
            truth.to_numpy(),
            outputs.decisions,
            calibrated,
            groups,
            run.labels(subtask, new).to_numpy(),
            new_calibrated,
            widened=widened,
        )
        found |= {"f1": one.f1, "low": one.low, "high": one.high, "sharpened": True, "explained": one.explained}
    else:
        low, high = _unsharpened(subtask, truth, outputs, groups, len(new), record, widened)
        found |= {"value" if record.metric else "f1": record.f1, "low": low, "high": high}
    shift = [
        {
            "label": subtask.short(subtask.labels[k]),
            "dev": float(calibrated[:, k].mean()),
            "test": float(new_calibrated[:, k].mean()),
        }
        for k in shifted
    ]
    found["shift"], found["widened"] = {"labels": shift, "distance": distance}, widened
    return found | {"notes": _notes(found, run.records[subtask.name].note)}


def _unsharpened(
    subtask: Subtask,
    truth: pd.DataFrame,
    outputs: Answered,
    groups: list[str],
    n_new: int,
    record: OutOfFoldRecord,
    widened: float,
) -> tuple[float, float]:
    """Return the interval for so many new images, at the level of a forecast."""
    low, high = score_intervals(subtask, truth.to_numpy(), outputs, groups, n_new=n_new).new_set
    factor = Z / 1.96 * widened
    metric = own_metric(subtask)
    ends = (0.0, 1.0) if metric is None else sorted((metric.lowest, metric.measure.highest))
    low, high = record.f1 + (low - record.f1) * factor, record.f1 + (high - record.f1) * factor
    return max(low, ends[0]) if np.isfinite(ends[0]) else low, min(high, ends[1]) if np.isfinite(ends[1]) else high


def _notes(found: Mapping[str, Any], note: str) -> list[str]:
    """Return in sentences what a forecast must be read with."""
    said = [
        f"{one['label']} is predicted for {one['test']:.0%} of the test images and {one['dev']:.0%} of the dev images"
        for one in found["shift"]["labels"]
    ]
    distance = found["shift"]["distance"]
    if distance is not None and distance >= FARTHER:
        said.append("the test images are farther from the dev images than these are from one another")
    if said:
        said = [f"{'; '.join(said)}: the interval is {found['widened']:g} times as wide"]
    if distance is None:
        said.append("features of dev and test images were not compared, for those of the dev set are not at hand")
    return [*said, *([f"{note}: expect less"] if note else [])]


def _distance(run: TrainedRun, ids: list[str], groups: list[str], images: Images, own: Features | None) -> float | None:
    """Return by how many standard errors test images are farther from the dev images than these; None: not known."""
    names = [network.name for network in run.networks]
    if own is None or len(set(groups)) < 2:
        return None
    return distance_errors(own.matrix(names, ids), groups, images.matrix(names))


def _dev_features(run: TrainedRun) -> Features | None:
    """Return the dev images' features as far as the store holds all of them; nothing is computed for a forecast."""
    if not run.networks:
        return None
    contents = {i: content for i, content in run.manifest.images.items() if i not in run.manifest.left_out}
    store = FeatureStore(Path(run.config.features.store))
    try:
        files = {n.name: store.open(n.name, {**n.identity, "view": "plain"}, n.width) for n in run.networks}
    except FeaturesError:
        return None
    if not all(image_key(content) in file for file in files.values() for content in set(contents.values())):
        return None
    return Features(contents, {}, files, {}, computed={})
