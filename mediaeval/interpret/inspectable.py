"""What probe and explain share: a run's trained system, with all that it reads beside pixels."""

from dataclasses import dataclass

from mediaeval.answers.learned import SCORES, form
from mediaeval.errors import RunFolderError
from mediaeval.finetune.model import SystemModel
from mediaeval.runs import RunFolder
from mediaeval.steps.models import EnsembleModel
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Subtask, Task


@dataclass(frozen=True)
class InspectableRun:
    """A run's system of one subtask, the split model, in evaluation mode on the run's device."""

    run: TrainedRun
    subtask: Subtask
    system: SystemModel


def open_inspectable(folder: RunFolder, task: Task, subtask_name: str | None, device: str) -> InspectableRun:
    """Return the system that was trained in a run; for None of its first subtask.

    Raises RunFolderError for a subtask that is not in the run, or was not trained end to end.
    """
    run = TrainedRun.open(folder, task, device, of_split=True)
    subtask = run.chosen_subtask(subtask_name)
    name = subtask.name
    path, model = run.model_file(subtask), run.model(subtask)
    if isinstance(model, EnsembleModel):
        raise RunFolderError(f"{path} is an ensemble. Inspect its runs one by one.")
    if not isinstance(model, SystemModel):
        remedy = f"Train a system: mediaeval train {name} --system timm --run NEW."
        if form(subtask) == SCORES:
            remedy = f"The answers of {name} are scores, which no system learns: look at a subtask of labels."
        raise RunFolderError(f"{path} was trained on features, so there is no network to inspect. {remedy}")
    return InspectableRun(run, subtask, model)
