"""Predicting: the test images' probabilities from a run's models, joined by image id, written into the run folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mediaeval.data.dataset import load_dataset
from mediaeval.errors import DatasetError
from mediaeval.files import file_digest
from mediaeval.records import PredictionRecord
from mediaeval.runs import RunFolder, versions, write_record
from mediaeval.sample.paths import is_sample
from mediaeval.steps.calibrated import calibrated_file, calibrations_of, write_calibrated
from mediaeval.steps.extraction_file import write_bill
from mediaeval.steps.forecasting import forecasts_of, write_forecasts
from mediaeval.steps.run_config import read_config
from mediaeval.steps.tables import write_probabilities
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Task


@dataclass(frozen=True)
class Predicted:
    """What was predicted: which images by which model, and which got the fallback."""

    subtasks: tuple[str, ...]
    models: dict[str, str]  # subtask → file
    n_images: int
    failures: dict[str, str]  # image id → why it has no features, hence the fallback
    trained_on: tuple[str, ...]  # test images whose bytes are those of an image of the dev set
    calibrated: dict[str, str] = field(default_factory=dict)  # subtask → file of its calibrated probabilities
    as_they_are: tuple[str, ...] = ()  # subtasks whose calibration changes nothing


def predict(
    folder: RunFolder,
    task: Task,
    test: Path,
    *,
    skip_bad: bool = False,
    calibrated: bool = False,
    device: str = "auto",
) -> Predicted:
    """Write the probabilities of every test image for every subtask of a run; `calibrated`: those beside them, too.

    The model of the whole dev set is used where there is one, else the split model. An image that cannot be decoded
    is an error, or with `skip_bad` gets the share of each label in the training data, marked `fallback`.
    Raises WeightsError or FeaturesError when weights or widths are not those that the run was trained with, and
    RunFolderError when a file of the run was changed, another command has changed the run meanwhile, or calibrated
    probabilities are asked for and there is no calibration.
    """
    run = TrainedRun.open(folder, task, device)
    files = {subtask.name: run.model_file(subtask) for subtask in run.subtasks}
    calibrations = calibrations_of(run) if calibrated else {}
    run.load_models()
    dataset = load_dataset(test, task, labelled=False)
    images = run.images(dataset, skip_bad=skip_bad)
    tables = run.probabilities(images, dataset.ids)
    forecasts = forecasts_of(run, tables, images)
    # run.csv was made of the predictions before, so it is set aside, whatever it holds
    with folder.lock():
        run.require_current()
        with folder.rewritten(replaced={folder.test.name}, unchecked={folder.run_csv.name}) as new:
            new.test.mkdir()
            record = PredictionRecord(
                data=str(test),
                ids=dataset.ids,
                images=images.features.contents,
                failures=images.features.failures,
                config=file_digest(folder.config),
                tables=write_tables(tables, new.test),
                models={name: file_digest(path) for name, path in files.items()},
                versions=versions(),
                calibrated=write_calibrated(calibrations, tables, new.test),
            )
            write_record(new.test, record)
            write_forecasts(new.test, forecasts)
            write_bill(new.path, "predict", images.features.bill)
            if new.run_csv.exists():
                new.run_csv.replace(new.superseded)
    known = set(run.manifest.images.values())
    return Predicted(
        tuple(run.records),
        {name: str(path) for name, path in files.items()},
        len(dataset.ids),
        record.failures,
        tuple(i for i, content in record.images.items() if content in known),
        {name: str(calibrated_file(folder.test, name)) for name in calibrations},
        tuple(name for name, calibration in calibrations.items() if calibration.is_identity),
    )


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, str]:
    """Write the probabilities of each subtask, as `TrainedRun.probabilities` returns them; return subtask → sha256."""
    digests = {}
    for name, table in tables.items():
        write_probabilities(folder / f"{name}.csv", table)
        digests[name] = file_digest(folder / f"{name}.csv")
    return digests


def test_set_of(folder: RunFolder, task: Task) -> Path:
    """Return the test set that belongs to a run's configuration: [data] test, or the drawn sample's."""
    data = read_config(folder, task).data
    if data.test:
        return Path(data.test)
    if is_sample(Path(data.dev).parent):
        return Path(data.dev).parent / "testset"
    raise DatasetError(f"{folder.path} names no test set. Give one: mediaeval predict {folder.name} --data TEST.")
