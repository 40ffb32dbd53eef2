"""Reproducing a run file: from the recorded models and the images, once more, and byte for byte."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mediaeval.data.dataset import load_dataset
from mediaeval.devices import resolve_device
from mediaeval.errors import RunFolderError
from mediaeval.features.build import build
from mediaeval.features.extract import extract
from mediaeval.features.extractors import THUMBNAIL
from mediaeval.features.store import FeatureStore
from mediaeval.files import file_digest
from mediaeval.proofs.submit import write_and_verify
from mediaeval.runs import RunFolder, versions
from mediaeval.steps.models import Images, load_subtask_model
from mediaeval.steps.predict import changed_identities, write_tables
from mediaeval.steps.prepare import build_networks
from mediaeval.steps.record import read_config
from mediaeval.steps.tables import read_probabilities
from submission.compare import Flip, difference
from submission.runfile import read_run, run_header
from submission.tasks import TASKS


@dataclass(frozen=True)
class Flipped:
    """A label that came out otherwise, with its probability then and now, and its threshold (0..1)."""

    flip: Flip
    before: float
    now: float
    threshold: float


@dataclass(frozen=True)
class Reproduced:
    """`same`: the bytes are equal. `changed`: inputs that are not those recorded, in words."""

    path: Path
    same: bool
    sha256: str
    changed: tuple[str, ...]
    flips: tuple[Flipped, ...]


def reproduce(run: RunFolder, *, device: str = "auto") -> Reproduced:
    """Rebuild run.csv from the stored models and the test images, features computed anew, and compare.

    Raises RunFolderError when the run has no run file, or WeightsError when a model is absent or damaged.
    """
    if not run.run_csv.is_file():
        raise RunFolderError(f"{run.path} holds no run.csv. Write it: mediaeval submit {run.name}.")
    about, manifest = run.read(run.test / "test.json"), run.read(run.manifest)
    dataset = load_dataset(Path(about["data"]), labelled=False)
    device = resolve_device(device)
    networks = build_networks(read_config(run), device)
    changed = changed_identities(manifest["extractors"], networks)
    if about["config"] != file_digest(run.config):
        changed.append("configuration: run.toml is not what it was when the predictions were made.")
    for library, version in versions().items():
        if about["versions"].get(library) != version:
            changed.append(f"library: {library} was {about['versions'].get(library)}, now {version}.")
    if list(dataset.ids) != about["ids"]:
        changed.append(f"test list: {len(about['ids'])} ids then, {len(dataset.ids)} now, or another order.")
    models = {name: load_subtask_model(run, TASKS[name], changed=changed, device=device) for name in run.subtasks}
    header = run_header(manifest["header"], list(TASKS))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # systems without extractors: nothing else would find out which images cannot be decoded
        looked_at = networks or [build("thumbnail", THUMBNAIL)]
        features = extract(dataset, looked_at, FeatureStore(folder / "features"))
        then = about["images"]
        other = [i for i in dataset.ids if features.contents.get(i) != then.get(i)]
        if other:
            changed.append(f"images: {len(other)} are not those predicted then ({', '.join(other[:5])}).")
        write_tables(run, models, Images(dataset.image_paths, features), dataset.ids, folder)
        partial = len(run.subtasks) < len(TASKS)
        sha256, _ = write_and_verify(run, folder, dataset.ids, folder / "run.csv", partial=partial)
        same = (folder / "run.csv").read_bytes() == run.run_csv.read_bytes()
        flips = () if same else _flips(run, folder, header)
    return Reproduced(run.run_csv, same, sha256, tuple(changed), flips)


def _flips(run: RunFolder, folder: Path, header: tuple[str, ...]) -> tuple[Flipped, ...]:
    """Return every answer that differs, with how far its probability was and is from the threshold."""
    found = difference(read_run(run.run_csv, header=header), read_run(folder / "run.csv", header=header))
    told = []
    for flip in found.flips:
        task = TASKS[flip.subtask]
        label = flip.label if task.multi_label else flip.first
        before, now = (
            float(read_probabilities(place / f"{flip.subtask}.csv", task).loc[flip.image_id, label])
            for place in (run.test, folder)
        )
        threshold = run.read(run.subtask(flip.subtask) / "subtask.json")["thresholds"][label]
        told.append(Flipped(flip, before, now, threshold))
    return tuple(told)
