"""A run with thresholds that a person chose: the models and probabilities of another run, decided and scored anew.

Scores are those of the very images on which the thresholds were chosen, so they flatter, and are marked by
`SubtaskRecord.note` wherever they are shown.
"""

import contextlib
import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mediaeval.data.dataset import load_dataset
from mediaeval.digests import RUN_CSV
from mediaeval.errors import DatasetError, RunFolderError
from mediaeval.files import file_digest, link_folder
from mediaeval.records import ByHand, SubtaskRecord
from mediaeval.runs import RunFolder, write_record
from mediaeval.steps.ensemble import entries_of, made_of, require_same_labels
from mediaeval.steps.fitting import draw_confusion
from mediaeval.steps.forecasting import FILE as FORECAST
from mediaeval.steps.forecasting import read_forecasts, write_forecasts
from mediaeval.steps.out_of_fold import OutOfFold
from mediaeval.steps.scoring import score
from mediaeval.steps.tables import answered, decide, rows_of
from mediaeval.steps.thresholds_file import read_thresholds
from mediaeval.steps.trained_run import TrainedRun
from mediaeval.steps.validation_file import write_validation
from mediaeval.tasks import TASK_FILE
from submission.task import Subtask, Task

ERRORS = "errors.png"  # in a subtask's folder: which images are wrong depends on thresholds


@dataclass(frozen=True)
class Rethresholded:
    """One subtask before and after thresholds were chosen; `after` is scored on the same images."""

    task: Subtask
    before: SubtaskRecord
    after: SubtaskRecord
    probabilities: pd.DataFrame  # of the validation images: ids × labels
    truth: pd.DataFrame  # 0/1
    predicted: pd.DataFrame
    out_of_fold: OutOfFold | None

    def write(self, folder: Path, run_name: str) -> None:
        """Replace what depends on thresholds in a subtask's folder."""
        write_validation(folder, self.task, self.probabilities, self.truth, self.predicted)
        draw_confusion(folder, run_name, self.task, self.truth, self.predicted, self.out_of_fold)
        write_record(folder, self.after)


def choose_thresholds(
    source: RunFolder, file: Path, new: RunFolder, task: Task, *, replace_run: bool = False, command: str = ""
) -> list[Rethresholded]:
    """Write the run `new`: that of `source` with the thresholds in `file`; return the subtasks that these change.

    It holds the models of `source`, by links to the same bytes, and its predictions, so that it can be submitted at
    once. Labels that the file does not name keep their thresholds, out of fold those of each fold; labels that it names
    have one for all folds.

    Raises ConfigError for a file that cannot be used (see `read_thresholds`); RunFolderError when `new` is there, or
    files of `source` are not those that were recorded; DatasetError when the dev set, on which is scored, is not there
    or has other labels than in training.
    """
    _require_room(source, new, task, replace_run)
    run = TrainedRun.open(source, task, of_split=True)
    given = read_thresholds(file, run)
    source.require_unchanged(run.manifest, leave_out={RUN_CSV})
    dev = Path(run.config.data.dev)
    if not dev.exists():
        raise DatasetError(f"The new thresholds are scored on the dev set, and {dev} is not there. Put it back.")
    dataset = load_dataset(dev, task)
    digest = file_digest(source.manifest)
    found = [
        _rescored(run, run.task[name], thresholds, dataset.labels(name), digest) for name, thresholds in given.items()
    ]
    with new.being_trained(), contextlib.ExitStack() as locks:
        for folder in sorted((source, new), key=lambda folder: folder.name):  # of two commands, none waits for ever
            locks.enter_context(folder.lock())
        run.require_current()
        with new.rewritten(replaced=entries_of(new), anew=True) as made:
            if new.run_csv.exists():
                shutil.copy2(new.run_csv, made.superseded)
            _take_over(run, made, list(given), f"mediaeval predict {new.name}")
            for one in found:
                one.write(made.subtask(one.task.name), new.name)
            write_record(made.path, replace(run.manifest, command=command))
    return found


def _require_room(source: RunFolder, new: RunFolder, task: Task, replace_run: bool) -> None:
    if new.name == source.name:
        raise RunFolderError(f"--run {new.name}: it is the run itself, which is kept. Give the new one another name.")
    if new.runs_dir.resolve() != source.runs_dir.resolve():
        raise RunFolderError(f"{new.path}: expected a run beside {source.path}. Give it a place in {source.runs_dir}.")
    if new.name in made_of(source, task):
        raise RunFolderError(f"--run {new.name}: {source.path} is made of it. Give the new run another name.")
    if new.path.exists() and not replace_run:
        raise RunFolderError(f"{new.path} is there already. Give another name with --run, or pass --replace.")


def _rescored(
    run: TrainedRun, subtask: Subtask, given: dict[str, float], labels: pd.DataFrame, digest: str
) -> Rethresholded:
    """Return a subtask with new thresholds, scored on the images on which it was scored before."""
    require_same_labels(subtask, [run], labels)
    before = run.records[subtask.name]
    thresholds = before.thresholds | given
    table = run.validation(subtask)
    predicted = decide(subtask, table, [thresholds[label] for label in subtask.labels])
    truth = rows_of(labels, list(table.index), "the dev set")
    out_of_fold = _out_of_fold(run, subtask, given, labels)
    already = before.by_hand.labels if before.by_hand else ()
    after = replace(
        before,
        thresholds=thresholds,
        score=score(subtask, truth.to_numpy(), answered(subtask, table, predicted)),
        out_of_fold=out_of_fold.record if out_of_fold else None,
        by_hand=ByHand(run.name, digest, tuple(label for label in subtask.labels if label in {*already, *given})),
    )
    return Rethresholded(subtask, before, after, table, truth, predicted, out_of_fold)


def _out_of_fold(run: TrainedRun, subtask: Subtask, given: dict[str, float], labels: pd.DataFrame) -> OutOfFold | None:
    table, record = run.out_of_fold(subtask), run.records[subtask.name].out_of_fold
    if table is None or record is None:
        return None
    of_folds = [of_fold | given for of_fold in record.thresholds]
    return OutOfFold.scored(
        subtask,
        table,
        rows_of(labels, list(table.index), "the dev set"),
        [[of_fold[label] for label in subtask.labels] for of_fold in of_folds],
        baselines=record.baselines,
        n_new=record.n_new,
        choice=record.choice,
    )


def _take_over(run: TrainedRun, made: RunFolder, changed: Collection[str], predict: str) -> None:
    """Put into a new run what another was made of, its models and its predictions; pictures of what it sees stay."""
    source = run.folder
    for name in (source.config.name, source.split.name, TASK_FILE):
        if (source.path / name).exists():
            shutil.copy2(source.path / name, made.path / name)
    for name in run.records:
        _take_files(source.subtask(name), made.subtask(name))
        (made.subtask(name) / ERRORS).unlink(missing_ok=True)
    if source.test.is_dir():
        _take_files(source.test, made.test)
        (made.test / FORECAST).unlink(missing_ok=True)  # scores to expect depend on thresholds
        if kept := read_forecasts(source.test):
            again = {"reason": f"its thresholds were changed since it was predicted. Predict again: {predict}."}
            write_forecasts(made.test, kept | dict.fromkeys(changed, again))


def _take_files(source: Path, target: Path) -> None:
    """Put the files of a folder into a new one: links to models, which are large, and copies of what may be edited."""
    target.mkdir()
    others = [path for path in source.iterdir() if path.suffix != ".safetensors"]
    link_folder(source, target, leave_out=[path.name for path in others])
    for path in others:
        if path.is_file():
            shutil.copy2(path, target / path.name)
