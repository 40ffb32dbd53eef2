"""Kernel ridge regression on blocks of features: closed form, without epochs and without chance.

Each block of each image gets unit length, and blocks are weighted so that each contributes as much to the mean squared
distance between images. The kernel is exp(−γ d²). One eigendecomposition for each γ gives the leave-one-out error of
every penalty exactly.

n training images, N targets.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from mediaeval.classifiers.base import Classifier
from mediaeval.classifiers.calibration import platt, temperature
from mediaeval.classifiers.head import Head
from mediaeval.classifiers.scaling import block_slices, unit_length
from mediaeval.classifiers.settings import KernelSettings
from mediaeval.classifiers.state import ExpectedArrays
from mediaeval.errors import ConfigError

GAMMAS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # candidates
START = GAMMAS.index(1.0)  # where the search begins
PENALTIES = tuple(10.0 ** (k / 2) for k in range(-6, 5))  # candidates; the kernel's eigenvalues sum to less than n
CONSTANT = 1e-6  # total variance of unit vectors up to which a block is constant: rounding to float32 gives 1e-7
TINY = 1e-12  # what an image has at least of its own residual


class KernelHead(Head):
    """An estimator on kernel ridge regression; it has the parameters `gamma`, `penalty` and `widths`.

    Views are accepted and change nothing: four of them would make the kernel 25 times as large, and on photographs the
    plain vectors alone do about as well as a network does with views. Nor do validation and on_epoch.

    "Left out" is an image together with its group, where `fit` is given `groups`.

    Fitted: `gamma_` and `penalty_`, those chosen; `left_out_`, exact but for what all images chose together, γ and λ;
    None after `load_state`.
    """

    own_scale = True

    def _regress(self, X: np.ndarray, T: np.ndarray, groups: Sequence[Hashable]) -> "Ridge":
        """Return the regression of T, (n, N), and keep the vectors that it is on.

        `coef_` and `intercept_` are left to the caller, since what is linear after the kernel can be part of them.
        """
        vectors = unit_length(X, self.widths)
        weights = _equalising(vectors, self.widths)
        _weight(vectors, weights, self.widths)
        squares = _squares(vectors)
        d2 = _squared_distances(vectors, squares, vectors, squares)
        fit = self._choose(d2, T.astype(np.float64), _several(groups))
        self.gamma_, self.penalty_ = fit.gamma, fit.penalty
        root = np.float32(np.sqrt(fit.gamma))
        vectors *= root
        self.vectors_, self.weights_, self.squares_ = vectors, weights * root, _squares(vectors)
        return fit

    def _choose(self, d2: np.ndarray, T: np.ndarray, groups: list[np.ndarray]) -> "Ridge":
        """Return the regression with the least leave-one-out squared error.

        Every penalty is tried. γ is searched along `GAMMAS` from the middle to where the error grows: one
        eigendecomposition each, 3 s for 2,432 images, and seldom more than three.
        """
        penalties = PENALTIES if self.penalty == "loo" else (float(self.penalty),)
        if self.gamma != "loo":
            return ridge(d2, T, float(self.gamma), penalties, groups)
        best = ridge(d2, T, GAMMAS[START], penalties, groups)
        for candidates in (GAMMAS[START + 1 :], GAMMAS[:START][::-1]):
            for gamma in candidates:
                other = ridge(d2, T, gamma, penalties, groups)
                if other.error >= best.error:
                    break
                best = other
            if best.gamma != GAMMAS[START]:
                break
        return best

    def _linear(self, X: np.ndarray) -> np.ndarray:
        """Return k(x)ᵀ coef + intercept of each image, float64 (n_images, N)."""
        vectors = unit_length(X, self.widths)
        _weight(vectors, self.weights_, self.widths)
        kernel = np.exp(-_squared_distances(vectors, _squares(vectors), self.vectors_, self.squares_))
        found: np.ndarray = kernel @ self.coef_ + self.intercept_
        return found

    def _arrays(self) -> dict[str, np.ndarray]:
        chosen = {"gamma": np.array(self.gamma_), "penalty": np.array(self.penalty_)}
        learned = {"vectors": self.vectors_, "weights": self.weights_, "coef": self.coef_, "intercept": self.intercept_}
        return learned | chosen

    def _expected_arrays(self) -> ExpectedArrays:
        n_targets, n_blocks = self._n_targets(), len(self.widths or [0])
        return {
            "vectors": (("n_images", self.n_features_in_), "float32"),
            "weights": ((n_blocks,), "float32"),
            "coef": (("n_images", n_targets), "float64"),
            "intercept": ((n_targets,), "float64"),
            "gamma": ((), "float64"),
            "penalty": ((), "float64"),
        }

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        self.vectors_, self.weights_ = arrays["vectors"].copy(), arrays["weights"].copy()
        self.squares_ = _squares(self.vectors_)
        self.coef_, self.intercept_ = arrays["coef"].copy(), arrays["intercept"].copy()
        self.gamma_, self.penalty_ = float(arrays["gamma"]), float(arrays["penalty"])
        self.left_out_ = None


class KernelRidge(KernelHead, Classifier):
    """Kernel ridge regression, one per label; parameters: see `KernelSettings`.

    widths  columns of each block, in order; None is one block
    order   class names from the lowest to the highest (negative, neutral, positive), or None where classes have no
            order: the score of a class also counts the regression on the position of the classes

    Probabilities of a single-label subtask are the softmax of the scores by a temperature, those of a multi-label one a
    sigmoid per label (Platt 1999), both fitted on leave-one-out scores.

    `left_out_` is exact but for γ, λ and the sigmoids, which all images chose together.
    """

    settings = KernelSettings

    def __init__(
        self,
        gamma: float | str = "loo",
        penalty: float | str = "loo",
        ordinal: float = 0.25,
        widths: Sequence[int] | None = None,
        order: Sequence[str] | None = None,
        random_state: int = 0,
    ) -> None:
        self.gamma = gamma
        self.penalty = penalty
        self.ordinal = ordinal
        self.widths = widths
        self.order = order
        self.random_state = random_state  # unused; every classifier has one

    def _fit_grouped(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: Any,
        validation: Any,
        on_epoch: Any,
        groups: Sequence[Hashable],
    ) -> None:
        to_scores = self._to_scores(T)
        fit = self._regress(X, T, groups)
        left_out = fit.left_out @ to_scores
        slope, shift = (platt if self.multi_label_ else temperature)(left_out, T)
        self.left_out_ = self._activate(left_out * slope + shift)
        # all that is linear after the kernel is one matrix
        self.coef_ = fit.coef @ to_scores * slope
        self.intercept_ = fit.intercept @ to_scores * slope + shift

    def _to_scores(self, T: np.ndarray) -> np.ndarray:
        """Return the matrix (N, N) that makes scores of the regressions' outputs.

        The regression on the position of the class is linear in those on the classes, Σ_c p_c f_c, and so is the term
        w · p_c · Σ_k p_k f_k that it adds to the score of class c. Positions p run from −1 to 1; they are centred, so
        that the term moves no class for an image of which nothing is known.
        """
        identity = np.eye(T.shape[1])
        if self.order is None:
            return identity
        if self.multi_label_ or not set(self.classes_) <= set(self.order):
            got = f"{T.shape[1]} labels, several for an image" if self.multi_label_ else list(self.classes_)
            raise ConfigError(f"classifier.order: got {list(self.order)} for {got}; expected the classes in order.")
        positions = np.linspace(-1, 1, len(self.order)) if len(self.order) > 1 else np.zeros(1)
        own = positions[[list(self.order).index(name) for name in self.classes_]]
        return identity + self.ordinal * np.outer(own - T.mean(axis=0) @ own, own)

    def _activate(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(expit(z) if self.multi_label_ else softmax(z, axis=1))

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        return self._activate(self._linear(X))


@dataclass(frozen=True)
class Ridge:
    """A kernel ridge regression with an intercept, of n images on N targets: f(x) = k(x)ᵀ coef + intercept."""

    gamma: float
    penalty: float
    coef: np.ndarray  # (n, N)
    intercept: np.ndarray  # (N,)
    left_out: np.ndarray  # (n, N): f of each image by the regression on the others
    error: float  # mean squared error of `left_out`


def ridge(
    d2: np.ndarray, T: np.ndarray, gamma: float, penalties: Sequence[float], groups: Sequence[np.ndarray] = ()
) -> Ridge:
    """Return the regression with the best of the penalties.

    d2      squared distances, float64 (n, n)
    T       targets, float64 (n, N)
    groups  positions of images that are left out together, for each group of several

    The intercept has no penalty, so the kernel is centred, and its constant eigenvector has eigenvalue 0. With S the
    matrix that takes targets to fitted values, the residual of an image left out is exactly r_i / (1 − S_ii), and those
    of a group g are (I − S_gg)⁻¹ r_g.
    """
    kernel = d2 * -gamma
    np.exp(kernel, out=kernel)
    means = kernel.mean(axis=0)
    kernel -= means
    kernel -= (means - means.mean())[:, None]
    values, vectors = np.linalg.eigh(kernel)
    del kernel
    values = values.clip(min=0)
    centre = T.mean(axis=0)
    turned = vectors.T @ (T - centre)  # (n, N)
    squared = vectors**2
    best, least = None, np.inf
    for penalty in penalties:
        shrunk = values / (values + penalty)
        residual = T - centre - vectors @ (shrunk[:, None] * turned)
        free = 1 - 1 / len(T) - squared @ shrunk
        left_out = residual / free.clip(min=TINY)[:, None]  # 0 / 0 for a single image
        for rows in groups:
            own = vectors[rows]
            remaining = (1 + TINY) * np.eye(len(rows)) - 1 / len(T) - (own * shrunk) @ own.T
            left_out[rows] = np.linalg.solve(remaining, residual[rows])
        error = float(np.mean(left_out**2))
        if error < least:
            best, least = (penalty, T - left_out), error
    assert best is not None, "no penalty gives a finite error"
    penalty, left_out = best
    coef = vectors @ (turned / (values + penalty)[:, None])
    return Ridge(gamma, penalty, coef, centre - means @ coef, left_out, least)


def _several(groups: Sequence[Hashable]) -> list[np.ndarray]:
    """Return the positions of each group's images, of groups of several; of none if there is one group alone."""
    members: dict[Hashable, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    return [np.array(rows) for rows in members.values() if 1 < len(rows) < len(groups)]


def _equalising(unit: np.ndarray, widths: Sequence[int] | None) -> np.ndarray:
    """Return a factor for each block, float32 (n_blocks,), with which blocks contribute equally to d².

    unit  vectors whose blocks have unit length, or are 0

    With them, d² is 1 in the mean over pairs of images. A constant block gets 0.
    """
    variances = []
    for columns in block_slices(unit.shape[1], widths):
        block = unit[:, columns]
        mean = block.mean(axis=0, dtype=np.float64)
        variances.append(np.square(block, dtype=np.float64).sum() / len(block) - mean @ mean)
    total = np.array(variances)
    varied = total > CONSTANT
    weights = np.zeros(len(total))
    weights[varied] = 1 / np.sqrt(2 * total[varied] * varied.sum())
    return weights.astype(np.float32)


def _weight(vectors: np.ndarray, weights: np.ndarray, widths: Sequence[int] | None) -> None:
    """Multiply each block of the vectors by its weight, in place."""
    for weight, columns in zip(weights, block_slices(vectors.shape[1], widths), strict=True):
        vectors[:, columns] *= weight


def _squared_distances(A: np.ndarray, squares_A: np.ndarray, B: np.ndarray, squares_B: np.ndarray) -> np.ndarray:
    """Return squared distances between the rows of A and of B, float32 both, as float64 (len(A), len(B)).

    squares_A, squares_B  their squared lengths: see `_squares`
    """
    d2 = (A @ B.T).astype(np.float64)
    d2 *= -2
    d2 += squares_A[:, None]
    d2 += squares_B
    return d2.clip(min=0, out=d2)


def _squares(A: np.ndarray) -> np.ndarray:
    """Return the squared lengths of the rows of A, float64, without a copy of A in float64."""
    return np.array([np.square(row, dtype=np.float64).sum() for row in A])
