"""Fitting one subtask: the model of the 80 %, its thresholds, what it says of the 20 %, and the model of everything."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.thresholds import out_of_fold, tune_thresholds
from mediaeval.config import Config
from mediaeval.features.extract import Features
from mediaeval.features.network import Network
from mediaeval.files import file_digest, write_atomically
from mediaeval.progress import progress
from mediaeval.reports.plots import plot_confusion, plot_curves
from mediaeval.runs import write_json
from mediaeval.steps.tables import MODEL, SOURCE, decide, write_probabilities
from submission.score import SubtaskScore, score_decisions
from submission.tasks import Subtask

FIT, REFIT = "model.safetensors", "refit.safetensors"
TUNING_FOLDS = 5  # parts of the training data for out-of-fold thresholds


@dataclass(frozen=True)
class TrainingData:
    """The inputs of one subtask: labels (ids × labels) and features, found by image id."""

    task: Subtask
    labels: pd.DataFrame
    features: Features
    networks: list[Network]
    sides: pd.Series
    groups: list[str]  # in the order of `labels`

    @property
    def blocks(self) -> dict[str, int]:
        """Extractor name → width, in the order of concatenation."""
        return {network.name: network.width for network in self.networks}

    def ids(self, side: str) -> list[str]:
        return list(self.sides.index[self.sides == side])

    def X(self, ids: list[str]) -> np.ndarray:
        return self.features.matrix(list(self.blocks), ids)

    def views(self, ids: list[str], n_views: int) -> np.ndarray | None:
        return self.features.views(list(self.blocks), ids, n_views) if n_views else None


@dataclass(frozen=True)
class Fitted:
    """One trained subtask, and how it did on the validation images; F1 is 0..1."""

    task: Subtask
    settings: dict  # the subtask's section of the configuration
    scale: str
    model: SubtaskModel
    refitted: SubtaskModel | None
    probabilities: pd.DataFrame  # of the validation images
    truth: pd.DataFrame
    predicted: pd.DataFrame
    thresholds: list[float]  # one a label
    prior: dict[str, float]  # share of each label in the training data: what an image without features gets
    score: SubtaskScore
    baselines: dict[str, float]  # what is always said → weighted F1 of it
    n_train: int

    def summary(self) -> dict:
        """What the run folder and `--json` tell of the subtask."""
        return {
            "subtask": self.task.name,
            **self.settings,
            "scale": self.scale,
            "blocks": self.model.blocks,
            "thresholds": dict(zip(self.task.labels, self.thresholds, strict=True)),
            "fallback": self.prior,
            "images": {"train": self.n_train, "val": len(self.truth), "refit": self.refitted is not None},
            "validation": self.score.as_json() | {"baselines": self.baselines},
        }

    def write(self, folder: Path, run_name: str) -> None:
        """Write models, validation probabilities, history, pictures and subtask.json into a folder."""
        self.model.save(folder / FIT)
        if self.refitted:
            self.refitted.save(folder / REFIT)
        digests = {name: file_digest(folder / name) for name in (FIT, REFIT) if (folder / name).exists()}
        write_probabilities(folder / "validation.csv", self.probabilities.assign(**{SOURCE: MODEL}))
        if history := self.model.estimator.history_:
            table = pd.DataFrame(history).to_csv(index=False, lineterminator="\n")
            write_atomically(folder / "history.csv", table.encode())
            plot_curves(folder / "curves.svg", history, f"{run_name}: {self.task.name}", self.baselines)
        short = [self.task.short(label) for label in self.task.labels]
        title = f"{run_name}: {self.task.name}, validation"
        plot_confusion(
            folder / "confusion.svg",
            self.truth.to_numpy(),
            self.predicted.to_numpy(),
            short,
            title,
            multi_label=self.task.multi_label,
        )
        write_json(folder / "subtask.json", self.summary() | {"models": digests})


def fit_subtask(data: TrainingData, config: Config, *, refit: bool, device: str) -> Fitted:
    """Fit on the training side, score on the validation side, and fit once more on both unless `refit` is off.

    The validation side chooses nothing: epochs are fixed beforehand, and tuned thresholds come from the training side.
    """
    task, settings = data.task, config.subtask(data.task.name)
    name = settings.classifier["name"]
    params = {key: value for key, value in settings.classifier.items() if key != "name"}
    blank = SubtaskModel(task, name, params, data.blocks, config.features.scale, config.seed, device)
    train_ids, val_ids = data.ids("train"), data.ids("val")

    model = _fit(blank, data, train_ids, settings.augment, f"{task.name}, {name}", val_ids)
    if task.multi_label and settings.threshold == "tuned":
        thresholds = _tune(blank, data, train_ids, settings.augment, config.seed)
    else:
        thresholds = [0.5 if settings.threshold == "tuned" else settings.threshold] * len(task.labels)

    probabilities = model.predict_proba(data.X(val_ids), val_ids)
    truth, predicted = data.labels.loc[val_ids], decide(task, probabilities, thresholds)
    prior = data.labels.loc[train_ids].mean()
    every = list(data.labels.index)
    return Fitted(
        task=task,
        settings=settings.model_dump() | {"classifier": {"name": name} | blank.chosen_params()},
        scale=config.features.scale,
        model=model,
        refitted=_fit(blank, data, every, settings.augment, f"{task.name}, {name}, whole dev set") if refit else None,
        probabilities=probabilities,
        truth=truth,
        predicted=predicted,
        thresholds=thresholds,
        prior={label: float(share) for label, share in prior.items()},
        score=score_decisions(task, truth.to_numpy(), predicted.to_numpy()),
        baselines=_baselines(task, prior, truth),
        n_train=len(train_ids),
    )


def _baselines(task: Subtask, prior: pd.Series, truth: pd.DataFrame) -> dict[str, float]:
    """Return the weighted F1 of saying the same of every image: what is common, or every label there is."""
    common = decide(task, prior.to_frame().T, [0.5] * len(task.labels)).to_numpy()  # the `dummy` classifier's answer
    answers = {"the most common": common}
    if task.multi_label:
        answers["every label"] = np.ones_like(common)
    Y = truth.to_numpy()
    return {
        said: score_decisions(task, Y, answer.repeat(len(Y), axis=0)).weighted_f1 for said, answer in answers.items()
    }


def _fit(
    blank: SubtaskModel, data: TrainingData, ids: list[str], n_views: int, title: str, val_ids: list[str] | None = None
) -> SubtaskModel:
    """Return a model like `blank`, fitted on `ids`; its history tells of `val_ids`, which change nothing."""
    validation = (data.X(val_ids), data.labels.loc[val_ids]) if val_ids else None
    with progress(title) as advance:

        def on_epoch(row: dict) -> None:
            f1 = f", validation F1 {row['val_f1']:.3f}" if row.get("val_f1") is not None else ""
            advance(row["epoch"] + 1, blank.estimator.epochs, f"loss {row['train_loss']:.4f}{f1}")

        return replace(blank).fit(
            data.X(ids), data.labels.loc[ids], views=data.views(ids, n_views), validation=validation, on_epoch=on_epoch
        )


def _tune(blank: SubtaskModel, data: TrainingData, ids: list[str], n_views: int, seed: int) -> list[float]:
    """Return a threshold a label, tuned on probabilities that no model gave for its own training images."""
    group_of = dict(zip(data.labels.index, data.groups, strict=True))
    Y = data.labels.loc[ids].to_numpy()
    with progress(f"{data.task.name}, thresholds, fold") as advance:
        P = out_of_fold(
            lambda: clone(blank.estimator),
            data.X(ids),
            Y,
            [group_of[i] for i in ids],
            views=data.views(ids, n_views),
            folds=TUNING_FOLDS,
            rng=np.random.default_rng(seed),
            scaler=blank.scaler,
            on_fold=advance,
        )
    return [float(t) for t in tune_thresholds(Y, P)]
