"""Making one run of several: their probabilities averaged, or their votes counted, subtask by subtask.

The new run names its members and takes their models from their folders; `predict`, `submit` and all else treat it as
any run. A subtask that one member alone holds is taken from it, so that a run on features and one of a system can send
one file.
"""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w

from mediaeval.config import Config, EnsembleSection, FeaturesSection, SubtaskSection
from mediaeval.data.dataset import load_dataset
from mediaeval.data.split import read_csv_by_id
from mediaeval.errors import DatasetError, RunFolderError
from mediaeval.files import folder_atomically, write_atomically
from mediaeval.runs import RunFolder, open_run, versions, write_json
from mediaeval.steps.fitting import Fitted, scored
from mediaeval.steps.models import ENSEMBLE, EnsembleModel, Member
from mediaeval.steps.record import read_config
from mediaeval.steps.tables import F1_TOLERANCE, decide, read_probabilities
from submission.score import score_decisions
from submission.task import Subtask
from submission.tasks import TASKS

_SAME = {"images": "dev images", "left_out": "left-out images", "header": "header"}  # of manifests


def make_ensemble(
    members: list[RunFolder], run: RunFolder, *, how: str = "mean", replace: bool = False, command: str = ""
) -> list[Fitted]:
    """Write `run`, made of `members`, and return its subtasks, scored on the validation images.

    Thresholds: the mean of the members', or in a vote half of the votes (see `EnsembleModel`). Raises RunFolderError
    when members were made from other images, splits or features, when `run` is there already, or a member is made of
    it; DatasetError when the dev set, whose labels are scored, is not there, or has other labels than in training.
    """
    _require_room(members, run, replace)
    configs = {member.name: read_config(member) for member in members}
    manifests = {member.name: member.read(member.manifest) for member in members}
    extractors, features = _require_alike(members, configs, manifests)
    dev = Path(configs[members[0].name].data.dev)
    if not dev.exists():
        raise DatasetError(f"The ensemble is scored on the dev set, and {dev} is not there. Put it back.")
    dataset = load_dataset(dev)
    fitted = []
    for name, task in TASKS.items():
        if holding := [member for member in members if name in member.subtasks]:
            _require_same_labels(task, holding, dataset.labels(name))
            fitted.append(_combined(task, holding, how if len(holding) > 1 else "mean", dataset.labels(name)))

    first = configs[members[0].name]
    sections = {one.task.name: SubtaskSection(ensemble=EnsembleSection(**one.settings["ensemble"])) for one in fitted}
    features = features.model_copy(update={"use": list(extractors)})
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
    if run.name in {name for member in members for name in _made_of(member)}:
        raise RunFolderError(f"--run {run.name}: one of the members is made of it. Give the ensemble another name.")
    if run.path.exists() and not replace:
        raise RunFolderError(f"{run.path} is there already. Give another name with --run, or pass --replace.")


def _require_alike(
    members: list[RunFolder], configs: dict[str, Config], manifests: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], FeaturesSection]:
    """Return the extractors that the members read, as a manifest has them, and the settings that these share.

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
    reading = {name: config.features for name, config in configs.items() if config.features.use}
    how = {name: f"engine {f.engine}, decoder {f.decoder}" for name, f in reading.items()}
    if len(set(how.values())) > 1:
        problems.append(f"features were computed differently: {'; '.join(f'{n}: {h}' for n, h in how.items())}.")
    if problems:
        split = f"mediaeval train all --split {first.split} --run NAME"
        raise RunFolderError(
            *problems,
            "What one was trained on, another would be scored on. Train the runs on one dev set, one split and one set "
            f"of features: {split}.",
        )
    return extractors, next(iter(reading.values()), configs[first.name].features)


def _made_of(run: RunFolder) -> set[str]:
    """Return the names of all runs that a run is made of, directly or not."""
    found: set[str] = set()
    for subtask in run.subtasks:
        if (run.subtask(subtask) / ENSEMBLE).is_file():
            for member in run.read(run.subtask(subtask) / ENSEMBLE)["members"]:
                found |= {member["run"]} | _made_of(open_run(member["run"]))
    return found


def _require_same_labels(task: Subtask, members: list[RunFolder], labels: pd.DataFrame) -> None:
    """Raise DatasetError when the dev set's labels are not those that a member was scored with."""
    for member in members:
        about = member.read(member.subtask(task.name) / "subtask.json")
        table = read_probabilities(member.subtask(task.name) / "validation.csv", task)
        decided = decide(task, table, [about["thresholds"][label] for label in task.labels])
        truth = labels.reindex(table.index)
        score = 0.0 if truth.isna().any(axis=None) else _f1(task, truth, decided)
        wanted = about["validation"]["weighted_f1"]
        if abs(score - wanted) > F1_TOLERANCE:
            raise DatasetError(
                f"{member.path}: with the dev set's labels of now, {task.name} scores {score:.6f} on the validation "
                f"images, in training {wanted:.6f}: the labels have changed. Put them back, or train the run again."
            )


def _f1(task: Subtask, truth: pd.DataFrame, decided: pd.DataFrame) -> float:
    return score_decisions(task, truth.to_numpy(int), decided.to_numpy(), resamples=1).weighted_f1


def _combined(task: Subtask, members: list[RunFolder], how: str, labels: pd.DataFrame) -> Fitted:
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
    sides = read_csv_by_id(members[0].split)["side"]
    return scored(
        task,
        settings={"ensemble": {"how": how, "members": [part.run for part in parts]}, "threshold": 0.5},
        scale=abouts[0]["scale"],
        models={ENSEMBLE: model},
        probabilities=probabilities,
        truth=labels.loc[ids],
        thresholds=thresholds,
        prior=labels.loc[list(sides.index[sides == "train"])].mean(),
        n_train=abouts[0]["images"]["train"],
    )
