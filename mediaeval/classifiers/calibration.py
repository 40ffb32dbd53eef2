"""Scores made probabilities, by a temperature for classes, by a sigmoid for each label, each with the least log loss.

n images, N labels.
"""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax

SHARPEST = 1e3  # bound of the temperature's inverse; scores of classes are about 0 to 1
STEEPEST = 50.0  # bound of a sigmoid's slope per standard deviation of the scores


def temperature(scores: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor of scores (n, N), and 0, with which their softmax has the least log loss.

    Each image also counts 1 / n towards each class, so that scores without an error keep a finite factor.
    """
    n_images, n_labels = T.shape
    targets = (n_images * T + 1) / (n_images + n_labels)

    def loss(log_factor: float) -> float:
        return -float((targets * log_softmax(np.exp(log_factor) * scores, axis=1)).mean())

    found = minimize_scalar(loss, bounds=(-np.log(SHARPEST), np.log(SHARPEST)), method="bounded")
    return np.full(n_labels, np.exp(found.x)), np.zeros(n_labels)


def platt(scores: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and shift of each label, (N,), with which the sigmoids of scores (n, N) have the least log loss.

    Platt's targets are (images with it + 1) / (images with it + 2) and 1 / (images without it + 2). A slope is at least
    0, since scores that say nothing come out against the truth when an image is left out; a label that all images have,
    or none, gets the constant probability (images with it + ½) / (images + 1), as in logistic regression.
    """
    n_images = len(T)
    slopes, shifts = np.zeros(T.shape[1]), np.zeros(T.shape[1])
    for label, (score, truth) in enumerate(zip(scores.T, T.T, strict=True)):
        n_with = float(truth.sum())
        shifts[label] = np.log((n_with + 0.5) / (n_images - n_with + 0.5))
        deviation = score.std()
        if not 0 < n_with < n_images or deviation < 1e-9:
            continue
        z = (score - score.mean()) / deviation
        target = np.where(truth > 0, (n_with + 1) / (n_with + 2), 1 / (n_images - n_with + 2))

        def loss(line: np.ndarray, z: np.ndarray = z, target: np.ndarray = target) -> tuple[float, np.ndarray]:
            x = line[0] * z + line[1]
            error = expit(x) - target
            return float(np.mean(np.logaddexp(0, x) - target * x)), np.array([np.mean(error * z), np.mean(error)])

        found = minimize(loss, [1.0, shifts[label]], jac=True, method="L-BFGS-B", bounds=[(0, STEEPEST), (None, None)])
        slopes[label] = found.x[0] / deviation
        shifts[label] = found.x[1] - slopes[label] * score.mean()
    return slopes, shifts
