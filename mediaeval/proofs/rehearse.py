"""The rehearsal: validation images go the way of the test images, and the score on disk must be the one in memory."""

from dataclasses import dataclass, replace
from pathlib import Path

from mediaeval.answers.learned import is_numeric
from mediaeval.data.dataset import load_dataset
from mediaeval.data.split import read_split
from mediaeval.errors import DatasetError, RunFileError
from mediaeval.files import passing_folder
from mediaeval.proofs.expected import TOLERANCE, is_same
from mediaeval.proofs.submit import write_and_verify
from mediaeval.runs import RunFolder
from mediaeval.steps.predict import write_tables
from mediaeval.steps.scoring import read_back, value
from mediaeval.steps.shared_columns import free_columns
from mediaeval.steps.tables import F1_TOLERANCE, rows_of
from mediaeval.steps.trained_run import TrainedRun
from mediaeval.steps.validation_file import FILE as VALIDATION
from submission.runfile import read_run
from submission.task import Task


@dataclass(frozen=True)
class Rehearsed:
    """How many validation images were rehearsed, and subtask → weighted F1 of the file on disk, 0..1; or its metric."""

    n_images: int
    scores: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        return {"n_images": self.n_images, "scores": self.scores}


def rehearse(folder: RunFolder, task: Task, *, device: str = "auto") -> Rehearsed:
    """Predict, write and read the validation images exactly as the test images are, and compare the scores.

    The models are the split models, which did not see these images. Raises RunFileError, naming the first ids that
    differ, when the file on disk scores otherwise than in training; DatasetError when the dev set is not there.
    """
    run = TrainedRun.open(folder, task, device, of_split=True)
    dev = Path(run.config.data.dev)
    if not dev.exists():
        raise DatasetError(
            f"The rehearsal needs the dev set of {folder.path}, and {dev} is not there. Put it back, or pass "
            "--no-rehearsal and go without this proof."
        )
    dataset = load_dataset(dev, task)
    sides = read_split(folder.split, [i for i in dataset.ids if i not in run.manifest.left_out])
    ids = [image_id for image_id, side in sides.items() if side == "val"]
    run.load_models()
    images = run.images(replace(dataset, ids=tuple(ids), missing=()))
    with passing_folder(folder.runs_dir) as tables:
        write_tables(run.probabilities(images, ids), tables)
        # what stands beside the answers in a dev set may be anything that the column allows
        shared = {column.heading: {image_id: image_id for image_id in ids} for column in free_columns(task)}
        write_and_verify(run, tables, ids, tables / "run.csv", partial=True, shared=shared)
        on_disk = read_run(tables / "run.csv", run.header).labels
    scores, problems = {}, []
    for subtask in run.subtasks:
        name = subtask.name
        truth = rows_of(dataset.labels(name), ids, str(dev)).to_numpy()
        scores[name] = value(subtask, truth, read_back(subtask, on_disk[name], ids))
        validated = folder.subtask(name) / VALIDATION
        expected = run.records[name].score.value
        remembered = run.answers(subtask, rows_of(run.validation(subtask), ids, str(validated)))
        differing = [i for i in ids if not is_same(on_disk[name][i], remembered[i])]
        if differing or abs(scores[name] - expected) > (TOLERANCE if is_numeric(subtask) else F1_TOLERANCE):
            shown = ", ".join(differing[:5]) or "none: the labels of the dev set may have changed"
            problems.append(
                f"{name}: on disk the validation images score {scores[name]:.12f}, in training {expected:.12f}; "
                f"{len(differing)} of {len(ids)} answers differ ({shown})."
            )
    if problems:
        raise RunFileError(
            f"{folder.run_csv} is not written: the rehearsal failed.", *problems, "Train the run again, or report this."
        )
    return Rehearsed(len(ids), scores)
