"""Scores made probabilities, by a temperature for classes, by a sigmoid for each label, each with the least log loss.

n images, N labels.
"""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax

SHARPEST = 1e3  # bound of the temperature's inverse; scores of classes are about 0 to 1
STEEPEST = 50.0  # bound of a sigmoid's slope per standard deviation of the scores


def temperature(scores: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor of scores (n, N), and 0, with which their softmax has the least log loss."""
    n_labels = T.shape[1]
    return np.full(n_labels, best_factor(scores, class_targets(T))), np.zeros(n_labels)


def class_targets(T: np.ndarray) -> np.ndarray:
    """Return targets (n, N), 0..1, of classes T, 0/1 (n, N).

    Each image also counts 1 / n towards each class, so that scores without an error keep a finite factor.
    """
    n_images, n_labels = T.shape
    targets: np.ndarray = (n_images * T + 1) / (n_images + n_labels)
    return targets


def best_factor(scores: np.ndarray, targets: np.ndarray) -> float:
    """Return the factor of scores (n, N) with which their softmax has the least log loss for targets (n, N), 0..1."""

    def loss(log_factor: float) -> float:
        return -float((targets * log_softmax(np.exp(log_factor) * scores, axis=1)).mean())

    found = minimize_scalar(loss, bounds=(-np.log(SHARPEST), np.log(SHARPEST)), method="bounded")
    return float(np.exp(found.x))


def platt(scores: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and shift of each label, (N,), with which the sigmoids of scores (n, N) have the least log loss.

    Targets are Platt's. A label that all images have, or none, gets the constant probability
    (images with it + ½) / (images + 1), as in logistic regression.
    """
    n_images = len(T)
    slopes, shifts = np.zeros(T.shape[1]), np.zeros(T.shape[1])
    for label, (score, truth) in enumerate(zip(scores.T, T.T, strict=True)):
        n_with = float(truth.sum())
        shifts[label] = np.log((n_with + 0.5) / (n_images - n_with + 0.5))
        if 0 < n_with < n_images and varies(score):
            slopes[label], shifts[label] = best_sigmoid(score, platt_targets(truth), shifts[label])
    return slopes, shifts


def platt_targets(truth: np.ndarray) -> np.ndarray:
    """Return targets (n,), 0..1: (images with it + 1) / (images with it + 2) and 1 / (images without it + 2).

    truth  0/1 (n,)

    They are those of Platt 1999, "Probabilistic outputs for support vector machines".
    """
    n_with = float(truth.sum())
    return np.where(truth > 0, (n_with + 1) / (n_with + 2), 1 / (len(truth) - n_with + 2))


def varies(score: np.ndarray) -> bool:
    """Whether the scores of a label (n,) differ by so much that a slope can be fitted."""
    return bool(score.std() >= 1e-9)


def best_sigmoid(score: np.ndarray, target: np.ndarray, start: float) -> tuple[float, float]:
    """Return slope and shift with which the sigmoid of scores (n,), which vary, has the least log loss for targets.

    target  (n,), 0..1
    start   the shift that the search begins with, of scores of mean 0

    The slope is at least 0, since scores that say nothing come out against the truth when an image is left out.
    """
    deviation = score.std()
    z = (score - score.mean()) / deviation

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        x = line[0] * z + line[1]
        error = expit(x) - target
        return float(np.mean(np.logaddexp(0, x) - target * x)), np.array([np.mean(error * z), np.mean(error)])

    found = minimize(loss, [1.0, start], jac=True, method="L-BFGS-B", bounds=[(0, STEEPEST), (None, None)])
    slope = found.x[0] / deviation
    return float(slope), float(found.x[1] - slope * score.mean())
