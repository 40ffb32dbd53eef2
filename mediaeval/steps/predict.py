"""Predicting: the test images' probabilities from a run's models, joined by image id, written into the run folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mediaeval.data.dataset import load_dataset
from mediaeval.devices import resolve_device
from mediaeval.errors import DatasetError, FeaturesError, RunFolderError, WeightsError
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.files import file_digest, folder_atomically
from mediaeval.runs import RunFolder, versions, write_json
from mediaeval.sample.draw import is_sample
from mediaeval.steps.models import Images, Model, load_subtask_model, probabilities
from mediaeval.steps.prepare import build_networks, features_of
from mediaeval.steps.record import read_config
from mediaeval.steps.tables import FALLBACK, MODEL, SOURCE, write_probabilities
from submission.task import Subtask
from submission.tasks import TASKS


@dataclass(frozen=True)
class Predicted:
    """What was predicted: which images by which model, and which by the stated fallback."""

    subtasks: tuple[str, ...]
    models: dict[str, str]  # subtask → file
    n_images: int
    failures: dict[str, str]  # image id → why it has no features, hence the fallback
    trained_on: tuple[str, ...]  # test images whose bytes are those of an image of the dev set


def predict(run: RunFolder, test: Path, *, skip_bad: bool = False, device: str = "auto") -> Predicted:
    """Write the probabilities of every test image for every subtask of `run`.

    The model of the whole dev set is used where there is one, else that of the 80 %. An image that cannot be decoded
    is an error, or with `skip_bad` gets the share of each label in the training data, marked `fallback`.
    Raises WeightsError or FeaturesError when weights or widths are not those that the run was trained with.
    """
    device = resolve_device(device)
    models = {name: load_subtask_model(run, TASKS[name], device=device) for name in run.subtasks}
    config = read_config(run)
    dataset = load_dataset(test, labelled=False)
    networks = build_networks(config, device)
    require_same_features(run, networks)
    # without extractors nothing else would find out which images cannot be decoded
    features = features_of(dataset, config, networks, skip_bad=skip_bad, thumbnails=not networks)
    with run.lock(), folder_atomically(run.test) as folder:
        tables = write_tables(run, models, Images(dataset.image_paths, features), dataset.ids, folder)
        write_json(
            folder / "test.json",
            {
                "data": str(test),
                "ids": list(dataset.ids),
                "images": features.contents,
                "fallback": features.failures,
                "config": file_digest(run.config),
                "tables": tables,
                "models": {name: file_digest(path) for name, (_, path) in models.items()},
                "versions": versions(),
            },
        )
        if run.run_csv.exists():  # it was made of the predictions before
            run.run_csv.replace(run.superseded)
    known = set(run.read(run.manifest)["images"].values())
    return Predicted(
        run.subtasks,
        {name: str(path) for name, (_, path) in models.items()},
        len(dataset.ids),
        features.failures,
        tuple(i for i, content in features.contents.items() if content in known),
    )


def write_tables(
    run: RunFolder, models: dict[str, tuple[Model, Path]], images: Images, all_ids: Sequence[str], folder: Path
) -> dict[str, str]:
    """Write the probabilities of `all_ids` for each subtask of `models` into a folder; return subtask → sha256."""
    for name, (model, _) in models.items():
        write_probabilities(folder / f"{name}.csv", _with_fallback(run, TASKS[name], model, images, tuple(all_ids)))
    return {name: file_digest(folder / f"{name}.csv") for name in models}


def test_set_of(run: RunFolder) -> Path:
    """Return the test set that belongs to a run's configuration: [data] test, or the drawn sample's."""
    data = read_config(run).data
    if data.test:
        return Path(data.test)
    if is_sample(Path(data.dev).parent):
        return Path(data.dev).parent / "testset"
    raise DatasetError(f"{run.path} names no test set. Give one: mediaeval predict {run.name} --data TEST.")


def _with_fallback(
    run: RunFolder, task: Subtask, model: Model, images: Images, all_ids: tuple[str, ...]
) -> pd.DataFrame:
    """Return the probabilities of all test images, in the test list's order; those without features get the prior."""
    ids = [i for i in all_ids if i not in images.features.failures]
    if ids:
        table = probabilities(model, images, ids).assign(**{SOURCE: MODEL})
    else:
        table = pd.DataFrame(columns=[*task.labels, SOURCE], index=pd.Index([], name="id"))
    prior = run.read(run.subtask(task.name) / "subtask.json")["fallback"]
    absent = [i for i in all_ids if i not in table.index]
    table = (
        pd.concat([table, pd.DataFrame([prior | {SOURCE: FALLBACK}] * len(absent), index=absent)]) if absent else table
    )
    return table.loc[list(all_ids)]


def require_same_features(run: RunFolder, networks: list[FeatureExtractor]) -> None:
    """Raise when an extractor gives another width, or is another, than the run was trained with; all at once."""
    recorded = run.read(run.manifest)["extractors"]
    if list(recorded) != [n.name for n in networks]:
        raise RunFolderError(f"{run.path}: run.toml and manifest.json name different extractors. Train the run again.")
    widths = [
        f"extractor '{n.name}' gives {n.width} numbers an image; the run was trained with {recorded[n.name]['width']}."
        for n in networks
        if n.width != recorded[n.name]["width"]
    ]
    if widths:
        raise FeaturesError(*widths, "Put the network and weights back, or train the run again.")
    if changed := changed_identities(recorded, networks):
        raise WeightsError(
            *changed, "Dev and test features must come from one and the same. Put it back, or train the run again."
        )


def changed_identities(recorded: dict, networks: list[FeatureExtractor]) -> list[str]:
    """Return in words what makes the networks other than those a manifest records."""
    changed = []
    for n in networks:
        old = recorded[n.name]["identity"]
        for key in sorted(old.keys() | n.identity.keys()):
            if old.get(key) != n.identity.get(key):
                changed.append(f"extractor '{n.name}': {key} was {old.get(key)}, now {n.identity.get(key)}.")
    return changed
