"""Probabilities that mean what they say: of images that got .7, seven in ten are as they were predicted.

Fitted on predictions of images that the models were not trained on. Classes have one temperature, with which the order
of the classes of an image stays as it is (Guo et al. 2017, "On calibration of modern neural networks", arXiv
1706.04599); each label that is decided for itself, and each probability, has a sigmoid of its logit whose slope is at
least 0 (Platt 1999, "Probabilistic outputs for support vector machines"). Scores are no probabilities, and have none.

Where there are few images, both are drawn towards the identity, which is what a label gets that no image has, or all;
and probabilities stay as they are unless a calibration of some of the images makes those of the others better by more
than the noise. How much was measured on photographs (docs/benchmarks.md).

n images, N labels.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import expit, logit, softmax

from mediaeval.answers.learned import CLASSES, SCORES, form
from mediaeval.classifiers.calibration import best_factor, best_sigmoid, class_targets, platt_targets, varies
from submission.task import Subtask

SMALLEST = 1e-6  # a probability counts as this at least, and 1 less this at most, so that its logit is finite
# Chosen on halves of photographs, of other divisions than those of the table in docs/benchmarks.md:
IDENTITY = 10.0  # as many groups with, or without, a label the identity counts as
ERRORS = 1.0  # by as many standard errors a calibration must be better than none
PARTS = 5  # of the groups, each calibrated by the others to tell whether that makes it better


@dataclass(frozen=True)
class Calibration:
    """What makes probabilities of a subtask calibrated: σ(slope · logit p + shift), or the softmax of slope · log p.

    kind      "temperature" of classes, whose slopes are all 1 / temperature and whose shifts are 0; or "platt"
    slopes    of each label, at least 0
    shifts    of each label, in logits
    identity  of each label, 0..1: how much it was drawn towards the identity
    n_images  those that it was fitted on
    """

    kind: Literal["temperature", "platt"]
    labels: tuple[str, ...]
    slopes: tuple[float, ...]
    shifts: tuple[float, ...]
    identity: tuple[float, ...]
    n_images: int

    @property
    def is_identity(self) -> bool:
        """Whether probabilities stay as they are."""
        return min(self.identity) == 1

    def apply(self, P: np.ndarray) -> np.ndarray:
        """Return probabilities, 0..1 (n, N), of P, 0..1 (n, N); those of classes sum to 1."""
        P = np.array(P, dtype=float)
        if self.is_identity:
            return P
        P = P.clip(SMALLEST, 1 - SMALLEST)
        if self.kind == "temperature":
            return np.asarray(softmax(self.slopes * np.log(P), axis=1))
        return np.asarray(expit(self.slopes * logit(P) + self.shifts)).clip(SMALLEST, 1 - SMALLEST)

    def to_dict(self) -> dict[str, Any]:
        """Return it as calibration.json holds it."""
        own: dict[str, Any] = {"kind": self.kind, "images": self.n_images}
        if self.kind == "temperature":
            return own | {"temperature": 1 / self.slopes[0], "identity": self.identity[0], "labels": list(self.labels)}
        each = zip(self.labels, self.slopes, self.shifts, self.identity, strict=True)
        return own | {"labels": {label: {"slope": a, "shift": b, "identity": share} for label, a, b, share in each}}

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "Calibration":
        """Return what `to_dict` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        labels = tuple(read["labels"])
        if read["kind"] == "temperature":
            numbers = [(1 / read["temperature"], 0.0, read["identity"])] * len(labels)
        elif read["kind"] == "platt":
            numbers = [(one["slope"], one["shift"], one["identity"]) for one in read["labels"].values()]
        else:
            raise ValueError(f"kind = {read['kind']!r}")
        slopes, shifts, identity = (tuple(map(float, column)) for column in zip(*numbers, strict=True))
        if not (np.isfinite(numbers).all() and min(slopes) >= 0 and min(identity) >= 0 and max(identity) <= 1):
            raise ValueError("expected finite numbers, slopes of 0 or more, and shares of 0 to 1")
        return cls(read["kind"], labels, slopes, shifts, identity, int(read["images"]))


def has_calibration(subtask: Subtask) -> bool:
    """Whether what a model puts out for a subtask are probabilities."""
    return form(subtask) != SCORES


def fit_calibration(
    subtask: Subtask,
    P: np.ndarray,
    Y: np.ndarray,
    groups: Sequence[Hashable] | None = None,
    *,
    identity: float = IDENTITY,
    errors: float = ERRORS,
) -> Calibration:
    """Return the calibration with the least log loss, drawn towards the identity where there are few images.

    That is the identity where a calibration of four fifths of the groups does not make the log loss of the others less
    by more than its standard error, which is that of a mean over groups.

    subtask   as it is learned; not one of scores
    P         probabilities, 0..1 (n, N), of images that the models were not trained on
    Y         truth, 0/1 (n, N)
    groups    of each image, that of the images that belong together; without, each is by itself
    identity  as many groups the identity counts as, at least 0
    errors    by as many standard errors a calibration must be better

    Targets are the truth, smoothed as Platt's are, mixed with the probabilities themselves, which the identity fits
    best. These have the share k / (k + m), k = `identity`: of a sigmoid, m is the number of groups with the label or
    that of groups without it, whichever is less, and of a temperature the number of groups.
    """
    assert has_calibration(subtask), "scores are no probabilities"
    P, Y = np.asarray(P, dtype=float).clip(SMALLEST, 1 - SMALLEST), np.asarray(Y, dtype=float)
    group = np.arange(len(P)) if groups is None else _codes(groups)
    mean, error = _gain(subtask, P, Y, group, identity)
    return _fitted(subtask, P, Y, group, identity if mean > errors * error else np.inf)


def _gain(subtask: Subtask, P: np.ndarray, Y: np.ndarray, group: np.ndarray, identity: float) -> tuple[float, float]:
    """Return by how much the log loss of groups is less when others calibrate them, and its standard error, in nats."""
    n_groups = int(group.max(initial=-1)) + 1
    if n_groups < PARTS:
        return 0.0, 0.0
    # without any order that the images may have; the same at each call
    part = np.random.default_rng(0).permutation(n_groups)[group] % PARTS
    Q = np.empty_like(P)
    for k in range(PARTS):
        others = part != k
        Q[~others] = _fitted(subtask, P[others], Y[others], group[others], identity).apply(P[~others])
    gain = _log_losses(subtask, P, Y) - _log_losses(subtask, Q, Y)
    mean = float(gain.mean())
    return mean, float(np.sqrt((np.bincount(group, gain - mean) ** 2).sum()) / len(gain))


def _log_losses(subtask: Subtask, P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return the log loss of each image (n,), in nats: of its class, or the sum of its labels'."""
    P = P.clip(SMALLEST, 1 - SMALLEST)
    losses: np.ndarray = -(Y * np.log(P)).sum(axis=1)
    return losses if form(subtask) == CLASSES else losses - ((1 - Y) * np.log1p(-P)).sum(axis=1)


def _fitted(subtask: Subtask, P: np.ndarray, Y: np.ndarray, group: np.ndarray, identity: float) -> Calibration:
    """Return the calibration of images, whether it makes others better or not; `identity`: infinite for the identity.

    group  of each image, a number
    """
    n_images, n_labels = P.shape
    if form(subtask) == CLASSES:
        share = _share(identity, len(np.unique(group)))
        factor = best_factor(np.log(P), _mixed(class_targets(Y), P, share)) if share < 1 else 1.0
        each = [(factor, 0.0, share)] * n_labels
    else:
        each = []
        for p, truth in zip(P.T, Y.T, strict=True):
            share = _share(identity, min(len(np.unique(group[truth == value])) for value in (0, 1)))
            each.append((*_sigmoid(p, truth, share), share))
    slopes, shifts, shares = zip(*each, strict=True)
    kind: Literal["temperature", "platt"] = "temperature" if form(subtask) == CLASSES else "platt"
    return Calibration(kind, tuple(subtask.labels), slopes, shifts, shares, n_images)


def cross_calibrated(
    subtask: Subtask,
    P: np.ndarray,
    Y: np.ndarray,
    folds: Sequence[Hashable],
    groups: Sequence[Hashable] | None = None,
) -> np.ndarray:
    """Return calibrated probabilities, 0..1 (n, N), each fold's by a calibration of the other folds.

    folds  of each image; the other arguments as for `fit_calibration`
    """
    P, Y, fold = np.asarray(P, dtype=float), np.asarray(Y), _codes(folds)
    group = np.arange(len(P)) if groups is None else _codes(groups)
    calibrated = np.empty_like(P)
    for k in np.unique(fold):
        others = fold != k
        calibrated[~others] = fit_calibration(subtask, P[others], Y[others], group[others].tolist()).apply(P[~others])
    return calibrated


def _share(identity: float, n_groups: int) -> float:
    """Return the identity's share of the targets, 0..1."""
    return identity / (identity + n_groups) if n_groups and np.isfinite(identity) else 1.0


def _sigmoid(p: np.ndarray, truth: np.ndarray, share: float) -> tuple[float, float]:
    """Return slope and shift for a label's probabilities (n,); `share`: that of the identity."""
    if share == 1:
        return 1.0, 0.0
    score, target = logit(p), _mixed(platt_targets(truth), p, share)
    if not varies(score):  # no slope can be fitted
        return 1.0, float(logit(target.mean()) - score.mean())
    return best_sigmoid(score, target, float(logit(target.mean())))


def _mixed(targets: np.ndarray, P: np.ndarray, share: float) -> np.ndarray:
    mixed: np.ndarray = (1 - share) * targets + share * P
    return mixed


def _codes(names: Sequence[Hashable]) -> np.ndarray:
    """Return a number for each name, from 0 in the order in which they are met."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=int)
