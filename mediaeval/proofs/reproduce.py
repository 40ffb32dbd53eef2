"""Reproducing a run file: from the recorded models and the images, once more, and byte for byte."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mediaeval.data.dataset import load_dataset
from mediaeval.digests import changed_files, covered_files, digests_of, write_manifest
from mediaeval.errors import RunFolderError, UserError, first_problems
from mediaeval.files import file_digest, passing_folder
from mediaeval.proofs.submit import write_and_verify
from mediaeval.records import PredictionRecord
from mediaeval.runs import RunFolder, versions
from mediaeval.steps.predict import write_tables
from mediaeval.steps.shared_columns import shared_values
from mediaeval.steps.tables import read_probabilities
from mediaeval.steps.trained_run import TrainedRun
from submission.compare import Flip, difference
from submission.runfile import read_run
from submission.task import Task


@dataclass(frozen=True)
class Flipped:
    """A label that came out otherwise, with its probability then and now, and its threshold (0..1).

    Of a set these are of the first item whose probability changed the most; a score has no threshold.
    """

    flip: Flip
    before: float
    now: float
    threshold: float | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "subtask": self.flip.subtask,
            "image_id": self.flip.image_id,
            "label": self.flip.label,
            "first": self.flip.first,
            "second": self.flip.second,
            "before": self.before,
            "now": self.now,
            "threshold": self.threshold,
        }


@dataclass(frozen=True)
class Reproduced:
    """`same`: the bytes are equal. `changed`: inputs that are not those recorded, in words.

    damaged   files of the run folder that are not those that were recorded, in words; they are in `changed` too
    covered   whether the run holds digests of its files
    """

    path: Path
    same: bool
    sha256: str
    changed: tuple[str, ...]
    flips: tuple[Flipped, ...]
    damaged: tuple[str, ...] = ()
    covered: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "same": self.same,
            "sha256": self.sha256,
            "changed": list(self.changed),
            "flips": [one.to_dict() for one in self.flips],
            "damaged": list(self.damaged),
            "covered": self.covered,
        }


def reproduce(folder: RunFolder, task: Task, *, device: str = "auto") -> Reproduced:
    """Rebuild run.csv from the stored models and the test images, features computed anew, and compare.

    Raises RunFolderError when the run has no run file, or WeightsError when a model is absent or damaged.
    """
    if not folder.run_csv.is_file():
        raise RunFolderError(f"{folder.path} holds no run.csv. Write it: mediaeval submit {folder.name}.")
    predicted = folder.read_predictions()
    run = TrainedRun.open(folder, task, device, checked=False)
    damaged = [*map(str, changed_files(folder.path, run.manifest)), *run.damaged_members()]
    try:
        return _rebuilt(run, predicted, damaged)
    except UserError as error:
        if not damaged:
            raise
        again = f"Put them back, from a copy, or train again: {folder.retrain}."
        raise RunFolderError(*first_problems(damaged, 10), again, *error.problems) from error


def _rebuilt(run: TrainedRun, predicted: PredictionRecord, damaged: list[str]) -> Reproduced:
    """Return what comes of a run's models and images as they are now."""
    folder, task = run.folder, run.task
    dataset = load_dataset(Path(predicted.data), task, labelled=False)
    changed = [*damaged, *run.changed_networks()]
    if predicted.config != file_digest(folder.config):
        changed.append("configuration: run.toml is not what it was when the predictions were made.")
    changed += _changed_versions(predicted.versions)
    if dataset.ids != predicted.ids:
        changed.append(f"test list: {len(predicted.ids)} ids then, {len(dataset.ids)} now, or another order.")
    models = [f"model: {change.what}" for subtask in run.subtasks for change in run.changed_model(subtask)]
    changed += dict.fromkeys(models)  # one file may be a member's in several subtasks
    run.load_models()
    with passing_folder(folder.runs_dir) as new:
        images = run.images_anew(dataset, new / "features")
        contents = images.features.contents
        if other := [i for i in dataset.ids if contents.get(i) != predicted.images.get(i)]:
            changed.append(f"images: {len(other)} are not those predicted then ({', '.join(other[:5])}).")
        write_tables(run.probabilities(images, dataset.ids), new)
        partial = len(run.records) < len(task.names)
        shared = shared_values(task, Path(predicted.data), dataset.ids)
        sha256, _ = write_and_verify(run, new, dataset.ids, new / "run.csv", partial=partial, shared=shared)
        same = (new / "run.csv").read_bytes() == folder.run_csv.read_bytes()
        flips = () if same else _flips(run, new)
    covered = run.manifest.files is not None
    return Reproduced(folder.run_csv, same, sha256, tuple(changed), flips, tuple(damaged), covered)


def seal(folder: RunFolder, reproduced: Reproduced) -> None:
    """Add digests to a run that was made before 0.2, once its run file was reproduced from it.

    Raises RunFolderError when it was not: then what is there now is not what the run file was made of.
    """
    if not reproduced.same:
        raise RunFolderError(
            f"{folder.path} is not sealed: its run file could not be reproduced from it. Train it again: "
            f"{folder.retrain}."
        )
    with folder.lock():
        manifest = folder.read_manifest()
        if manifest.files is not None:
            folder.require_unchanged(manifest)
            return
        files = digests_of(folder.path, covered_files(folder.path))
        write_manifest(folder.path, replace(manifest, files=files))


def _changed_versions(then: Mapping[str, str]) -> list[str]:
    return [
        f"library: {library} was {then.get(library)}, now {version}."
        for library, version in versions().items()
        if then.get(library) != version
    ]


def _flips(run: TrainedRun, new: Path) -> tuple[Flipped, ...]:
    """Return every answer that differs, with how far its probability was and is from the threshold."""
    recorded, rebuilt = (read_run(path, run.header) for path in (run.folder.run_csv, new / "run.csv"))
    found = difference(recorded, rebuilt, run.header.task)
    flipped = []
    for flip in found.flips:
        subtask = run.task[flip.subtask]
        rows = [
            read_probabilities(place / f"{flip.subtask}.csv", subtask).loc[flip.image_id, list(subtask.labels)]
            for place in (run.folder.test, new)
        ]
        label = flip.label if flip.label in subtask.labels else flip.first
        if label not in subtask.labels:
            label = (rows[1] - rows[0]).astype(float).abs().idxmax()
        before, now = (float(row[label]) for row in rows)
        flipped.append(Flipped(flip, before, now, run.records[flip.subtask].thresholds.get(label)))
    return tuple(flipped)
