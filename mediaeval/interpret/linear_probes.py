"""Layer-wise linear probes (Campos et al. 2017, section 4.2): how well each layer predicts the labels.

A linear SVM and softmax regression with an L2 penalty depend on a layer's outputs only through their inner products.
So both are computed exactly from the Gram matrix: the SVM by its dual, the regression on the coordinates of the
training images in the space that they span. Nothing is scaled and no mean is subtracted, as in the authors' script.
"""

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.svm import SVC

from mediaeval.classifiers.thresholds import assign_folds
from mediaeval.errors import DatasetError, choose

KINDS = ("svm", "softmax")
SELECTIONS = ("inner", "paper")
CANDIDATES = tuple(2.0**k for k in (-5, -3, -1, 0, 1, 3, 5, 7, 9))  # C, those of the authors' script
FOLDS = 5
TOLERANCE = {"svm": 1e-4, "softmax": 1e-6}  # of the largest violation, and of the gradient of the mean loss
MAX_ITER = {"svm": 300_000, "softmax": 300}  # pairs of images, Newton steps; fits typically take thousands, and tens


@dataclass(frozen=True)
class Fold:
    """One part of the images to test on, and those to train on; row numbers in ascending order."""

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Probe:
    """The result of one kind of probe on one layer; scores 0..1 and C have an entry per fold.

    `accuracy` is empty where an image may have several labels. `unconverged`: how many of all `fits`, those that chose
    C among them, stopped at the limit of iterations. `answers`: 0/1 (n_test, n_labels) for each fold.
    """

    kind: str
    accuracy: tuple[float, ...]
    weighted_f1: tuple[float, ...]
    C: tuple[float, ...] = ()
    fits: int = 0
    unconverged: int = 0
    answers: tuple[np.ndarray, ...] = field(default=(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the probe for `json.dumps`, without its answers."""
        return {
            "kind": self.kind,
            "accuracy": list(self.accuracy),
            "weighted_f1": list(self.weighted_f1),
            "C": list(self.C),
            "fits": self.fits,
            "unconverged": self.unconverged,
        }


def make_folds(
    groups: Sequence[Hashable], folds: int, rng: np.random.Generator, *, tested: np.ndarray | None = None
) -> list[Fold]:
    """Return folds in which each image is tested once, by probes that were trained on no image of its group.

    `groups`: one per image. `tested`: True for the images to be tested, (n_images,); the others are trained on in every
    fold. None tests all. Raises DatasetError for fewer groups than folds.
    """
    tested = np.ones(len(groups), bool) if tested is None else tested
    rows = np.flatnonzero(tested)
    of_rows = [groups[int(row)] for row in rows]
    if folds < 2 or len(set(of_rows)) < folds:
        raise DatasetError(
            f"got {folds} folds of {len(rows)} images in {len(set(of_rows))} groups; expected at least 2 folds, and at "
            "least as many groups. Give another number of folds, or more images."
        )
    fold = assign_folds(of_rows, folds, rng)
    return [_fold(groups, rows[fold == k]) for k in range(folds)]


def _fold(groups: Sequence[Hashable], test: np.ndarray) -> Fold:
    held = {groups[row] for row in test}
    return Fold(np.array([row for row, group in enumerate(groups) if group not in held], dtype=np.int64), test)


def run_probe(
    kind: str,
    gram: np.ndarray,
    labels: np.ndarray,
    folds: Sequence[Fold],
    *,
    multi_label: bool,
    groups: Sequence[Hashable],
    selection: str = "inner",
    inner_folds: int = FOLDS,
    candidates: Sequence[float] = CANDIDATES,
    seed: int = 0,
    on_fold: Callable[[int, int], None] = lambda done, total: None,
) -> Probe:
    """Probe one layer.

    kind       svm: between each two classes, as in `SVC`; softmax: multinomial. With several labels per image, one
               SVM or one logistic regression per label, all with the same C
    gram       float64 (n_images, n_images)
    labels     0/1, (n_images, n_labels); a single 1 in each row unless `multi_label`
    selection  inner: the C of each fold is the best in `inner_folds` folds of its own training images, which keep
               groups together; paper: one C for all, with the best mean over the test folds themselves, as in the
               authors' script, which makes scores optimistic. Best in accuracy, or with several labels in weighted
               F1; the smallest of equally good ones

    A label that all training images have is always predicted; one that none has, never.
    """
    choose("kind of probe", kind, KINDS)
    choose("selection of C", selection, SELECTIONS)
    candidates = sorted(candidates)
    score = _weighted_f1 if multi_label else _accuracy
    fits = unconverged = 0

    def predict(train: np.ndarray, test: np.ndarray, Cs: Sequence[float]) -> np.ndarray:
        """Return 0/1 (n_C, n_test, n_labels), and count."""
        nonlocal fits, unconverged
        answers, failed, n = _answers(kind, gram, labels, train, test, Cs, multi_label)
        fits, unconverged = fits + n, unconverged + failed
        return answers

    chosen, answers = [], []
    for number, fold in enumerate(folds):
        if selection == "paper":
            answers.append(predict(fold.train, fold.test, candidates))
        else:
            within = [groups[row] for row in fold.train]
            parts = make_folds(within, min(inner_folds, len(set(within))), np.random.default_rng((seed, number)))
            found = np.zeros((len(parts), len(candidates)))
            for part, one in enumerate(parts):
                train, test = fold.train[one.train], fold.train[one.test]
                found[part] = [score(labels[test], answer) for answer in predict(train, test, candidates)]
            chosen.append(candidates[int(found.mean(axis=0).argmax())])
            answers.append(predict(fold.train, fold.test, chosen[-1:])[0])
        on_fold(number + 1, len(folds))
    if selection == "paper":
        scores = [[score(labels[f.test], answer) for answer in a] for f, a in zip(folds, answers, strict=True)]
        best = int(np.mean(scores, axis=0).argmax())
        chosen, answers = [candidates[best]] * len(folds), [a[best] for a in answers]
    return _scored(kind, labels, folds, answers, multi_label, tuple(chosen), fits, unconverged)


def constant_answers(labels: np.ndarray, folds: Sequence[Fold], *, multi_label: bool) -> list[Probe]:
    """Return the scores of constant predictions: the most common labels of the training part, and every label."""
    common = []
    for fold in folds:
        prior = labels[fold.train].mean(axis=0)
        answer = prior >= 0.5 if multi_label else prior.argmax() == np.arange(len(prior))
        common.append(np.tile(answer.astype(int), (len(fold.test), 1)))
    found = [_scored("always the most common", labels, folds, common, multi_label)]
    if multi_label:
        every = [np.ones_like(answer) for answer in common]
        found.append(_scored("always every label", labels, folds, every, multi_label))
    return found


def _scored(
    kind: str,
    labels: np.ndarray,
    folds: Sequence[Fold],
    answers: Sequence[np.ndarray],
    multi_label: bool,
    C: tuple[float, ...] = (),
    fits: int = 0,
    unconverged: int = 0,
) -> Probe:
    pairs = [(labels[fold.test], answer) for fold, answer in zip(folds, answers, strict=True)]
    accuracy = () if multi_label else tuple(_accuracy(*pair) for pair in pairs)
    return Probe(kind, accuracy, tuple(_weighted_f1(*pair) for pair in pairs), C, fits, unconverged, tuple(answers))


def _accuracy(truth: np.ndarray, answer: np.ndarray) -> float:
    return float((truth == answer).all(axis=1).mean())


def _weighted_f1(truth: np.ndarray, answer: np.ndarray) -> float:
    return float(f1_score(truth, answer, average="weighted", zero_division=0))


def _answers(
    kind: str,
    gram: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    candidates: Sequence[float],
    multi_label: bool,
) -> tuple[np.ndarray, int, int]:
    """Return predictions for the test rows with each C, 0/1 (n_C, n_test, n_labels); unconverged fits; all fits."""
    X, X_test = gram[np.ix_(train, train)], gram[np.ix_(test, train)]
    if kind == "softmax":
        X, X_test = coordinates(X, X_test)
    targets = labels[train].T if multi_label else [labels[train].argmax(axis=1)]
    columns, unconverged, fits = [], 0, 0
    for y in targets:
        column = np.full((len(candidates), len(test)), y[0])
        if (y != y[0]).any():
            for k, (model, converged) in enumerate(fit_path(kind, X, y, candidates)):
                column[k] = model.predict(X_test)
                fits, unconverged = fits + 1, unconverged + (not converged)
        columns.append(column)
    if multi_label:
        return np.stack(columns, axis=-1).astype(int), unconverged, fits
    return (columns[0][..., None] == np.arange(labels.shape[1])).astype(int), unconverged, fits


def coordinates(gram: np.ndarray, gram_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates of training and test images in the space that the training images span, float64.

    gram       inner products of the training images with one another, (n, n)
    gram_test  of test images with training images, (n_test, n)

    With the training outputs X = U S Vᵀ (an uncentred singular value decomposition, of which the Gram matrix gives U
    and S) they are X V = U S, and those of the test images X_test V: (n, rank) and (n_test, rank). The weights of a
    model with an L2 penalty lie in that space, and V preserves their length: it is the same model as on X itself.
    A layer whose outputs are all zero has one coordinate, which is 0.
    """
    values, vectors = np.linalg.eigh(gram)
    kept = values > values[-1] * len(values) * np.finfo(float).eps
    if not kept.any():
        return np.zeros((len(gram), 1)), np.zeros((len(gram_test), 1))
    S, U = np.sqrt(values[kept]), vectors[:, kept]
    return U * S, gram_test @ U / S


def fit_path(
    kind: str, X: np.ndarray, y: np.ndarray, candidates: Sequence[float], *, tolerance: float | None = None
) -> Iterator[tuple[SVC | LogisticRegression, bool]]:
    """Yield (fitted model, whether it converged) for each C, ascending; use each model before taking the next.

    X: for svm the training images' Gram matrix, for softmax their `coordinates`. y: (n,), two values or more.
    """
    tolerance = TOLERANCE[kind] if tolerance is None else tolerance
    if kind == "softmax":  # each fit starts from the weights of the one before
        model = LogisticRegression(solver="newton-cg", tol=tolerance, max_iter=MAX_ITER[kind], warm_start=True)
    else:
        model = SVC(kernel="precomputed", tol=tolerance, max_iter=MAX_ITER[kind], cache_size=1000)
    for C in candidates:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.set_params(C=C).fit(X, y)
        # ConvergenceWarning, and a line search that found nothing better
        yield model, not any(issubclass(w.category, UserWarning | RuntimeWarning) for w in caught)
