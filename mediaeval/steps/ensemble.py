"""Making one run of several: their probabilities averaged, or their votes counted, subtask by subtask.

The new run names its members and takes their models from their folders; `predict`, `submit` and
all else treat it as any run. A subtask that one member alone holds is taken from it, so that a run on features and one
of a system can send one file.
"""

import shutil
from pathlib import Path
from typing import Any

import tomli_w

from mediaeval.config import Config, EnsembleSection, SubtaskSection
from mediaeval.data.dataset import load_dataset
from mediaeval.errors import DatasetError, RunFolderError
from mediaeval.files import folder_atomically, write_atomically
from mediaeval.runs import RunFolder, versions, write_json
from mediaeval.steps.fitting import Fitted, scored
from mediaeval.steps.models import ENSEMBLE, EnsembleModel, Member
from mediaeval.steps.record import read_config
from mediaeval.steps.tables import read_probabilities
from submission.tasks import TASKS, Subtask

_SAME = {"images": "dev images", "left_out": "left-out images", "header": "header"}  # of manifests


def make_ensemble(
    members: list[RunFolder], run: RunFolder, *, how: str = "mean", replace: bool = False, command: str = ""
) -> list[Fitted]:
    """Write `run`, made of `members`, and return its subtasks, scored on the validation images.

    Thresholds: the mean of the members', or in a vote more than half of the votes (the mean probability where they are
    equal). Raises RunFolderError when members were made from other images, splits or features, when `run` is there
    already, or is a member; DatasetError when the dev set, whose labels are scored, is not there.
    """
    _require_room(members, run, replace)
    configs = {member.name: read_config(member) for member in members}
    manifests = {member.name: member.read(member.manifest) for member in members}
    extractors = _require_alike(members, configs, manifests)
    dev = Path(configs[members[0].name].data.dev)
    if not dev.exists():
        raise DatasetError(f"The ensemble is scored on the dev set, and {dev} is not there. Put it back.")
    dataset = load_dataset(dev)
    fitted = []
    for name, task in TASKS.items():
        if holding := [member for member in members if name in member.subtasks]:
            fitted.append(_combined(task, holding, how, dataset.labels(name)))

    first = configs[members[0].name]
    sections = {one.task.name: SubtaskSection(ensemble=EnsembleSection(**one.settings["ensemble"])) for one in fitted}
    features = first.features.model_copy(update={"use": list(extractors), "engine": _engine(configs)})
    known = {name: entry for config in configs.values() for name, entry in config.extractors.items()}
    config = first.model_copy(update=sections | {"features": features, "extractors": known})
    manifest = manifests[members[0].name] | {
        "command": command,
        "versions": versions(),
        "extractors": extractors,
    }
    with run.lock(), folder_atomically(run.path) as folder:
        new = RunFolder(folder)
        if run.run_csv.exists():
            shutil.copy2(run.run_csv, new.superseded)
        for one in fitted:
            new.subtask(one.task.name).mkdir()
            one.write(new.subtask(one.task.name), run.name)
        write_atomically(new.config, tomli_w.dumps(config.model_dump(mode="json", exclude_none=True)).encode())
        shutil.copy2(members[0].split, new.split)
        write_json(new.manifest, manifest)
    return fitted


def _require_room(members: list[RunFolder], run: RunFolder, replace: bool) -> None:
    names = [member.name for member in members]
    if len(names) < 2 or len(set(names)) < len(names):
        raise RunFolderError("an ensemble is made of two or more runs, each once: ensemble first second --run both.")
    if run.name in names:
        raise RunFolderError(f"--run {run.name}: it is one of the members. Give the ensemble a name of its own.")
    if run.path.exists() and not replace:
        raise RunFolderError(f"{run.path} is there already. Give another name with --run, or pass --replace.")


def _require_alike(
    members: list[RunFolder], configs: dict[str, Config], manifests: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the extractors that the members read, as a manifest has them.

    Raises RunFolderError, with all that differs, for runs whose answers do not belong together.
    """
    first, problems = members[0], []
    extractors: dict[str, Any] = {}
    for member in members:
        manifest = manifests[member.name]
        differing = [words for key, words in _SAME.items() if manifest[key] != manifests[first.name][key]]
        if member.split.read_bytes() != first.split.read_bytes():
            differing.append("split")
        for name, about in manifest["extractors"].items():
            if extractors.setdefault(name, about) != about:
                differing.append(f"extractor '{name}'")
        if differing:
            problems.append(f"{first.name} and {member.name} have another {', another '.join(differing)}.")
    if problems:
        split = f"mediaeval train all --split {first.split} --run NAME"
        raise RunFolderError(
            *problems,
            "What one was trained on, another would be scored on. Train the runs on one dev set, one split and one set "
            f"of features: {split}.",
        )
    return extractors


def _engine(configs: dict[str, Config]) -> str:
    """Return the engine that the members' extractors are computed by; those without extractors have none."""
    return next((config.features.engine for config in configs.values() if config.features.use), "auto")


def _combined(task: Subtask, members: list[RunFolder], how: str, labels: Any) -> Fitted:
    """Return one subtask of the ensemble, from what the members said of the validation images."""
    abouts = [member.read(member.subtask(task.name) / "subtask.json") for member in members]
    parts = tuple(
        Member(member.name, about["models"], about["thresholds"]) for member, about in zip(members, abouts, strict=True)
    )
    model = EnsembleModel(task, how, parts)
    tables = [read_probabilities(member.subtask(task.name) / "validation.csv", task) for member in members]
    ids = list(tables[0].index)
    probabilities = model.combine([table.loc[ids, list(task.labels)] for table in tables])
    if how == "mean":
        thresholds = [sum(part.thresholds[label] for part in parts) / len(parts) for label in task.labels]
    else:
        thresholds = [0.5] * len(task.labels)
    sides = labels.loc[[i for i in labels.index if i not in set(ids)]]
    return scored(
        task,
        settings={"ensemble": {"how": how, "members": [part.run for part in parts]}, "threshold": 0.5},
        scale=abouts[0]["scale"],
        models={ENSEMBLE: model},
        probabilities=probabilities,
        truth=labels.loc[ids],
        thresholds=thresholds,
        prior=sides.mean(),
        n_train=abouts[0]["images"]["train"],
    )
