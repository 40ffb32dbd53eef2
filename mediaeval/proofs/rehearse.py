"""The rehearsal: validation images go the way of the test images, and the score on disk must be the one in memory."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mediaeval.data.dataset import load_dataset
from mediaeval.data.split import read_split
from mediaeval.devices import resolve_device
from mediaeval.errors import DatasetError, RunFileError
from mediaeval.proofs.submit import write_and_verify
from mediaeval.runs import RunFolder
from mediaeval.steps.models import Images, load_subtask_model
from mediaeval.steps.predict import require_same_features, write_tables
from mediaeval.steps.prepare import build_networks, features_of
from mediaeval.steps.record import read_config
from mediaeval.steps.tables import F1_TOLERANCE, decide, read_probabilities
from submission.runfile import read_run, run_header
from submission.score import score_decisions
from submission.tasks import TASKS


@dataclass(frozen=True)
class Rehearsed:
    """How many validation images were rehearsed, and subtask → weighted F1 of the file on disk, 0..1."""

    n_images: int
    scores: dict[str, float]


def rehearse(run: RunFolder, *, device: str = "auto") -> Rehearsed:
    """Predict, write and read the validation images exactly as the test images are, and compare the scores.

    The models are those of the 80 %, which did not see these images. Raises RunFileError, naming the first ids that
    differ, when the file on disk scores otherwise than training said; DatasetError when the dev set is not there.
    """
    config = read_config(run)
    if not Path(config.data.dev).is_dir():
        raise DatasetError(
            f"The rehearsal wants the dev set of {run.path}: {config.data.dev} is not there. Put it back, or pass "
            "--no-rehearsal and do without this proof."
        )
    dataset = load_dataset(Path(config.data.dev))
    left_out = run.read(run.manifest)["left_out"]
    sides = read_split(run.split, [i for i in dataset.ids if i not in left_out])
    ids = [image_id for image_id, side in sides.items() if side == "val"]
    device = resolve_device(device)
    networks = build_networks(config, device)
    require_same_features(run, networks)
    some = replace(dataset, ids=tuple(ids), missing=())
    features = features_of(some, config, networks, skip_bad=False)
    models = {name: load_subtask_model(run, TASKS[name], of_split=True, device=device) for name in run.subtasks}
    scores, problems = {}, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_tables(run, models, Images(dataset.image_paths, features), ids, folder)
        write_and_verify(run, folder, ids, folder / "run.csv", partial=True)
        header = run_header(run.read(run.manifest)["header"], list(TASKS))
        on_disk = read_run(folder / "run.csv", header=header).labels
    for name in run.subtasks:
        task, about = TASKS[name], run.read(run.subtask(name) / "subtask.json")
        said = on_disk[name]
        if task.multi_label:
            Y = np.array([said[i] for i in ids])
        else:
            Y = np.array([[said[i] == label for label in task.labels] for i in ids])
        truth = dataset.labels(name).loc[ids].to_numpy()
        scores[name] = score_decisions(task, truth, Y, resamples=1).weighted_f1
        wanted = about["validation"]["weighted_f1"]
        stored = read_probabilities(run.subtask(name) / "validation.csv", task).loc[ids]
        remembered = decide(task, stored, [about["thresholds"][label] for label in task.labels]).to_numpy()
        differing = [i for i, a, b in zip(ids, Y, remembered, strict=True) if not np.array_equal(a, b)]
        if differing or abs(scores[name] - wanted) > F1_TOLERANCE:
            shown = ", ".join(differing[:5]) or "none: the labels of the dev set may have changed"
            problems.append(
                f"{name}: on disk the validation images score {scores[name]:.12f}, in training {wanted:.12f}; "
                f"{len(differing)} of {len(ids)} answers differ ({shown})."
            )
    if problems:
        raise RunFileError(
            f"{run.run_csv} is not written: the rehearsal failed.", *problems, "Train the run again, or report this."
        )
    return Rehearsed(len(ids), scores)
