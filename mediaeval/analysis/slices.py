"""Parts of the dev set in which a run is worst: similar images, dark or bright ones, small ones, those of many labels.

Of many parts some are worse by chance, so p-values are corrected by Holm over all parts that were looked at.
"""

import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from mediaeval.analysis.judged import JudgedImages
from mediaeval.answers.learned import DECISIONS, form
from mediaeval.steps.scoring import own_metric, score_intervals, value
from mediaeval.steps.tables import answered
from submission.compare import holm

LEAST, SHARE = 20, 0.05  # images, and share of all, that a slice has at least
SLICES, IMAGES = 12, 12  # reported, and images of each
IN_CLUSTER = 60  # images of an average cluster
COMPONENTS = 50  # of the features that are clustered
FITTED_ON = 5000  # images that clusters are found on


@dataclass(frozen=True)
class Slice:
    """Some images, and what they have in common."""

    title: str
    kind: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """How an image looks: mean grey level, 0..255, and pixels."""

    brightness: float
    pixels: int


def slices_part(judged: JudgedImages, slices: Sequence[Slice]) -> list[dict[str, Any]]:
    """Return the slices in which the run scores lower than on all other images, the most certain first.

    `p` is of a one-sided test that the share of wrong answers, or the mean error of numbers, is higher in the slice, by
    group (Welch's t), corrected by Holm over all slices that were large enough. `interval` is a 95 % one of the slice's
    score, groups resampled.
    """
    least = max(LEAST, SHARE * len(judged.ids))
    large = [one for one in slices if least <= len(one.images) <= len(judged.ids) - least]
    p_values = holm([_p_value(judged, one) for one in large])
    sign = -1 if (metric := own_metric(judged.subtask)) and not metric.greater_is_better else 1
    losses, right = judged.losses(), judged.right()
    found: list[dict[str, Any]] = []
    for one, p in zip(large, p_values, strict=True):
        inside = judged.outputs.index.isin(one.images)
        if right is not None and not judged.truth[inside].to_numpy().any():
            continue  # without any label there is no F1
        own, rest = _value(judged, inside), _value(judged, ~inside)
        if sign * (own - rest) >= 0:
            continue
        worst = losses[inside].sort_values(ascending=False, kind="stable").index
        found.append(
            {
                "title": one.title,
                "kind": one.kind,
                "n": int(inside.sum()),
                "value": own,
                "interval": _interval(judged, inside),
                "rest": rest,
                "p": p,
                "images": list(worst[:IMAGES]),
            }
        )
    found.sort(key=lambda one: (one["p"], sign * (one["value"] - one["rest"])))
    return found[:SLICES]


def find_slices(
    judged: JudgedImages, X: np.ndarray | None, ids: Sequence[str], looks: Mapping[str, Look], *, seed: int = 0
) -> list[Slice]:
    """Return what images can be sliced by.

    X      features of `ids`, float32 (n_ids, d); None: there are none
    looks  image id → how it looks; images without are in no slice of this kind
    """
    own = set(judged.ids)
    found = [] if X is None else list(_clusters(X, [i for i in ids if i in own], ids, seed))
    known = [i for i in judged.ids if i in looks]
    found += _thirds(
        known, [looks[i].brightness for i in known], "brightness", ("dark", "medium", "bright"), "grey level"
    )
    found += _thirds(
        known, [looks[i].pixels / 1e6 for i in known], "size", ("small", "middle-sized", "large"), "megapixels"
    )
    if form(judged.subtask) == DECISIONS:
        found += _numbers_of_labels(judged)
    return found


def _clusters(X: np.ndarray, own: Sequence[str], ids: Sequence[str], seed: int) -> Iterator[Slice]:
    row = {image_id: k for k, image_id in enumerate(ids)}
    X = X[[row[i] for i in own]].astype(np.float32)
    n_clusters = min(max(len(own) // IN_CLUSTER, 4), 12)
    if len(own) < n_clusters * 2:
        return
    deviation = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    rng = np.random.default_rng(seed)
    fitted = X if len(X) <= FITTED_ON else X[np.sort(rng.choice(len(X), FITTED_ON, replace=False))]
    reduced = PCA(min(COMPONENTS, *fitted.shape), svd_solver="randomized", random_state=seed).fit(fitted)
    clusters = KMeans(n_clusters, n_init=4, random_state=seed).fit(reduced.transform(fitted))
    place = clusters.predict(reduced.transform(X))
    for k in range(n_clusters):
        images = tuple(image_id for image_id, cluster in zip(own, place, strict=True) if cluster == k)
        yield Slice(f"{len(images)} images with similar features", "cluster", images)


def _thirds(
    ids: Sequence[str], values: Sequence[float], kind: str, names: tuple[str, str, str], unit: str
) -> list[Slice]:
    """Return the lowest, middle and highest third by a value, where it varies."""
    if len(set(values)) < 3:
        return []
    V = np.array(values)
    low, high = np.quantile(V, [1 / 3, 2 / 3])
    if low == high:
        return []
    titles = (f"below {low:.3g}", f"{low:.3g} to {high:.3g}", f"above {high:.3g}")
    masks = (low > V, (low <= V) & (high >= V), high < V)
    return [
        Slice(f"{name} images ({unit} {title})", kind, tuple(i for i, there in zip(ids, mask, strict=True) if there))
        for name, title, mask in zip(names, titles, masks, strict=True)
    ]


def _numbers_of_labels(judged: JudgedImages) -> list[Slice]:
    numbers = judged.truth.sum(axis=1).clip(upper=3)
    names = ("no label", "one label", "two labels", "three labels or more")
    return [Slice(f"images of {names[n]}", "labels", tuple(numbers.index[numbers == n])) for n in range(4)]


def _answered(judged: JudgedImages, inside: np.ndarray) -> tuple[np.ndarray, Any]:
    return judged.truth[inside].to_numpy(), answered(judged.subtask, judged.outputs[inside], judged.decided[inside])


def _value(judged: JudgedImages, inside: np.ndarray) -> float:
    return value(judged.subtask, *_answered(judged, inside))


def _groups(judged: JudgedImages) -> list[Hashable]:
    return list(judged.ids) if judged.groups is None else list(judged.groups)


def _interval(judged: JudgedImages, inside: np.ndarray) -> list[float]:
    groups = [group for group, there in zip(_groups(judged), inside, strict=True) if there]
    truth, answers = _answered(judged, inside)
    return list(score_intervals(judged.subtask, truth, answers, groups, n_new=len(groups)).interval)


def _p_value(judged: JudgedImages, one: Slice) -> float:
    """Return the p-value of more errors within a slice, by the mean of each group on each side."""
    inside = judged.outputs.index.isin(one.images)
    right = judged.right()
    wrong = judged.losses() if right is None else 1 - right.mean(axis=1)
    means = wrong.groupby([np.array(_groups(judged), dtype=object), inside], sort=False).mean()
    sides = means.index.get_level_values(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a side on which all answers are right
        found = stats.ttest_ind(means[sides], means[~sides], equal_var=False, alternative="greater")
    return 1.0 if np.isnan(found.pvalue) else float(found.pvalue)
