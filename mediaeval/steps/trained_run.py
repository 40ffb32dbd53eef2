"""A run that was trained, opened once for whatever is done with it: predicting, proving, comparing, looking inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mediaeval.answers.learned import is_numeric, learned_task
from mediaeval.answers.written import answers_of
from mediaeval.calibration.calibration import Calibration
from mediaeval.calibration.kept import read_calibration
from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.devices import resolve_device
from mediaeval.digests import RUN_CSV, TEST, changed_files
from mediaeval.errors import FeaturesError, RunFolderError, WeightsError, choose, first_few
from mediaeval.features.build import build
from mediaeval.features.extract import Features, extract
from mediaeval.features.extractors import THUMBNAIL
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.images import Images
from mediaeval.features.store import FeatureStore
from mediaeval.files import file_digest
from mediaeval.records import EnsembleMember, RunManifest, SubtaskRecord
from mediaeval.runs import RunFolder, open_run
from mediaeval.steps.models import ENSEMBLE, FIT, REFIT, EnsembleModel, Model, load_trained
from mediaeval.steps.out_of_fold import FILE as OUT_OF_FOLD
from mediaeval.steps.out_of_fold import decide_by_fold, read_out_of_fold
from mediaeval.steps.prepare import build_networks, features_of
from mediaeval.steps.run_config import read_config
from mediaeval.steps.tables import FALLBACK, MODEL, SOURCE, answered, decide, read_probabilities
from mediaeval.steps.validation_file import FILE as VALIDATION
from mediaeval.tasks import require_task
from submission.task import Header, Label, Subtask, Task

PREDICTED = (TEST, RUN_CSV)  # what is made with a run, by predict and submit


class Change(NamedTuple):
    """Something that is not what the run recorded, in words, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True)
class TrainedRun:
    """A run as it was trained.

    Configuration and records are read at once. Networks and models are loaded when they are first asked for, so that
    runs can be compared, combined and submitted where their weights are not at hand.

    records   subtask → how it was trained, in the task's order
    of_split  whether models are the split models, which never saw the validation images, in place of those trained
              on the whole dev set
    checked   whether networks and models must be those that were recorded; without, `changed_networks` and
              `changed_models` report what differs, and it is used all the same
    part_of   the ensembles through which it was opened, by name
    """

    folder: RunFolder
    task: Task
    config: Config
    manifest: RunManifest
    records: Mapping[str, SubtaskRecord]
    device: str
    of_split: bool = False
    checked: bool = True
    part_of: tuple[str, ...] = ()
    _models: dict[str, Model] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(
        cls,
        folder: RunFolder,
        task: Task,
        device: str = "cpu",
        *,
        of_split: bool = False,
        checked: bool = True,
        part_of: tuple[str, ...] = (),
    ) -> "TrainedRun":
        """Open a run folder of a task. `device`: auto, cpu, cuda or cuda:N, where its networks and models compute.

        Raises RunFolderError for a run that is half written, is of another task, holds no subtask of the task, has
        records that do not fit the task or is part of itself, or, when `checked`, whose files are not those that were
        recorded; ConfigError for a device that is not there.
        """
        if folder.name in part_of:
            raise RunFolderError(f"{folder.path} is an ensemble that is part of itself: make it again, with --replace.")
        manifest = folder.read_manifest()
        require_task(folder.path, task)
        records = {name: folder.read_subtask(name) for name in folder.subtasks(task)}
        if not records:
            raise RunFolderError(
                f"{folder.path} holds no subtask of {task.name} ({', '.join(task.names)}). Was it trained for another "
                "task?"
            )
        config = read_config(folder, task)
        task = learned_task(task, {name: tuple(record.prior) for name, record in records.items()})
        if checked:
            folder.require_unchanged(manifest, leave_out=PREDICTED)
        if problems := [problem for name, record in records.items() for problem in _misfits(record, task[name])]:
            problems = [f"{folder.path}: {problem}" for problem in problems]
            raise RunFolderError(*problems, f"Train again: {folder.retrain}.")
        return cls(folder, task, config, manifest, records, resolve_device(device), of_split, checked, part_of)

    @property
    def name(self) -> str:
        return self.folder.name

    def require_current(self) -> None:
        """Raise RunFolderError when another command has changed the run since it was opened; call it under its lock.

        A run file that was submitted meanwhile does not count.
        """
        now = self.folder.read_manifest()
        before, after = (replace(one, files=_but_run_file(one.files)) for one in (self.manifest, now))
        if before != after:
            raise RunFolderError(
                f"{self.folder.path} was changed by another command while this one was at work; nothing was written. "
                "Run this command again."
            )

    @property
    def subtasks(self) -> tuple[Subtask, ...]:
        """The subtasks that it was trained for, in the task's order."""
        return tuple(self.task[name] for name in self.records)

    def chosen_subtask(self, name: str | None) -> Subtask:
        """Return the subtask with a name; for None the run's first.

        Raises ConfigError for a name that the task does not have, RunFolderError for a subtask that is not in the run.
        """
        name = name or next(iter(self.records))
        choose("subtask", name, self.task.names)
        if name not in self.records:
            raise RunFolderError(f"{self.folder.path} holds no {name} (it has: {', '.join(self.records)}).")
        return self.task[name]

    @property
    def header(self) -> Header:
        """The header of a run file of all of the task's subtasks."""
        return Header.complete(self.task, self.manifest.header)

    def thresholds(self, subtask: Subtask) -> list[float]:
        """Return a threshold per label, in the order of the labels, 0..1; none where answers are numbers."""
        return _in_order(subtask, self.records[subtask.name].thresholds)

    def validation(self, subtask: Subtask) -> pd.DataFrame:
        """Return the split model's probabilities of the validation images, ids × labels, and their source."""
        file = self.folder.subtask(subtask.name) / VALIDATION
        return read_probabilities(file, subtask, remedy=f"Train it again: {self.folder.retrain}.")

    def out_of_fold(self, subtask: Subtask) -> pd.DataFrame | None:
        """Return the out-of-fold predictions of every dev image; see `steps.out_of_fold`. None: there are none."""
        record = self.records[subtask.name].out_of_fold
        if record is None:
            return None
        file = self.folder.subtask(subtask.name) / OUT_OF_FOLD
        return read_out_of_fold(file, subtask, record.folds, remedy=f"Train it again: {self.folder.retrain}.")

    def out_of_fold_labels(self, subtask: Subtask) -> pd.DataFrame | None:
        """Return the labels that the out-of-fold predictions come to, 0/1: dev ids × labels. None: there are none."""
        table, record = self.out_of_fold(subtask), self.records[subtask.name].out_of_fold
        if table is None or record is None:
            return None
        thresholds = [_in_order(subtask, of_fold) for of_fold in record.thresholds]
        return decide_by_fold(subtask, table, thresholds)

    def calibration(self, subtask: Subtask) -> Calibration | None:
        """Return what makes its probabilities calibrated; None: see `steps.calibrated.why_uncalibrated`."""
        folder = self.folder.subtask(subtask.name)
        return read_calibration(folder, subtask, remedy=f"Train it again: {self.folder.retrain}.")

    # networks ---------------------------------------------------------------------------------------------------------

    @cached_property
    def networks(self) -> list[FeatureExtractor]:
        """The extractors that it reads, in the order in which their vectors are concatenated.

        Raises RunFolderError, FeaturesError or WeightsError when they are not those that the run was trained with, all
        differences at once; WeightsError when weights are absent.
        """
        networks = build_networks(self.config, self.device)
        recorded = self.manifest.extractors
        if list(recorded) != [network.name for network in networks]:
            raise RunFolderError(
                f"{self.folder.path}: run.toml and manifest.json name different extractors. Train the run again."
            )
        if self.checked:
            widths = [
                f"extractor '{n.name}' gives {n.width} numbers per image; the run was trained with "
                f"{recorded[n.name].width}."
                for n in networks
                if n.width != recorded[n.name].width
            ]
            if widths:
                raise FeaturesError(*widths, "Put the network and weights back, or train the run again.")
            if changed := self._changed_identities(networks):
                raise WeightsError(
                    *changed,
                    "Dev and test features must come from the same network. Put it back, or train the run again.",
                )
        return networks

    def changed_networks(self) -> list[str]:
        """Return in words what makes its networks other than those that were recorded."""
        return self._changed_identities(self.networks)

    def _changed_identities(self, networks: Sequence[FeatureExtractor]) -> list[str]:
        changed = []
        for network in networks:
            old = self.manifest.extractors[network.name].identity
            for key in sorted(old.keys() | network.identity.keys()):
                if old.get(key) != network.identity.get(key):
                    now = network.identity.get(key)
                    changed.append(f"extractor '{network.name}': {key} was {old.get(key)}, now {now}.")
        return changed

    def images(self, dataset: Dataset, *, skip_bad: bool = False, thumbnails: bool = False) -> Images:
        """Return a dataset's images with their features, computing what the run's feature store lacks.

        Raises FeaturesError naming every image that cannot be decoded; with `skip_bad` they are left out, and named in
        `features.failures`. `thumbnails`: with thumbnails as well, by which duplicates are found.
        """
        # without extractors nothing else would find out which images cannot be decoded
        thumbnails = thumbnails or not self.networks
        features = features_of(dataset, self.config, self.networks, skip_bad=skip_bad, thumbnails=thumbnails)
        return _with_features(dataset, features)

    def images_anew(self, dataset: Dataset, store: Path) -> Images:
        """Return images with features computed anew in the folder `store`; what cannot be decoded is left out."""
        networks = self.networks or [build("thumbnail", THUMBNAIL)]
        return _with_features(dataset, extract(dataset, networks, FeatureStore(store)))

    # models -----------------------------------------------------------------------------------------------------------

    def model_file(self, subtask: Subtask) -> Path:
        """Return the file of the model that predicts a subtask."""
        saved = self.records[subtask.name].models
        if ENSEMBLE in saved:
            name = ENSEMBLE
        else:
            name = FIT if self.of_split or REFIT not in saved else REFIT
        return self.folder.subtask(subtask.name) / name

    def model(self, subtask: Subtask) -> Model:
        """Return the model that predicts a subtask.

        Raises RunFolderError when it is not the one that was saved in training; WeightsError when it is absent or
        damaged.
        """
        if subtask.name not in self._models:
            if self.checked and (changed := self.changed_model(subtask)):
                raise RunFolderError(*(f"{change.what} {change.remedy}" for change in changed))
            self._models[subtask.name] = self._load(subtask)
        return self._models[subtask.name]

    def load_models(self) -> None:
        """Load every subtask's model, so that what is wrong with one is reported before features are computed."""
        for subtask in self.subtasks:
            self.model(subtask)

    def changed_model(self, subtask: Subtask) -> list[Change]:
        """Return what makes a subtask's model another than the one that was saved in training."""
        path, changed = self.model_file(subtask), []
        if path.is_file() and file_digest(path) != self.records[subtask.name].models.get(path.name):
            again = f"Train again: mediaeval train {subtask.name} --run {self.name} --replace."
            changed.append(Change(f"{path} is not the file that was saved in training.", again))
        for member, run in self._members(subtask):
            if run.records[subtask.name].models != member.models:
                what = f"{run.folder.path} was trained again since {self.folder.path} was made of it."
                changed.append(Change(what, "Make the ensemble again, with --replace."))
            damaged = changed_files(run.folder.path, run.manifest, leave_out=PREDICTED)
            changed += [Change(str(what), f"Put it back, or train again: {run.folder.retrain}.") for what in damaged]
            changed += run.changed_model(subtask)
        return changed

    def damaged_members(self) -> list[str]:
        """Return which files of the runs that an ensemble is made of are not those that were recorded, in words.

        An absent member does not count as damage: what was predicted with it can be submitted.
        """
        return _damaged_members(self.folder, self.task, {self.name})

    def _load(self, subtask: Subtask) -> Model:
        path = self.model_file(subtask)
        if path.name != ENSEMBLE:
            return load_trained(path, subtask, self.device)
        record = self.folder.read_ensemble(subtask.name)
        models = tuple(run.model(subtask) for _, run in self._members(subtask))
        return EnsembleModel(subtask, record.how, record.members, models)

    def _members(self, subtask: Subtask) -> list[tuple[EnsembleMember, "TrainedRun"]]:
        """Return the runs that a subtask is made of, () where it is not an ensemble's."""
        if ENSEMBLE not in self.records[subtask.name].models:
            return []
        members = []
        for member in self.folder.read_ensemble(subtask.name).members:
            try:
                folder = open_run(member.run, self.folder.runs_dir)
            except RunFolderError as error:
                made = f"{self.folder.path} is made of {member.run}. Put it back, or make the ensemble again."
                raise RunFolderError(*error.problems, made) from None
            # what changed in it is looked for through the ensemble
            run = TrainedRun.open(
                folder,
                self.config.task,
                self.device,
                of_split=self.of_split,
                checked=False,
                part_of=(*self.part_of, self.name),
            )
            if subtask.name not in run.records:
                raise RunFolderError(
                    f"{self.folder.path} is made of {folder.path}, which no longer holds {subtask.name}. Make the "
                    "ensemble again, with --replace."
                )
            members.append((member, run))
        return members

    # predictions ------------------------------------------------------------------------------------------------------

    def probabilities(self, images: Images, all_ids: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
        """Return subtask → probabilities, `all_ids` × labels, and a column `source`: the model, or the fallback.

        `all_ids` (without, those of `images`): an image of them that is not among `images` gets each label's share in
        the training data.
        """
        return {s.name: self._with_prior(s, images, images.ids if all_ids is None else all_ids) for s in self.subtasks}

    def _with_prior(self, subtask: Subtask, images: Images, all_ids: Sequence[str]) -> pd.DataFrame:
        """Return a table in the order of `all_ids`."""
        there = set(images.ids)
        known = images.some([i for i in all_ids if i in there])
        if known.ids:
            table = self.model(subtask).predict_proba(known).assign(**{SOURCE: MODEL})
        else:
            table = pd.DataFrame(columns=[*subtask.labels, SOURCE], index=pd.Index([], name="id"))
        absent = [i for i in all_ids if i not in table.index]
        if absent:
            row = self.records[subtask.name].prior | {SOURCE: FALLBACK}
            table = pd.concat([table, pd.DataFrame([row] * len(absent), index=absent)])
        return table.loc[list(all_ids)]

    def labels(self, subtask: Subtask, probabilities: pd.DataFrame) -> pd.DataFrame:
        """Return the labels that probabilities lead to, 0/1: ids × labels; scores as they are written."""
        return decide(subtask, probabilities, self.thresholds(subtask))

    def answers(self, subtask: Subtask, probabilities: pd.DataFrame) -> dict[str, Label]:
        """Return image id → answer, as a run file has it, that probabilities or scores lead to."""
        labels = self.labels(subtask, probabilities)
        outputs, decisions = answered(subtask, probabilities, labels)
        return answers_of(subtask, list(labels.index), outputs, decisions, self.thresholds(subtask))


def _damaged_members(folder: RunFolder, task: Task, seen: set[str]) -> list[str]:
    """Return the damage in members of a run, and in theirs, but for those that were `seen`, which grows."""
    found = []
    for subtask in folder.subtasks(task):
        if not (folder.subtask(subtask) / ENSEMBLE).is_file():
            continue
        for member in folder.read_ensemble(subtask).members:
            if member.run in seen or not (folder.runs_dir / member.run).is_dir():
                continue
            seen.add(member.run)
            part = open_run(member.run, folder.runs_dir)
            found += [str(one) for one in changed_files(part.path, part.read_manifest(), leave_out=PREDICTED)]
            found += _damaged_members(part, task, seen)
    return found


def _misfits(record: SubtaskRecord, subtask: Subtask) -> list[str]:
    """Return why a record is not one of a subtask."""
    problems = []
    decided = set() if is_numeric(subtask) else set(subtask.labels)
    for k, thresholds in enumerate(record.out_of_fold.thresholds if record.out_of_fold else ()):
        if set(thresholds) != decided:
            problems.append(
                f"subtask.json of {subtask.name}: thresholds of fold {k}: expected a number for each label."
            )
    if record.subtask != subtask.name:
        problems.append(f"subtask.json of {subtask.name} is that of {record.subtask}.")
    for what, numbers, expected in (
        ("thresholds", record.thresholds, decided),
        ("fallback", record.prior, set(subtask.labels)),
    ):
        if set(numbers) != expected:
            got = first_few(numbers) or "none"
            problems.append(f"subtask.json of {subtask.name}: {what}: got {got}; expected a number for each label.")
    return problems


def _in_order(subtask: Subtask, thresholds: Mapping[str, float]) -> list[float]:
    return [] if is_numeric(subtask) else [thresholds[label] for label in subtask.labels]


def _but_run_file(files: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if files is None else {name: digest for name, digest in files.items() if name != RUN_CSV}


def _with_features(dataset: Dataset, features: Features) -> Images:
    ids = tuple(i for i in dataset.ids if i not in features.failures)
    return Images(ids, dataset.image_paths, features)
