"""The models of a run's subtasks, whatever they read: how they are loaded, and asked for probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from safetensors import SafetensorError, safe_open

from mediaeval.classifiers.model import SubtaskModel, load_model
from mediaeval.errors import RunFolderError
from mediaeval.features.extract import Features
from mediaeval.files import file_digest
from mediaeval.finetune.model import METADATA, SystemModel, load_system
from mediaeval.finetune.pictures import Photographs
from mediaeval.runs import RunFolder, open_run, write_json
from mediaeval.steps.tables import decide
from submission.task import Subtask

FIT, REFIT = "model.safetensors", "refit.safetensors"  # of the 80 %, of the whole dev set
ENSEMBLE = "ensemble.json"  # in their place where a subtask is made of other runs' models


@dataclass(frozen=True)
class Images:
    """Images to be predicted, as whatever a model reads of them: their files, and their features."""

    paths: Mapping[str, Path]
    features: Features

    def photographs(self, ids: Sequence[str], blocks: Sequence[str] = ()) -> Photographs:
        """Return images as systems take them, with the vectors of `blocks` beside them."""
        X = pd.DataFrame(self.features.matrix(list(blocks), ids), index=pd.Index(ids, name="id")) if blocks else None
        return Photographs(tuple(ids), self.paths, X)


@dataclass(frozen=True)
class Member:
    """One run in an ensemble: its name, the digests of its models, and a threshold a label."""

    run: str
    models: dict[str, str]
    thresholds: dict[str, float]


@dataclass(frozen=True)
class EnsembleModel:
    """Several runs' models of one subtask. `how`: the mean of their probabilities, or a vote.

    In a vote each model decides for itself, a label by its own threshold. What comes out is (votes + mean probability)
    / (models + 1): the mean decides between equal numbers of votes, and .5 stands for half of the votes. Where an image
    has several labels, probabilities are taken from each model's threshold, which then counts as .5.
    """

    task: Subtask
    how: str
    members: tuple[Member, ...]
    models: tuple["Model", ...] = ()  # of the members; () where nothing is to be predicted

    history: tuple = ()  # it is not trained
    blocks: Mapping[str, int] = field(default_factory=dict)  # what it reads is its members' affair

    def combine(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Return probabilities, ids × labels, from the members', which have the same ids in the same order."""
        mean = sum(tables[1:], tables[0]) / len(tables)
        if self.how == "mean":
            return mean
        own = [[member.thresholds[label] for label in self.task.labels] for member in self.members]
        votes = sum(decide(self.task, table, thresholds) for table, thresholds in zip(tables, own, strict=True))
        if self.task.multi_label:
            moved = [(table - t + 0.5).clip(0, 1) for table, t in zip(tables, own, strict=True)]
            mean = sum(moved[1:], moved[0]) / len(moved)
        return (votes + mean) / (len(tables) + 1)

    def save(self, path: Path) -> None:
        """Write what `load_subtask_model` finds the members' models by."""
        write_json(path, {"how": self.how, "members": [asdict(member) for member in self.members]})


Model = SubtaskModel | SystemModel | EnsembleModel


def probabilities(model: Model, images: Images, ids: Sequence[str]) -> pd.DataFrame:
    """Return a model's probabilities, 0..1: ids × labels."""
    if isinstance(model, EnsembleModel):
        return model.combine([probabilities(member, images, ids) for member in model.models])
    if isinstance(model, SystemModel):
        return model.predict_proba(images.photographs(ids, list(model.blocks)))
    return model.predict_proba(images.features.matrix(list(model.blocks), ids), ids)


def load_subtask_model(
    run: RunFolder,
    task: Subtask,
    *,
    of_split: bool = False,
    changed: list[str] | None = None,
    device: str = "cpu",
) -> tuple[Model, Path]:
    """Return the model that predicts the test set, and its file; RunFolderError when it is not what was saved.

    `of_split`: the model of the 80 %, whatever there is. With `changed` a file that is not what was saved is told
    there instead, and loaded. `device`: where a system computes.
    """
    folder = run.subtask(task.name)
    digests = run.read(folder / "subtask.json").get("models", {})
    if ENSEMBLE in digests:
        name = ENSEMBLE
    else:
        name = FIT if of_split or REFIT not in digests else REFIT
    path = folder / name
    if path.is_file() and file_digest(path) != digests.get(name):
        if changed is None:
            raise RunFolderError(
                f"{path} is not the file that was saved in training. Train again: "
                f"mediaeval train {task.name} --run {run.name} --replace."
            )
        changed.append(f"model: {path} is not the file that was saved in training.")
    if name == ENSEMBLE:
        return _load_ensemble(run, path, task, of_split=of_split, changed=changed, device=device), path
    return _load_file(path, task, device), path


def _load_file(path: Path, task: Subtask, device: str) -> SubtaskModel | SystemModel:
    try:
        with safe_open(path, "np") as file:
            is_system = METADATA in (file.metadata() or {})
    except (SafetensorError, OSError):
        is_system = False  # `load_model` says what is wrong with it
    return load_system(path, task, device) if is_system else load_model(path, task)


def _load_ensemble(
    run: RunFolder, path: Path, task: Subtask, *, of_split: bool, changed: list[str] | None, device: str
) -> EnsembleModel:
    about = run.read(path)
    members = tuple(Member(**member) for member in about["members"])
    models = []
    for member in members:
        other = open_run(member.run)
        if task.name not in other.subtasks:
            raise RunFolderError(f"{run.path} is made of {other.path}, which holds no {task.name} any more.")
        if other.read(other.subtask(task.name) / "subtask.json")["models"] != member.models:
            problem = f"{other.path} was trained again since {run.path} was made of it."
            if changed is None:
                raise RunFolderError(f"{problem} Make the ensemble again, with --replace.")
            changed.append(f"model: {problem}")
        models.append(load_subtask_model(other, task, of_split=of_split, changed=changed, device=device)[0])
    return EnsembleModel(task, about["how"], members, tuple(models))
