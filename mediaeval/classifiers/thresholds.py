"""Decision thresholds for multi-label subtasks, tuned on probabilities of images that the model had not seen.

½ is the plain choice. For a rare label (craving) a model's probability is seldom ½, and a threshold of its own may
raise the F1. Tuned on the images that it is scored on, it flatters: tune on `out_of_fold` probabilities of training
images.

    P = out_of_fold(lambda: make_classifier("dense", params, 0), X, Y, groups, rng=np.random.default_rng(0))
    thresholds = tune_thresholds(Y, P)
    classifier.predict_proba(X_test) >= thresholds
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np
from sklearn.base import clone

from mediaeval.classifiers.base import Classifier
from mediaeval.classifiers.regressor import Regressor
from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.classifiers.side_by_side import GoOn, in_turn, side_by_side
from mediaeval.errors import DatasetError


def tune_thresholds(Y: np.ndarray, P: np.ndarray, *, both_sides: bool = False) -> np.ndarray:
    """Return for each label the threshold with the highest F1, float64 (n_labels,).

    Y           truth, 0/1 (n_images, n_labels)
    P           probabilities 0..1 (n_images, n_labels), of images the model was not trained on
    both_sides  whether the F1 of images without the label counts as much as that of images with it

    The candidates are ½ and the midpoints between neighbouring probabilities, starting from 0; together they give all
    possible decisions. Among equally good ones the nearest to ½ is taken, then the lower. A label without positives
    gets ½.
    """
    Y, P = np.asarray(Y), np.asarray(P, dtype=np.float64)
    assert Y.shape == P.shape, f"truth {Y.shape} and probabilities {P.shape} are not of the same images and labels"
    assert ((P >= 0) & (P <= 1)).all(), "probabilities must lie within 0..1"
    return np.array([_tune(y == 1, p, both_sides) for y, p in zip(Y.T, P.T, strict=True)])


def _tune(y: np.ndarray, p: np.ndarray, both_sides: bool) -> float:
    if not y.any():
        return 0.5
    values = np.unique(p)
    below = np.concatenate([[0.0], values[:-1]])
    middle = (below + values) / 2
    middle = np.where(middle > below, middle, values)  # neighbouring floats have no midpoint between them
    candidates = np.unique([*middle, 0.5])
    # images, and positives among them, with p at least the candidate
    chosen = len(p) - np.searchsorted(np.sort(p), candidates)
    hits = y.sum() - np.searchsorted(np.sort(p[y]), candidates)
    f1 = 2 * hits / (chosen + y.sum())
    if both_sides:
        left = len(p) - chosen - (y.sum() - hits)  # images without it that are not chosen
        f1 = (f1 + 2 * left / np.maximum(2 * len(p) - chosen - y.sum(), 1)) / 2
    best = candidates[f1 == f1.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def out_of_fold(
    make_estimator: Callable[[], Classifier | Regressor],
    X: np.ndarray,
    Y: np.ndarray,
    groups: Sequence[Hashable],
    *,
    rng: np.random.Generator,
    views: np.ndarray | None = None,
    folds: int = 5,
    scaler: BlockScaler | None = None,
    on_fold: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Return probabilities, float64 (n_images, n_labels), each row of a model not trained on that row's group.

    make_estimator  gives a new classifier for each fold; or a regressor, which gives scores (n_images, n_targets)
    X, Y, views     as for `Classifier.fit`; held-out images are predicted from their plain vectors
    groups          one per image (near-duplicates share one): a group is never divided
    scaler          fitted anew on each fold's training images; None: features are left as they are
    on_fold         called as `on_fold(done, total)` after each fold

    Columns are the labels, or the sorted class names. Estimators that are fitted on a GPU are fitted side by side.
    Raises DatasetError if there are fewer than two groups.
    """
    X, Y = np.asarray(X), np.asarray(Y)
    assert len(X) == len(Y) == len(groups), f"{len(X)} vectors, {len(Y)} targets and {len(groups)} groups"
    classes = np.unique(Y) if Y.ndim == 1 else np.arange(Y.shape[1])
    P = np.zeros((len(X), len(classes)))
    fold = assign_folds(groups, folds, rng)
    n_folds = int(fold.max()) + 1
    estimators = [make_estimator() for _ in range(n_folds)]

    def predicted(k: int, go_on: GoOn) -> np.ndarray:
        """Return what fold k's estimator, once fitted, answers for the images held out."""
        held = fold == k
        train, test = X[~held], X[held]
        augmented = None if views is None else views[~held]
        if scaler is not None:
            fitted = clone(scaler).fit(train)
            train, test = fitted.transform(train), fitted.transform(test)
            augmented = None if augmented is None else fitted.transform_views(augmented)
        inner = [group for group, held_out in zip(groups, held, strict=True) if not held_out]
        model = estimators[k].fit(train, Y[~held], views=augmented, groups=inner, on_epoch=lambda _: go_on())
        if isinstance(model, Regressor):
            return model.outputs(test)
        # a class that a fold's training images lack keeps probability 0
        P_held = np.zeros((len(test), len(classes)))
        P_held[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(test)
        return P_held

    works = [partial(predicted, k) for k in range(n_folds)]
    gpu = estimators[0].gpu()
    answers = (done.result() for done in side_by_side(works, gpu)) if gpu else in_turn(works)
    for k, of_held in enumerate(answers):
        P[fold == k] = of_held
        on_fold(k + 1, n_folds)
    return P


def assign_folds(groups: Sequence[Hashable], folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return a fold for each image, counted from 0; sizes as even as the groups allow; with few groups fewer folds.

    Raises DatasetError if there are fewer than two groups.
    """
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    if len(members) < 2:
        raise DatasetError(f"got {len(members)} group of images; expected at least two, since one is held out.")
    rows = list(members.values())
    shuffled = [rows[k] for k in rng.permutation(len(rows))]
    fold, sizes = np.empty(len(groups), dtype=np.int64), [0] * min(folds, len(rows))
    # the largest group first, each to the fold that is smallest so far
    for images in sorted(shuffled, key=len, reverse=True):
        smallest = sizes.index(min(sizes))
        fold[images] = smallest
        sizes[smallest] += len(images)
    return fold
