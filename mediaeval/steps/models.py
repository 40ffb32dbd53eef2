"""The models of a run's subtasks: whatever they read, they predict probabilities of `Images` by image id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd
from safetensors import SafetensorError, safe_open

from mediaeval.features.images import Images
from mediaeval.finetune import METADATA
from mediaeval.records import EnsembleMember, EnsembleRecord
from mediaeval.runs import write_record
from mediaeval.steps.tables import decide
from submission.reading import open_regular
from submission.task import Subtask

FIT, REFIT = "model.safetensors", "refit.safetensors"  # the split model, and the one of the whole dev set
ENSEMBLE = EnsembleRecord.FILE  # in their place where a subtask is made of other runs' models


class Model(Protocol):
    """What every model of a subtask offers: a classifier on features, a system trained end to end, an ensemble.

    `blocks`: extractor name → width, of the vectors that it reads. `history`: a dict per epoch; empty where a model is
    not trained in epochs.
    """

    @property
    def task(self) -> Subtask: ...

    @property
    def blocks(self) -> Mapping[str, int]: ...

    @property
    def history(self) -> Sequence[dict[str, Any]]: ...

    def predict_proba(self, images: Images) -> pd.DataFrame:
        """Return probabilities, 0..1: ids × labels."""

    def save(self, path: Path) -> None:
        """Write the model, so that `load_trained` or, for an ensemble, `TrainedRun` gives it back."""


@dataclass(frozen=True)
class EnsembleModel:
    """Several runs' models of one subtask. `how`: the mean of their probabilities, or a vote.

    In a vote each model decides for itself, each label by its own threshold. The result is (votes + mean probability)
    / (models + 1): the mean decides between equal numbers of votes, and .5 stands for half of the votes. Where an image
    may have several labels, probabilities are shifted so that each model's threshold counts as .5.
    """

    task: Subtask
    how: Literal["mean", "vote"]
    members: tuple[EnsembleMember, ...]
    models: tuple[Model, ...] = ()  # of the members; () where nothing is to be predicted

    history: tuple[dict[str, Any], ...] = ()  # it is not trained
    blocks: Mapping[str, int] = field(default_factory=dict)  # what its members read is in their own records

    def predict_proba(self, images: Images) -> pd.DataFrame:
        """Return probabilities, 0..1: ids × labels."""
        return self.combine([model.predict_proba(images) for model in self.models])

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
        """Write which models it is made of: they stay in their own runs."""
        write_record(path.parent, EnsembleRecord(self.how, self.members))


def load_trained(path: Path, task: Subtask, device: str = "cpu") -> Model:
    """Return the model in a safetensors file. `device`: where a system computes.

    Raises WeightsError when the file is absent, damaged or of another subtask.
    """
    try:
        with open_regular(path), safe_open(path, "np") as file:
            is_system = METADATA in (file.metadata() or {})
    except (SafetensorError, OSError):
        is_system = False  # `load_model` reports what is wrong with the file
    if is_system:
        from mediaeval.finetune.model import load_system  # only where it is one: it imports torchvision

        return load_system(path, task, device)
    from mediaeval.classifiers.model import load_model  # only here: it imports torch

    return load_model(path, task)
