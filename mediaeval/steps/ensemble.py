"""Making one run of several: their probabilities averaged, or their votes counted, subtask by subtask.

The new run names its members and takes their models from their folders; `predict`, `submit` and all else treat it as
any run. A subtask that one member alone holds is taken from it, so that a run on features and one of a system can send
one file.
"""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Literal

import pandas as pd
import tomli_w

from mediaeval.answers.learned import is_numeric
from mediaeval.config import EnsembleSection, FeaturesSection, SubtaskSection
from mediaeval.data.dataset import load_dataset
from mediaeval.data.split import read_split
from mediaeval.errors import DatasetError, RunFolderError, first_few
from mediaeval.files import write_atomically
from mediaeval.records import ByHand, EnsembleMember, ExtractorRecord, SubtaskRecord
from mediaeval.runs import RunFolder, open_run, versions, write_record
from mediaeval.steps.fitting import TrainedSubtask, scored
from mediaeval.steps.models import ENSEMBLE, EnsembleModel
from mediaeval.steps.out_of_fold import FILE as OUT_OF_FOLD
from mediaeval.steps.out_of_fold import FOLD, GROUP, OutOfFold
from mediaeval.steps.scoring import value
from mediaeval.steps.tables import F1_TOLERANCE, answered, rows_of
from mediaeval.steps.trained_run import TrainedRun
from mediaeval.steps.validation_file import FILE as VALIDATION
from mediaeval.tasks import write_task
from submission.task import Subtask, Task
from submission.wording import both, quoted

logger = logging.getLogger(__name__)


def make_ensemble(
    folders: list[RunFolder],
    run: RunFolder,
    task: Task,
    *,
    how: Literal["mean", "vote"] = "mean",
    replace: bool = False,
    command: str = "",
) -> list[TrainedSubtask]:
    """Write `run`, made of the runs in `folders`, and return its subtasks, scored as the runs were.

    That is out of fold, where all have such predictions, and on the validation images.

    Thresholds: the mean of the members', or in a vote half of the votes (see `EnsembleModel`). Raises RunFolderError
    when members were made from other images, splits or features, when `run` is there already, or a member is made of
    it; DatasetError when the dev set, whose labels are scored, is not there, or has other labels than in training.
    """
    _require_room(folders, run, task, replace)
    members = [TrainedRun.open(folder, task, of_split=True) for folder in folders]
    extractors, features = _require_alike(members)
    first = members[0]
    dev = Path(first.config.data.dev)
    if not dev.exists():
        raise DatasetError(f"The ensemble is scored on the dev set, and {dev} is not there. Put it back.")
    dataset = load_dataset(dev, task)
    trained = []
    for subtask in task.subtasks:
        name = subtask.name
        if holding := [member for member in members if name in member.records]:
            subtask = holding[0].task[name]
            if how == "vote" and len(holding) > 1 and is_numeric(subtask):
                raise RunFolderError(
                    f"--how vote: {name} asks for numbers, and votes are counted for labels. Average them: --how mean."
                )
            require_same_labels(subtask, holding, dataset.labels(name))
            trained.append(_combined(subtask, holding, how if len(holding) > 1 else "mean", dataset.labels(name)))

    sections = {one.task.name: SubtaskSection(ensemble=EnsembleSection(**one.settings["ensemble"])) for one in trained}
    features = features.model_copy(update={"use": list(extractors)})
    known = {name: entry for member in members for name, entry in member.config.extractors.items()}
    config = first.config.with_subtasks(sections).model_copy(update={"features": features, "extractors": known})
    manifest = replace_fields(first.manifest, command=command, versions=versions(), extractors=extractors)
    with run.lock(), run.rewritten(replaced=entries_of(run), anew=True) as new:
        if run.run_csv.exists():
            shutil.copy2(run.run_csv, new.superseded)
        for one in trained:
            new.subtask(one.task.name).mkdir()
            one.write(new.subtask(one.task.name), run.name)
        write_atomically(new.config, tomli_w.dumps(config.to_dict()).encode())
        write_task(new.path, task)
        shutil.copy2(first.folder.split, new.split)
        write_record(new.path, manifest)
    for warning in (warning for one in trained for warning in one.warnings):
        logger.warning(warning)
    return trained


def entries_of(run: RunFolder) -> list[str]:
    """Return the names of all that a run folder holds."""
    return [path.name for path in run.path.iterdir()] if run.path.is_dir() else []


def _require_room(folders: list[RunFolder], run: RunFolder, task: Task, replace: bool) -> None:
    names = [folder.name for folder in folders]
    if len(names) < 2 or len(set(names)) < len(names):
        raise RunFolderError("an ensemble is made of two or more runs, each once: ensemble first second --run both.")
    if run.name in names:
        raise RunFolderError(f"--run {run.name}: it is one of the members. Give the ensemble a name of its own.")
    if elsewhere := [str(folder.path) for folder in folders if folder.runs_dir.resolve() != run.runs_dir.resolve()]:
        raise RunFolderError(
            f"{', '.join(elsewhere)}: an ensemble finds its members beside itself. Move them to {run.runs_dir}."
        )
    if run.name in {name for folder in folders for name in made_of(folder, task)}:
        raise RunFolderError(f"--run {run.name}: one of the members is made of it. Give the ensemble another name.")
    if run.path.exists() and not replace:
        raise RunFolderError(f"{run.path} is there already. Give another name with --run, or pass --replace.")


def _require_alike(members: list[TrainedRun]) -> tuple[dict[str, ExtractorRecord], FeaturesSection]:
    """Return the extractors that the members read, as a manifest has them, and the settings that these share.

    Raises RunFolderError, with all that differs, for runs whose answers do not belong together.
    """
    first, problems = members[0], []
    extractors: dict[str, ExtractorRecord] = {}
    for member in members:
        differing = list(_differences(first, member))
        for name, extractor in member.manifest.extractors.items():
            if (known := extractors.setdefault(name, extractor)) != extractor:
                differing.append(f"extractor '{name}' ({', '.join(_changed(known, extractor))})")
        if differing:
            problems.append(f"{first.name} and {member.name} differ in: {'; '.join(differing)}.")
    reading = {member.name: member.config.features for member in members if member.config.features.use}
    computed = {name: f"engine {f.engine}, decoder {f.decoder}" for name, f in reading.items()}
    if len(set(computed.values())) > 1:
        listed = "; ".join(f"{name}: {how}" for name, how in computed.items())
        problems.append(f"features were computed differently: {listed}.")
    if problems:
        raise RunFolderError(
            *problems,
            "What one was trained on, another would be scored on. Train the runs on one dev set, one split and one set "
            f"of features: mediaeval train all --split {first.folder.split} --run NAME.",
        )
    return extractors, next(iter(reading.values()), first.config.features)


def _differences(one: TrainedRun, other: TrainedRun) -> Iterator[str]:
    """Yield in words each thing that two runs must have been made from alike and were not."""
    a, b = one.manifest, other.manifest
    if a.images != b.images:
        common = a.images.keys() & b.images.keys()
        changed = sum(a.images[i] != b.images[i] for i in common)
        same = f"{len(common)} in both" + (f", {changed} of them with other bytes" if changed else "")
        yield f"dev images ({one.name}: {len(a.images)}, {other.name}: {len(b.images)}, {same})"
    if a.left_out != b.left_out:
        left = [f"{run.name}: {first_few(run.manifest.left_out) or 'none'}" for run in (one, other)]
        yield f"images left out ({', '.join(left)})"
    if a.header != b.header:
        columns = [f"{run.name}: {first_few(run.manifest.header, 20)}" for run in (one, other)]
        yield f"columns of the dev set ({'; '.join(columns)})"
    splits = [_sides(run).to_dict() for run in (one, other)]
    if splits[0] != splits[1]:
        common = splits[0].keys() & splits[1].keys()
        moved = sum(splits[0][i] != splits[1][i] for i in common)
        yield f"split ({moved} of {len(common)} images in both are on the other side)"


def _sides(run: TrainedRun) -> pd.Series:
    """Return the side of each image of a run, in the order of its dev set."""
    return read_split(run.folder.split, [i for i in run.manifest.images if i not in run.manifest.left_out])


def _changed(one: ExtractorRecord, other: ExtractorRecord) -> list[str]:
    """Return in words what differs between two records of an extractor: `version 1 and 2`."""
    a, b = ({"width": record.width} | record.identity for record in (one, other))
    return [f"{key} {quoted(a.get(key))} and {quoted(b.get(key))}" for key in a | b if a.get(key) != b.get(key)]


def made_of(folder: RunFolder, task: Task, seen: tuple[str, ...] = ()) -> set[str]:
    """Return the names of all runs that a run is made of, directly or not."""
    found: set[str] = set()
    if folder.name in seen:
        raise RunFolderError(f"{folder.path} is an ensemble that is part of itself: make it again, with --replace.")
    for name in folder.subtasks(task):
        if (folder.subtask(name) / ENSEMBLE).is_file():
            for member in folder.read_ensemble(name).members:
                member_of = open_run(member.run, folder.runs_dir)
                found |= {member.run} | made_of(member_of, task, (*seen, folder.name))
    return found


def require_same_labels(subtask: Subtask, members: list[TrainedRun], labels: pd.DataFrame) -> None:
    """Raise DatasetError when the dev set's labels are not those that a member was scored with."""
    for member in members:
        record = member.records[subtask.name]
        table = member.validation(subtask)
        answers = [("on the validation images", table, member.labels(subtask, table), record.score.value)]
        of_all, of_folds = member.out_of_fold_labels(subtask), member.out_of_fold(subtask)
        if record.out_of_fold and of_all is not None and of_folds is not None:
            answers.append(("out of fold", of_folds, of_all, record.out_of_fold.f1))
        for where, outputs, decided, expected in answers:
            truth = labels.reindex(decided.index)
            score = 0.0
            if not truth.isna().any(axis=None):
                score = value(subtask, truth.to_numpy(labels.dtypes.iloc[0]), answered(subtask, outputs, decided))
            if abs(score - expected) > F1_TOLERANCE:
                raise DatasetError(
                    f"{member.folder.path}: with the dev set's present labels, {subtask.name} scores {score:.6f} "
                    f"{where}, in training {expected:.6f}: the labels have changed. Put them back, or train the run "
                    "again."
                )


def _combined(
    subtask: Subtask, members: list[TrainedRun], how: Literal["mean", "vote"], labels: pd.DataFrame
) -> TrainedSubtask:
    """Return one subtask of the ensemble, from the members' probabilities of the validation images."""
    records = [member.records[subtask.name] for member in members]
    parts = tuple(
        EnsembleMember(member.name, record.models, record.thresholds)
        for member, record in zip(members, records, strict=True)
    )
    model = EnsembleModel(subtask, how, parts)
    tables = [member.validation(subtask) for member in members]
    ids = list(tables[0].index)
    whose = [str(member.folder.subtask(subtask.name) / VALIDATION) for member in members]
    rows = [rows_of(table, ids, where)[list(subtask.labels)] for table, where in zip(tables, whose, strict=True)]
    probabilities = model.combine(rows)
    first = members[0]
    sides = _sides(first)
    if set(ids) != set(sides.index[sides == "val"]):
        raise RunFolderError(
            f"{first.folder.split}: its validation images are not those of {subtask.name}/validation.csv. Train the "
            "run again."
        )
    if absent := [i for i in sides.index if i not in labels.index]:
        raise DatasetError(f"the dev set lacks {len(absent)} images of {first.folder.path} ({first_few(absent)}).")
    return scored(
        subtask,
        settings={"ensemble": {"how": how, "members": [part.run for part in parts]}, "threshold": 0.5},
        scale=records[0].scale,
        models={ENSEMBLE: model},
        probabilities=probabilities,
        truth=labels.loc[ids],
        thresholds=_thresholds(model),
        prior=labels.loc[list(sides.index[sides == "train"])].mean(),
        n_train=records[0].n_train,
        out_of_fold=_out_of_fold(subtask, members, how, labels),
        by_hand=_by_hand(records),
    )


def _by_hand(records: list[SubtaskRecord]) -> ByHand | None:
    """Return whose thresholds were chosen by hand: the ensemble decides by them, too."""
    chosen = [record.by_hand for record in records if record.by_hand]
    if not chosen:
        return None
    return replace_fields(chosen[0], labels=tuple(dict.fromkeys(label for one in chosen for label in one.labels)))


def _thresholds(model: EnsembleModel) -> list[float]:
    """Return a threshold for each label: the mean of the members', in a vote half of the votes; none of numbers."""
    labels, members = model.task.labels, model.members
    if is_numeric(model.task):
        return []
    if model.how == "vote":
        return [0.5] * len(labels)
    return [sum(member.thresholds[label] for member in members) / len(members) for label in labels]


def _out_of_fold(
    subtask: Subtask, members: list[TrainedRun], how: Literal["mean", "vote"], labels: pd.DataFrame
) -> OutOfFold | None:
    """Return the ensemble's out-of-fold predictions, each fold by the members' thresholds of that fold.

    None where a member has none, or they were made in other folds.
    """
    records = [record for member in members if (record := member.records[subtask.name].out_of_fold)]
    if lacking := [member.name for member in members if member.records[subtask.name].out_of_fold is None]:
        if records:
            logger.info(
                f"{subtask.name}: {both(lacking)} {'has' if len(lacking) == 1 else 'have'} no out-of-fold predictions, "
                "so the ensemble is scored on the validation images alone. To score it on all dev images, train again "
                f"with --folds {records[0].folds}."
            )
        return None
    tables = [table for member in members if (table := member.out_of_fold(subtask)) is not None]
    first, ids = tables[0], list(tables[0].index)
    folded = [list(first[FOLD].items()), list(first[GROUP])]
    for member, table in zip(members, tables, strict=True):
        rows = rows_of(table, ids, str(member.folder.subtask(subtask.name) / OUT_OF_FOLD))
        if [list(rows[FOLD].items()), list(rows[GROUP])] != folded:
            logger.info(
                f"{subtask.name}: {members[0].name} and {member.name} have other folds, so the ensemble is scored on "
                "the validation images alone. Train them with the same [split] folds and groups."
            )
            return None
    parts, thresholds = [], []
    for fold in range(records[0].folds):
        of_fold = (
            EnsembleMember(member.name, {}, record.thresholds[fold])
            for member, record in zip(members, records, strict=True)
        )
        model = EnsembleModel(subtask, how, tuple(of_fold))
        held_out = first.index[first[FOLD] == fold]
        parts.append(model.combine([table.loc[held_out, list(subtask.labels)] for table in tables]))
        thresholds.append(_thresholds(model))
    combined = pd.concat(parts).loc[ids].assign(**{FOLD: first[FOLD], GROUP: first[GROUP]})
    truth = rows_of(labels, ids, "the dev set")
    baselines, n_new = records[0].baselines, records[0].n_new
    return OutOfFold.scored(subtask, combined, truth, thresholds, baselines=baselines, n_new=n_new)
