"""What probe and explain share: a run's trained system, or its classifier on features."""

from dataclasses import dataclass

from mediaeval.answers.learned import SCORES, form
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.errors import RunFolderError
from mediaeval.finetune.model import SystemModel
from mediaeval.runs import RunFolder
from mediaeval.steps.models import EnsembleModel
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Subtask, Task
from submission.wording import both


@dataclass(frozen=True)
class InspectableRun:
    """A run's system of one subtask, the split model, in evaluation mode on the run's device."""

    run: TrainedRun
    subtask: Subtask
    system: SystemModel


@dataclass(frozen=True)
class FeatureRun:
    """A run's classifier of one subtask on features: the split model."""

    run: TrainedRun
    subtask: Subtask
    model: SubtaskModel


def open_explainable(
    folder: RunFolder, task: Task, subtask_name: str | None, device: str
) -> InspectableRun | FeatureRun:
    """Return the system, or the classifier on features, of a run; for None of its first subtask.

    Raises RunFolderError for a subtask that is not in the run, or is an ensemble.
    """
    run = TrainedRun.open(folder, task, device, of_split=True)
    subtask = run.chosen_subtask(subtask_name)
    model = run.model(subtask)
    if isinstance(model, EnsembleModel):
        names = [member.run for member in model.members]
        raise RunFolderError(f"{run.model_file(subtask)} is an ensemble of {both(names)}. Inspect its runs one by one.")
    if isinstance(model, SystemModel):
        return InspectableRun(run, subtask, model)
    assert isinstance(model, SubtaskModel), "a model is an ensemble, a system or a classifier on features"
    return FeatureRun(run, subtask, model)


def open_inspectable(folder: RunFolder, task: Task, subtask_name: str | None, device: str) -> InspectableRun:
    """Return the system that was trained in a run; for None of its first subtask.

    Raises RunFolderError as `open_explainable` does, and for a subtask that was not trained end to end.
    """
    opened = open_explainable(folder, task, subtask_name, device)
    if isinstance(opened, InspectableRun):
        return opened
    name, path = opened.subtask.name, opened.run.model_file(opened.subtask)
    remedy = f"Train a system: mediaeval train {name} --system timm --run NEW."
    if form(opened.subtask) == SCORES:
        remedy = f"The answers of {name} are scores, which no system learns: look at a subtask of labels."
    raise RunFolderError(f"{path} was trained on features, so there is no network to inspect. {remedy}")
