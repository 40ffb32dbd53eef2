"""Calibrated probabilities of test images: tables beside the proved ones, for people; no label is from them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mediaeval.calibration.calibration import Calibration, has_calibration
from mediaeval.errors import RunFolderError
from mediaeval.files import file_digest
from mediaeval.steps.models import ENSEMBLE
from mediaeval.steps.tables import MODEL, SOURCE, write_probabilities
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Subtask

DEFAULT_FOLDS = 5  # what a command proposes for a run without


def calibrations_of(run: TrainedRun) -> dict[str, Calibration]:
    """Return subtask → calibration, of all but those that ask for scores.

    Raises RunFolderError, naming the commands that fit one, for subtasks without, and for a run of scores alone.
    """
    found = {subtask.name: run.calibration(subtask) for subtask in run.subtasks if has_calibration(subtask)}
    absent = [why_uncalibrated(run, run.task[name]) for name, one in found.items() if one is None]
    if absent or not found:
        reasons = absent or [why_uncalibrated(run, subtask) for subtask in run.subtasks]
        raise RunFolderError(*reasons, "Or predict without --calibrated.")
    return {name: one for name, one in found.items() if one is not None}


def why_uncalibrated(run: TrainedRun, subtask: Subtask) -> str:
    """Return in sentences why a subtask of a run has no calibration, and which command fits one."""
    name = f"{run.folder.path}: {subtask.name}"
    if not has_calibration(subtask):
        return f"{name} asks for scores; expected probabilities, which alone can be calibrated."
    record = run.records[subtask.name]
    folds = record.out_of_fold.folds if record.out_of_fold else DEFAULT_FOLDS
    again = f"Train it again: {run.folder.with_folds(subtask.name, folds)}."
    if ENSEMBLE in record.models:
        ensemble = run.folder.read_ensemble(subtask.name)
        members = [member.run for member in ensemble.members]
        again = f"mediaeval ensemble {' '.join(members)} --how {ensemble.how} --run {run.name} --replace."
        again = f"Make the ensemble again: {again}"
        if record.out_of_fold is None:
            again = f"Train {', '.join(members)} with the same --folds and groups. {again}"
    if record.out_of_fold is None:
        return f"{name} has no out-of-fold predictions, on which a calibration is fitted. {again}"
    return f"{name} was made by a version that fitted no calibration. {again}"


def write_calibrated(
    calibrations: Mapping[str, Calibration], tables: Mapping[str, pd.DataFrame], folder: Path
) -> dict[str, str]:
    """Write the calibrated probabilities of each subtask that has a calibration; return subtask → sha256.

    tables  subtask → probabilities and `source`; rows of another source than the model stay as they are
    """
    digests = {}
    for name, calibration in calibrations.items():
        table, columns = tables[name].copy(), list(calibration.labels)
        own = table[SOURCE] == MODEL
        if own.any():
            table.loc[own, columns] = calibration.apply(table.loc[own, columns].to_numpy(dtype=float))
        write_probabilities(calibrated_file(folder, name), table)
        digests[name] = file_digest(calibrated_file(folder, name))
    return digests


def calibrated_file(folder: Path, name: str) -> Path:
    """Return where the calibrated probabilities of a subtask are, in the folder of the predictions."""
    return folder / f"{name}.calibrated.csv"
